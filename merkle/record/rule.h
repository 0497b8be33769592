// Column rules: what a comparison leaves out of account, column by column, because the user said
// so. They act on canonical values, after a value was read as its column's type and before it is
// encoded, so a rule means the same for every store. None is ever on by itself.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::merkle {

// In the order in which the rules of one column are applied, however they were given.
enum class RuleKind : uint8_t {
  kCaseFold,     // casefold: full Unicode case folding
  kNfc,          // nfc: Unicode Normalisation Form C
  kTrim,         // trim: without leading and trailing spaces (U+0020)
  kTrimEnd,      // rtrim: without trailing spaces
  kEmptyIsNull,  // empty=null: an empty text is NULL
  kFloat32,      // float=32: the nearest IEEE single
  kFloatDigits,  // float=1 … float=17: so many significant digits
  kRound,        // round=0 … round=100: so many digits behind the point, halves away from 0
  kPrecision,    // precision=s, ms or us: without what is finer, towards the past
  kJsonNumberAsDouble,  // json=number-as-double: numbers inside as the nearest double
};

struct Rule {
  RuleKind kind = RuleKind::kTrimEnd;
  int argument = 0;  // digits; microseconds of the unit for kPrecision
  friend bool operator==(const Rule&, const Rule&) = default;
};

// "round=2". InvalidArgument names the text and what there is.
absl::StatusOr<Rule> ParseRule(std::string_view text);
std::string RuleText(const Rule& rule);
// Whether the rule can act on values of a column of this type.
bool RuleFits(const Rule& rule, ColumnType type);

struct ColumnRule {
  std::string column;
  Rule rule;
};

// "total:round=2"; the last colon counts, as a column's name may have one.
absl::StatusOr<ColumnRule> ParseColumnRule(std::string_view text);

// Applies one rule; what it does not act on, such as NULL or a type mismatch, stays as it is
// (but an empty text is empty as a mismatch too). Idempotent.
void ApplyRule(const Rule& rule, Value* value);
// The same for a value of `column`: a text that is a type mismatch because its time has more
// digits than microseconds is read without them under precision=.
void ApplyRule(const Rule& rule, const Column& column, Value* value);

// The rules of each column that has any, in the order of application. `rules` as in Agreement,
// valid.
std::map<std::string, std::vector<Rule>> RulesByColumn(const std::vector<std::string>& rules);
// The rules of one column, in the order of application. `rules` as in Agreement, valid.
std::vector<Rule> RulesOf(const std::vector<std::string>& rules, std::string_view column);

// InvalidArgument: a rule that is none, of a column that the schema lacks, that does not fit the
// column's type, or that is there twice for a column with two arguments.
absl::Status ValidateRules(const std::vector<std::string>& rules, const Schema& schema);

}  // namespace driftwood::merkle
