#include "agent/index/column_tagger.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "merkle/check.h"
#include "merkle/record/encoding.h"
#include "merkle/record/hashed_form.h"
#include "merkle/status_macros.h"
#include "proto/contract/limits.h"

namespace driftwood::agent {
namespace {

std::string_view EncodingOf(const EncodedRecord& record, size_t column) {
  const size_t begin = column == 0 ? 0 : record.value_ends[column - 1];
  return record.value.substr(begin, record.value_ends[column] - begin);
}

}  // namespace

absl::StatusOr<ColumnTagger> ColumnTagger::Create(const merkle::Agreement& agreement,
                                                  const merkle::DigestKey& key,
                                                  const std::vector<std::string>& rules) {
  if (rules.size() > kTagRulesMax) {
    return absl::InvalidArgumentError("there are " + std::to_string(rules.size()) +
                                      " rules; a call may have " + std::to_string(kTagRulesMax));
  }
  ColumnTagger tagger(agreement, key);
  std::map<std::string_view, size_t> places;
  for (size_t c = 0; c < tagger.columns_.size(); ++c) places[tagger.columns_[c].name] = c;
  for (const std::string& text : rules) {
    ASSIGN_OR_RETURN(const merkle::ColumnRule rule, merkle::ParseColumnRule(text));
    const auto place = places.find(rule.column);
    if (place == places.end() ||
        !merkle::RuleFits(rule.rule, tagger.columns_[place->second].type)) {
      return absl::InvalidArgumentError("the rule " + text + " fits no value column");
    }
    tagger.rules_.push_back({place->second, rule.rule});
  }
  return tagger;
}

std::string ColumnTagger::TagColumns(const EncodedRecord& record) {
  DRIFTWOOD_CHECK(record.value_ends.size() == columns_.size());
  std::string tags;
  tags.reserve(columns_.size() * merkle::ColumnHasher::kBytes);
  for (size_t c = 0; c < columns_.size(); ++c) {
    hasher_.AppendTag(record.key, columns_[c].name, EncodingOf(record, c), &tags);
  }
  return tags;
}

absl::StatusOr<std::string> ColumnTagger::TagRules(const EncodedRecord& record) {
  DRIFTWOOD_CHECK(record.value_ends.size() == columns_.size());
  std::string tags;
  tags.reserve(rules_.size() * merkle::ColumnHasher::kBytes);
  std::optional<size_t>
      decoded;  // the column in `values`: rules of one column mostly come together
  absl::StatusOr<std::vector<merkle::Value>> values;
  for (const TaggedRule& rule : rules_) {
    if (decoded != rule.column) {
      values = merkle::DecodeValues(EncodingOf(record, rule.column), 1);
      if (!values.ok()) return absl::InternalError(values.status().message());
      decoded = rule.column;
    }
    merkle::Value value = values->front();
    merkle::ApplyRule(rule.rule, columns_[rule.column], &value);
    std::string encoding;
    merkle::AppendValue(value, merkle::Place::kValue, &encoding);
    merkle::HashColumnIfLong(0, &body_hasher_, &encoding);
    hasher_.AppendTag(record.key, columns_[rule.column].name, encoding, &tags);
  }
  return tags;
}

}  // namespace driftwood::agent
