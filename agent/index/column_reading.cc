#include "agent/index/column_reading.h"

#include <optional>

#include "agent/index/json_reading.h"
#include "agent/index/moment_reading.h"
#include "agent/index/natural_value.h"
#include "agent/index/number_reading.h"
#include "agent/index/text_reading.h"
#include "merkle/check.h"
#include "merkle/record/opaque.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using merkle::Place;
using Kind = SourceValue::Kind;

// Without a type on any side all numbers are decimals, so that 1, 1.0 and a REAL 1 agree.
bool AppendAsDynamic(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kInt64:
    case Kind::kUint64:
    case Kind::kDouble:
    case Kind::kNumber:
    case Kind::kGroups:
      return AppendAsDecimal(value, place, out);
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
      return merkle::AppendText(value.text, place, out);
    case Kind::kBool:
    case Kind::kBytes:
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
    case Kind::kUuid:
      AppendNatural(value, place, out);
      return true;
    case Kind::kJson:
      return AppendAsJson(value, place, out);
    case Kind::kOpaque:
    case Kind::kBits:
    case Kind::kForeignText:
    case Kind::kNull:
      break;
  }
  return AppendNatural(value, place, out);
}

// A number in a column of something else is the text that its store's own programs write of it.
template <bool (*kAppend)(const SourceValue&, Place, std::string*)>
bool AppendOrNumberText(const SourceValue& value, Place place, std::string* out) {
  const size_t begin = out->size();
  if (kAppend(value, place, out)) return true;
  if (const std::optional<std::string> text = NumberText(value)) {
    out->resize(begin);
    merkle::AppendUnparsedText(*text, place, out);
  }
  return false;
}

}  // namespace

ColumnReading::ColumnReading(const merkle::Column& column)
    : column_(column),
      append_(AppendFunctionOf(column.type)),
      is_plain_(column.opaque.empty() && column.reading.empty() &&
                column.element == ColumnType::kDynamic) {
  const absl::StatusOr<merkle::Reading> reading = merkle::Reading::Of(column.type, column.reading);
  DRIFTWOOD_CHECK(reading.ok());  // of a valid agreement
  reading_ = *reading;
}

ColumnReading::AppendFunction ColumnReading::AppendFunctionOf(ColumnType type) {
  switch (type) {
    case ColumnType::kBool:
      return AppendOrNumberText<AppendAsBool>;
    case ColumnType::kInteger:
      return AppendAsInteger;
    case ColumnType::kDecimal:
      return AppendAsDecimal;
    case ColumnType::kFloat64:
      return AppendAsFloat64;
    case ColumnType::kText:
      return AppendAsText;
    case ColumnType::kBytes:
      // Not so here: a column without a type has texts beside numbers, and 1 is not the text "1".
      return AppendAsBytes;
    case ColumnType::kDate:
      return AppendOrNumberText<AppendAsDate>;
    case ColumnType::kTime:
      return AppendOrNumberText<AppendAsTime>;
    case ColumnType::kTimestamp:
      return AppendOrNumberText<AppendAsTimestamp>;
    case ColumnType::kTimestampTz:
      return AppendOrNumberText<AppendAsTimestampTz>;
    case ColumnType::kUuid:
      return AppendOrNumberText<AppendAsUuid>;
    case ColumnType::kJson:
      return AppendAsJson;
    case ColumnType::kDynamic:
      return AppendAsDynamic;
    case ColumnType::kBits:
      return AppendAsBits;
    case ColumnType::kList:
      return AppendAsDynamicList;
    case ColumnType::kSet:
      return AppendAsSet;
    case ColumnType::kOpaque:
      return AppendNatural;  // what is no text
  }
  DRIFTWOOD_CHECK(false);
  return nullptr;
}

bool ColumnReading::AppendSpecially(const SourceValue& value, Place place, std::string* out) const {
  if (column_.type == ColumnType::kList) {
    const bool is_money = reading_.kind() == merkle::Reading::Kind::kMoney;
    return AppendAsList(value, {column_.element, column_.opaque, is_money}, place, out);
  }
  if (column_.type == ColumnType::kOpaque && (value.IsText() || value.kind == Kind::kOpaque)) {
    return merkle::AppendOpaqueText(column_.opaque, value.text, place, out) ||
           AppendNatural(value, place, out);
  }
  switch (reading_.kind()) {
    case merkle::Reading::Kind::kPlain:
      break;
    case merkle::Reading::Kind::kInferred:
      if (!value.IsText() || !merkle::IsCanonicalInteger(value.text)) {
        return AppendNatural(value, place, out);
      }
      break;
    case merkle::Reading::Kind::kPadded:
      return append_(WithoutPadding(value), place, out);
    case merkle::Reading::Kind::kSingle:
      return AppendAsSingle(value, place, out);
    case merkle::Reading::Kind::kMoney:
      if (const auto plain = value.IsText() ? merkle::PlainMoney(value.text) : std::nullopt) {
        return merkle::AppendDecimalText(*plain, place, out);
      }
      break;
    case merkle::Reading::Kind::kUnix:
    case merkle::Reading::Kind::kFormat:
      if (reading_.kind() == merkle::Reading::Kind::kFormat && !value.IsText()) break;
      if (AppendNumberAsMoment(reading_, column_.type, value, place, out)) return true;
      if (value.IsText()) return AppendNatural(value, place, out);
      break;
  }
  return append_(value, place, out);
}

SourceValue ColumnReading::WithoutPadding(const SourceValue& value) const {
  SourceValue plain = value;
  if (reading_.kind() == merkle::Reading::Kind::kPadded && value.IsText()) {
    plain.text = value.text.substr(0, value.text.find_last_not_of(' ') + 1);
  }
  return plain;
}

}  // namespace driftwood::agent
