// Hypotheses are tried, not inferred: each is a rule that --rule takes, so that what the report
// says can be put to the test by one more run. A rule explains a record if it makes the column
// equal in all replicas; how many it explains is counted, and nothing is called a cause.
//
// All of it is of a sample, and no verdict depends on it.
#include "coordinator/audit/diagnostics/explain.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "coordinator/audit/diagnostics/explain_evidence.h"
#include "merkle/record/encoding.h"
#include "merkle/text/display.h"
#include "merkle/text/percent.h"
#include "merkle/text/uuid.h"

namespace driftwood::coordinator {
namespace {

using merkle::Rule;
using merkle::RuleKind;
using merkle::Value;

constexpr size_t kHypothesesMax = 3;  // shown of each column

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
      if (rule.argument == 1) return "time finer than microseconds";
      return rule.argument == 1000 ? "time finer than milliseconds" : "time finer than seconds";
    case RuleKind::kJsonNumberAsDouble:
      return "the form of JSON numbers";
  }
  return "";
}

// The least invasive first: of two that explain as much, the first is shown. Digits go from many to
// few: a double has 17, of which 16 is the first that takes any away, and below 4 two numbers agree
// by chance. Behind the point 15 are as far as a double near 1 goes.
std::vector<Rule> CandidateRules(merkle::ColumnType type) {
  std::vector<Rule> rules = {{RuleKind::kTrimEnd, 0},      {RuleKind::kEmptyIsNull, 0},
                             {RuleKind::kNfc, 0},          {RuleKind::kCaseFold, 0},
                             {RuleKind::kTrim, 0},         {RuleKind::kPrecision, 1},
                             {RuleKind::kPrecision, 1000}, {RuleKind::kPrecision, 1'000'000},
                             {RuleKind::kFloat32, 0},      {RuleKind::kJsonNumberAsDouble, 0}};
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
  std::string fraction = std::to_string(std::llabs(microseconds) % 1'000'000);
  if (fraction == "0") return text;
  fraction.insert(0, 6 - fraction.size(), '0');
  return text + ("." + fraction.substr(0, fraction.find_last_not_of('0') + 1));
}

// What most of them have in common, and how many do. Of as many the smallest, so that a report does
// not depend on the order of its sample.
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
  ColumnExplainer(const merkle::Schema& schema, size_t place, const Evidence& evidence,
                  const std::vector<std::string>& names)
      : column_(schema.values[place]), place_(place), evidence_(evidence), names_(names) {}

  // Absent: it does not differ.
  std::optional<ExplainedColumn> Run() {
    for (size_t i = 0; i < evidence_.records(); ++i) {
      if (evidence_.Differs(i, place_)) differing_.push_back(i);
    }
    if (differing_.empty()) return std::nullopt;
    ExplainedColumn result;
    result.column = column_.name;
    result.differing = differing_.size();
    for (const Rule& rule : CandidateRules(column_.type)) {
      const auto explained =
          static_cast<uint64_t>(std::count_if(differing_.begin(), differing_.end(), [&](size_t i) {
            return evidence_.Explains(rule, i, place_);
          }));
      const std::string text = column_.name + ":" + merkle::RuleText(rule);
      result.hypotheses.push_back({InWords(rule), text, explained});
    }
    if (names_.size() == 2) AddPairHypotheses(&result);
    Choose(&result.hypotheses);
    return result;
  }

 private:
  void AddPairHypotheses(ExplainedColumn* result) const {
    std::vector<int64_t> offsets;
    std::vector<std::pair<size_t, size_t>> cuts;
    for (const size_t i : differing_) {
      if (const auto offset = evidence_.Offset(i, place_)) offsets.push_back(*offset);
      if (const auto cut = evidence_.Cut(i, place_)) cuts.push_back(*cut);
    }
    std::vector<std::pair<size_t, std::string>> nulls;
    for (const size_t i : differing_) {
      if (auto null = evidence_.NullWord(i, place_)) nulls.push_back(*std::move(null));
    }
    if (const auto common = MostCommon(nulls); common && common->second > 1) {
      const auto& [writer, word] = common->first;
      result->hypotheses.push_back({"NULL is the text " + EscapeForDisplay(word) + " in " +
                                        names_[writer] +
                                        ", which null=" + PercentEncode(word, "%&?#\\ ") +
                                        " in the URL of a CSV file would read as NULL",
                                    "", common->second});
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
  const size_t place_;
  const Evidence& evidence_;
  const std::vector<std::string>& names_;
  std::vector<size_t> differing_;  // records
};

// A record that some replicas lack.
struct MissingRecord {
  const ReportKey* key;
  std::vector<bool> has;  // by replica
};

// Another spelling of one key, and what makes the two one.
struct Spelling {
  std::string text;  // what they differ by
  std::function<void(Value*)> fold;
  std::optional<Rule> rule{};                   // that does so; else
  std::optional<merkle::ColumnType> read_as{};  // the type as which both are one value
};

// "007" and "7". Values that are no such text stay as they are.
void FoldLeadingZeros(Value* value) {
  if (value->tag != merkle::Tag::kText || value->text.empty()) return;
  const std::string& text = value->text;
  if (text.find_first_not_of("0123456789") != std::string::npos) return;
  value->text = text.substr(std::min(text.find_first_not_of('0'), text.size() - 1));
}

void FoldUuid(Value* value) {
  if (value->tag != merkle::Tag::kText) return;
  if (const auto uuid = merkle::ParseUuid(value->text)) {
    value->text = merkle::FormatUuid(uuid->data());
  }
}

// The least invasive first: of two that explain as many, the first is told.
std::vector<Spelling> KeySpellings() {
  std::vector<Spelling> spellings;
  for (const RuleKind kind :
       {RuleKind::kTrimEnd, RuleKind::kNfc, RuleKind::kCaseFold, RuleKind::kTrim}) {
    const Rule rule = {kind, 0};
    spellings.push_back(
        {InWords(rule), [rule](Value* value) { merkle::ApplyRule(rule, value); }, rule});
  }
  spellings.push_back({"leading zeros", FoldLeadingZeros, {}, merkle::ColumnType::kInteger});
  spellings.push_back({"the form of UUIDs", FoldUuid, {}, merkle::ColumnType::kUuid});
  return spellings;
}

// Pairs of keys that each only some replicas have, and that are one in another spelling: a record
// that was copied under it is missing on both sides, once each.
ExplainedKeys ExplainKeys(const merkle::Schema& schema, const Spelling& spelling,
                          const std::vector<MissingRecord>& missing) {
  ExplainedKeys result;
  std::map<std::string, const MissingRecord*> first;
  for (const MissingRecord& record : missing) {
    if (!record.key->columns) continue;
    std::string folded;
    for (Value value : *record.key->columns) {
      spelling.fold(&value);
      merkle::AppendValue(value, merkle::Place::kValue, &folded);
    }
    const auto [other, is_new] = first.emplace(folded, &record);
    if (is_new) continue;
    bool both = false;  // no replica has both: they stand for each other
    for (size_t i = 0; i < record.has.size(); ++i) {
      both = both || (record.has[i] && other->second->has[i]);
    }
    if (both) continue;
    if (result.pairs++ == 0) {
      result.example = {*other->second->key, *record.key};
      std::string types;
      for (const merkle::Column& column : schema.key) {
        if (column.type != merkle::ColumnType::kText) continue;
        if (spelling.rule) {
          result.rule +=
              (result.rule.empty() ? "" : ",") + column.name + ":" + RuleText(*spelling.rule);
        } else {
          types += (types.empty() ? "" : ",") + column.name + "=" +
                   std::string(merkle::ColumnTypeName(*spelling.read_as));
        }
      }
      result.text = spelling.text + (types.empty() ? "" : " (--types " + types + ")");
    }
  }
  return result;
}

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
      missing->push_back({&record.key, std::move(has)});
    }
  }
  return changed;
}

