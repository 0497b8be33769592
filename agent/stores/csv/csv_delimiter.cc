#include "agent/stores/csv/csv_delimiter.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/source/messages.h"
#include "agent/stores/csv/csv_parser.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

constexpr std::string_view kDelimiters = ",;\t|";
using Counts = std::array<size_t, kDelimiters.size()>;

// How often a record has each, outside of quotes. `text` is left behind its line end.
Counts CountIn(std::string_view* text, std::optional<char> quote) {
  Counts counts = {};
  bool in_quotes = false;
  size_t at = 0;
  for (; at < text->size(); ++at) {
    const char c = (*text)[at];
    if (quote && c == *quote) in_quotes = !in_quotes;
    if (in_quotes) continue;
    if (c == '\n' || c == '\r') break;
    const size_t which = kDelimiters.find(c);
    if (which != std::string_view::npos) ++counts[which];
  }
  const size_t line_end = text->substr(at).starts_with("\r\n") ? 2 : 1;
  text->remove_prefix(std::min(at + line_end, text->size()));
  return counts;
}

}  // namespace

std::string DelimiterName(char delimiter) {
  switch (delimiter) {
    case ',':
      return "comma";
    case ';':
      return "semicolon";
    case '\t':
      return "tab";
    case '|':
      return "pipe";
    default:
      return {delimiter};
  }
}

absl::StatusOr<std::optional<char>> DetectDelimiter(const ByteSource& source,
                                                    const std::string& name,
                                                    const CsvDialect& dialect,
                                                    const ChunkOptions& options) {
  const CsvDecoder decoder(dialect, {0}, 1);
  // What is found must not depend on how the file is read.
  ChunkOptions beginning = options;
  beginning.chunk_bytes = ChunkOptions().chunk_bytes;
  RecordChunks chunks(source, 0, source.size(), beginning, decoder.NewRecordEnds());
  ASSIGN_OR_RETURN(const RecordChunks::Step step, chunks.Next());
  const Chunk* const chunk = std::get_if<Chunk>(&step);
  if (chunk == nullptr) return std::optional<char>();  // what is wrong is found by who reads it
  std::string_view text(chunk->begin(), chunk->size);
  const Counts header = CountIn(&text, dialect.quote);
  const bool has_record = !text.empty();
  const Counts record = CountIn(&text, dialect.quote);
  std::vector<char> found, fitting;
  for (size_t i = 0; i < kDelimiters.size(); ++i) {
    if (header[i] == 0 || kDelimiters[i] == dialect.quote) continue;
    found.push_back(kDelimiters[i]);
    if (has_record && record[i] == header[i]) fitting.push_back(kDelimiters[i]);
  }
  if (found.empty()) return std::optional<char>();
  if (found.size() == 1) return std::optional<char>(found[0]);
  if (fitting.size() == 1) return std::optional<char>(fitting[0]);
  std::vector<std::string> names;
  for (const char each : fitting.empty() ? found : fitting) {
    names.push_back("delimiter=" + DelimiterName(each));
  }
  return absl::InvalidArgumentError(
      Printable(name) + ", line 1: its fields may be separated in more than one way; add " +
      JoinOr(names) + " to its URL");
}

}  // namespace driftwood::agent
