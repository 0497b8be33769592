#include "merkle/record/rule.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "merkle/check.h"
#include "merkle/record/decimal.h"
#include "merkle/record/encoding.h"
#include "merkle/record/reading.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"
#include "merkle/text/unicode.h"

namespace driftwood::merkle {
namespace {

constexpr int kRoundMax = 100;
constexpr int kFloatDigitsMax = 17;
constexpr int64_t kMicrosecondsPerSecond = 1'000'000;

struct RuleName {
  std::string_view text;
  Rule rule;
};
constexpr std::array<RuleName, 10> kNames = {{
    {"casefold", {RuleKind::kCaseFold, 0}},
    {"nfc", {RuleKind::kNfc, 0}},
    {"trim", {RuleKind::kTrim, 0}},
    {"rtrim", {RuleKind::kTrimEnd, 0}},
    {"empty=null", {RuleKind::kEmptyIsNull, 0}},
    {"float=32", {RuleKind::kFloat32, 0}},
    {"precision=s", {RuleKind::kPrecision, kMicrosecondsPerSecond}},
    {"precision=ms", {RuleKind::kPrecision, 1000}},
    {"precision=us", {RuleKind::kPrecision, 1}},
    {"json=number-as-double", {RuleKind::kJsonNumberAsDouble, 0}},
}};

std::string Quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// The number behind `prefix`, if all of the rest of `text` is one in [least, most].
std::optional<int> NumberBehind(std::string_view text, std::string_view prefix, int least,
                                int most) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // One spelling of one rule, since agreements compare their texts.
  if (number < least || number > most || std::to_string(number) != text) return std::nullopt;
  return number;
}

// d1 to dn without the point.
std::string PlainDigits(const Decimal& number) {
  std::string digits(number.digits);
  std::erase(digits, '.');
  digits.resize(number.digit_count);
  return digits;
}

std::string CanonicalText(const Decimal& number) {
  std::string text;
  AppendCanonicalDecimal(number, &text);
  return text;
}

// The canonical text of `text`, a number, with `places` digits behind the point at most.
std::string Rounded(const std::string& text, int places) {
  const std::optional<Decimal> number = ParseDecimal(text);
  if (!number || number->kind != Decimal::Kind::kFinite) return text;
  std::string digits = PlainDigits(*number);
  int64_t exponent = number->exponent;
  const int64_t kept = exponent + places + 1;  // of the digits
  if (kept >= static_cast<int64_t>(digits.size())) return text;
  if (kept < 0) return "0";
  const bool up = digits[static_cast<size_t>(kept)] >= '5';
  digits.resize(static_cast<size_t>(kept));
  if (up) {
    while (!digits.empty() && digits.back() == '9') digits.pop_back();
    if (digits.empty()) {
      digits = "1";
      ++exponent;
    } else {
      ++digits.back();
    }
  }
  if (digits.empty()) return "0";
  const std::string scientific = (number->negative ? "-" : "") + digits.substr(0, 1) + "." +
                                 digits.substr(1) + "e" + std::to_string(exponent);
  const std::optional<Decimal> rounded = ParseDecimal(scientific);
  return rounded ? CanonicalText(*rounded) : text;
}

std::string ShortestText(double value) {
  std::array<char, 32> buffer;
  return std::string(ShortestDecimal(value, buffer));
}

// Nothing if it is no number, or beyond what a double holds.
std::optional<double> ParseDouble(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

double RoundedDouble(double value, int places) {
  if (!std::isfinite(value)) return value;
  return ParseDouble(Rounded(ShortestText(value), places)).value_or(value);
}

double SignificantDigits(double value, int digits) {
  if (!std::isfinite(value)) return value;
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value,
                                    std::chars_format::scientific, digits - 1);
  // Rounding up the largest double may leave its range.
  return ParseDouble({buffer, static_cast<size_t>(result.ptr - buffer)}).value_or(value);
}

double Single(double value) {
  // Half a unit above the largest single: from here on the nearest is infinity.
  constexpr double kBeyond = 0x1.ffffffp127;
  if (std::isnan(value) || std::fabs(value) < kBeyond) return static_cast<float>(value);
  return std::copysign(std::numeric_limits<double>::infinity(), value);
}

void TrimEnd(std::string* text) { text->erase(text->find_last_not_of(' ') + 1); }

void Trim(std::string* text) {
  TrimEnd(text);
  text->erase(0, text->find_first_not_of(' '));
}

std::string JsonWithDoubles(const std::string& json) {
  return MapJsonNumbers(json, [](const std::string& number) {
    const std::optional<double> value = ParseDouble(number);
    return value ? ShortestText(*value) : number;
  });
}

void ApplyToText(const Rule& rule, std::string* text) {
  std::optional<std::string> mapped;
  switch (rule.kind) {
    case RuleKind::kCaseFold:
      mapped = FoldCase(*text);
      break;
    case RuleKind::kNfc:
      mapped = NormaliseNfc(*text);
      break;
    case RuleKind::kTrim:
      Trim(text);
      break;
    case RuleKind::kTrimEnd:
      TrimEnd(text);
      break;
    default:
      break;
  }
  if (mapped) *text = *std::move(mapped);
}

void ApplyToFloat(const Rule& rule, double* value) {
  if (rule.kind == RuleKind::kFloat32) *value = Single(*value);
  if (rule.kind == RuleKind::kFloatDigits) *value = SignificantDigits(*value, rule.argument);
  if (rule.kind == RuleKind::kRound) *value = RoundedDouble(*value, rule.argument);
}

int64_t FloorTo(int64_t number, int64_t unit) {
  const int64_t rest = number % unit;
  return number - (rest < 0 ? rest + unit : rest);
}

// Without the digits that made it a type mismatch: what the rule cuts off anyway.
void ReadFinerDigits(const Column& column, Value* value) {
  // A number that counts seconds is a decimal if it is of no use as a moment.
  if (value->tag != Tag::kUnparsedText && value->tag != Tag::kDecimal) return;
  Value read;
  if (column.type == ColumnType::kTime && value->tag == Tag::kUnparsedText) {
    const std::optional<int64_t> time = ReadTime(value->text, FinerDigits::kCut);
    if (!time) return;
    read.tag = Tag::kTime;
    read.number = *time;
  } else if (column.type == ColumnType::kTimestamp || column.type == ColumnType::kTimestampTz) {
    const absl::StatusOr<Reading> reading = Reading::Of(column.type, column.reading);
    DRIFTWOOD_CHECK(reading.ok());
    if (value->tag == Tag::kDecimal && reading->kind() != Reading::Kind::kUnix) return;
    const std::optional<Instant> instant = reading->Moment(value->text, FinerDigits::kCut);
    if (!instant) return;
    read.tag = column.type == ColumnType::kTimestamp ? Tag::kTimestamp : Tag::kTimestampTz;
    read.special = instant->special;
    read.number = instant->number;
  } else {
    return;
  }
  *value = std::move(read);
}

// The rules that a mistyped one may have been meant to be, with its number.
std::vector<std::string> NamesLike(std::string_view text) {
  std::vector<std::string> names = {"ignore"};
  for (const RuleName& name : kNames) names.emplace_back(name.text);
  const size_t equals = text.find('=');
  const std::string number(equals == std::string_view::npos ? "" : text.substr(equals + 1));
  if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) return names;
  for (const char* const rule : {"round=", "float="}) {
    if (rule + number != text) names.push_back(rule + number);
  }
  return names;
}

}  // namespace

