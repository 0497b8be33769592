// The bytes are in docs/encoding.md: sign, then exponent, then digits in pairs that say where they
// end. The pairs are those of the key encoding of SQLite4.
//
// Two things are never done. No exponent is expanded, since "1e999999999" has 11 characters and
// would take a gigabyte. And nothing goes through a double, since 0.1 is none.
#include "merkle/record/decimal.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "merkle/record/big_endian.h"

namespace driftwood::merkle {
namespace {

// First byte of a body. A positive number's is kPositive + k, where k is the number of bytes of
// its exponent, negative for a negative exponent; those of a negative number are all complemented.
constexpr uint8_t kMinusInfinity = 0x01;
constexpr uint8_t kZero = 0x80;
constexpr uint8_t kPositive = 0x90;
constexpr uint8_t kPlusInfinity = 0xFE;
constexpr uint8_t kNaN = 0xFF;
constexpr int kExponentBytesMax = 8;
// Written exponents saturate here: beyond any that is accepted, and far from overflow, also with
// the number of digits added to them. So "0e99999999999999999999" is still zero.
constexpr int64_t kSaturated = 4'000'000'000'000'000'000;

unsigned DigitValue(char c) { return static_cast<unsigned>(c) - '0'; }
bool IsDigit(char c) { return DigitValue(c) <= 9; }

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) != lower[i]) return false;
  }
  return true;
}

std::optional<Decimal> ParseWord(std::string_view word, char sign) {
  Decimal decimal;
  if (sign == 0 && EqualsIgnoringCase(word, "nan")) {
    decimal.kind = Decimal::Kind::kNaN;
    return decimal;
  }
  if (!EqualsIgnoringCase(word, "infinity") && !EqualsIgnoringCase(word, "inf")) {
    return std::nullopt;
  }
  decimal.kind = sign == '-' ? Decimal::Kind::kMinusInfinity : Decimal::Kind::kPlusInfinity;
  return decimal;
}

// What follows 'e', to the end of the text.
std::optional<int64_t> ParseExponent(const char* p, const char* end) {
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;
  if (p == end) return std::nullopt;
  int64_t value = 0;
  for (; p != end; ++p) {
    if (!IsDigit(*p)) return std::nullopt;
    value = value >= kSaturated / 10 ? kSaturated : value * 10 + DigitValue(*p);
  }
  return negative ? -value : value;
}

