// Small text helpers of messages and reports: nearest names, lists, numbers, safe display.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace driftwood::coordinator {

// The candidate with the smallest edit distance to `name`, letter case counting little, if it is
// near enough to be what was meant.
std::optional<std::string> NearestName(std::string_view name,
                                       const std::vector<std::string>& candidates);
// " (did you mean 'order_id'?)", or nothing.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

// "a, b, c"; with more than `max` of them "a, b and 7 more".
std::string JoinNames(const std::vector<std::string>& names, size_t max = 12);
// "left and right", "r1, r2 and r3".
std::string JoinAnd(const std::vector<std::string>& names);
// "'a', 'b'"
std::string JoinQuoted(const std::vector<std::string>& names);

// A comma-separated list; "%2C" is a comma inside a name, "%25" a percent sign.
std::vector<std::string> SplitList(std::string_view list);

// 5000000 -> "5,000,000".
std::string GroupDigits(uint64_t number);

// "1 record", "2,000 records".
std::string Plural(uint64_t count, std::string_view one, std::string_view many);

// "97 %", rounded down; "under 1 %" of what is not nothing, and "100 %" only of all.
std::string Percent(uint64_t part, uint64_t whole);

std::string Lowercase(std::string_view text);
std::string Hex(std::string_view bytes);

// Valid UTF-8 with nothing that a terminal would act on: control characters as \n, \t or \x1b,
// bytes that are not UTF-8 as \xff.
std::string EscapeForDisplay(std::string_view text);
// How many terminal cells `text` takes: code points, wide ones counted as two.
size_t DisplayWidth(std::string_view text);

}  // namespace driftwood::coordinator
