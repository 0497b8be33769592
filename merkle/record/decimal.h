// Decimal numbers of any size, read where they stand, never expanded. Pure functions.
//
// A number is a sign, its significant digits d1 d2 … dn without leading or trailing zeros, and
// the exponent e of d1 . d2 … dn × 10^e. Zero has no sign.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

// |e| of numbers that parse. Numbers beyond are refused, not rounded.
inline constexpr int64_t kDecimalExponentMax = 999'999'999'999'999'999;

// A parsed number. `digits` views the text that it was parsed from.
struct Decimal {
  enum class Kind : uint8_t { kFinite, kZero, kMinusInfinity, kPlusInfinity, kNaN };

  Kind kind = Kind::kZero;
  bool negative = false;    // kFinite only, and so are the following
  std::string_view digits;  // d1 to dn, perhaps with one '.' among them
  size_t point = SIZE_MAX;  // where in `digits` the '.' is; no '.' if not less than n
  size_t digit_count = 0;   // n
  int64_t exponent = 0;     // e
};

// A number as PostgreSQL's numeric has it, in groups of four digits: the first group counts
// 10000^weight, and each following one a ten-thousandth of the one before.
struct GroupedDecimal {
  bool negative = false;
  int16_t weight = 0;
  std::string_view groups;  // each 0 to 9999 in two bytes, big-endian; none or only 0: zero
};

// "-12.50", "+7", ".14", "5.", "1e3", "NaN", "-Infinity", "inf" (words in any case). No white
// space.
std::optional<Decimal> ParseDecimal(std::string_view text);

// Appends the canonical text: plain while that writes at most 20 zeros that are not significant,
// else as d1.d2…dn e±e. "NaN", "Infinity", "-Infinity". It parses to the same number, and two
// numbers never have one text.
void AppendCanonicalDecimal(const Decimal& decimal, std::string* out);

// Appends the plain text, without zeros around it: "-0.0001". Up to 131,072 digits in front of the
// point, and as many and its own behind it.
void AppendPlainDecimal(const GroupedDecimal& decimal, std::string* out);

// The text with the fewest digits that reads back as the same double, which must be finite. Views
// `buffer`.
std::string_view ShortestDecimal(double value, std::array<char, 32>& buffer);

// The encoded body (docs/encoding.md): delimits itself, and memcmp orders it as the numbers, with
// NaN above +infinity. DecimalBodyBytes says how many bytes WriteDecimalBody writes to `to`.
size_t DecimalBodyBytes(const Decimal& decimal);
size_t DecimalBodyBytes(const GroupedDecimal& decimal);
void WriteDecimalBody(const Decimal& decimal, char* to);
void WriteDecimalBody(const GroupedDecimal& decimal, char* to);

// The same for the common case, in one step: a text of at most 19 characters, 18 digits among them
// and no exponent; at most four groups near the point. How many bytes were written, 0 if it is not
// of that kind (it may be a number all the same).
inline constexpr size_t kShortDecimalBytes = 12;
size_t WriteShortDecimalBody(std::string_view text, char to[kShortDecimalBytes]);
size_t WriteShortDecimalBody(const GroupedDecimal& decimal, char to[kShortDecimalBytes]);

// Reads one body from the front of `bytes` and removes it there. Its canonical text, or nothing if
// the body is malformed.
std::optional<std::string> ReadDecimalBody(std::string_view* bytes);

}  // namespace driftwood::merkle
