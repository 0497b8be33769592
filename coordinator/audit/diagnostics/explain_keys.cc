#include "coordinator/audit/diagnostics/explain_keys.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "coordinator/audit/diagnostics/folds.h"
#include "coordinator/audit/diagnostics/shifts.h"
#include "coordinator/audit/diagnostics/threshold.h"
#include "merkle/record/encoding.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {
namespace {

using merkle::Value;

// Of one replica, for each of which the other's are looked through for what they might have in
// common.
constexpr size_t kShiftKeysTried = 24;
constexpr size_t kShiftKeysMax = 1024;

std::string Encoded(const std::vector<Value>& values) {
  std::string encoded;
  for (const Value& value : values) merkle::AppendValue(value, merkle::Place::kValue, &encoded);
  return encoded;
}

// Folds of all columns go by what they say, since each type has its own list.
struct NamedFold {
  std::string text;
  std::map<size_t, Fold> by_column;
};

std::vector<NamedFold> KeyFolds(const merkle::Schema& schema) {
  std::vector<NamedFold> folds;
  for (size_t c = 0; c < schema.key.size(); ++c) {
    for (Fold& fold : FoldsOf(schema.key[c])) {
      // Of numbers as keys the digits tell one from the other.
      if (fold.cuts && !(fold.rule && fold.family == FoldFamily::kFinerTime)) continue;
      const std::string name = fold.text + fold.types;
      const auto known = std::find_if(folds.begin(), folds.end(),
                                      [&](const NamedFold& one) { return one.text == name; });
      NamedFold& named = known != folds.end() ? *known : folds.emplace_back(NamedFold{name, {}});
      named.by_column.emplace(c, std::move(fold));
    }
  }
  return folds;
}

class KeyExplainer {
 public:
  KeyExplainer(const merkle::Schema& schema, const std::vector<ExplainedReplica>& replicas,
               const std::vector<MissingRecord>& missing)
      : schema_(schema), replicas_(replicas) {
    for (const MissingRecord& record : missing) {
      if (record.key.columns) missing_.push_back(&record);
    }
    for (size_t r = 0; r < replicas.size(); ++r) {
      const auto alone = static_cast<uint64_t>(std::count_if(
          missing_.begin(), missing_.end(), [r](const auto* one) { return one->has[r]; }));
      if (alone > 0 && (fewest_ == 0 || alone < fewest_)) fewest_ = alone;
    }
  }

  ExplainedKeys Run() {
    ExplainedKeys best;
    if (fewest_ == missing_.size()) return best;  // all on one side
    for (const NamedFold& fold : KeyFolds(schema_)) Keep(TryFold(fold), 1, &best);
    if (replicas_.size() == 2) {
      for (size_t c = 0; c < schema_.key.size(); ++c) TryShifts(c, &best);
    }
    return best;
  }

 private:
  // The first stays, unless another explains clearly more.
  void Keep(ExplainedKeys keys, uint64_t least, ExplainedKeys* best) const {
    const uint64_t margin = best->pairs == 0 ? 1 : kExplainsMin;
    if (keys.pairs < best->pairs + margin || !IsEnough(keys.pairs, fewest_, least)) return;
    *best = std::move(keys);
  }

  // Pairs of keys that are one under the fold and stand for each other: no replica has both.
  ExplainedKeys TryFold(const NamedFold& fold) const {
    ExplainedKeys result;
    std::unordered_map<std::string, const MissingRecord*> first;
    std::map<size_t, std::vector<std::string>> changed;  // by replica
    std::set<size_t> columns;
    std::vector<bool> finer(replicas_.size());  // has anything that a fold cuts off
    bool cuts = false;
    for (const MissingRecord* record : missing_) {
      std::vector<Value> values = *record->key.columns;
      for (const auto& [c, one] : fold.by_column) {
        one.apply(schema_.key[c], &values[c]);
        cuts = cuts || one.cuts;
      }
      for (size_t r = 0; r < finer.size(); ++r) {
        finer[r] = finer[r] || (record->has[r] && values != *record->key.columns);
      }
      const auto [other, is_new] = first.emplace(Encoded(values), record);
      if (is_new) continue;
      bool both = false;
      for (size_t i = 0; i < record->has.size(); ++i) {
        both = both || (record->has[i] && other->second->has[i]);
      }
      if (both) continue;
      if (result.pairs++ == 0) result.example = {other->second->key, record->key};
      for (const auto& [c, one] : fold.by_column) {
        const Value& a = (*record->key.columns)[c];
        const Value& b = (*other->second->key.columns)[c];
        if (a == b) continue;
        columns.insert(c);
        for (const auto& [value, owner] : {std::pair{&a, record}, {&b, other->second}}) {
          Value folded = *value;
          one.apply(schema_.key[c], &folded);
          if (folded == *value) continue;
          for (size_t r = 0; r < owner->has.size(); ++r) {
            if (owner->has[r]) changed[r].push_back(value->text);
          }
        }
      }
    }
    if (cuts && std::find(finer.begin(), finer.end(), false) == finer.end()) return {};
    for (const size_t c : columns) {
      const Fold& one = fold.by_column.at(c);
      result.text = one.text;
      if (one.rule) {
        result.rule += (result.rule.empty() ? "" : ",") + ListItem(schema_.key[c].name) + ":" +
                       merkle::RuleText(*one.rule);
      } else {
        result.option = Both(result.option, FoldOption(one, schema_.key[c], replicas_, changed));
      }
    }
    return result;
  }

