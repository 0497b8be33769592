// A half-open interval [begin, end) of encoded keys.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

// -inf is the empty string (no encoded key is empty); +inf is an absent end. Compared bytewise,
// as memcmp does.
struct Range {
  std::string begin;
  std::optional<std::string> end;

  static Range All() { return {}; }

  bool Contains(std::string_view key) const { return key >= begin && (!end || key < *end); }
  bool Empty() const { return end && *end <= begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

}  // namespace driftwood::merkle
