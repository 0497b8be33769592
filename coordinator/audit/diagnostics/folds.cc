// The order of FoldsOf() is the order of preference: of several folds that explain the same values
// the first is told. What a rule can leave out of account comes before what takes another reading,
// and that before what takes other data.
#include "coordinator/audit/diagnostics/folds.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/record/reading.h"
#include "merkle/text/percent.h"
#include "merkle/text/unicode.h"
#include "merkle/text/utf8.h"

namespace driftwood::coordinator {
namespace {

using merkle::Column;
using merkle::ColumnType;
using merkle::Rule;
using merkle::RuleKind;
using merkle::Tag;
using merkle::Value;
using Store = ExplainedReplica::Store;

bool IsText(const Value& value) {
  return value.tag == Tag::kText || value.tag == Tag::kUnparsedText;
}

bool IsNumberType(ColumnType type) {
  return type == ColumnType::kInteger || type == ColumnType::kDecimal ||
         type == ColumnType::kFloat64;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void SetText(std::string text, Value* value) {
  *value = Value();
  value->tag = Tag::kText;
  value->text = std::move(text);
}

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

// ---- readings ----

// Appends the text as the column's type has it; false if it can't be read so.
bool AppendAs(ColumnType type, std::string_view text, std::string* out) {
  constexpr auto kPlace = merkle::Place::kValue;
  switch (type) {
    case ColumnType::kBool:
      return merkle::AppendBoolText(text, out);
    case ColumnType::kInteger:
      return merkle::AppendIntegerText(text, kPlace, out);
    case ColumnType::kDecimal:
      return merkle::AppendDecimalText(text, kPlace, out);
    case ColumnType::kFloat64:
      return merkle::AppendFloat64Text(text, kPlace, out);
    case ColumnType::kUuid:
      return merkle::AppendUuidText(text, kPlace, out);
    case ColumnType::kTime:
      return merkle::AppendTimeText(text, kPlace, out);
    case ColumnType::kJson:
      return merkle::AppendJsonText(text, kPlace, out);
    default:
      return false;
  }
}

void ReadAs(ColumnType type, const std::string& text, Value* value) {
  std::string bytes;
  if (!AppendAs(type, text, &bytes)) return;
  if (auto read = merkle::DecodeValues(bytes, 1); read.ok()) *value = std::move(read->front());
}

// The text of a text or a whole number, which are what a reading reads.
std::optional<std::string> ReadableText(const Value& value) {
  if (IsText(value)) return value.text;
  if (value.tag == Tag::kInteger || value.tag == Tag::kDecimal) return value.ToDisplay();
  return std::nullopt;
}

Fold TypeFold(std::string text, ColumnType type) {
  Fold fold;
  fold.text = std::move(text);
  fold.family = FoldFamily::kType;
  fold.types = std::string(merkle::ColumnTypeName(type));
  fold.apply = [type](const Column&, Value* value) {
    if (const auto readable = ReadableText(*value)) ReadAs(type, *readable, value);
  };
  return fold;
}

// "007" and "7".
void FoldLeadingZeros(const Column&, Value* value) {
  if (value->tag == Tag::kInteger) return;
  if (!IsText(*value) || value->text.empty()) return;
  if (!std::all_of(value->text.begin(), value->text.end(), IsDigit)) return;
  ReadAs(ColumnType::kInteger, value->text, value);
}

// Objects and arrays only: numbers and words are other hypotheses.
void FoldJson(const Column&, Value* value) {
  if (!IsText(*value)) return;
  const size_t first = value->text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || (value->text[first] != '{' && value->text[first] != '[')) {
    return;
  }
  ReadAs(ColumnType::kJson, value->text, value);
}

std::string MomentWords(const std::string& reading, ColumnType type) {
  if (reading == "unix") return "seconds since 1970 against timestamps";
  if (reading == "unix_ms") return "milliseconds since 1970 against timestamps";
  if (!reading.empty()) return "the format " + reading;
  return type == ColumnType::kDate ? "the form of dates" : "the form of timestamps";
}

// Null if there is no such reading.
std::optional<Fold> MomentFold(ColumnType type, const std::string& text) {
  auto reading = merkle::Reading::Of(type, text);
  if (!reading.ok()) return std::nullopt;
  Fold fold;
  fold.text = MomentWords(text, type);
  fold.family = FoldFamily::kType;
  fold.types = std::string(merkle::ColumnTypeName(type)) + (text.empty() ? "" : ":" + text);
  const Tag tag = type == ColumnType::kDate        ? Tag::kDate
                  : type == ColumnType::kTimestamp ? Tag::kTimestamp
                                                   : Tag::kTimestampTz;
  const bool numbers = text.starts_with("unix");
  fold.apply = [tag, numbers, read = *std::move(reading)](const Column&, Value* value) {
    if (!IsText(*value) && !numbers) return;
    const auto readable = ReadableText(*value);
    const auto moment = readable ? read.Moment(*readable) : std::nullopt;
    if (!moment) return;
    *value = Value();
    value->tag = tag;
    value->special = moment->special;
    value->number = moment->number;
  };
  return fold;
}

// How everyday programs write dates; behind them no time, or one of these.
constexpr std::string_view kDateFormats[] = {"%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y",
                                             "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d"};
constexpr std::string_view kTimeFormats[] = {" %H:%M:%S", " %H:%M"};

void AddMomentFolds(ColumnType column, std::vector<Fold>* folds) {
  const auto add = [&](ColumnType type, const std::string& reading) {
    if (auto fold = MomentFold(type, reading)) folds->push_back(*std::move(fold));
  };
  const bool any = column == ColumnType::kText || column == ColumnType::kDynamic;
  if (any) {
    for (const ColumnType type :
         {ColumnType::kDate, ColumnType::kTimestamp, ColumnType::kTimestampTz}) {
      add(type, "");
    }
  }
  for (const ColumnType type : {ColumnType::kTimestamp, ColumnType::kTimestampTz}) {
    if (!any && type != column) continue;
    add(type, "unix");
    add(type, "unix_ms");
  }
  for (const std::string_view date : kDateFormats) {
    if (any || column == ColumnType::kDate) add(ColumnType::kDate, std::string(date));
    if (!any && column != ColumnType::kTimestamp) continue;
    for (const std::string_view time : kTimeFormats) {
      add(ColumnType::kTimestamp, std::string(date) + std::string(time));
    }
  }
}

// ---- numbers with marks ----

// What is left of `text` without its decimal comma or separated thousands; nothing if it is not so
// written. `mark` stands between thousands, 0: none do.
std::optional<std::string> PlainNumber(std::string_view text, char mark, char point) {
  std::string plain;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    if (text[0] == '-') plain = "-";
    text.remove_prefix(1);
  }
  const size_t end = std::min(text.find(point), text.size());
  std::string_view whole = text.substr(0, end);
  const std::string_view behind = end < text.size() ? text.substr(end + 1) : std::string_view();
  if (whole.empty() || !std::all_of(behind.begin(), behind.end(), IsDigit)) return std::nullopt;
  if (mark != 0 && whole.find(mark) != std::string_view::npos) {
    const size_t first = whole.find(mark);
    if (first == 0 || first > 3) return std::nullopt;
    for (size_t i = 0; i < whole.size(); ++i) {
      const bool is_mark = i >= first && (i - first) % 4 == 0;
      if (is_mark ? whole[i] != mark : !IsDigit(whole[i])) return std::nullopt;
      if (!is_mark) plain += whole[i];
    }
    if ((whole.size() - first) % 4 != 0) return std::nullopt;
  } else {
    if (!std::all_of(whole.begin(), whole.end(), IsDigit)) return std::nullopt;
    plain += whole;
  }
  return behind.empty() ? plain : plain + "." + std::string(behind);
}

void FoldDecimalComma(const Column& column, Value* value) {
  if (!IsText(*value)) return;
  const bool comma = value->text.find(',') != std::string::npos;
  const auto plain =
      comma ? PlainNumber(value->text, 0, ',') : std::optional<std::string>(value->text);
  const ColumnType type = IsNumberType(column.type) ? column.type : ColumnType::kDecimal;
  if (plain) ReadAs(type, *plain, value);
}

// "1,234.5", "1 234.5", "1'234.5", and "1.234,5": of these the last only with both marks.
void FoldThousands(const Column& column, Value* value) {
  if (!IsText(*value)) return;
  std::string text = value->text;
  for (const std::string_view space : {"\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x99"}) {
    for (size_t at; (at = text.find(space)) != std::string::npos;) {
      text.replace(at, space.size(), space == "\xE2\x80\x99" ? "'" : " ");
    }
  }
  std::optional<std::string> plain;
  const bool european = text.find('.') != std::string::npos && text.find(',') > text.find('.') &&
                        text.find(',') != std::string::npos;
  if (european) plain = PlainNumber(text, '.', ',');
  for (const char mark : {',', ' ', '\''}) {
    if (!plain) plain = PlainNumber(text, mark, '.');
  }
  const ColumnType type = IsNumberType(column.type) ? column.type : ColumnType::kDecimal;
  if (plain) ReadAs(type, *plain, value);
}

// ---- words of booleans ----

std::string Lower(const std::string& text) {
  std::string lower = text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

// Whether the text is a word for one of the two that is read only if it is said.
std::optional<bool> BoolWord(const std::string& text) {
  static const std::set<std::string> kTrue = {"yes", "y", "on", "ja", "j", "oui", "si", "wahr"};
  static const std::set<std::string> kFalse = {"no", "n", "off", "nein", "non", "falsch"};
  const std::string lower = Lower(text);
  if (kTrue.contains(lower)) return true;
  if (kFalse.contains(lower)) return false;
  return std::nullopt;
}

void FoldBoolWord(const Column&, Value* value) {
  const auto readable = ReadableText(*value);
  if (!readable) return;
  const std::optional<bool> word = BoolWord(*readable);
  ReadAs(ColumnType::kBool, word ? (*word ? "1" : "0") : *readable, value);
}

// The word for the other of the two, in the same language.
std::string Opposite(const std::string& word) {
  static const std::pair<std::string_view, std::string_view> kPairs[] = {
      {"yes", "no"}, {"y", "n"},     {"on", "off"},      {"ja", "nein"},
      {"j", "nein"}, {"oui", "non"}, {"wahr", "falsch"}, {"si", "no"}};
  for (const auto& [yes, no] : kPairs) {
    if (word == yes) return std::string(no);
    if (word == no) return std::string(yes);
  }
  return "";
}

// "true=yes&false=no", of those that are there. One is refused without the other.
std::string BoolParameters(const std::vector<std::string>& changed) {
  std::set<std::string> words[2];
  for (const std::string& text : changed) {
    if (const auto word = BoolWord(text)) words[*word ? 1 : 0].insert(Lower(text));
  }
  for (const int which : {0, 1}) {
    if (words[which].empty() && !words[1 - which].empty()) {
      words[which].insert(Opposite(*words[1 - which].begin()));
    }
  }
  std::string parameters;
  for (const int which : {1, 0}) {
    std::string list;
    for (const std::string& word : words[which]) list += (list.empty() ? "" : ",") + word;
    if (list.empty()) continue;
    parameters +=
        (parameters.empty() ? "" : "&") + std::string(which == 1 ? "true=" : "false=") + list;
  }
  return parameters;
}

// ---- characters ----

// Of the bytes 80 to 9F in windows-1252; 0: undefined.
constexpr std::array<char32_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

std::optional<std::string> FromWindows1252(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool special = byte >= 0x80 && byte < 0xA0;
    const char32_t code = special ? kWindows1252[byte - 0x80] : char32_t{byte};
    if (special && code == 0) return std::nullopt;
    merkle::AppendUtf8(code, &text);
  }
  return text;
}

// The byte that is this character in windows-1252, or in Latin-1 where that has it only.
std::optional<char> Byte1252(char32_t code) {
  const auto* const found = std::find(kWindows1252.begin(), kWindows1252.end(), code);
  if (code != 0 && found != kWindows1252.end()) {
    return static_cast<char>(0x80 + (found - kWindows1252.begin()));
  }
  if (code > 0xFF) return std::nullopt;
  return static_cast<char>(code);
}

// What was UTF-8 before it was read as windows-1252; nothing if `text` can't have been.
std::optional<std::string> OnceLess(const std::string& text) {
  if (merkle::IsAscii(text)) return std::nullopt;
  std::string bytes;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    const size_t size = merkle::Utf8CharacterBytes(p, end);
    if (size == 0) return std::nullopt;
    const std::optional<char> byte = Byte1252(merkle::DecodeUtf8(p, size));
    if (!byte) return std::nullopt;
    bytes += *byte;
    p += size;
  }
  return merkle::IsUtf8(bytes) ? std::optional(bytes) : std::nullopt;
}

