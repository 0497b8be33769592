#include "agent/index/natural_value.h"

namespace driftwood::agent {
namespace {

using merkle::Place;
using Kind = SourceValue::Kind;

merkle::Tag TagOf(Kind kind) {
  if (kind == Kind::kDate) return merkle::Tag::kDate;
  return kind == Kind::kTimestamp ? merkle::Tag::kTimestamp : merkle::Tag::kTimestampTz;
}

}  // namespace

void AppendMoment(const SourceValue& value, Place place, std::string* out) {
  if (value.kind == Kind::kTime) {
    merkle::AppendTime(value.int64, place, out);
  } else {
    merkle::AppendInstant(TagOf(value.kind), {value.special, value.int64}, place, out);
  }
}

void AppendUuidBytes(std::string_view bytes, Place place, std::string* out) {
  merkle::AppendUuid(reinterpret_cast<const unsigned char*>(bytes.data()), place, out);
}

bool AppendNatural(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kNull:
      merkle::AppendNull(out);
      break;
    case Kind::kBool:
      merkle::AppendBool(value.boolean, out);
      break;
    case Kind::kInt64:
      merkle::AppendInteger(value.int64, place, out);
      break;
    case Kind::kUint64:
      merkle::AppendUnsigned(value.uint64, place, out);
      break;
    case Kind::kDouble:
      merkle::AppendFloat64(value.real, place, out);
      break;
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
      merkle::AppendUnparsedText(value.text, place, out);
      break;
    case Kind::kBytes:
      merkle::AppendBytes(value.text, place, out);
      break;
    case Kind::kNumber:
      if (!merkle::AppendDecimalText(value.text, place, out)) {
        merkle::AppendUnparsedText(value.text, place, out);
      }
      break;
    case Kind::kGroups:
      merkle::AppendDecimalGroups(value.grouped(), place, out);
      break;
    case Kind::kJson:
      if (!merkle::AppendJsonText(value.text, place, out)) {
        merkle::AppendUnparsedText(value.text, place, out);
      }
      break;
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      AppendMoment(value, place, out);
      break;
    case Kind::kUuid:
      if (value.text.size() == kUuidBytes) {
        AppendUuidBytes(value.text, place, out);
      } else {
        merkle::AppendUnparsedBytes(value.text, place, out);
      }
      break;
    case Kind::kForeignText:
      merkle::AppendForeignText(value.character_set, value.text, place, out);
      break;
    case Kind::kOpaque:
      merkle::AppendUnparsedText(value.text, place, out);
      break;
    case Kind::kBits:
      if (!merkle::AppendBitsText(value.text, place, out)) {
        merkle::AppendUnparsedText(value.text, place, out);
      }
      break;
  }
  return false;
}

}  // namespace driftwood::agent
