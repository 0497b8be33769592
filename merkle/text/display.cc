#include "merkle/text/display.h"

#include <utf8proc.h>

#include <algorithm>
#include <limits>

#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood {

namespace {

constexpr char32_t kInvalid = std::numeric_limits<uint32_t>::max();

// One code point at `text[*at]`, advancing; kInvalid and one byte further if it is not UTF-8.
char32_t NextCodePoint(std::string_view text, size_t* at) {
  const char* const p = text.data() + *at;
  const size_t bytes = merkle::Utf8CharacterBytes(p, text.data() + text.size());
  *at += std::max<size_t>(bytes, 1);
  return bytes == 0 ? kInvalid : merkle::DecodeUtf8(p, bytes);
}

// Direction overrides and invisible marks can make one text look like another.
bool IsTreacherous(char32_t point) {
  return (point >= 0x80 && point <= 0x9F) || (point >= 0x200B && point <= 0x200F) ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2060 && point <= 0x2069) ||
         point == 0xFEFF;
}

void AppendEscaped(std::string_view character, std::string* out) {
  if (character == "\n") {
    *out += "\\n";
  } else if (character == "\t") {
    *out += "\\t";
  } else if (character == "\r") {
    *out += "\\r";
  } else {
    for (size_t i = 0; i < character.size(); ++i) {
      *out += "\\x";
      AppendHex(character[i], out);
    }
  }
}

}  // namespace

bool IsHarmless(char32_t code_point) {
  return code_point >= 0x20 && code_point != 0x7F && code_point <= 0x10FFFF &&
         !IsTreacherous(code_point);
}

std::string JoinNames(const std::vector<std::string>& names, size_t max) {
  std::string joined;
  const size_t shown = names.size() <= max ? names.size() : max;
  for (size_t i = 0; i < shown; ++i) joined += (i == 0 ? "" : ", ") + names[i];
  if (shown < names.size()) joined += " and " + GroupDigits(names.size() - shown) + " more";
  return joined;
}

std::string JoinAnd(const std::vector<std::string>& names) {
  std::string joined;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) joined += i + 1 == names.size() ? " and " : ", ";
    joined += names[i];
  }
  return joined;
}

std::string JoinOr(const std::vector<std::string>& ways) {
  std::string joined;
  for (const std::string& way : ways) joined += (joined.empty() ? "" : " or ") + way;
  return joined;
}

std::string JoinQuoted(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back("'" + name + "'");
  return JoinNames(quoted);
}

std::vector<std::string> SplitList(std::string_view list) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string_view escape = list.substr(i, 3);
    if (list[i] == ',') {
      parts.emplace_back();
    } else if (escape == "%2C" || escape == "%2c" || escape == "%25") {
      parts.back() += escape == "%25" ? '%' : ',';
      i += 2;
    } else {
      parts.back() += list[i];
    }
  }
  return parts;
}

std::string ListItem(std::string_view item) {
  std::string escaped;
  for (const char c : item) {
    escaped += c == ',' ? "%2C" : c == '%' ? "%25" : std::string(1, c);
  }
  return escaped;
}

std::string GroupDigits(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string Plural(uint64_t count, std::string_view one, std::string_view many) {
  return GroupDigits(count) + " " + std::string(count == 1 ? one : many);
}

std::string Percent(uint64_t part, uint64_t whole) {
  if (whole == 0 || part == 0) return "0 %";
  const auto percent = static_cast<uint64_t>(
      100 * (static_cast<long double>(part) / static_cast<long double>(whole)));
  if (percent == 0) return "under 1 %";
  return std::to_string(part < whole ? std::min<uint64_t>(percent, 99) : 100) + " %";
}

std::string Printable(std::string_view text, size_t bytes_max, std::string_view kept) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (out.size() >= bytes_max) return out + "…";
    const size_t start = at;
    const char32_t point = NextCodePoint(text, &at);
    const std::string_view character = text.substr(start, at - start);
    if (IsHarmless(point) || kept.find(character) != std::string_view::npos) {
      out += character;
    } else {
      AppendEscaped(character, &out);
    }
  }
  return out;
}

std::string EscapeForDisplay(std::string_view text, std::string_view kept) {
  return Printable(text, std::numeric_limits<size_t>::max(), kept);
}

std::string ListNames(const std::vector<std::string>& names) {
  constexpr size_t kListedMax = 20;
  if (names.empty()) return "none";
  std::vector<std::string> printable;
  for (size_t i = 0; i < names.size(); ++i) {
    printable.push_back(i < kListedMax ? Printable(names[i], 64) : "");
  }
  return JoinNames(printable, kListedMax);
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    const char32_t point = NextCodePoint(text, &at);
    const bool ascii_or_invalid = point < 0x80 || point == kInvalid;
    width += ascii_or_invalid ? 1
                              : static_cast<size_t>(std::max(
                                    0, utf8proc_charwidth(static_cast<utf8proc_int32_t>(point))));
  }
  return width;
}

std::string CutToWidth(std::string_view text, size_t width) {
  size_t have = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    NextCodePoint(text, &at);
    have += DisplayWidth(text.substr(begin, at - begin));
    if (have > width) return std::string(text.substr(0, begin));
  }
  return std::string(text);
}

}  // namespace driftwood
