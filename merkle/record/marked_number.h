// Numbers as people write them, with marks between thousands: "1,234.50", "1.234,50". Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

// "-1,234.50" as "-1234.50". `thousands` stands between all groups of three digits, of which the
// first may be shorter and begins with no 0; ' ' is also a no-break space, narrow or not, and '\''
// the apostrophe of typographers. With 0 there are no such marks. Digits may stand behind `point`.
// Nothing if the text is not so written, or has no mark where it might have some.
std::optional<std::string> UnmarkedNumber(std::string_view text, char thousands, char point);

}  // namespace driftwood::merkle
