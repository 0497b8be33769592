// Text for people: lists, numbers, and whatever comes from outside, made safe to show. Pure
// functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace driftwood {

// "a, b, c"; with more than `max` of them "a, b and 7 more".
std::string JoinNames(const std::vector<std::string>& names, size_t max = 12);
// "left and right", "r1, r2 and r3".
std::string JoinAnd(const std::vector<std::string>& names);
// "a or b or c".
std::string JoinOr(const std::vector<std::string>& ways);
// "'a', 'b'"
std::string JoinQuoted(const std::vector<std::string>& names);

// A comma-separated list; "%2C" is a comma inside a name, "%25" a percent sign.
std::vector<std::string> SplitList(std::string_view list);
// `item` as SplitList() takes it for one name.
std::string ListItem(std::string_view item);

// 5000000 -> "5,000,000".
std::string GroupDigits(uint64_t number);

// "1 record", "2,000 records".
std::string Plural(uint64_t count, std::string_view one, std::string_view many);

// "97 %", rounded down; "under 1 %" of what is not nothing, and "100 %" only of all.
std::string Percent(uint64_t part, uint64_t whole);

// Of what is shown: no control character, and no mark that reorders or hides text.
bool IsHarmless(char32_t code_point);

// `text` fit for one line of a message, a log or a table: valid UTF-8 with harmless characters
// only. Others, and bytes that are not UTF-8, become \n, \t, \r or \xHH, but for those (of ASCII)
// in `kept`. Cut after about `bytes_max` bytes with "…".
std::string Printable(std::string_view text, size_t bytes_max = 4096, std::string_view kept = "");
// The same, uncut.
std::string EscapeForDisplay(std::string_view text, std::string_view kept = "");

// "a, b, c", each printable; after 20 names "and 3 more". "none" if empty.
std::string ListNames(const std::vector<std::string>& names);
// How many terminal cells `text` takes: two for a wide character, none for a combining one.
size_t DisplayWidth(std::string_view text);
// As much of its beginning as takes at most `width` cells.
std::string CutToWidth(std::string_view text, size_t width);

}  // namespace driftwood