absl::StatusOr<Rule> ParseRule(std::string_view text) {
  for (const RuleName& name : kNames) {
    if (name.text == text) return name.rule;
  }
  if (const auto places = NumberBehind(text, "round=", 0, kRoundMax)) {
    return Rule{RuleKind::kRound, *places};
  }
  if (const auto digits = NumberBehind(text, "float=", 1, kFloatDigitsMax)) {
    return Rule{RuleKind::kFloatDigits, *digits};
  }
  return absl::InvalidArgumentError(
      "unknown rule " + Quoted(text) + DidYouMean(text, NamesLike(text)) +
      "; there are round=0 to 100, float=1 to 17, float=32, precision=s, ms or us, trim, rtrim, "
      "nfc, casefold, empty=null, json=number-as-double and ignore");
}

std::string RuleText(const Rule& rule) {
  if (rule.kind == RuleKind::kRound) return "round=" + std::to_string(rule.argument);
  if (rule.kind == RuleKind::kFloatDigits) return "float=" + std::to_string(rule.argument);
  const auto name = std::find_if(kNames.begin(), kNames.end(),
                                 [&](const RuleName& known) { return known.rule == rule; });
  DRIFTWOOD_CHECK(name != kNames.end());
  return std::string(name->text);
}

bool RuleFits(const Rule& rule, ColumnType type) {
  if (type == ColumnType::kDynamic) return true;
  switch (rule.kind) {
    case RuleKind::kCaseFold:
    case RuleKind::kNfc:
    case RuleKind::kTrim:
    case RuleKind::kTrimEnd:
      return type == ColumnType::kText;
    case RuleKind::kEmptyIsNull:
      return true;  // an empty field of a text file may stand for a NULL of any type
    case RuleKind::kFloat32:
    case RuleKind::kFloatDigits:
      return type == ColumnType::kFloat64;
    case RuleKind::kRound:
      return type == ColumnType::kFloat64 || type == ColumnType::kDecimal;
    case RuleKind::kPrecision:
      return type == ColumnType::kTime || type == ColumnType::kTimestamp ||
             type == ColumnType::kTimestampTz;
    case RuleKind::kJsonNumberAsDouble:
      return type == ColumnType::kJson;
  }
  return false;
}

