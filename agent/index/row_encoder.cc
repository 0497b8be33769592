#include "agent/index/row_encoder.h"

#include "merkle/check.h"
#include "merkle/record/hashed_form.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {

using merkle::Place;
using Kind = SourceValue::Kind;

std::vector<std::string> ScanColumns(const merkle::Schema& schema) {
  std::vector<std::string> names;
  names.reserve(schema.key.size() + schema.values.size());
  for (const merkle::Column& column : schema.key) names.push_back(column.name);
  for (const merkle::Column& column : schema.values) names.push_back(column.name);
  return names;
}

RowEncoder::RowEncoder(const merkle::Schema& schema, const std::vector<std::string>& rules)
    : unparsed_(schema) {
  const auto by_column = merkle::RulesByColumn(rules);
  const auto rules_of = [&](const std::string& column) {
    const auto found = by_column.find(column);
    return found == by_column.end() ? std::vector<merkle::Rule>() : found->second;
  };
  size_t number = 0;
  for (const merkle::Column& column : schema.key) {
    const bool last = &column == &schema.key.back();
    key_plans_.push_back({ColumnReading(column), number++, last ? Place::kKeyLast : Place::kKey,
                          rules_of(column.name)});
  }
  for (const merkle::Column& column : schema.values) {
    value_plans_.push_back({ColumnReading(column), number++, Place::kValue, rules_of(column.name)});
  }
}

RowEncoder::RowEncoder(const merkle::Schema& schema, const std::vector<std::string>& rules,
                       const merkle::DigestKey& key)
    : RowEncoder(schema, rules) {
  hasher_.emplace(key);
}

void RowEncoder::AppendKey(std::span<const SourceValue> row) {
  DRIFTWOOD_CHECK(row.size() == key_plans_.size() + value_plans_.size());
  error_ = absl::OkStatus();
  key_.clear();
  const SourceValue* value = row.data();
  for (const ColumnPlan& plan : key_plans_) Append(plan, *value++, &key_);
}

absl::Status RowEncoder::EncodeHashed(std::span<const SourceValue> row, std::vector<size_t>* ends) {
  return AppendHashed(row, nullptr, ends);
}

absl::Status RowEncoder::EncodeForBatch(std::span<const SourceValue> row,
                                        merkle::BatchHasher* batch) {
  return AppendHashed(row, batch, nullptr);
}

void RowEncoder::HashLong(size_t begin, merkle::BatchHasher* batch) {
  const size_t body = begin + merkle::kHeadBytes;
  if (batch == nullptr || !batch->TakesBody(value_.size() - body)) {
    merkle::HashLongColumn(begin, &*hasher_, &value_);
    return;
  }
  batch->AddBody(std::string_view(value_).substr(body), body);
  value_.resize(body + merkle::BodyHasher::kBytes);
}

absl::Status RowEncoder::AppendHashed(std::span<const SourceValue> row, merkle::BatchHasher* batch,
                                      std::vector<size_t>* ends) {
  DRIFTWOOD_CHECK(hasher_.has_value());
  AppendKey(row);
  value_.clear();
  if (ends != nullptr) ends->clear();
  const SourceValue* value = row.data() + key_plans_.size();
  for (const ColumnPlan& plan : value_plans_) {
    if (IsLong(*value)) {
      RETURN_IF_ERROR(AppendLongHashed(plan, *value));
    } else {
      const size_t begin = value_.size();
      Append(plan, *value, &value_);
      if (merkle::IsLongColumn(value_.size() - begin)) HashLong(begin, batch);
    }
    if (ends != nullptr) ends->push_back(value_.size());
    ++value;
  }
  return TakeError();
}

absl::Status RowEncoder::Encode(std::span<const SourceValue> row) {
  AppendKey(row);
  value_.clear();
  const SourceValue* value = row.data() + key_plans_.size();
  for (const ColumnPlan& plan : value_plans_) {
    if (IsLong(*value)) {
      const auto take = [this](std::string_view piece) { value_ += piece; };
      RETURN_IF_ERROR(TakeLong(plan, *value, take));
    } else {
      Append(plan, *value, &value_);
    }
    ++value;
  }
  return TakeError();
}

void RowEncoder::Append(const ColumnPlan& plan, const SourceValue& value, std::string* out) {
  if (value.kind == Kind::kNull) {
    merkle::AppendNull(out);
  } else if (!AppendRead(plan, value, out)) {
    unparsed_.Add(plan.number, value);
  }
}

bool RowEncoder::AppendUnderRules(const ColumnPlan& plan, const SourceValue& value,
                                  std::string* out) {
  scratch_.clear();
  const bool parsed = plan.reading.Append(value, Place::kValue, &scratch_);
  absl::StatusOr<std::vector<merkle::Value>> decoded = merkle::DecodeValues(scratch_, 1);
  if (!decoded.ok()) {  // no value may stop a process that serves many
    error_ = absl::InternalError("a value under rules: " + std::string(decoded.status().message()));
    return parsed;
  }
  merkle::Value& canonical = decoded->front();
  const merkle::Tag before = canonical.tag;
  for (const merkle::Rule& rule : plan.rules) {
    merkle::ApplyRule(rule, plan.reading.column(), &canonical);
  }
  merkle::AppendValue(canonical, plan.place, out);
  return parsed || canonical.tag != before;  // NULL, or read after all
}

}  // namespace driftwood::agent
