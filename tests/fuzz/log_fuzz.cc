// Logs of events: whatever the bytes, they fold in the same way, or are refused for the same
// reason, in one chunk and much memory and in small ones; and what is left is what a map makes of
// the lines.
//
// Input: one byte for the size of the chunks, then the text.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/stores/jsonl/jsonl_store.h"
#include "agent/stores/log/log_fold.h"
#include "agent/stores/log/log_store.h"
#include "agent/stores/log/log_words.h"
#include "agent/stores/text/byte_stream.h"
#include "agent/stores/text/spool.h"
#include "merkle/status_macros.h"
#include "proto/contract/store_url.h"

namespace {

using driftwood::StoreUrl;
using driftwood::agent::LogOperation;
using driftwood::agent::LogWords;
using driftwood::agent::SourceValue;
using driftwood::agent::SpooledText;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "log_fuzz: %s\n", what);
  std::abort();
}

class Origins final : public driftwood::agent::RowSink {
 public:
  absl::Status Row(std::span<const SourceValue>, uint64_t origin) override {
    origins.push_back(origin);
    return absl::OkStatus();
  }
  std::vector<uint64_t> origins;
};

const StoreUrl& Url() {
  static const StoreUrl url = *StoreUrl::Parse("log:t?key=k&op=op&absent=null");
  return url;
}

// Where the lines are that are left.
absl::StatusOr<std::vector<uint64_t>> Fold(std::string_view text, size_t chunk_bytes,
                                           size_t memory) {
  const driftwood::agent::MemorySource source(text);
  driftwood::agent::SourceStream stream(source);
  auto spooled = std::make_shared<SpooledText>();
  ASSIGN_OR_RETURN(spooled->spool, driftwood::agent::Spool::Of(stream, "t", "", {}));
  driftwood::agent::LogStoreOptions options;
  options.file.chunks.chunk_bytes = chunk_bytes;
  options.file.spooled = std::move(spooled);
  options.sort_memory_bytes = memory;
  ASSIGN_OR_RETURN(const auto store, OpenLogStore(Url(), options));
  store->TellKeysApart(
      [](const std::vector<std::string>&) { return driftwood::agent::SpelledKeys(); });
  ASSIGN_OR_RETURN(const auto scan, store->StartScan({"k"}));
  Origins sink;
  for (;;) {
    ASSIGN_OR_RETURN(const auto batch, scan->Next());
    if (batch == nullptr) break;
    RETURN_IF_ERROR(batch->Decode(sink));
  }
  RETURN_IF_ERROR(scan->Finish().status());
  return std::move(sink.origins);
}

std::vector<uint64_t> Twin(std::string_view text) {
  const LogWords words = *LogWords::Of(Url());
  const auto table =
      driftwood::agent::ParseJsonlText(*StoreUrl::Parse("jsonl:t?columns=k,op"), text, {});
  Require(table.ok(), "a log that is no JSON Lines");
  std::map<std::pair<SourceValue::Kind, std::string>, uint64_t> last;
  for (size_t i = 0; i < table->rows.size(); ++i) {
    const auto& row = table->rows[i];
    if (words.Find(row[1].second) == LogOperation::kDelete) {
      last.erase(row[0]);
    } else {
      last[row[0]] = table->origins[i];
    }
  }
  std::vector<uint64_t> origins;
  for (const auto& [key, origin] : last) origins.push_back(origin);
  std::sort(origins.begin(), origins.end());
  return origins;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = Fold(text, text.size() + 1, 1 << 20);
  const auto chunked = Fold(text, size_t{1} + data[0], 200);
  Require(whole.status() == chunked.status(), "another status in chunks");
  if (!whole.ok()) {
    Require(whole.status().message().find('\n') == std::string_view::npos,
            "a message of two lines");
    return 0;
  }
  Require(*whole == *chunked, "other lines in chunks");
  Require(*whole == Twin(text), "other lines than a map leaves");
  return 0;
}