void FoldTwiceEncoded(const Column&, Value* value) {
  if (!IsText(*value)) return;
  constexpr int kTimesMax = 3;
  for (int times = 0; times < kTimesMax; ++times) {
    auto text = OnceLess(value->text);
    if (!text) return;
    value->text = *std::move(text);
  }
}

void FoldWindows1252(const Column&, Value* value) {
  if (value->tag != Tag::kForeignText || !value->name.empty()) return;
  if (auto text = FromWindows1252(value->text)) SetText(*std::move(text), value);
}

// ---- bytes ----

void FoldZeroBytes(const Column&, Value* value) {
  if (value->tag != Tag::kBytes && value->tag != Tag::kUnparsedBytes && !IsText(*value)) return;
  value->text.erase(value->text.find_last_not_of('\0') + 1);
}

// "0xAB", "\xab", "X'ab'", "ab" and the byte.
void FoldHex(const Column&, Value* value) {
  if (!IsText(*value)) return;
  std::string digits = Lower(value->text);
  if (digits.starts_with("0x") || digits.starts_with("\\x")) {
    digits.erase(0, 2);
  } else if (digits.starts_with("x'") && digits.ends_with('\'') && digits.size() > 2) {
    digits = digits.substr(2, digits.size() - 3);
  }
  if (digits.size() < 4 || digits.size() % 2 != 0) return;
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    int byte = 0;
    for (const char c : {digits[i], digits[i + 1]}) {
      if (!IsDigit(c) && (c < 'a' || c > 'f')) return;
      byte = byte * 16 + (IsDigit(c) ? c - '0' : c - 'a' + 10);
    }
    bytes += static_cast<char>(byte);
  }
  *value = Value();
  value->tag = Tag::kBytes;
  value->text = std::move(bytes);
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

