// Hypotheses are tried, not inferred: each says what would make two values equal, and most have an
// option under which one more run puts that to the test. How many a hypothesis explains is counted,
// and nothing is called a cause.
//
// All of it is of a sample, and no verdict depends on it.
#include "coordinator/audit/diagnostics/explain.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "coordinator/audit/diagnostics/explain_evidence.h"
#include "coordinator/audit/diagnostics/explain_keys.h"
#include "coordinator/audit/diagnostics/folds.h"
#include "coordinator/audit/diagnostics/shifts.h"
#include "coordinator/audit/diagnostics/threshold.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {
namespace {

using merkle::Rule;
using merkle::Value;

constexpr size_t kHypothesesMax = 3;  // shown of each column

// A hypothesis, and which of the records that differ it explains.
struct Tested {
  Hypothesis hypothesis;
  std::vector<bool> explained;         // by place in the list of those
  std::optional<FoldFamily> family{};  // of a fold
};

class ColumnExplainer {
 public:
  ColumnExplainer(const merkle::Schema& schema, size_t place, const Evidence& evidence,
                  const std::vector<ExplainedReplica>& replicas)
      : column_(schema.values[place]), place_(place), evidence_(evidence), replicas_(replicas) {}

  // Absent: it does not differ.
  std::optional<ExplainedColumn> Run() {
    for (size_t i = 0; i < evidence_.records(); ++i) {
      if (evidence_.Differs(i, place_)) differing_.push_back(i);
    }
    if (differing_.empty()) return std::nullopt;
    for (const Fold& fold : FoldsOf(column_)) {
      // A number that is at a constant distance from another was not rounded: what shifts it is
      // told before what cuts it.
      if (fold.family == FoldFamily::kDigits) TryShifts();
      TryFold(fold);
    }
    TryShifts();
    ExplainedColumn result;
    result.column = column_.name;
    result.differing = differing_.size();
    result.hypotheses = Choose();
    return result;
  }

 private:
  void TryFold(const Fold& fold) {
    if (!fold.rule && evidence_.Values(differing_[0], place_).empty()) return;
    Tested tested{{fold.text, "", 0}, std::vector<bool>(differing_.size()), fold.family};
    std::vector<bool> finer(replicas_.size());           // has anything that the fold takes away
    std::map<size_t, std::vector<std::string>> changed;  // by replica
    uint64_t acted = 0;
    for (size_t d = 0; d < differing_.size(); ++d) {
      const FoldOutcome outcome = evidence_.Try(fold, differing_[d], place_);
      const bool acts =
          std::find(outcome.changes.begin(), outcome.changes.end(), true) != outcome.changes.end();
      acted += acts ? 1 : 0;
      for (size_t r = 0; r < finer.size(); ++r) finer[r] = finer[r] || outcome.changes[r];
      if (!outcome.equal) continue;
      tested.explained[d] = true;
      ++tested.hypothesis.explains;
      if (fold.rule) continue;
      const std::vector<const Value*> values = evidence_.Values(differing_[d], place_);
      for (size_t r = 0; r < values.size(); ++r) {
        if (outcome.changes[r]) changed[r].push_back(values[r]->text);
      }
    }
    // A tenth of what was rounded to two digits looks as if it had been rounded to three.
    constexpr uint64_t kPart = 3;
    const bool whole = std::find(finer.begin(), finer.end(), false) != finer.end();
    if (fold.cuts && (!whole || tested.hypothesis.explains * kPart < acted)) return;
    if (fold.rule) {
      tested.hypothesis.rule = ListItem(column_.name) + ":" + merkle::RuleText(*fold.rule);
    } else {
      tested.hypothesis.option = FoldOption(fold, column_, replicas_, changed);
    }
    // That a number has no more digits than these is a constant too.
    Keep(std::move(tested), fold.family == FoldFamily::kDigits ? 2 : 1);
  }

  // Once.
  void TryShifts() {
    if (shifts_tried_ || replicas_.size() != 2) return;
    shifts_tried_ = true;
    std::map<Shift, uint64_t> counts;
    for (const size_t i : differing_) {
      for (const Shift& shift : ShiftsOf(i)) ++counts[shift];
    }
    for (const CountedShift& counted : Prominent(counts, differing_.size())) {
      TryShift(counted.shift);
    }
  }

  std::vector<Shift> ShiftsOf(size_t record) const {
    const std::vector<const Value*> values = evidence_.Values(record, place_);
    if (values.empty()) return {};
    return ShiftsBetween(column_, *values[0], *values[1]);
  }

