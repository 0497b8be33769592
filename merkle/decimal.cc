#include "merkle/decimal.h"

#include <charconv>

#include "merkle/big_endian.h"

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
// Written exponents saturate here: beyond any that is accepted, and far from overflow.
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

int ExponentBytes(uint64_t magnitude) {
  return magnitude == 0 ? 0 : 8 - __builtin_clzll(magnitude) / 8;
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

// The digits of a decimal, one after the other.
class DigitReader {
 public:
  explicit DigitReader(const Decimal& decimal) : p_(decimal.digits.data()) {}
  unsigned Next() {
    if (*p_ == '.') ++p_;
    return DigitValue(*p_++);
  }
  void AppendTo(std::string* out, size_t count) {
    for (; count > 0; --count) out->push_back(static_cast<char>('0' + Next()));
  }

 private:
  const char* p_;
};

void AppendPlain(const Decimal& decimal, std::string* out) {
  DigitReader digits(decimal);
  if (decimal.exponent < 0) {
    out->append("0.");
    out->append(static_cast<size_t>(-decimal.exponent - 1), '0');
    digits.AppendTo(out, decimal.digit_count);
    return;
  }
  const size_t whole = static_cast<size_t>(decimal.exponent) + 1;
  if (decimal.digit_count <= whole) {
    digits.AppendTo(out, decimal.digit_count);
    out->append(whole - decimal.digit_count, '0');
    return;
  }
  digits.AppendTo(out, whole);
  out->push_back('.');
  digits.AppendTo(out, decimal.digit_count - whole);
}

void AppendScientific(const Decimal& decimal, std::string* out) {
  DigitReader digits(decimal);
  digits.AppendTo(out, 1);
  if (decimal.digit_count > 1) {
    out->push_back('.');
    digits.AppendTo(out, decimal.digit_count - 1);
  }
  out->append(decimal.exponent < 0 ? "e-" : "e+");
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, Magnitude(decimal.exponent)).ptr;
  out->append(buffer, end);
}

bool IsPlain(const Decimal& decimal) {
  if (decimal.exponent < -7) return false;
  return decimal.exponent <= 20 || static_cast<uint64_t>(decimal.exponent) < decimal.digit_count;
}

// The exponent of a finite body whose (uncomplemented) first byte is `lead`.
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

}  // namespace

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
  decimal.digit_count = decimal.digits.size() - (first < point && point < last ? 1 : 0);
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
      IsPlain(decimal) ? AppendPlain(decimal, out) : AppendScientific(decimal, out);
  }
}

size_t DecimalBodyBytes(const Decimal& decimal) {
  if (decimal.kind != Decimal::Kind::kFinite) return 1;
  return 1 + static_cast<size_t>(ExponentBytes(Magnitude(decimal.exponent))) +
         (decimal.digit_count + 1) / 2;
}

void WriteDecimalBody(const Decimal& decimal, char* to) {
  const auto put = [&to](unsigned byte) { *to++ = static_cast<char>(byte); };
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
      break;
  }
  const unsigned mask = decimal.negative ? 0xFF : 0;
  const uint64_t magnitude = Magnitude(decimal.exponent);
  const int k = ExponentBytes(magnitude);
  const bool small = decimal.exponent < 0;
  put(static_cast<unsigned>(small ? kPositive - k : kPositive + k) ^ mask);
  const unsigned flip = small ? mask ^ 0xFF : mask;
  for (int i = k - 1; i >= 0; --i) put(static_cast<unsigned>(magnitude >> (8 * i) & 0xFF) ^ flip);
  DigitReader digits(decimal);
  size_t left = decimal.digit_count;
  for (; left > 2; left -= 2) {
    const unsigned tens = digits.Next();
    put(((tens * 10 + digits.Next()) * 2 + 1) ^ mask);
  }
  const unsigned tens = digits.Next();
  put((tens * 10 + (left == 2 ? digits.Next() : 0)) * 2 ^ mask);
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
