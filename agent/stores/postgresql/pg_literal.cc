#include "agent/stores/postgresql/pg_literal.h"

#include <optional>

#include "agent/source/messages.h"
#include "merkle/text/utf8.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;
using Special = merkle::Value::Special;

constexpr int64_t kEpochDays = 10957;        // 2000-01-01, which PostgreSQL counts from
constexpr int64_t kFirstDay = -2'440'588;    // 4714-11-24 BC, PostgreSQL's first
constexpr int64_t kLastDay = 2'145'042'905;  // 5874897-12-31, its last

std::optional<std::string> SpecialLiteral(const SourceValue& value, const std::string& type) {
  if (value.special == Special::kPlusInfinity) return "'infinity'::pg_catalog." + type;
  if (value.special == Special::kMinusInfinity) return "'-infinity'::pg_catalog." + type;
  return std::nullopt;
}

std::string Integer(int64_t value, const std::string& type) {
  return "'" + std::to_string(value) + "'::pg_catalog." + type;
}

// As a distance from an epoch: years before Christ have no text that all settings read alike. What
// the server can't hold, and would say so as an error, it doesn't hold: nothing is equal to NULL.
std::optional<std::string> MomentLiteral(Kind kind, const std::string& type,
                                         const SourceValue& value) {
  if (value.kind != kind) return std::nullopt;
  if (value.special != Special::kNone) return SpecialLiteral(value, type);
  constexpr int64_t kSecondMicros = 1'000'000, kDayMicros = 86'400 * kSecondMicros;
  const std::string none = "NULL::pg_catalog." + type;
  if (kind == Kind::kDate) {
    if (value.int64 < kFirstDay || value.int64 > kLastDay) return none;
    return "('2000-01-01'::pg_catalog.date OPERATOR(pg_catalog.+) " +
           Integer(value.int64 - kEpochDays, "int4") + ")";
  }
  if (value.int64 < kFirstDay * kDayMicros) return none;  // the last one has more than 64 bits
  // Before version 15 no number in an interval's text has more than 31 bits.
  const int64_t micros = value.int64 - kEpochDays * kDayMicros;
  const int64_t in_day = micros % kDayMicros;
  return "('2000-01-01 00:00:00" + std::string(kind == Kind::kTimestampTz ? "+00" : "") +
         "'::pg_catalog." + type + " OPERATOR(pg_catalog.+) '" +
         std::to_string(micros / kDayMicros) + " days " + std::to_string(in_day / kSecondMicros) +
         " seconds " + std::to_string(in_day % kSecondMicros) +
         " microseconds'::pg_catalog.interval)";
}

std::optional<std::string> UuidLiteral(const SourceValue& value) {
  if (value.kind != Kind::kUuid) return std::nullopt;
  return "'" + DisplayText(value) + "'::pg_catalog.uuid";
}

std::optional<std::string> NumericLiteral(const SourceValue& value) {
  constexpr size_t kSizeMax = 1000;
  if (value.kind != Kind::kNumber || value.text.empty() || value.text.size() > kSizeMax ||
      value.text.find_first_not_of("0123456789.-") != std::string_view::npos) {
    return std::nullopt;
  }
  return "'" + std::string(value.text) + "'::pg_catalog.numeric";
}

bool IsPlainText(const PgColumn& column) {
  // Not enums, where other texts than labels are errors, and not what is cast.
  return column.mapping.cast.empty() &&
         (column.declared == "text" || column.declared.starts_with("character varying"));
}

std::optional<std::string> NonTextLiteral(PgForm form, const SourceValue& value) {
  switch (form) {
    case PgForm::kInt2:
    case PgForm::kInt4:
    case PgForm::kInt8:
      if (value.kind != Kind::kInt64) return std::nullopt;
      return Integer(value.int64, "int8");
    case PgForm::kNumeric:
      return NumericLiteral(value);
    case PgForm::kUuid:
      return UuidLiteral(value);
    case PgForm::kBool:
      if (value.kind != Kind::kBool) return std::nullopt;
      return value.boolean ? "true" : "false";
    case PgForm::kDate:
      return MomentLiteral(Kind::kDate, "date", value);
    case PgForm::kTimestamp:
      return MomentLiteral(Kind::kTimestamp, "timestamp", value);
    case PgForm::kTimestampTz:
      return MomentLiteral(Kind::kTimestampTz, "timestamptz", value);
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<std::string> PgLiteral(const PgConnection& connection, const PgColumn& column,
                                      const SourceValue& value) {
  const absl::Status unable =
      absl::UnimplementedError(Printable(column.name) + " can't be looked up");
  if (column.mapping.form != PgForm::kText) {
    if (!column.mapping.cast.empty()) return unable;
    std::optional<std::string> literal = NonTextLiteral(column.mapping.form, value);
    if (!literal) return unable;
    return *std::move(literal);
  }
  if (value.kind != Kind::kText || !IsPlainText(column) ||
      value.text.find('\0') != std::string_view::npos) {
    return unable;
  }
  // Else the server would convert it to its own encoding, which may lack a character, or have two
  // for one of ours.
  if (!connection.has_utf8_texts() && !merkle::IsAscii(value.text)) return unable;
  return connection.Literal(std::string(value.text));
}

}  // namespace driftwood::agent
