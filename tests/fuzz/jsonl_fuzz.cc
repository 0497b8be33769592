// JSON Lines: whatever the bytes, they are read in the same way, or refused for the same reason,
// whole and in chunks of any size; and both passes over a file agree.
//
// Input: one byte for the size of the chunks, then the text.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/stores/jsonl/jsonl_store.h"
#include "proto/contract/store_url.h"

namespace {

using driftwood::StoreUrl;
using driftwood::agent::ChunkOptions;
using driftwood::agent::ParseJsonlText;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "jsonl_fuzz: %s\n", what);
  std::abort();
}

ChunkOptions Chunks(size_t bytes) {
  ChunkOptions options;
  options.chunk_bytes = bytes;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const StoreUrl url = *StoreUrl::Parse("jsonl:t");
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = ParseJsonlText(url, text, Chunks(text.size() + 1));
  const auto chunked = ParseJsonlText(url, text, Chunks(size_t{1} + data[0]));
  Require(whole.status() == chunked.status(), "another status in chunks");
  if (!whole.ok()) {
    Require(whole.status().code() == absl::StatusCode::kInvalidArgument,
            "the second pass met what the first had not");
    Require(whole.status().message().find('\n') == std::string_view::npos,
            "a message of two lines");
    return 0;
  }
  Require(whole->rows == chunked->rows && whole->origins == chunked->origins,
          "other rows in chunks");
  Require(whole->columns.size() == chunked->columns.size(), "other columns in chunks");
  for (size_t i = 0; i < whole->columns.size(); ++i) {
    const auto& a = whole->columns[i];
    const auto& b = chunked->columns[i];
    Require(a.name == b.name && a.knowledge == b.knowledge && a.type == b.type,
            "another column in chunks");
  }
  return 0;
}
