#include "merkle/record/reading.h"

#include <charconv>
#include <utility>

#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMillisecond = 1000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

absl::StatusOr<Reading> Reading::Of(ColumnType type, const std::string& text) {
  Reading reading;
  reading.type_ = type;
  const bool is_timestamp = type == ColumnType::kTimestamp || type == ColumnType::kTimestampTz;
  if (text.empty()) return reading;
  if (text == kInferred && type == ColumnType::kInteger) {
    reading.kind_ = Kind::kInferred;
  } else if (text == "single" && type == ColumnType::kFloat64) {
    reading.kind_ = Kind::kSingle;
  } else if (text == "padded" && type == ColumnType::kText) {
    reading.kind_ = Kind::kPadded;
  } else if (text == "money" && (type == ColumnType::kDecimal || type == ColumnType::kList)) {
    reading.kind_ = Kind::kMoney;
  } else if ((text == "unix" || text == "unix_ms") && is_timestamp) {
    reading.kind_ = Kind::kUnix;
    reading.unit_us_ = text == "unix" ? kSecond : kMillisecond;
  } else if (text.find('%') != std::string::npos && (is_timestamp || type == ColumnType::kDate)) {
    reading.kind_ = Kind::kFormat;
    ASSIGN_OR_RETURN(reading.format_,
                     MomentFormat::Parse(text, is_timestamp, type == ColumnType::kTimestampTz));
  } else {
    return absl::InvalidArgumentError(
        "'" + text + "' is no way to read a " + std::string(ColumnTypeName(type)) +
        "; there are timestamp:unix, timestamp:unix_ms (and timestamptz), and formats, as in "
        "date:%d.%m.%Y");
  }
  return reading;
}

std::optional<Instant> Reading::Moment(std::string_view text, FinerDigits finer) const {
  const auto plain = [&]() -> std::optional<Instant> {
    if (type_ == ColumnType::kDate) return ReadDate(text);
    return ReadTimestamp(text, type_ == ColumnType::kTimestampTz, finer);
  };
  if (kind_ == Kind::kUnix) {
    if (const std::optional<int64_t> microseconds = ReadUnixTime(text, unit_us_, finer)) {
      return Instant{SpecialInstant::kNone, *microseconds};
    }
  }
  return kind_ == Kind::kFormat ? format_->Read(text, finer, plain) : plain();
}

std::optional<std::string> PlainMoney(std::string_view text) {
  std::string plain;
  if (text.starts_with('-')) {
    plain = "-";
    text.remove_prefix(1);
  }
  if (!text.starts_with('$')) return std::nullopt;
  text.remove_prefix(1);
  constexpr size_t kCents = 3;  // with the point
  if (text.size() <= kCents || text[text.size() - kCents] != '.') return std::nullopt;
  const std::string_view whole = text.substr(0, text.size() - kCents);
  const bool grouped = whole.find(',') != std::string_view::npos;
  for (size_t i = 0; i < whole.size(); ++i) {
    const bool border = grouped && (whole.size() - i) % 4 == 0;
    if (border ? whole[i] != ',' || i == 0 : !IsDigit(whole[i])) return std::nullopt;
    if (!border) plain += whole[i];
  }
  const std::string_view cents = text.substr(whole.size());
  if (!IsDigit(cents[1]) || !IsDigit(cents[2])) return std::nullopt;
  return plain + std::string(cents);
}

bool IsCanonicalInteger(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || !IsDigit(digits[0])) return false;
  if (digits[0] == '0') return text == "0";
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string ColumnTypeText(const Column& column) {
  std::string text = TypeText(column.value_type());
  if (!column.reading.empty()) text += ":" + column.reading;
  return text;
}

}  // namespace driftwood::merkle
