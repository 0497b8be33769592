#include "coordinator/explain.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "merkle/encoding.h"

namespace driftwood::coordinator {
namespace {

using merkle::Rule;
using merkle::RuleKind;
using merkle::Tag;
using merkle::Value;

constexpr size_t kHypothesesMax = 3;  // shown of each column

// The values of one column of one record, by replica; those that lack the record left out.
using Versions = std::vector<const Value*>;

std::string InWords(const Rule& rule) {
  switch (rule.kind) {
    case RuleKind::kCaseFold:
      return "letter case";
    case RuleKind::kNfc:
      return "Unicode normal form";
    case RuleKind::kTrim:
      return "spaces around";
    case RuleKind::kTrimEnd:
      return "trailing spaces";
    case RuleKind::kEmptyIsNull:
      return "NULL against ''";
    case RuleKind::kFloat32:
      return "single against double precision";
    case RuleKind::kFloatDigits:
      return "more than " + std::to_string(rule.argument) + " significant digits";
    case RuleKind::kRound:
      return rule.argument == 0
                 ? std::string("digits behind the point")
                 : "more than " + std::to_string(rule.argument) +
                       (rule.argument == 1 ? " digit" : " digits") + " behind the point";
    case RuleKind::kPrecision:
      return rule.argument == 1000 ? "time finer than milliseconds" : "time finer than seconds";
    case RuleKind::kJsonNumberAsDouble:
      return "the form of JSON numbers";
  }
  return "";
}

// As records do: not-a-number is one value.
bool Same(const Value& a, const Value& b) {
  return a == b || (a.tag == Tag::kFloat64 && b.tag == Tag::kFloat64 && std::isnan(a.real) &&
                    std::isnan(b.real));
}

bool AllEqual(const std::vector<Value>& values) {
  return std::all_of(values.begin(), values.end(),
                     [&](const Value& value) { return Same(value, values.front()); });
}

bool Differ(const Versions& versions) {
  return std::any_of(versions.begin(), versions.end(),
                     [&](const Value* value) { return !Same(*value, *versions.front()); });
}

// Rules that cut digits off say something only where one side has no more digits than that: else
// any two numbers nearby would do.
bool CutsDigits(const Rule& rule) {
  return rule.kind == RuleKind::kRound || rule.kind == RuleKind::kFloatDigits ||
         rule.kind == RuleKind::kFloat32 || rule.kind == RuleKind::kPrecision;
}

bool RuleExplains(const Rule& rule, const Versions& versions) {
  std::vector<Value> values;
  bool one_stays = false;
  for (const Value* version : versions) {
    merkle::ApplyRule(rule, &values.emplace_back(*version));
    one_stays = one_stays || Same(values.back(), *version);
  }
  return AllEqual(values) && (one_stays || !CutsDigits(rule));
}

// The least invasive first: of two that explain as much, the first is shown.
std::vector<Rule> CandidateRules(merkle::ColumnType type) {
  std::vector<Rule> rules = {{RuleKind::kTrimEnd, 0},
                             {RuleKind::kEmptyIsNull, 0},
                             {RuleKind::kNfc, 0},
                             {RuleKind::kCaseFold, 0},
                             {RuleKind::kTrim, 0},
                             {RuleKind::kPrecision, 1000},
                             {RuleKind::kPrecision, 1'000'000},
                             {RuleKind::kFloat32, 0},
                             {RuleKind::kJsonNumberAsDouble, 0}};
  for (int digits = 16; digits >= 4; --digits) rules.push_back({RuleKind::kFloatDigits, digits});
  for (int places = 15; places >= 0; --places) rules.push_back({RuleKind::kRound, places});
  std::erase_if(rules, [type](const Rule& rule) { return !merkle::RuleFits(rule, type); });
  return rules;
}

std::string OffsetText(int64_t microseconds) {
  const int64_t seconds = std::llabs(microseconds) / 1'000'000;
  char text[64];
  std::snprintf(text, sizeof text, "%c%02lld:%02lld:%02lld", microseconds < 0 ? '-' : '+',
                static_cast<long long>(seconds / 3600), static_cast<long long>(seconds / 60 % 60),
                static_cast<long long>(seconds % 60));
  return text;
}

// By how much the second is later than the first; nothing if they are no moments.
std::optional<int64_t> OffsetOf(const Versions& versions) {
  const Value& a = *versions[0];
  const Value& b = *versions[1];
  const bool moments = a.tag == b.tag && (a.tag == Tag::kTimestamp || a.tag == Tag::kTimestampTz ||
                                          a.tag == Tag::kTime);
  int64_t offset = 0;
  if (!moments || a.special != Value::Special::kNone || b.special != Value::Special::kNone ||
      __builtin_sub_overflow(b.number, a.number, &offset)) {
    return std::nullopt;
  }
  return offset;
}

size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// Which of two is the beginning of the other, and how many characters it has. Spaces that are
// missing at the end are another hypothesis.
std::optional<std::pair<size_t, size_t>> CutOf(const Versions& versions) {
  for (const size_t cut : {size_t{0}, size_t{1}}) {
    const Value& shorter = *versions[cut];
    const Value& longer = *versions[1 - cut];
    if (shorter.tag == Tag::kText && longer.tag == Tag::kText && !shorter.text.empty() &&
        longer.text.size() > shorter.text.size() && longer.text.starts_with(shorter.text) &&
        longer.text.find_first_not_of(' ', shorter.text.size()) != std::string::npos) {
      return std::pair{cut, Characters(shorter.text)};
    }
  }
  return std::nullopt;
}

// What most of them have in common, and how many do.
template <typename T>
std::optional<std::pair<T, uint64_t>> MostCommon(const std::vector<T>& items) {
  std::map<T, uint64_t> counts;
  for (const T& item : items) ++counts[item];
  const auto best =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (best == counts.end()) return std::nullopt;
  return std::pair{best->first, best->second};
}

class ColumnExplainer {
 public:
  ColumnExplainer(const merkle::Column& column, const std::vector<std::string>& names)
      : column_(column), names_(names) {}

