#include "agent/index/moment_reading.h"

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/index/natural_value.h"
#include "agent/index/number_reading.h"
#include "merkle/record/schema.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using merkle::Place;
using Kind = SourceValue::Kind;

// A date is the midnight of its day without a zone, and such a midnight the date: only types that
// the user has said make one meet the other.
std::optional<merkle::Instant> DayAsMoment(const SourceValue& value, ColumnType to) {
  constexpr int64_t kDay = int64_t{86'400} * 1'000'000;
  merkle::Instant moment{value.special, value.int64};
  if (value.kind == Kind::kDate && to == ColumnType::kTimestamp) {
    if (__builtin_mul_overflow(moment.number, kDay, &moment.number)) return std::nullopt;
    return moment;
  }
  if (value.kind == Kind::kTimestamp && to == ColumnType::kDate) {
    if (moment.number % kDay != 0) return std::nullopt;
    moment.number /= kDay;
    return moment;
  }
  return std::nullopt;
}

merkle::Tag MomentTag(ColumnType type) {
  if (type == ColumnType::kDate) return merkle::Tag::kDate;
  return type == ColumnType::kTimestamp ? merkle::Tag::kTimestamp : merkle::Tag::kTimestampTz;
}

// Dates, times and timestamps come as text from all stores without types of their own. Nothing
// tells in which zone a timestamp without one is: it is never taken for one with a zone.
template <Kind kKind, bool (*kAppendText)(std::string_view, Place, std::string*)>
bool AppendAsTemporal(const SourceValue& value, Place place, std::string* out) {
  if (value.kind == kKind) {
    AppendMoment(value, place, out);
    return true;
  }
  if constexpr (kKind == Kind::kDate || kKind == Kind::kTimestamp) {
    constexpr ColumnType kTo = kKind == Kind::kDate ? ColumnType::kDate : ColumnType::kTimestamp;
    if (const std::optional<merkle::Instant> moment = DayAsMoment(value, kTo)) {
      merkle::AppendInstant(MomentTag(kTo), *moment, place, out);
      return true;
    }
  }
  return (value.IsText() && kAppendText(value.text, place, out)) ||
         AppendNatural(value, place, out);
}

}  // namespace

bool AppendAsDate(const SourceValue& value, Place place, std::string* out) {
  return AppendAsTemporal<Kind::kDate, merkle::AppendDateText>(value, place, out);
}

bool AppendAsTime(const SourceValue& value, Place place, std::string* out) {
  return AppendAsTemporal<Kind::kTime, merkle::AppendTimeText>(value, place, out);
}

bool AppendAsTimestamp(const SourceValue& value, Place place, std::string* out) {
  return AppendAsTemporal<Kind::kTimestamp, merkle::AppendTimestampText>(value, place, out);
}

bool AppendAsTimestampTz(const SourceValue& value, Place place, std::string* out) {
  return AppendAsTemporal<Kind::kTimestampTz, merkle::AppendTimestampTzText>(value, place, out);
}

bool AppendNumberAsMoment(const merkle::Reading& reading, ColumnType type, const SourceValue& value,
                          Place place, std::string* out) {
  // What counts seconds is a number of any kind.
  std::optional<std::string> made = value.IsText() ? std::nullopt : NumberText(value);
  if (!value.IsText() && !made) return false;
  std::string_view text = made ? std::string_view(*made) : value.text;
  const bool marked = value.kind == Kind::kText && value.forms != nullptr &&
                      value.forms->marks_numbers() &&
                      reading.kind() == merkle::Reading::Kind::kUnix;
  if (marked && text.find_first_not_of("0123456789+-.,eE") == std::string_view::npos) {
    made = PlainNumber(text, *value.forms);  // a time as people write it stays as it is
    if (!made) return false;
    text = *made;
  }
  const std::optional<merkle::Instant> moment = reading.Moment(text);
  if (moment) merkle::AppendInstant(MomentTag(type), *moment, place, out);
  return moment.has_value();
}

}  // namespace driftwood::agent
