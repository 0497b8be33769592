// The order of FoldsOf() is the order of preference: of several folds that explain the same values
// the first is told. What a rule can leave out of account comes before what takes another reading,
// and that before what takes other data.
#include "coordinator/audit/diagnostics/folds.h"

#include <algorithm>
#include <set>
#include <utility>

#include "coordinator/audit/diagnostics/fold_characters.h"
#include "coordinator/audit/diagnostics/fold_parts.h"
#include "coordinator/audit/diagnostics/fold_readings.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/text/utf8.h"

namespace driftwood::coordinator {
namespace {

using merkle::Column;
using merkle::ColumnType;
using merkle::Rule;
using merkle::RuleKind;
using merkle::Tag;
using merkle::Value;

// ---- rules ----

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

FoldFamily FamilyOf(RuleKind kind) {
  switch (kind) {
    case RuleKind::kCaseFold:
      return FoldFamily::kCase;
    case RuleKind::kNfc:
      return FoldFamily::kNormalForm;
    case RuleKind::kTrim:
    case RuleKind::kTrimEnd:
      return FoldFamily::kSpace;
    case RuleKind::kEmptyIsNull:
      return FoldFamily::kNull;
    case RuleKind::kPrecision:
      return FoldFamily::kFinerTime;
    case RuleKind::kJsonNumberAsDouble:
      return FoldFamily::kJson;
    default:
      return FoldFamily::kDigits;
  }
}

Fold RuleFold(const Rule& rule) {
  Fold fold;
  fold.text = InWords(rule);
  fold.family = FamilyOf(rule.kind);
  fold.apply = [rule](const Column& column, Value* value) {
    merkle::ApplyRule(rule, column, value);
  };
  if (rule.kind == RuleKind::kJsonNumberAsDouble) fold.apply = FoldJsonNumbers;
  fold.rule = rule;
  fold.cuts = fold.family == FoldFamily::kDigits || fold.family == FoldFamily::kFinerTime;
  return fold;
}

// ---- white space ----

bool IsWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200B) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000 || c == 0xFEFF;
}

// One LF for each end of a line.
void FoldLineEnds(const Column&, Value* value) {
  if (!IsText(*value) || value->text.find('\r') == std::string::npos) return;
  std::string text;
  for (size_t i = 0; i < value->text.size(); ++i) {
    if (value->text[i] != '\r') {
      text += value->text[i];
    } else if (i + 1 == value->text.size() || value->text[i + 1] != '\n') {
      text += '\n';
    }
  }
  value->text = std::move(text);
}

// One space for any white space between words, none around.
void FoldWhiteSpace(const Column&, Value* value) {
  if (!IsText(*value)) return;
  std::string text;
  bool pending = false;
  const char* const end = value->text.data() + value->text.size();
  for (const char* p = value->text.data(); p < end;) {
    const size_t bytes = merkle::Utf8CharacterBytes(p, end);
    if (bytes == 0) return;
    if (IsWhiteSpace(merkle::DecodeUtf8(p, bytes))) {
      pending = !text.empty();
    } else {
      if (pending) text += ' ';
      pending = false;
      text.append(p, bytes);
    }
    p += bytes;
  }
  value->text = std::move(text);
}

// ---- order ----

