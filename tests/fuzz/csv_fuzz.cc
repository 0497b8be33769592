// CSV: whatever the bytes, they are read in the same way, or refused for the same reason, whole and
// in chunks of any size; what was read reads the same again after it has been written as plain CSV.
//
// Input: one byte for the parameters, one for the size of the chunks, then the text.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/stores/csv/csv_store.h"
#include "proto/contract/store_url.h"

namespace {

using driftwood::StoreUrl;
using driftwood::agent::ChunkOptions;
using driftwood::agent::CsvTable;
using driftwood::agent::ParseCsvText;

constexpr const char* kUrls[] = {
    // The corpus names them by their places.
    "csv:t",
    "csv:t?header=no&columns=a,b,c",
    "csv:t?header=no&columns=a",
    "tsv:t",
    "csv:t?delimiter=;&null=none",
    "csv:t?header=no&columns=a,b&null=%5CN",
    "tsv:t?dialect=copy",
    "tsv:t?dialect=mysql",
    "tsv:t?dialect=mysql&null=NULL",
    "csv:t?escape=%5C",
    "csv:t?delimiter=,&dialect=mysql&quote=%22",
    "csv:t?encoding=windows-1252",
    "csv:t?encoding=latin1&header=no&columns=a,b",
    "csv:t?encoding=utf-16le",
    "tsv:t?encoding=utf-16&dialect=copy",
};

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "csv_fuzz: %s\n", what);
  std::abort();
}

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

// Header and rows with every value quoted that isn't NULL.
std::string WriteCsv(const CsvTable& table) {
  std::string text;
  for (size_t i = 0; i < table.columns.size(); ++i)
    text += (i == 0 ? "" : ",") + Quote(table.columns[i]);
  text += "\n";
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i)
      text += std::string(i == 0 ? "" : ",") + (row[i] ? Quote(*row[i]) : "");
    text += "\n";
  }
  return text;
}

ChunkOptions Chunks(size_t bytes) {
  ChunkOptions options;
  options.chunk_bytes = bytes;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const StoreUrl url = *StoreUrl::Parse(kUrls[data[0] % std::size(kUrls)]);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = ParseCsvText(url, text, Chunks(text.size() + 1));
  const auto chunked = ParseCsvText(url, text, Chunks(size_t{1} + data[1]));
  Require(whole.status() == chunked.status(), "another status in chunks");
  if (!whole.ok()) {
    Require(whole.status().message().find('\n') == std::string_view::npos,
            "a message of two lines");
    return 0;
  }
  Require(*whole == *chunked, "other rows in chunks");
  const std::string written = WriteCsv(*whole);
  if (written.find('\0') != std::string::npos) return 0;  // CSV can't hold what an escape can
  const auto again = ParseCsvText(*StoreUrl::Parse("csv:t"), written, Chunks(written.size() + 1));
  Require(again.ok() && again->columns == whole->columns && again->rows == whole->rows,
          "other rows after a round trip");
  return 0;
}
