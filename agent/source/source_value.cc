#include "agent/source/source_value.h"

#include "merkle/check.h"
#include "merkle/text/uuid.h"

namespace driftwood::agent {

std::string DisplayText(const SourceValue& value) {
  using Kind = SourceValue::Kind;
  if (value.kind == Kind::kUuid) {
    DRIFTWOOD_CHECK(value.text.size() == 16);
    return merkle::FormatUuid(reinterpret_cast<const unsigned char*>(value.text.data()));
  }
  if (value.kind == Kind::kGroups) {
    std::string number;
    merkle::AppendPlainDecimal(value.grouped(), &number);
    return number;
  }
  merkle::Value moment;
  moment.tag = value.kind == Kind::kDate        ? merkle::Tag::kDate
               : value.kind == Kind::kTime      ? merkle::Tag::kTime
               : value.kind == Kind::kTimestamp ? merkle::Tag::kTimestamp
                                                : merkle::Tag::kTimestampTz;
  moment.special = value.special;
  moment.number = value.int64;
  return moment.ToDisplay();
}

}  // namespace driftwood::agent