  // Keys that differ in column `c` only, by a shift that most have.
  void TryShifts(size_t c, ExplainedKeys* best) const {
    std::vector<const MissingRecord*> sides[2];
    for (const MissingRecord* record : missing_) sides[record->has[0] ? 0 : 1].push_back(record);
    std::map<Shift, uint64_t> counts;
    const size_t tried = std::min(sides[0].size(), kShiftKeysTried);
    for (size_t i = 0; i < tried; ++i) {
      const MissingRecord& left = *sides[0][i * sides[0].size() / tried];
      const size_t others = std::min(sides[1].size(), kShiftKeysMax);
      for (size_t j = 0; j < others; ++j) {
        Propose(c, left, *sides[1][j * sides[1].size() / others], &counts);
      }
    }
    if (counts.empty()) return;
    for (const auto& [shift, count] : Prominent(counts, tried)) {
      Keep(TryShift(c, shift, sides[0], sides[1]), 2, best);
    }
  }

  void Propose(size_t c, const MissingRecord& left, const MissingRecord& right,
               std::map<Shift, uint64_t>* counts) const {
    const std::vector<Value>&a = *left.key.columns, &b = *right.key.columns;
    for (size_t i = 0; i < a.size(); ++i) {
      if (i != c && a[i] != b[i]) return;
    }
    for (const Shift& shift : ShiftsBetween(schema_.key[c], a[c], b[c])) ++(*counts)[shift];
  }

  ExplainedKeys TryShift(size_t c, const Shift& shift,
                         const std::vector<const MissingRecord*>& left,
                         const std::vector<const MissingRecord*>& right) const {
    ExplainedKeys result;
    result.text = InWords(shift, replicas_);
    result.option = OptionOf(shift, schema_.key[c], replicas_);
    // Towards the cut side the other's value can be said, and not back.
    const bool cut =
        shift.kind == Shift::Kind::kCutBytes || shift.kind == Shift::Kind::kCutCharacters;
    const size_t from = cut ? 1 - shift.side : 0;
    std::unordered_map<std::string, const MissingRecord*> others;
    for (const MissingRecord* record : from == 0 ? right : left) {
      const Value& value = (*record->key.columns)[c];
      if (cut && Length(shift.kind, value) > shift.number) return {};
      others.emplace(Encoded(*record->key.columns), record);
    }
    for (const MissingRecord* record : from == 0 ? left : right) {
      std::vector<Value> values = *record->key.columns;
      const auto shifted = Shifted(shift, from, values[c]);
      if (!shifted) continue;
      values[c] = *shifted;
      const auto other = others.find(Encoded(values));
      if (other == others.end()) continue;
      if (result.pairs++ > 0) continue;
      result.example = from == 0 ? std::pair{record->key, other->second->key}
                                 : std::pair{other->second->key, record->key};
    }
    return result;
  }

  const merkle::Schema& schema_;
  const std::vector<ExplainedReplica>& replicas_;
  std::vector<const MissingRecord*> missing_;
  uint64_t fewest_ = 0;  // that one of the replicas has alone
};

}  // namespace

ExplainedKeys ExplainKeys(const merkle::Schema& schema,
                          const std::vector<ExplainedReplica>& replicas,
                          const std::vector<MissingRecord>& missing) {
  return KeyExplainer(schema, replicas, missing).Run();
}

}  // namespace driftwood::coordinator
