#include "coordinator/audit/diagnostics/threshold.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace driftwood::coordinator {
namespace {

using Kind = Shift::Kind;

// Daylight saving time: what most have, and what most of the others have, one hour apart.
std::optional<CountedShift> Daylight(const std::vector<CountedShift>& moments, uint64_t all) {
  constexpr int64_t kHour = int64_t{3600} * 1'000'000;
  if (moments.size() < 2) return std::nullopt;
  const CountedShift &a = moments[0], &b = moments[1];
  const bool hour = std::llabs(a.shift.number - b.shift.number) == kHour;
  if (!hour || a.shift.a != b.shift.a) return std::nullopt;
  if (b.count < 2 && a.count + b.count < all) return std::nullopt;
  if (!IsZoneOffset(a.shift.number) || !IsZoneOffset(b.shift.number)) return std::nullopt;
  CountedShift both = a;
  both.shift.kind = Kind::kDaylight;
  both.shift.number = std::min(a.shift.number, b.shift.number);
  both.count += b.count;
  return both;
}

// Tuned on pairs of random numbers of few digits, of which none may seem to have a constant.
bool StandsOut(uint64_t count, uint64_t next, uint64_t all) {
  if (count >= all) return count > 2 * next;
  constexpr uint64_t kPart = 8;
  const bool is_nearly_all = count * 4 >= all * 3;
  return count * kPart >= all && count > 3 * next + (is_nearly_all ? 1 : 5);
}

}  // namespace

std::vector<CountedShift> Prominent(const std::map<Shift, uint64_t>& counts, uint64_t all) {
  std::map<Kind, std::vector<CountedShift>> by_kind;
  for (const auto& [shift, count] : counts) by_kind[shift.kind].push_back({shift, count});
  std::vector<CountedShift> prominent;
  for (auto& [kind, shifts] : by_kind) {
    std::stable_sort(
        shifts.begin(), shifts.end(),
        [](const CountedShift& a, const CountedShift& b) { return a.count > b.count; });
    const auto count = [&shifts = shifts](size_t place) {
      return place < shifts.size() ? shifts[place].count : 0;
    };
    const auto daylight = kind == Kind::kMoment ? Daylight(shifts, all) : std::nullopt;
    if (daylight && StandsOut(daylight->count, count(2), all)) {
      prominent.push_back(*daylight);
    } else if (!IsConstant(kind) || StandsOut(count(0), count(1), all)) {
      prominent.push_back(shifts.front());
    }
  }
  return prominent;
}

}  // namespace driftwood::coordinator