// Columns are explained one by one: two that differ in the same record may do so for two reasons.
Explanation ExplainBy(const Evidence& evidence, const std::vector<MissingRecord>& missing,
                      const merkle::Schema& schema, const std::vector<std::string>& names) {
  Explanation explanation;
  explanation.changed_sampled = evidence.records();
  for (size_t c = 0; c < schema.values.size(); ++c) {
    if (!evidence.Testable(c)) continue;
    auto column = ColumnExplainer(schema, c, evidence, names).Run();
    if (column) explanation.columns.push_back(*std::move(column));
  }
  std::stable_sort(
      explanation.columns.begin(), explanation.columns.end(),
      [](const ExplainedColumn& a, const ExplainedColumn& b) { return a.differing > b.differing; });
  explanation.missing_sampled = missing.size();
  for (const Spelling& spelling : KeySpellings()) {
    ExplainedKeys keys = ExplainKeys(schema, spelling, missing);
    if (keys.pairs > explanation.keys.pairs) explanation.keys = std::move(keys);
  }
  return explanation;
}

}  // namespace

Explanation Explain(const merkle::Schema& schema, const std::vector<std::string>& names,
                    const std::vector<SampledRecord>& sample) {
  std::vector<MissingRecord> missing;
  const ValueEvidence evidence(schema, Divide(sample, &SampledRecord::values, &missing));
  return ExplainBy(evidence, missing, schema, names);
}

Explanation ExplainTagged(const merkle::Schema& schema, const std::vector<std::string>& names,
                          const std::vector<RuleTest>& tests,
                          const std::vector<TaggedRecord>& sample) {
  std::vector<MissingRecord> missing;
  const TagEvidence evidence(tests, Divide(sample, &TaggedRecord::tags, &missing));
  return ExplainBy(evidence, missing, schema, names);
}

// A column is tested by all of its rules or not at all: half of them would make one look best that
// is not.
std::vector<RuleTest> RuleTests(const merkle::Schema& schema, const std::vector<size_t>& columns,
                                size_t max) {
  std::vector<RuleTest> tests;
  for (const size_t column : columns) {
    const std::vector<Rule> rules = CandidateRules(schema.values[column].type);
    if (tests.size() + rules.size() > max) break;
    for (const Rule& rule : rules) tests.push_back({column, rule});
  }
  return tests;
}

std::string RuleTestText(const merkle::Schema& schema, const RuleTest& test) {
  return schema.values[test.column].name + ":" + merkle::RuleText(test.rule);
}

}  // namespace driftwood::coordinator