  ExplainedColumn Run(const std::vector<Versions>& differing) {
    ExplainedColumn result;
    result.column = column_.name;
    result.differing = differing.size();
    for (const Rule& rule : CandidateRules(column_.type)) {
      const auto explained = static_cast<uint64_t>(
          std::count_if(differing.begin(), differing.end(),
                        [&](const Versions& v) { return RuleExplains(rule, v); }));
      const std::string text = column_.name + ":" + merkle::RuleText(rule);
      result.hypotheses.push_back({InWords(rule), text, explained});
    }
    if (names_.size() == 2) AddPairHypotheses(differing, &result);
    Choose(&result.hypotheses);
    return result;
  }

 private:
  void AddPairHypotheses(const std::vector<Versions>& differing, ExplainedColumn* result) const {
    std::vector<int64_t> offsets;
    std::vector<std::pair<size_t, size_t>> cuts;
    for (const Versions& versions : differing) {
      if (const auto offset = OffsetOf(versions)) offsets.push_back(*offset);
      if (const auto cut = CutOf(versions)) cuts.push_back(*cut);
    }
    // One alone is no constant.
    if (const auto common = MostCommon(offsets); common && common->second > 1) {
      result->hypotheses.push_back({names_[1] + " is at a constant offset of " +
                                        OffsetText(common->first) + " from " + names_[0],
                                    "", common->second});
    }
    if (const auto common = MostCommon(cuts); common && common->second > 1) {
      result->hypotheses.push_back({names_[common->first.first] + " is cut at " +
                                        std::to_string(common->first.second) + " characters",
                                    "", common->second});
    }
  }

