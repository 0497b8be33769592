// Values and tags must give one answer: a rule that explains a record by its values explains it by
// its tags, and the other way round but for two tags of 64 bits that are equal by chance.
#include "coordinator/audit/diagnostics/explain_evidence.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "coordinator/peer/peer.h"

namespace driftwood::coordinator {
namespace {

using merkle::Tag;
using merkle::Value;

std::string_view TagAt(const std::string& tags, size_t place) {
  return std::string_view(tags).substr(place * kTagBytes, kTagBytes);
}

}  // namespace

bool SameValue(const Value& a, const Value& b) {
  return a == b || (a.tag == Tag::kFloat64 && b.tag == Tag::kFloat64 && std::isnan(a.real) &&
                    std::isnan(b.real));
}

std::vector<const Value*> ValueEvidence::Values(size_t record, size_t column) const {
  std::vector<const Value*> versions;
  for (const auto& values : changed_[record]->values) versions.push_back(&(*values)[column]);
  return versions;
}

bool ValueEvidence::Differs(size_t record, size_t column) const {
  const std::vector<const Value*> versions = Values(record, column);
  return std::any_of(versions.begin(), versions.end(),
                     [&](const Value* value) { return !SameValue(*value, *versions.front()); });
}

FoldOutcome ValueEvidence::Try(const Fold& fold, size_t record, size_t column) const {
  FoldOutcome outcome;
  std::vector<Value> values;
  for (const Value* version : Values(record, column)) {
    fold.apply(schema_.values[column], &values.emplace_back(*version));
    outcome.changes.push_back(!SameValue(values.back(), *version));
  }
  outcome.equal = std::all_of(values.begin(), values.end(),
                              [&](const Value& value) { return SameValue(value, values.front()); });
  return outcome;
}

TagEvidence::TagEvidence(const std::vector<RuleTest>& tests,
                         std::vector<const TaggedRecord*> changed)
    : changed_(std::move(changed)) {
  for (size_t i = 0; i < tests.size(); ++i) {
    places_[{tests[i].column, merkle::RuleText(tests[i].rule)}] = i;
  }
}

bool TagEvidence::Testable(size_t column) const {
  const auto first = places_.lower_bound({column, ""});
  return first != places_.end() && first->first.first == column;
}

bool TagEvidence::Agree(const TaggedRecord& record, std::string TaggedRecord::Tags::*tags,
                        size_t place) {
  const std::string_view first = TagAt((*record.tags.front()).*tags, place);
  return std::all_of(record.tags.begin(), record.tags.end(),
                     [&](const auto& replica) { return TagAt((*replica).*tags, place) == first; });
}

bool TagEvidence::Differs(size_t record, size_t column) const {
  return !Agree(*changed_[record], &TaggedRecord::Tags::columns, column);
}

FoldOutcome TagEvidence::Try(const Fold& fold, size_t record, size_t column) const {
  FoldOutcome outcome;
  const TaggedRecord& one = *changed_[record];
  outcome.changes.resize(one.tags.size());
  if (!fold.rule) return outcome;
  const auto place = places_.find({column, merkle::RuleText(*fold.rule)});
  if (place == places_.end()) return outcome;
  // A rule that changes nothing leaves the tag as it is.
  for (size_t r = 0; r < one.tags.size(); ++r) {
    outcome.changes[r] =
        TagAt(one.tags[r]->columns, column) != TagAt(one.tags[r]->rules, place->second);
  }
  outcome.equal = Agree(one, &TaggedRecord::Tags::rules, place->second);
  return outcome;
}

}  // namespace driftwood::coordinator
