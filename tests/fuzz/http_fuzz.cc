// What http: reads: the description, and a reply's JSON, which is written as it was read.
//
// Input: one byte that says which of the two it is, then the text.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/stores/http/http_description.h"
#include "agent/stores/http/json_tree.h"

namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "http_fuzz: %s\n", what);
  std::abort();
}

std::string Written(const driftwood::agent::JsonTree& tree) {
  std::string text;
  tree.AppendTo(&text);
  return text;
}

void TryJson(std::string_view text) {
  const auto tree = driftwood::agent::ParseJsonTree(text);
  if (!tree.ok()) return;
  const std::string once = Written(*tree);
  const auto again = driftwood::agent::ParseJsonTree(once);
  Require(again.ok(), "what was written is no JSON");
  Require(Written(*again) == once, "what was written reads as something else");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    TryJson(text);
    return 0;
  }
  const auto description = driftwood::agent::ParseHttpDescription(text, "t.toml");
  if (description.ok()) {
    Require(!description->base.empty() && description->list_path.starts_with('/'),
            "a description without its parts");
  } else {
    Require(description.status().message().find('\n') == std::string_view::npos,
            "a message of two lines");
  }
  return 0;
}