  // The ones that explain most. Of several as good the first; a rule with a number says the same
  // as one that leaves less out of account.
  static void Choose(std::vector<Hypothesis>* hypotheses) {
    std::erase_if(*hypotheses, [](const Hypothesis& h) { return h.explains == 0; });
    std::stable_sort(
        hypotheses->begin(), hypotheses->end(),
        [](const Hypothesis& a, const Hypothesis& b) { return a.explains > b.explains; });
    std::vector<Hypothesis> chosen;
    for (const Hypothesis& hypothesis : *hypotheses) {
      const bool weaker = std::any_of(chosen.begin(), chosen.end(), [&](const Hypothesis& better) {
        return Family(better) == Family(hypothesis) && better.explains >= hypothesis.explains;
      });
      if (!weaker && chosen.size() < kHypothesesMax) chosen.push_back(hypothesis);
    }
    *hypotheses = std::move(chosen);
  }

  // Rules of one family take ever more out of account, so that a lesser one that explains as much
  // says all: "round=2" and "round=1", "rtrim" and "trim".
  static std::string Family(const Hypothesis& hypothesis) {
    if (hypothesis.rule.empty()) return hypothesis.text;
    const std::string rule = hypothesis.rule.substr(hypothesis.rule.rfind(':') + 1);
    if (rule.ends_with("trim")) return "trim";
    if (rule.starts_with("round") || rule.starts_with("float")) return "digits";
    return rule.substr(0, rule.find('='));
  }

  const merkle::Column& column_;
  const std::vector<std::string>& names_;
};

// Pairs of keys that each only some replicas have, and that a rule makes one.
ExplainedKeys ExplainKeys(const merkle::Schema& schema, const Rule& rule,
                          const std::vector<const SampledRecord*>& missing) {
  ExplainedKeys result;
  std::map<std::string, const SampledRecord*> first;
  for (const SampledRecord* record : missing) {
    if (!record->key.columns) continue;
    std::string folded;
    for (Value value : *record->key.columns) {
      merkle::ApplyRule(rule, &value);
      merkle::AppendValue(value, merkle::Place::kValue, &folded);
    }
    const auto [other, is_new] = first.emplace(folded, record);
    if (is_new) continue;
    bool both = false;  // no replica has both: they stand for each other
    for (size_t i = 0; i < record->values.size(); ++i) {
      both = both || (record->values[i] && other->second->values[i]);
    }
    if (both) continue;
    if (result.pairs++ == 0) {
      result.example = {other->second->key, record->key};
      for (const merkle::Column& column : schema.key) {
        if (column.type != merkle::ColumnType::kText) continue;
        result.rule += (result.rule.empty() ? "" : ",") + column.name + ":" + RuleText(rule);
      }
      result.text = InWords(rule);
    }
  }
  return result;
}

}  // namespace

Explanation Explain(const merkle::Schema& schema, const std::vector<std::string>& names,
                    const std::vector<SampledRecord>& sample) {
  Explanation explanation;
  std::vector<std::vector<Versions>> differing(schema.values.size());
  std::vector<const SampledRecord*> missing;
  for (const SampledRecord& record : sample) {
    const bool everywhere = std::all_of(record.values.begin(), record.values.end(),
                                        [](const auto& values) { return values.has_value(); });
    if (!everywhere) {
      missing.push_back(&record);
      continue;
    }
    ++explanation.changed_sampled;
    for (size_t c = 0; c < schema.values.size(); ++c) {
      Versions versions;
      for (const auto& values : record.values) versions.push_back(&(*values)[c]);
      if (Differ(versions)) differing[c].push_back(std::move(versions));
    }
  }
  for (size_t c = 0; c < schema.values.size(); ++c) {
    if (differing[c].empty()) continue;
    explanation.columns.push_back(ColumnExplainer(schema.values[c], names).Run(differing[c]));
  }
  std::stable_sort(
      explanation.columns.begin(), explanation.columns.end(),
      [](const ExplainedColumn& a, const ExplainedColumn& b) { return a.differing > b.differing; });
  explanation.missing_sampled = missing.size();
  for (const RuleKind kind : {RuleKind::kTrimEnd, RuleKind::kNfc, RuleKind::kCaseFold}) {
    ExplainedKeys keys = ExplainKeys(schema, {kind, 0}, missing);
    if (keys.pairs > explanation.keys.pairs) explanation.keys = std::move(keys);
  }
  return explanation;
}

}  // namespace driftwood::coordinator