  void TryShift(const Shift& shift) {
    Tested tested{{InWords(shift, replicas_), "", 0}, std::vector<bool>(differing_.size())};
    tested.hypothesis.option = OptionOf(shift, column_, replicas_);
    std::set<std::string> different;
    for (size_t d = 0; d < differing_.size(); ++d) {
      const std::vector<Shift> shifts = ShiftsOf(differing_[d]);
      if (std::none_of(shifts.begin(), shifts.end(),
                       [&](const Shift& one) { return IsOf(one, shift); })) {
        continue;
      }
      tested.explained[d] = true;
      ++tested.hypothesis.explains;
      different.insert(evidence_.Values(differing_[d], place_)[0]->ToDisplay());
    }
    if (IsConstant(shift.kind) && different.size() < 2) return;
    const bool cut =
        shift.kind == Shift::Kind::kCutBytes || shift.kind == Shift::Kind::kCutCharacters;
    if (cut && LongerThan(shift)) return;
    // One alone is no constant.
    Keep(std::move(tested), 2);
  }

  static bool IsOf(const Shift& one, const Shift& shift) {
    if (shift.kind != Shift::Kind::kDaylight) return one == shift;
    constexpr int64_t kHour = int64_t{3600} * 1'000'000;
    return one.kind == Shift::Kind::kMoment && one.a == shift.a &&
           (one.number == shift.number || one.number == shift.number + kHour);
  }

  // Whether the side that is said to be cut has any value that is longer, in all of the sample.
  bool LongerThan(const Shift& cut) const {
    for (size_t i = 0; i < evidence_.records(); ++i) {
      const Value& value = *evidence_.Values(i, place_)[cut.side];
      if (Length(cut.kind, value) > cut.number) return true;
    }
    return false;
  }

  // Of one family, what explains what those that take less away don't; it says for those all that
  // they say.
  void Keep(Tested tested, uint64_t least) {
    if (!IsEnough(tested.hypothesis.explains, differing_.size(), least)) return;
    std::vector<bool> known(differing_.size());
    for (const Tested& one : tested_) {
      if (tested.family && one.family == tested.family) Add(one.explained, &known);
    }
    const uint64_t more = CountMore(tested.explained, known);
    const bool all = tested.hypothesis.explains == differing_.size();
    if (more == 0 || (more < kExplainsMin && !all)) return;
    std::erase_if(tested_, [&](const Tested& one) {
      return tested.family && one.family == tested.family &&
             CountMore(one.explained, tested.explained) == 0;
    });
    tested_.push_back(std::move(tested));
  }

  static void Add(const std::vector<bool>& explained, std::vector<bool>* to) {
    for (size_t d = 0; d < explained.size(); ++d) (*to)[d] = (*to)[d] || explained[d];
  }

  static uint64_t CountMore(const std::vector<bool>& explained, const std::vector<bool>& known) {
    uint64_t more = 0;
    for (size_t d = 0; d < explained.size(); ++d) more += explained[d] && !known[d] ? 1 : 0;
    return more;
  }

  // Those that explain most, as long as each explains what none before it does.
  std::vector<Hypothesis> Choose() {
    std::stable_sort(tested_.begin(), tested_.end(), [](const Tested& a, const Tested& b) {
      return a.hypothesis.explains > b.hypothesis.explains;
    });
    std::vector<bool> explained(differing_.size());
    std::vector<Hypothesis> chosen;
    for (const Tested& tested : tested_) {
      const uint64_t more = CountMore(tested.explained, explained);
      const auto left =
          static_cast<uint64_t>(std::count(explained.begin(), explained.end(), false));
      if (chosen.size() == kHypothesesMax || !IsEnough(more, left, 1)) continue;
      Add(tested.explained, &explained);
      chosen.push_back(tested.hypothesis);
    }
    return chosen;
  }

