#include "agent/source/key_source.h"

#include "merkle/check.h"
#include "merkle/text/uuid.h"

namespace driftwood::agent {
namespace {

SourceValue MomentOf(SourceValue::Kind kind, const merkle::Value& value) {
  SourceValue moment = SourceValue::Moment(kind, value.number);
  moment.special = value.special;
  return moment;
}

}  // namespace

SourceValue AsSource(const merkle::Value& value, std::deque<std::string>* bytes) {
  using merkle::Tag;
  using Kind = SourceValue::Kind;
  switch (value.tag) {
    case Tag::kFalse:
    case Tag::kTrue:
      return SourceValue::Bool(value.tag == Tag::kTrue);
    case Tag::kInteger:
      return SourceValue::Int64(value.number);
    case Tag::kUnsigned:
      return SourceValue::Uint64(static_cast<uint64_t>(value.number));
    case Tag::kFloat64:
      return SourceValue::Double(value.real);
    case Tag::kBytes:
    case Tag::kUnparsedBytes:
      return SourceValue::Bytes(value.text);
    // Not texts: a source that has texts there may have them in other forms.
    case Tag::kDecimal:
      return SourceValue::OfText(Kind::kNumber, value.text);
    case Tag::kJson:
      return SourceValue::OfText(Kind::kJson, value.text);
    case Tag::kUuid: {
      const auto uuid = merkle::ParseUuid(value.text);
      DRIFTWOOD_CHECK(uuid.has_value());
      const std::string& kept = bytes->emplace_back(uuid->begin(), uuid->end());
      return SourceValue::OfText(Kind::kUuid, kept);
    }
    case Tag::kForeignText:
      return SourceValue::ForeignText(value.name.c_str(), value.text);
    case Tag::kText:
    case Tag::kUnparsedText:
      return SourceValue::Text(value.text);
    case Tag::kDate:
      return MomentOf(Kind::kDate, value);
    case Tag::kTime:
      return MomentOf(Kind::kTime, value);
    case Tag::kTimestamp:
      return MomentOf(Kind::kTimestamp, value);
    case Tag::kTimestampTz:
      return MomentOf(Kind::kTimestampTz, value);
    // No store can look these up: it says so.
    case Tag::kOpaque:
    case Tag::kBits:
    case Tag::kList:
    case Tag::kSet:
      return SourceValue::ForeignText("", value.text);
    case Tag::kNull:
      break;
  }
  return SourceValue::Null();
}

}  // namespace driftwood::agent
