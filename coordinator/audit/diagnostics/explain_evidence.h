// What is known of the sampled records that differ, seen through two questions: is this column of
// this record equal under this rule, and does the rule leave a replica's value as it is? Answered
// from values, or from column tags where no values are given away; the choice of hypotheses
// (coordinator/audit/diagnostics/explain.h) knows only the answers, and the values if there are
// any. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/audit/diagnostics/folds.h"
#include "coordinator/audit/diagnostics/sampled_records.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

// What a fold makes of one column of a record.
struct FoldOutcome {
  bool equal = false;         // all replicas have the same then
  std::vector<bool> changes;  // by replica: its value is another then
};

// As records do: not-a-number is one value.
bool SameValue(const merkle::Value& a, const merkle::Value& b);

// Of the records of a sample that every replica has; they are numbered from 0.
class Evidence {
 public:
  virtual ~Evidence() = default;
  virtual size_t records() const = 0;
  // Whether rules can be tried on the column at all.
  virtual bool Testable(size_t column) const = 0;
  virtual bool Differs(size_t record, size_t column) const = 0;
  // Only of what differs. Without values, of the rules that were tested; others change nothing.
  virtual FoldOutcome Try(const Fold& fold, size_t record, size_t column) const = 0;
  // By replica; empty if they are not known.
  virtual std::vector<const merkle::Value*> Values(size_t record, size_t column) const = 0;
};

class ValueEvidence final : public Evidence {
 public:
  // Both must outlive it.
  ValueEvidence(const merkle::Schema& schema, std::vector<const SampledRecord*> changed)
      : schema_(schema), changed_(std::move(changed)) {}

  size_t records() const override { return changed_.size(); }
  bool Testable(size_t) const override { return true; }
  bool Differs(size_t record, size_t column) const override;
  FoldOutcome Try(const Fold& fold, size_t record, size_t column) const override;
  std::vector<const merkle::Value*> Values(size_t record, size_t column) const override;

 private:
  const merkle::Schema& schema_;
  const std::vector<const SampledRecord*> changed_;
};

class TagEvidence final : public Evidence {
 public:
  // The records must outlive it; the places of `tests` are those of their rule tags.
  TagEvidence(const std::vector<RuleTest>& tests, std::vector<const TaggedRecord*> changed);

  size_t records() const override { return changed_.size(); }
  bool Testable(size_t column) const override;
  bool Differs(size_t record, size_t column) const override;
  FoldOutcome Try(const Fold& fold, size_t record, size_t column) const override;
  std::vector<const merkle::Value*> Values(size_t, size_t) const override { return {}; }

 private:
  // Whether all replicas have the same one at this place.
  static bool Agree(const TaggedRecord& record, std::string TaggedRecord::Tags::*tags,
                    size_t place);

  // By column and rule: the place of its tag.
  std::map<std::pair<size_t, std::string>, size_t> places_;
  const std::vector<const TaggedRecord*> changed_;
};

}  // namespace driftwood::coordinator