  const merkle::Column& column_;
  const size_t place_;
  const Evidence& evidence_;
  const std::vector<ExplainedReplica>& replicas_;
  std::vector<size_t> differing_;  // records
  std::vector<Tested> tested_;
  bool shifts_tried_ = false;
};

// The records of a sample, those that all replicas have and those that some lack.
template <typename Record, typename Parts>
std::vector<const Record*> Divide(const std::vector<Record>& sample, Parts Record::*parts,
                                  std::vector<MissingRecord>* missing) {
  std::vector<const Record*> changed;
  for (const Record& record : sample) {
    std::vector<bool> has;
    for (const auto& part : record.*parts) has.push_back(part.has_value());
    if (std::find(has.begin(), has.end(), false) == has.end()) {
      changed.push_back(&record);
    } else {
      missing->push_back({record.key, std::move(has)});
    }
  }
  return changed;
}

// How often two columns have each other's values.
uint64_t Swapped(const Evidence& evidence, size_t a, size_t b) {
  uint64_t swapped = 0;
  for (size_t i = 0; i < evidence.records(); ++i) {
    const auto one = evidence.Values(i, a), other = evidence.Values(i, b);
    if (one.size() != 2 || SameValue(*one[0], *one[1])) continue;
    swapped += SameValue(*one[0], *other[1]) && SameValue(*one[1], *other[0]) ? 1 : 0;
  }
  return swapped;
}

// Columns that have each other's values: of two replicas, and where the values are known.
void ExplainSwaps(const merkle::Schema& schema, const Evidence& evidence,
                  std::vector<ExplainedColumn>* columns) {
  const auto place = [&](const std::string& name) {
    size_t c = 0;
    while (schema.values[c].name != name) ++c;
    return c;
  };
  for (size_t i = 0; i < columns->size(); ++i) {
    for (size_t j = i + 1; j < columns->size(); ++j) {
      ExplainedColumn &a = (*columns)[i], &b = (*columns)[j];
      const uint64_t swapped = Swapped(evidence, place(a.column), place(b.column));
      if (!IsEnough(swapped, std::max(a.differing, b.differing), 2)) continue;
      for (const auto& [one, other] : {std::pair{&a, &b}, {&b, &a}}) {
        if (!one->hypotheses.empty() && one->hypotheses[0].explains >= swapped) continue;
        one->hypotheses.insert(one->hypotheses.begin(),
                               {"the values are those of " + other->column, "", swapped});
        if (one->hypotheses.size() > kHypothesesMax) one->hypotheses.pop_back();
      }
    }
  }
}

// Columns are explained one by one: two that differ in the same record may do so for two reasons.
Explanation ExplainBy(const Evidence& evidence, const merkle::Schema& schema,
                      const std::vector<ExplainedReplica>& replicas,
                      const std::vector<MissingRecord>& sampled,
                      const std::vector<MissingRecord>& missing) {
  Explanation explanation;
  explanation.changed_sampled = evidence.records();
  for (size_t c = 0; c < schema.values.size(); ++c) {
    if (!evidence.Testable(c)) continue;
    auto column = ColumnExplainer(schema, c, evidence, replicas).Run();
    if (column) explanation.columns.push_back(*std::move(column));
  }
  if (replicas.size() == 2) ExplainSwaps(schema, evidence, &explanation.columns);
  std::stable_sort(
      explanation.columns.begin(), explanation.columns.end(),
      [](const ExplainedColumn& a, const ExplainedColumn& b) { return a.differing > b.differing; });
  explanation.missing_sampled = sampled.size();
  explanation.keys = ExplainKeys(schema, replicas, missing.empty() ? sampled : missing);
  return explanation;
}

}  // namespace

Explanation Explain(const merkle::Schema& schema, const std::vector<ExplainedReplica>& replicas,
                    const std::vector<SampledRecord>& sample,
                    const std::vector<MissingRecord>& missing) {
  std::vector<MissingRecord> sampled;
  const ValueEvidence evidence(schema, Divide(sample, &SampledRecord::values, &sampled));
  return ExplainBy(evidence, schema, replicas, sampled, missing);
}

Explanation ExplainTagged(const merkle::Schema& schema,
                          const std::vector<ExplainedReplica>& replicas,
                          const std::vector<RuleTest>& tests,
                          const std::vector<TaggedRecord>& sample,
                          const std::vector<MissingRecord>& missing) {
  std::vector<MissingRecord> sampled;
  const TagEvidence evidence(tests, Divide(sample, &TaggedRecord::tags, &sampled));
  return ExplainBy(evidence, schema, replicas, sampled, missing);
}

// A column is tested by all of its rules or not at all: half of them would make one look best that
// is not. But tags can't say whether numbers in JSON are the digits of one double or differ.
std::vector<RuleTest> RuleTests(const merkle::Schema& schema, const std::vector<size_t>& columns,
                                size_t max) {
  std::vector<RuleTest> tests;
  for (const size_t column : columns) {
    std::vector<Rule> rules = CandidateRules(schema.values[column].type);
    std::erase_if(
        rules, [](const Rule& rule) { return rule.kind == merkle::RuleKind::kJsonNumberAsDouble; });
    if (tests.size() + rules.size() > max) break;
    for (const Rule& rule : rules) tests.push_back({column, rule});
  }
  return tests;
}

std::string RuleTestText(const merkle::Schema& schema, const RuleTest& test) {
  return schema.values[test.column].name + ":" + merkle::RuleText(test.rule);
}

}  // namespace driftwood::coordinator