absl::StatusOr<ColumnRule> ParseColumnRule(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return absl::InvalidArgumentError("a rule is COLUMN:RULE, as in total:round=2, and not " +
                                      Quoted(text));
  }
  ASSIGN_OR_RETURN(const Rule rule, ParseRule(text.substr(colon + 1)));
  return ColumnRule{std::string(text.substr(0, colon)), rule};
}

void ApplyRule(const Rule& rule, Value* value) {
  switch (value->tag) {
    case Tag::kText:
      ApplyToText(rule, &value->text);
      if (rule.kind == RuleKind::kEmptyIsNull && value->text.empty()) *value = Value();
      break;
    case Tag::kOpaque:
    case Tag::kUnparsedText:
      if (rule.kind == RuleKind::kEmptyIsNull && value->text.empty()) *value = Value();
      break;
    case Tag::kFloat64:
      ApplyToFloat(rule, &value->real);
      break;
    case Tag::kDecimal:
      if (rule.kind == RuleKind::kRound) value->text = Rounded(value->text, rule.argument);
      break;
    case Tag::kTime:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      if (rule.kind == RuleKind::kPrecision && value->special == Value::Special::kNone) {
        value->number = FloorTo(value->number, rule.argument);
      }
      break;
    case Tag::kJson:
      if (rule.kind == RuleKind::kJsonNumberAsDouble) value->text = JsonWithDoubles(value->text);
      break;
    default:
      break;
  }
}

void ApplyRule(const Rule& rule, const Column& column, Value* value) {
  if (rule.kind == RuleKind::kPrecision) ReadFinerDigits(column, value);
  ApplyRule(rule, value);
}

std::map<std::string, std::vector<Rule>> RulesByColumn(const std::vector<std::string>& rules) {
  std::map<std::string, std::vector<Rule>> found;
  for (const std::string& text : rules) {
    const absl::StatusOr<ColumnRule> rule = ParseColumnRule(text);
    DRIFTWOOD_CHECK(rule.ok());
    found[rule->column].push_back(rule->rule);
  }
  for (auto& [column, of_column] : found) {
    std::sort(of_column.begin(), of_column.end(),
              [](const Rule& a, const Rule& b) { return a.kind < b.kind; });
  }
  return found;
}

std::vector<Rule> RulesOf(const std::vector<std::string>& rules, std::string_view column) {
  const auto all = RulesByColumn(rules);
  const auto found = all.find(std::string(column));
  return found == all.end() ? std::vector<Rule>() : found->second;
}

absl::Status ValidateRules(const std::vector<std::string>& rules, const Schema& schema) {
  std::set<std::pair<std::string, RuleKind>> seen;
  std::map<std::string_view, const Column*> by_name;
  for (const auto* columns : {&schema.key, &schema.values}) {
    for (const Column& column : *columns) by_name[column.name] = &column;
  }
  for (const std::string& text : rules) {
    ASSIGN_OR_RETURN(const ColumnRule rule, ParseColumnRule(text));
    const auto found = by_name.find(rule.column);
    if (found == by_name.end()) {
      return absl::InvalidArgumentError("rule " + Quoted(text) + ": no column " +
                                        Quoted(rule.column) + " is compared");
    }
    const Column* const column = found->second;
    if (!RuleFits(rule.rule, column->type)) {
      return absl::InvalidArgumentError("rule " + Quoted(text) + " does nothing to column " +
                                        Quoted(rule.column) + ", which is compared as " +
                                        std::string(ColumnTypeName(column->type)));
    }
    if (!seen.emplace(rule.column, rule.rule.kind).second) {
      return absl::InvalidArgumentError("rule " + Quoted(text) + ": column " + Quoted(rule.column) +
                                        " has one of this kind already");
    }
  }
  return absl::OkStatus();
}

}  // namespace driftwood::merkle
