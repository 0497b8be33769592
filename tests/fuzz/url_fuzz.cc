// Any bytes as a store URL: refused, or a URL that is the same after being written and re-read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "merkle/check.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {
namespace {

void Check(std::string_view text) {
  const absl::StatusOr<StoreUrl> url = StoreUrl::Parse(text);
  if (!url.ok()) return;
  DRIFTWOOD_CHECK(!url->scheme.empty() && !url->path.empty());
  for (const auto& [name, value] : url->parameters) {
    DRIFTWOOD_CHECK(!name.empty() && !value.empty());
    DRIFTWOOD_CHECK(url->Parameter(name).has_value());
    DRIFTWOOD_CHECK(!url->List(name).empty());
  }
  (void)url->OnlyKnows({"key"});
  const std::string written = url->ToString();
  for (const char c : written) DRIFTWOOD_CHECK(static_cast<unsigned char>(c) >= 0x20);
  absl::StatusOr<StoreUrl> again = StoreUrl::Parse(written);
  DRIFTWOOD_CHECK(again.ok() && !again->password);
  again->password = url->password;
  DRIFTWOOD_CHECK(*again == *url);
}

}  // namespace
}  // namespace driftwood::agent

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  driftwood::agent::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