// The elements of a list, of a JSON array, of an array as PostgreSQL writes it, or of a text with
// commas. Nothing if there is but one, or one twice: a set has no such.
std::optional<std::set<std::string>> Elements(const Value& value) {
  std::string body;
  if (value.tag == Tag::kList) {
    body = value.text;
  } else if (value.tag == Tag::kJson || IsText(value)) {
    std::string list;
    if (value.tag == Tag::kJson
            ? merkle::AppendListJson(value.text, merkle::Place::kValue, &list)
            : merkle::AppendListText(value.text, merkle::Place::kValue, &list)) {
      const auto read = merkle::DecodeValues(list, 1);
      if (!read.ok()) return std::nullopt;
      body = read->front().text;
    }
  }
  size_t count = 0;
  std::set<std::string> elements;
  if (!body.empty()) {
    const bool whole = merkle::ForEachElement(body, [&](const Value& element) {
      std::string encoded;
      merkle::AppendValue(element, merkle::Place::kKey, &encoded);
      elements.insert(std::move(encoded));
      ++count;
    });
    if (!whole) return std::nullopt;
  } else if (IsText(value) && value.text.find_first_of("{}[]") == std::string::npos) {
    for (size_t begin = 0; begin <= value.text.size(); ++count) {
      const size_t end = std::min(value.text.find(',', begin), value.text.size());
      elements.insert(value.text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  if (count < 2 || elements.size() != count) return std::nullopt;
  return elements;
}

void FoldOrder(const Column&, Value* value) {
  const auto elements = Elements(*value);
  if (!elements) return;
  std::string text;
  for (const std::string& element : *elements) {
    text += std::to_string(element.size()) + ":" + element;
  }
  *value = Value();
  value->tag = Tag::kSet;
  value->text = std::move(text);
}

// ---- time of day ----

void FoldTimeOfDay(const Column&, Value* value) {
  if (value->tag != Tag::kTimestamp || value->special != Value::Special::kNone) return;
  constexpr int64_t kDay = int64_t{24} * 3600 * 1'000'000;
  const int64_t rest = value->number % kDay;
  value->number -= rest < 0 ? rest + kDay : rest;
}

// ---- digits ----

// Canonical decimals have no exponent but where they are very large or small.
void FoldDigits(int places, Value* value) {
  if (value->tag != Tag::kDecimal || value->text.find('e') != std::string::npos) return;
  const size_t point = value->text.find('.');
  if (point == std::string::npos) return;
  const std::string cut =
      value->text.substr(0, point + 1 + (places > 0 ? static_cast<size_t>(places) : 0));
  ReadAs(ColumnType::kDecimal, cut, value);
}

// No rule does this: a rule rounds.
Fold DigitsFold(int places) {
  Fold fold;
  fold.text = places == 0
                  ? "digits cut off behind the point"
                  : "digits cut off, but for " + std::to_string(places) + " behind the point";
  fold.family = FoldFamily::kDigits;
  fold.apply = [places](const Column&, Value* value) { FoldDigits(places, value); };
  fold.cuts = true;
  return fold;
}

bool HasOrder(ColumnType type) {
  return type == ColumnType::kText || type == ColumnType::kDynamic || type == ColumnType::kList ||
         type == ColumnType::kJson;
}

}  // namespace

// Digits go from many to few: a double has 17, of which 16 is the first that takes any away, and
// below 4 two numbers agree by chance. Behind the point 15 are as far as a double near 1 goes.
std::vector<Rule> CandidateRules(ColumnType type) {
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

std::vector<Fold> FoldsOf(const Column& column) {
  std::vector<Fold> folds;
  AddDoubles(column.type, &folds);
  for (const Rule& rule : CandidateRules(column.type)) folds.push_back(RuleFold(rule));
  folds.push_back(Plain("line ends", FoldFamily::kSpace, FoldLineEnds));
  folds.push_back(Plain("white space", FoldFamily::kSpace, FoldWhiteSpace));
  AddReadings(column.type, &folds);
  AddCharacters(&folds);
  AddBytes(&folds);
  if (HasOrder(column.type)) {
    folds.push_back(Plain("the order of elements", FoldFamily::kOrder, FoldOrder, "set"));
  }
  if (column.type == ColumnType::kTimestamp) {
    Fold day = Plain("the time of day", FoldFamily::kFinerTime, FoldTimeOfDay);
    day.cuts = true;
    folds.push_back(std::move(day));
  }
  constexpr int kCutPlacesMax = 8;
  for (int places = kCutPlacesMax; column.type == ColumnType::kDecimal && places >= 0; --places) {
    folds.push_back(DigitsFold(places));
  }
  return folds;
}

std::string FoldOption(const Fold& fold, const Column& column,
                       const std::vector<ExplainedReplica>& replicas,
                       const std::map<size_t, std::vector<std::string>>& changed) {
  std::string option = fold.types.empty() ? "" : TypesOption(column, fold.types, replicas[0].table);
  if (!fold.url) return option;
  for (const auto& [replica, texts] : changed) {
    const std::string parameter = fold.url(texts);
    if (parameter.empty()) continue;
    if (replicas[replica].store < fold.url_of) return "";
    option = Both(option, UrlOption(parameter, replicas[replica].name));
  }
  return option;
}

}  // namespace driftwood::coordinator
