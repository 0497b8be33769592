// Texts of JSON, read as a store reads a file of them.
#pragma once

#include <string>
#include <string_view>

#include "agent/stores/jsonl/jsonl_store.h"
#include "gmock/gmock.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {

// `name` says by its ending what the text is.
inline absl::StatusOr<JsonlTable> ParseJsonFile(const std::string& name, std::string_view text,
                                                size_t chunk_bytes = 1 << 20) {
  ChunkOptions options;
  options.chunk_bytes = chunk_bytes;
  return ParseJsonlText(UrlOf("jsonl:" + name), text, options);
}

// The one line that refuses the text, the same in chunks of sizes from 1 on, each `step` larger.
inline std::string JsonErrorOf(const std::string& name, const std::string& text, size_t step) {
  const absl::Status refused = ParseJsonFile(name, text).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(refused.message()), ::testing::Not(::testing::HasSubstr("\n")));
  for (size_t bytes = 1; bytes < text.size() + 2; bytes += step) {
    EXPECT_EQ(ParseJsonFile(name, text, bytes).status(), refused) << text << " " << bytes;
  }
  return std::string(refused.message());
}

}  // namespace driftwood::agent
