#include "proto/contract/day.h"

#include <algorithm>
#include <ctime>

#include "merkle/check.h"

namespace driftwood {
namespace {

std::string Digits(unsigned number, size_t width) {
  std::string digits = std::to_string(number);
  digits.insert(0, width - std::min(width, digits.size()), '0');
  return digits;
}

}  // namespace

std::optional<Day> ParseDay(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00";
  if (text.size() != kForm.size()) return std::nullopt;
  unsigned parts[3] = {};
  size_t part = 0;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '-') {
      if (text[i] != '-') return std::nullopt;
      ++part;
    } else if (text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    } else {
      parts[part] = parts[part] * 10 + static_cast<unsigned>(text[i] - '0');
    }
  }
  const Day day(std::chrono::year(static_cast<int>(parts[0])), std::chrono::month(parts[1]),
                std::chrono::day(parts[2]));
  return day.ok() ? std::optional<Day>(day) : std::nullopt;
}

std::string DayText(const Day& day) {
  return Digits(static_cast<unsigned>(static_cast<int>(day.year())), 4) + "-" +
         Digits(static_cast<unsigned>(day.month()), 2) + "-" +
         Digits(static_cast<unsigned>(day.day()), 2);
}

Day LocalDay(std::chrono::sys_seconds time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  struct tm local = {};
  DRIFTWOOD_CHECK(::localtime_r(&seconds, &local) != nullptr);
  return {std::chrono::year(local.tm_year + 1900),
          std::chrono::month(static_cast<unsigned>(local.tm_mon) + 1),
          std::chrono::day(static_cast<unsigned>(local.tm_mday))};
}

Day DayBefore(const Day& day) { return {std::chrono::sys_days(day) - std::chrono::days(1)}; }

}  // namespace driftwood