uint64_t LittleEndian64(const uint8_t* from) {
  uint64_t number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

// As few as will do, and none for 0: a number has one spelling.
int ExponentBytes(uint64_t magnitude) {
  return magnitude == 0 ? 0 : 8 - __builtin_clzll(magnitude) / 8;
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

// The digits of a decimal, one after the other.
class DigitReader {
 public:
  explicit DigitReader(const Decimal& decimal)
      : digits_(decimal.digits.data()), point_(decimal.point) {}
  unsigned Next() {
    // Not a branch: where the point stands is what differs from number to number.
    const size_t at = index_ + (index_ >= point_ ? 1 : 0);
    ++index_;
    return DigitValue(digits_[at]);
  }

 private:
  const char* const digits_;
  const size_t point_;
  size_t index_ = 0;
};

// Where the digits that count stand among those of a grouped decimal.
class GroupReader {
 public:
  explicit GroupReader(const GroupedDecimal& decimal) : groups_(decimal.groups) {
    const size_t count = groups_.size() / 2;
    size_t first = 0, last = count;
    while (first < last && Group(first) == 0) ++first;
    while (last > first && Group(last - 1) == 0) --last;
    if (first == last) return;
    next_ = 4 * first + 4 - Digits(Group(first));
    digit_count_ = 4 * last - next_;
    for (unsigned group = Group(last - 1); group % 10 == 0; group /= 10) --digit_count_;
    exponent_ = 4 * (int64_t{decimal.weight} + 1) - static_cast<int64_t>(next_) - 1;
  }
  // 0: the number is zero, and has no exponent.
  size_t digit_count() const { return digit_count_; }
  int64_t exponent() const { return exponent_; }
  unsigned Next() {
    static constexpr unsigned kUnits[] = {1000, 100, 10, 1};
    const unsigned digit = Group(next_ / 4) / kUnits[next_ % 4] % 10;
    ++next_;
    return digit;
  }

 private:
  unsigned Group(size_t i) const { return LoadBigEndian16(groups_.data() + 2 * i); }
  static size_t Digits(unsigned group) {
    return group >= 1000 ? 4 : group >= 100 ? 3 : group >= 10 ? 2 : 1;
  }

  const std::string_view groups_;
  size_t next_ = 0;
  size_t digit_count_ = 0;
  int64_t exponent_ = 0;
};

// In the following, `digits` has the next `digit_count` digits, d1 to dn.
template <typename Digits>
void AppendDigits(size_t count, Digits* digits, std::string* out) {
  for (; count > 0; --count) out->push_back(static_cast<char>('0' + digits->Next()));
}

template <typename Digits>
void AppendPlain(int64_t exponent, size_t digit_count, Digits digits, std::string* out) {
  if (exponent < 0) {
    out->append("0.");
    out->append(static_cast<size_t>(-exponent - 1), '0');
    AppendDigits(digit_count, &digits, out);
    return;
  }
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (digit_count <= whole) {
    AppendDigits(digit_count, &digits, out);
    out->append(whole - digit_count, '0');
    return;
  }
  AppendDigits(whole, &digits, out);
  out->push_back('.');
  AppendDigits(digit_count - whole, &digits, out);
}

void AppendScientific(const Decimal& decimal, std::string* out) {
  DigitReader digits(decimal);
  AppendDigits(1, &digits, out);
  if (decimal.digit_count > 1) {
    out->push_back('.');
    AppendDigits(decimal.digit_count - 1, &digits, out);
  }
  out->append(decimal.exponent < 0 ? "e-" : "e+");
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, Magnitude(decimal.exponent)).ptr;
  out->append(buffer, end);
}

// At most 20 zeros that no digit stands for: 2^64 and money are read as people write them, and no
// short text becomes a long one. From 1e21 on JavaScript writes an exponent as well.
bool IsPlain(const Decimal& decimal) {
  if (decimal.exponent < -7) return false;
  return decimal.exponent <= 20 || static_cast<uint64_t>(decimal.exponent) < decimal.digit_count;
}

constexpr std::array<uint64_t, 19> kPowersOf10 = [] {
  std::array<uint64_t, 19> powers{1};
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

// Of a number from 1 to 10^18 - 1.
size_t DecimalDigits(uint64_t number) {
  const size_t bits = static_cast<size_t>(64 - __builtin_clzll(number));
  const size_t guess = bits * 1233 / 4096;  // log10(2) = 0.30103
  return guess + (number >= kPowersOf10[guess] ? 1 : 0);
}

size_t FiniteBytes(int64_t exponent, size_t digit_count) {
  return 1 + static_cast<size_t>(ExponentBytes(Magnitude(exponent))) + (digit_count + 1) / 2;
}

template <typename Digits>
void WriteFinite(bool negative, int64_t exponent, size_t digit_count, Digits digits, char* to) {
  const auto put = [&to](unsigned byte) { *to++ = static_cast<char>(byte); };
  const unsigned mask = negative ? 0xFF : 0;
  const uint64_t magnitude = Magnitude(exponent);
  const int k = ExponentBytes(magnitude);
  const bool small = exponent < 0;
  put(static_cast<unsigned>(small ? kPositive - k : kPositive + k) ^ mask);
  const unsigned flip = small ? mask ^ 0xFF : mask;
  for (int i = k - 1; i >= 0; --i) put(static_cast<unsigned>(magnitude >> (8 * i) & 0xFF) ^ flip);
  size_t left = digit_count;
  for (; left > 2; left -= 2) {
    const unsigned tens = digits.Next();
    put(((tens * 10 + digits.Next()) * 2 + 1) ^ mask);
  }
  const unsigned tens = digits.Next();
  put((tens * 10 + (left == 2 ? digits.Next() : 0)) * 2 ^ mask);
}

// The 18 digits of `number`, the first not 0, without the pairs at the end that are 00. Writes nine
// bytes and returns how many of them count.
size_t WritePairs(uint64_t number, uint8_t mask, char* to) {
  uint8_t pairs[9];
  for (size_t part = 0; part < 3; ++part) {
    static constexpr uint64_t kUnits[] = {1'000'000'000'000, 1'000'000, 1};
    const uint32_t six = static_cast<uint32_t>(number / kUnits[part] % 1'000'000);
    pairs[part * 3] = static_cast<uint8_t>(six / 10'000);
    pairs[part * 3 + 1] = static_cast<uint8_t>(six / 100 % 100);
    pairs[part * 3 + 2] = static_cast<uint8_t>(six % 100);
  }
  // The bytes from the second to the last one; the first is not 00.
  const size_t zeros = static_cast<size_t>(std::countl_zero(LittleEndian64(pairs + 1))) / 8;
  const size_t count = 9 - zeros;
  for (size_t i = 0; i < 9; ++i) to[i] = static_cast<char>((pairs[i] * 2 + 1) ^ mask);
  to[count - 1] = static_cast<char>(to[count - 1] ^ 1);
  return count;
}

// The exponent of a finite body whose (uncomplemented) first byte is `lead`. A negative exponent is
// complemented once more, so that -1 is above -2. Bytes that another spelling would have had are
// refused, or two bodies would be one number.
bool ReadExponent(uint8_t lead, uint8_t mask, std::string_view* bytes, int64_t* exponent) {
  const int k = lead - kPositive;
  const size_t count = static_cast<size_t>(k < 0 ? -k : k);
  if (count > kExponentBytesMax || bytes->size() < count) return false;
  const uint8_t flip = static_cast<uint8_t>(k < 0 ? ~mask : mask);
  uint64_t magnitude = 0;
  for (size_t i = 0; i < count; ++i) {
    magnitude = magnitude << 8 | static_cast<uint8_t>((*bytes)[i] ^ flip);
  }
  bytes->remove_prefix(count);
  if (magnitude > kDecimalExponentMax || ExponentBytes(magnitude) != static_cast<int>(count)) {
    return false;
  }
  *exponent = k < 0 ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
  return true;
}

// Pairs p as 2p + 1, the last one as 2p: even bytes end a number, so it needs no length, and what
// it is the beginning of comes behind it.
bool ReadDigits(uint8_t mask, std::string_view* bytes, std::string* digits) {
  uint8_t byte = 1;
  while ((byte & 1) != 0) {
    if (bytes->empty()) return false;
    byte = static_cast<uint8_t>(bytes->front() ^ mask);
    bytes->remove_prefix(1);
    if (byte > 199) return false;
    digits->push_back(static_cast<char>('0' + byte / 2 / 10));
    digits->push_back(static_cast<char>('0' + byte / 2 % 10));
  }
  if (digits->back() == '0') digits->pop_back();
  return digits->front() != '0' && digits->back() != '0';
}

std::optional<std::string> ReadFinite(uint8_t lead, std::string_view* bytes) {
  Decimal decimal;
  decimal.kind = Decimal::Kind::kFinite;
  decimal.negative = lead < kZero;
  const uint8_t mask = decimal.negative ? 0xFF : 0;
  std::string digits;
  if (!ReadExponent(static_cast<uint8_t>(lead ^ mask), mask, bytes, &decimal.exponent) ||
      !ReadDigits(mask, bytes, &digits)) {
    return std::nullopt;
  }
  decimal.digits = digits;
  decimal.digit_count = digits.size();
  std::string text;
  AppendCanonicalDecimal(decimal, &text);
  return text;
}

// The body of number × 10^scale: a number from 1 to 10^18 - 1, and an exponent within ±255, which
// is one byte, or none for 0.
size_t WriteScaled(bool negative, uint64_t number, int scale, char to[kShortDecimalBytes]) {
  const size_t digits = DecimalDigits(number);
  const int exponent = static_cast<int>(digits) - 1 + scale;
  const uint8_t mask = negative ? 0xFF : 0;
  const int k = exponent == 0 ? 0 : 1;
  to[0] = static_cast<char>((kPositive + (exponent < 0 ? -k : k)) ^ mask);
  to[1] = static_cast<char>((exponent < 0 ? ~-exponent : exponent) ^ mask);
  const size_t pairs = WritePairs(number * kPowersOf10[18 - digits], mask, to + 1 + k);
  return 1 + static_cast<size_t>(k) + pairs;
}

}  // namespace

// One pass: the first and last digit that count, and the point, are remembered where they stand. So
// a number of a megabyte costs no copy, and zeros around it nothing.
std::optional<Decimal> ParseDecimal(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  char sign = 0;
  if (p != end && (*p == '-' || *p == '+')) sign = *p++;
  if (p != end && !IsDigit(*p) && *p != '.') {
    return ParseWord(text.substr(static_cast<size_t>(p - text.data())), sign);
  }
  const char* first = nullptr;  // the first and the last digit that is not 0
  const char* last = nullptr;
  const char* dot = nullptr;
  const char* const begin = p;
  for (; p != end; ++p) {
    const unsigned digit = DigitValue(*p);
    if (digit - 1 <= 8) {
      if (first == nullptr) first = p;
      last = p;
    } else if (digit != 0) {
      if (*p != '.' || dot != nullptr) break;
      dot = p;
    }
  }
  if (p - begin == (dot != nullptr ? 1 : 0)) return std::nullopt;  // no digit at all
  const char* const point = dot != nullptr ? dot : p;
  int64_t exponent = 0;
  if (p != end) {
    if (*p != 'e' && *p != 'E') return std::nullopt;
    const std::optional<int64_t> written = ParseExponent(p + 1, end);
    if (!written) return std::nullopt;
    exponent = *written;
  }
  Decimal decimal;
  if (first == nullptr) return decimal;
  decimal.kind = Decimal::Kind::kFinite;
  decimal.negative = sign == '-';
  decimal.digits = {first, static_cast<size_t>(last - first) + 1};
  decimal.digit_count = decimal.digits.size();
  if (first < point && point < last) {
    decimal.point = static_cast<size_t>(point - first);
    --decimal.digit_count;
  }
  decimal.exponent = exponent + (point - first) - (first < point ? 1 : 0);
  if (decimal.exponent > kDecimalExponentMax || decimal.exponent < -kDecimalExponentMax) {
    return std::nullopt;
  }
  return decimal;
}

void AppendCanonicalDecimal(const Decimal& decimal, std::string* out) {
  switch (decimal.kind) {
    case Decimal::Kind::kZero:
      out->push_back('0');
      return;
    case Decimal::Kind::kNaN:
      out->append("NaN");
      return;
    case Decimal::Kind::kPlusInfinity:
      out->append("Infinity");
      return;
    case Decimal::Kind::kMinusInfinity:
      out->append("-Infinity");
      return;
    case Decimal::Kind::kFinite:
      if (decimal.negative) out->push_back('-');
      IsPlain(decimal)
          ? AppendPlain(decimal.exponent, decimal.digit_count, DigitReader(decimal), out)
          : AppendScientific(decimal, out);
  }
}

void AppendPlainDecimal(const GroupedDecimal& decimal, std::string* out) {
  const GroupReader digits(decimal);
  if (digits.digit_count() == 0) {
    out->push_back('0');
    return;
  }
  if (decimal.negative) out->push_back('-');
  AppendPlain(digits.exponent(), digits.digit_count(), digits, out);
}

std::string_view ShortestDecimal(double value, std::array<char, 32>& buffer) {
  // Where it writes fewer characters, to_chars() writes all digits of a large whole number: from
  // 2^53 on those are not the fewest.
  constexpr double kPlainMax = 1e15;
  char* const begin = buffer.data();
  const auto result =
      std::fabs(value) < kPlainMax
          ? std::to_chars(begin, begin + buffer.size(), value)
          : std::to_chars(begin, begin + buffer.size(), value, std::chars_format::scientific);
  return {begin, static_cast<size_t>(result.ptr - begin)};
}

size_t DecimalBodyBytes(const Decimal& decimal) {
  if (decimal.kind != Decimal::Kind::kFinite) return 1;
  return FiniteBytes(decimal.exponent, decimal.digit_count);
}

size_t DecimalBodyBytes(const GroupedDecimal& decimal) {
  const GroupReader digits(decimal);
  return digits.digit_count() == 0 ? 1 : FiniteBytes(digits.exponent(), digits.digit_count());
}

void WriteDecimalBody(const Decimal& decimal, char* to) {
  const auto put = [to](unsigned byte) { *to = static_cast<char>(byte); };
  switch (decimal.kind) {
    case Decimal::Kind::kZero:
      return put(kZero);
    case Decimal::Kind::kNaN:
      return put(kNaN);
    case Decimal::Kind::kPlusInfinity:
      return put(kPlusInfinity);
    case Decimal::Kind::kMinusInfinity:
      return put(kMinusInfinity);
    case Decimal::Kind::kFinite:
      WriteFinite(decimal.negative, decimal.exponent, decimal.digit_count, DigitReader(decimal),
                  to);
  }
}

void WriteDecimalBody(const GroupedDecimal& decimal, char* to) {
  const GroupReader digits(decimal);
  if (digits.digit_count() == 0) {
    *to = static_cast<char>(kZero);
  } else {
    WriteFinite(decimal.negative, digits.exponent(), digits.digit_count(), digits, to);
  }
}

// Written so that hardly any branch depends on the digits: of random numbers the next one's length
// is never known, and a branch on it is mispredicted. That took a decimal from 53 ns to 44.
//
// 18 digits fit 64 bits with room for one more, so that nothing overflows before it is refused.
size_t WriteShortDecimalBody(std::string_view text, char to[kShortDecimalBytes]) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (negative) ++p;
  if (end - p > 19) return 0;
  uint64_t number = 0;
  const char* point = nullptr;
  for (const char* at = p; at != end; ++at) {
    const unsigned digit = DigitValue(*at);
    if (digit <= 9) {
      number = number * 10 + digit;
    } else if (*at == '.' && point == nullptr) {
      point = at;
    } else {
      return 0;
    }
  }
  if (number == 0 || number >= kPowersOf10[18]) return 0;
  const int after_point = point == nullptr ? 0 : static_cast<int>(end - point) - 1;
  return WriteScaled(negative, number, -after_point, to);
}

size_t WriteShortDecimalBody(const GroupedDecimal& decimal, char to[kShortDecimalBytes]) {
  constexpr size_t kGroupsMax = 4;
  constexpr int kWeightMax = 15;
  const size_t count = decimal.groups.size() / 2;
  if (count > kGroupsMax || decimal.weight > kWeightMax || decimal.weight < -kWeightMax) return 0;
  uint64_t number = 0;
  for (size_t i = 0; i < count; ++i) {
    number = number * 10'000 + LoadBigEndian16(decimal.groups.data() + 2 * i);
  }
  if (number == 0) {
    to[0] = static_cast<char>(kZero);
    return 1;
  }
  return WriteScaled(decimal.negative, number, 4 * (decimal.weight + 1 - static_cast<int>(count)),
                     to);
}

std::optional<std::string> ReadDecimalBody(std::string_view* bytes) {
  if (bytes->empty()) return std::nullopt;
  const uint8_t lead = static_cast<uint8_t>(bytes->front());
  bytes->remove_prefix(1);
  switch (lead) {
    case kZero:
      return "0";
    case kNaN:
      return "NaN";
    case kPlusInfinity:
      return "Infinity";
    case kMinusInfinity:
      return "-Infinity";
    default:
      return ReadFinite(lead, bytes);
  }
}

}  // namespace driftwood::merkle
