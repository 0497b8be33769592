#include "coordinator/audit/diagnostics/fold_readings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "coordinator/audit/diagnostics/fold_parts.h"
#include "merkle/record/decimal.h"
#include "merkle/record/encoding.h"
#include "merkle/record/reading.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {
namespace {

using merkle::Column;
using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;

bool IsNumberType(ColumnType type) {
  return type == ColumnType::kInteger || type == ColumnType::kDecimal ||
         type == ColumnType::kFloat64;
}

// ---- readings ----

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

// ---- doubles ----

// What a double may have made of a number: `number`, a canonical decimal, as the shortest text of
// the same double, if it has more digits than any double's or is that double's with all of 17. All
// else stays as it is, so that numbers which a double can't tell apart are no spellings of one: not
// whole ones, and not two of 17 digits.
std::string ThroughDouble(const std::string& number) {
  constexpr std::ptrdiff_t kDoubleDigitsMax = 17;
  if (number.find_first_of(".e") == std::string::npos) return number;
  const std::string_view mantissa = std::string_view(number).substr(0, number.find('e'));
  const size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return number;
  const std::string_view digits = mantissa.substr(first);
  const std::ptrdiff_t count = std::count_if(digits.begin(), digits.end(), IsDigit);
  if (count < kDoubleDigitsMax) return number;
  double real = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), real);
  if (error != std::errc() || end != number.data() + number.size()) return number;
  std::array<char, 32> buffer;
  if (count == kDoubleDigitsMax) {
    const auto all = std::to_chars(buffer.data(), buffer.data() + buffer.size(), real,
                                   std::chars_format::scientific, kDoubleDigitsMax - 1);
    const auto same = merkle::ParseDecimal(
        std::string_view(buffer.data(), static_cast<size_t>(all.ptr - buffer.data())));
    std::string canonical;
    if (same) merkle::AppendCanonicalDecimal(*same, &canonical);
    if (canonical != number) return number;
  }
  return std::string(merkle::ShortestDecimal(real, buffer));
}

void FoldToDouble(const Column&, Value* value) {
  if (value->tag != Tag::kDecimal) return;
  const std::string text = value->ToDisplay();
  if (const std::string folded = ThroughDouble(text); folded != text) {
    ReadAs(ColumnType::kDecimal, folded, value);
  }
}

void FoldToFloat(const Column& column, Value* value) {
  const auto readable = ReadableText(*value);
  if (!readable) return;
  ReadAs(ColumnType::kDecimal, *readable, value);
  FoldToDouble(column, value);
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

}  // namespace

void AddDoubles(ColumnType column, std::vector<Fold>* folds) {
  if (column != ColumnType::kDecimal && column != ColumnType::kInteger) return;
  Fold fold = Plain("more digits than a double has", FoldFamily::kType, FoldToDouble, "float64");
  fold.cuts = true;
  folds->push_back(std::move(fold));
}

void FoldJsonNumbers(const Column&, Value* value) {
  if (value->tag == Tag::kJson) value->text = merkle::MapJsonNumbers(value->text, ThroughDouble);
}

void AddReadings(ColumnType column, std::vector<Fold>* folds) {
  const bool any = column == ColumnType::kText || column == ColumnType::kDynamic;
  const std::string number = any ? "decimal" : "";
  if (any) {
    folds->push_back(TypeFold("the spelling of booleans", ColumnType::kBool));
    folds->push_back(Plain("leading zeros", FoldFamily::kType, FoldLeadingZeros, "integer"));
    folds->push_back(TypeFold("the form of integers", ColumnType::kInteger));
    folds->push_back(TypeFold("the form of numbers", ColumnType::kDecimal));
    folds->push_back(
        Plain("the form of floating point numbers", FoldFamily::kType, FoldToFloat, "float64"));
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

}  // namespace driftwood::coordinator