Fold Plain(std::string text, FoldFamily family, void (*apply)(const Column&, Value*),
           std::string types = "") {
  Fold fold;
  fold.text = std::move(text);
  fold.family = family;
  fold.apply = apply;
  fold.types = std::move(types);
  return fold;
}

// Of texts, and of the texts of type mismatches.
void AddReadings(ColumnType column, std::vector<Fold>* folds) {
  const bool any = column == ColumnType::kText || column == ColumnType::kDynamic;
  const std::string number = any ? "decimal" : "";
  if (any) {
    folds->push_back(TypeFold("the spelling of booleans", ColumnType::kBool));
    folds->push_back(Plain("leading zeros", FoldFamily::kType, FoldLeadingZeros, "integer"));
    folds->push_back(TypeFold("the form of integers", ColumnType::kInteger));
    folds->push_back(TypeFold("the form of numbers", ColumnType::kDecimal));
    folds->push_back(TypeFold("the form of floating point numbers", ColumnType::kFloat64));
    folds->push_back(TypeFold("the form of UUIDs", ColumnType::kUuid));
  }
  AddMomentFolds(column, folds);
  if (any) {
    folds->push_back(TypeFold("the form of times", ColumnType::kTime));
    folds->push_back(Plain("the form of JSON", FoldFamily::kType, FoldJson, "json"));
  }
  if (any || IsNumberType(column)) {
    Fold comma = Plain("a decimal comma", FoldFamily::kType, FoldDecimalComma, number);
    comma.url = [](const std::vector<std::string>& changed) {
      const bool has_comma =
          std::any_of(changed.begin(), changed.end(),
                      [](const std::string& text) { return text.find(',') != std::string::npos; });
      return std::string(has_comma ? "decimal=," : "");
    };
    folds->push_back(std::move(comma));
    folds->push_back(Plain("separated thousands", FoldFamily::kType, FoldThousands));
  }
  if (any || column == ColumnType::kBool) {
    Fold words = Plain("the words of booleans", FoldFamily::kType, FoldBoolWord, "bool");
    words.url = BoolParameters;
    folds->push_back(std::move(words));
  }
}

void AddCharacters(std::vector<Fold>* folds) {
  Fold foreign = Plain("text in windows-1252", FoldFamily::kCharacters, FoldWindows1252);
  foreign.url = [](const std::vector<std::string>&) {
    return std::string("encoding=windows-1252");
  };
  foreign.url_of = Store::kJsonLines;
  folds->push_back(std::move(foreign));
  folds->push_back(
      Plain("UTF-8 that was encoded twice", FoldFamily::kCharacters, FoldTwiceEncoded));
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
  for (const Rule& rule : CandidateRules(column.type)) folds.push_back(RuleFold(rule));
  folds.push_back(Plain("line ends", FoldFamily::kSpace, FoldLineEnds));
  folds.push_back(Plain("white space", FoldFamily::kSpace, FoldWhiteSpace));
  AddReadings(column.type, &folds);
  AddCharacters(&folds);
  folds.push_back(Plain("trailing zero bytes", FoldFamily::kZeroBytes, FoldZeroBytes));
  folds.push_back(Plain("the spelling of hexadecimal digits", FoldFamily::kHex, FoldHex));
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
  std::string option = fold.types.empty() ? "" : TypesOption(column, fold.types);
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
