// What is known of the sampled records that differ, seen through one question: does this rule make
// this column of this record equal? Answered from values, or from column tags where no values are
// given away; the choice of hypotheses (coordinator/audit/diagnostics/explain.h) knows only the
// answers. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/audit/diagnostics/sampled_records.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

// Of the records of a sample that every replica has; they are numbered from 0.
class Evidence {
 public:
  virtual ~Evidence() = default;
  virtual size_t records() const = 0;
  // Whether rules can be tried on the column at all.
  virtual bool Testable(size_t column) const = 0;
  virtual bool Differs(size_t record, size_t column) const = 0;
  // Only of what differs, and of the rules of CandidateRules().
  virtual bool Explains(const merkle::Rule& rule, size_t record, size_t column) const = 0;

  // Of two replicas, what no rule says. By how much the second's moment is later than the first's.
  virtual std::optional<int64_t> Offset(size_t record, size_t column) const = 0;
  // Which of the two is the beginning of the other, and how many characters it has.
  virtual std::optional<std::pair<size_t, size_t>> Cut(size_t record, size_t column) const = 0;
  // Where the other has NULL: which one has a word that programs write for it, and that.
  virtual std::optional<std::pair<size_t, std::string>> NullWord(size_t record,
                                                                 size_t column) const = 0;
};

class ValueEvidence final : public Evidence {
 public:
  // Both must outlive it.
  ValueEvidence(const merkle::Schema& schema, std::vector<const SampledRecord*> changed)
      : schema_(schema), changed_(std::move(changed)) {}

  size_t records() const override { return changed_.size(); }
  bool Testable(size_t) const override { return true; }
  bool Differs(size_t record, size_t column) const override;
  bool Explains(const merkle::Rule& rule, size_t record, size_t column) const override;
  std::optional<int64_t> Offset(size_t record, size_t column) const override;
  std::optional<std::pair<size_t, size_t>> Cut(size_t record, size_t column) const override;
  std::optional<std::pair<size_t, std::string>> NullWord(size_t record,
                                                         size_t column) const override;

 private:
  // By replica.
  std::vector<const merkle::Value*> Versions(size_t record, size_t column) const;

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
  bool Explains(const merkle::Rule& rule, size_t record, size_t column) const override;
  std::optional<int64_t> Offset(size_t, size_t) const override { return std::nullopt; }
  std::optional<std::pair<size_t, size_t>> Cut(size_t, size_t) const override {
    return std::nullopt;
  }
  std::optional<std::pair<size_t, std::string>> NullWord(size_t, size_t) const override {
    return std::nullopt;
  }

 private:
  // Whether all replicas have the same one at this place.
  static bool Agree(const TaggedRecord& record, std::string TaggedRecord::Tags::*tags,
                    size_t place);

  // By column and rule: the place of its tag.
  std::map<std::pair<size_t, std::string>, size_t> places_;
  const std::vector<const TaggedRecord*> changed_;
};

}  // namespace driftwood::coordinator
