#include "merkle/record/marked_number.h"

#include <algorithm>
#include <cstddef>

namespace driftwood::merkle {
namespace {

constexpr std::string_view kNoBreakSpace = "\xC2\xA0";
constexpr std::string_view kNarrowNoBreakSpace = "\xE2\x80\xAF";
constexpr std::string_view kTypographic = "\xE2\x80\x99";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool AreDigits(std::string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); }

void ReplaceAll(std::string_view from, char to, std::string* text) {
  for (size_t at; (at = text->find(from)) != std::string::npos;) {
    text->replace(at, from.size(), 1, to);
  }
}

// Groups of three digits, of which the first may be shorter.
std::optional<std::string> WithoutMarks(std::string_view whole, char mark) {
  constexpr size_t kGroup = 3;
  const size_t first = whole.find(mark);
  if (first == std::string_view::npos || first == 0 || first > kGroup || whole[0] == '0') {
    return std::nullopt;
  }
  std::string plain(whole.substr(0, first));
  for (whole.remove_prefix(first); !whole.empty(); whole.remove_prefix(kGroup + 1)) {
    if (whole[0] != mark || whole.size() < kGroup + 1) return std::nullopt;
    plain += whole.substr(1, kGroup);
  }
  return plain;
}

}  // namespace

std::optional<std::string> UnmarkedNumber(std::string_view text, char thousands, char point) {
  std::string written(text);
  if (thousands == ' ') {
    ReplaceAll(kNoBreakSpace, ' ', &written);
    ReplaceAll(kNarrowNoBreakSpace, ' ', &written);
  }
  if (thousands == '\'') ReplaceAll(kTypographic, '\'', &written);
  std::string_view rest = written;
  std::string plain;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    if (rest[0] == '-') plain = "-";
    rest.remove_prefix(1);
  }
  const size_t end = std::min(rest.find(point), rest.size());
  const std::string_view whole = rest.substr(0, end);
  const std::string_view behind = rest.substr(std::min(end + 1, rest.size()));
  const std::optional<std::string> digits =
      thousands == 0 ? std::string(whole) : WithoutMarks(whole, thousands);
  if (!digits || digits->empty() || !AreDigits(*digits) || !AreDigits(behind)) return std::nullopt;
  plain += *digits;
  return behind.empty() ? plain : plain + "." + std::string(behind);
}

}  // namespace driftwood::merkle
