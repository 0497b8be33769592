// The test bed of everyday causes: why copies differ, each alone, beside real changes and beside a
// second cause. What is told must be the cause, and nothing else; of real changes alone nothing is
// told.
// Covers explain_keys.cc, folds.cc, fold_characters.cc, fold_parts.cc, fold_readings.cc, remedy.cc,
// shifts.cc, thousands.cc and threshold.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>

#include "coordinator/audit/diagnostics/explain.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/record/rule.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Random = std::mt19937;
using Pair = std::pair<Value, Value>;

const std::vector<ExplainedReplica> kFiles = {{"left", ExplainedReplica::Store::kCsv},
                                              {"right", ExplainedReplica::Store::kCsv}};

// ---- values ----

Value Tagged(Tag tag, std::string text) {
  Value value;
  value.tag = tag;
  value.text = std::move(text);
  return value;
}
Value Text(std::string text) { return Tagged(Tag::kText, std::move(text)); }
Value Unparsed(std::string text) { return Tagged(Tag::kUnparsedText, std::move(text)); }
Value Bytes(std::string text) { return Tagged(Tag::kBytes, std::move(text)); }

template <typename Append>
Value Parsed(const Append& append, const std::string& text) {
  std::string bytes;
  EXPECT_TRUE(append(text, merkle::Place::kValue, &bytes)) << text;
  return merkle::DecodeValues(bytes, 1).value()[0];
}
Value Decimal(const std::string& text) { return Parsed(merkle::AppendDecimalText, text); }
Value Integer(int64_t number) { return Parsed(merkle::AppendIntegerText, std::to_string(number)); }
Value Json(const std::string& text) { return Parsed(merkle::AppendJsonText, text); }
Value Double(double number) {
  Value value;
  value.tag = Tag::kFloat64;
  value.real = number;
  return value;
}
Value List(const std::string& json) {
  return Parsed(
      [](auto text, auto place, auto* out) { return merkle::AppendListJson(text, place, out); },
      json);
}
Value Bool(bool is) {
  Value value;
  value.tag = is ? Tag::kTrue : Tag::kFalse;
  return value;
}
Value Moment(Tag tag, int64_t number) {
  Value value;
  value.tag = tag;
  value.number = number;
  return value;
}
constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;
Value Time(int64_t microseconds) { return Moment(Tag::kTimestamp, microseconds); }

// ---- random data ----

int64_t Between(int64_t low, int64_t high, Random& random) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

std::string Word(Random& random) {
  std::string word;
  const int64_t length = Between(3, 11, random);
  for (int64_t i = 0; i < length; ++i) word += static_cast<char>('a' + Between(0, 25, random));
  return word;
}

std::string Words(int64_t count, Random& random) {
  std::string words = Word(random);
  while (--count > 0) words += " " + Word(random);
  return words;
}

std::string Umlauts(Random& random) {
  static const std::vector<std::string> kLetters = {"\xC3\xBC", "\xC3\xA9", "\xC3\xB1", "\xC3\x85"};
  return Word(random) + kLetters[static_cast<size_t>(Between(0, 3, random))] + Word(random);
}

std::string Digits(int64_t count, Random& random) {
  std::string digits(1, static_cast<char>('1' + Between(0, 8, random)));
  while (--count > 0) digits += static_cast<char>('0' + Between(0, 9, random));
  return digits;
}

// "123.45": of `places` digits behind the point the last is not 0.
std::string Price(int64_t places, Random& random) {
  std::string text = Digits(Between(1, 4, random), random) + ".";
  for (int64_t i = 1; i < places; ++i) text += static_cast<char>('0' + Between(0, 9, random));
  return text + static_cast<char>('1' + Between(0, 8, random));
}

int64_t Instant(Random& random) { return Between(1'000'000'000, 1'900'000'000, random) * kSecond; }

std::string Hex(Random& random) {
  std::string hex;
  for (int i = 0; i < 8; ++i) hex += "0123456789abcdef"[Between(0, 15, random)];
  return "a" + hex + "b";
}

std::string Uuid(Random& random) {
  std::string uuid;
  for (const int length : {8, 4, 4, 4, 12}) {
    if (!uuid.empty()) uuid += "-";
    for (int i = 0; i < length; ++i) uuid += "0123456789abcdef"[Between(0, 15, random)];
  }
  return uuid;
}

std::string Upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::string Without(std::string text, char c) {
  std::erase(text, c);
  return text;
}

std::string DateText(int64_t days, const char* form) {
  const Value value = Moment(Tag::kDate, days);
  const std::string iso = value.ToDisplay();  // 2026-01-05
  std::string text = form;
  for (const auto& [word, part] :
       {std::pair{"YYYY", iso.substr(0, 4)}, {"MM", iso.substr(5, 2)}, {"DD", iso.substr(8, 2)}}) {
    text.replace(text.find(word), std::string(word).size(), part);
  }
  return text;
}

// Each character as its two bytes in Latin-1, in UTF-8 once more.
std::string Twice(const std::string& text) {
  std::string twice;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      twice += c;
    } else {
      twice += static_cast<char>(0xC0 | (byte >> 6));
      twice += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return twice;
}

std::string Latin1(const std::string& text) {
  std::string latin1;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      latin1 += text[i];
    } else {
      latin1 +=
          static_cast<char>(((byte & 3) << 6) | (static_cast<unsigned char>(text[++i]) & 0x3F));
    }
  }
  return latin1;
}

std::string Decomposed(std::string text) {
  const size_t at = text.find("\xC3\xA9");
  return text.replace(at, 2, "e\xCC\x81");
}

// ---- causes ----

struct Cause {
  const char* name;
  ColumnType type;
  // A value as it is in both, and as the cause has it.
  std::function<Pair(Random&)> make;
  std::string told;  // "text | rule | option"
};

// Of a random text, what becomes of it in the right one.
std::function<Pair(Random&)> Texts(const std::function<std::string(Random&)>& base,
                                   const std::function<std::string(const std::string&)>& changed) {
  return [base, changed](Random& random) {
    const std::string text = base(random);
    return Pair{Text(text), Text(changed(text))};
  };
}

std::vector<Cause> Causes() {
  const auto words = [](Random& random) { return Words(Between(2, 5, random), random); };
  const auto word = [](Random& random) { return Word(random); };
  const auto moved = [](int64_t offset) {
    return [offset](Random& random) {
      const int64_t at = Instant(random);
      return Pair{Time(at), Time(at + offset)};
    };
  };
  const auto null_is = [](const std::string& text) {
    return [text](Random&) { return Pair{Value(), Text(text)}; };
  };
  std::vector<Cause> causes = {
      // white space
      {"trailing spaces", ColumnType::kText,
       Texts(words, [](const std::string& text) { return text + "  "; }),
       "trailing spaces | v:rtrim | "},
      {"spaces around", ColumnType::kText,
       Texts(words, [](const std::string& text) { return " " + text + " "; }),
       "spaces around | v:trim | "},
      {"a space that does not break", ColumnType::kText,
       Texts(words,
             [](std::string text) { return text.replace(text.find(' '), 1, "\xC2\xA0"); }),
       "white space |  | "},
      {"a tab at the end", ColumnType::kText,
       Texts(words, [](const std::string& text) { return text + "\t"; }), "white space |  | "},
      {"two spaces for one", ColumnType::kText,
       Texts(words, [](std::string text) { return text.replace(text.find(' '), 1, "  "); }),
       "white space |  | "},
      {"line ends", ColumnType::kText,
       [word](Random& random) {
         const std::string a = word(random), b = word(random);
         return Pair{Text(a + "\n" + b), Text(a + "\r\n" + b)};
       },
       "line ends |  | "},
      // characters
      {"letter case", ColumnType::kText, Texts(words, Upper), "letter case | v:casefold | "},
      {"normal form", ColumnType::kText,
       Texts([](Random& random) { return Word(random) + "\xC3\xA9" + Word(random); }, Decomposed),
       "Unicode normal form | v:nfc | "},
      {"windows-1252", ColumnType::kText,
       [](Random& random) {
         const std::string text = Umlauts(random);
         return Pair{Text(text), Tagged(Tag::kForeignText, Latin1(text))};
       },
       "text in windows-1252 |  | encoding=windows-1252 in the URL of right"},
      {"encoded twice", ColumnType::kText, Texts(Umlauts, Twice),
       "UTF-8 that was encoded twice |  | "},
      {"lost characters", ColumnType::kText,
       Texts(Umlauts,
             [](std::string text) {
               for (size_t i = 0; i < text.size(); ++i) {
                 if (static_cast<unsigned char>(text[i]) >= 0x80) text.replace(i, 2, "?");
               }
               return text;
             }),
       "characters that are not ASCII are lost in right |  | "},
      // parts
      {"a cut text", ColumnType::kText,
       Texts([](Random& random) { return Word(random) + "x" + Words(3, random) + "xyz"; },
             [](const std::string& text) { return text.substr(0, 12); }),
       "right is cut at 12 characters |  | "},
      {"cut bytes", ColumnType::kBytes,
       [](Random& random) {
         const std::string bytes = Words(4, random);
         return Pair{Bytes(bytes), Bytes(bytes.substr(0, 8))};
       },
       "right is cut at 8 bytes |  | "},
      {"a prefix", ColumnType::kText,
       Texts(word, [](const std::string& text) { return "DE-" + text; }),
       "right has 'DE-' before it |  | "},
      {"an appended mark", ColumnType::kText,
       Texts(words, [](const std::string& text) { return text + "!"; }),
       "right has '!' behind it |  | "},
      {"quotes", ColumnType::kText,
       Texts(words, [](const std::string& text) { return "\"" + text + "\""; }),
       "right has '\"' before it and '\"' behind it |  | "},
      {"trailing zero bytes", ColumnType::kBytes,
       [](Random& random) {
         const std::string bytes = Word(random);
         return Pair{Bytes(bytes), Bytes(bytes + std::string(16 - bytes.size(), '\0'))};
       },
       "trailing zero bytes |  | "},
      {"hexadecimal digits", ColumnType::kText,
       Texts(Hex, [](const std::string& text) { return "0x" + Upper(text); }),
       "the spelling of hexadecimal digits |  | "},
      {"bytes as hexadecimal digits", ColumnType::kBytes,
       [](Random& random) {
         const std::string hex = Hex(random);
         std::string bytes;
         for (size_t i = 0; i < hex.size(); i += 2) {
           bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
         }
         return Pair{Bytes(bytes), Unparsed(hex)};
       },
       "the spelling of hexadecimal digits |  | "},
      // spellings
      {"leading zeros", ColumnType::kText,
       Texts([](Random& random) { return Digits(Between(2, 7, random), random); },
             [](const std::string& text) { return std::string(8 - text.size(), '0') + text; }),
       "leading zeros |  | --types v=integer"},
      {"1.50 against 1.5", ColumnType::kText,
       Texts([](Random& random) { return Price(1, random); },
             [](const std::string& text) { return text + "0"; }),
       "the form of numbers |  | --types v=decimal"},
      {"a decimal comma among texts", ColumnType::kText,
       Texts([](Random& random) { return Price(2, random); },
             [](std::string text) { return text.replace(text.find('.'), 1, ","); }),
       "a decimal comma |  | --types v=decimal and decimal=, in the URL of right"},
      {"a decimal comma", ColumnType::kDecimal,
       [](Random& random) {
         std::string text = Price(3, random);
         const Value value = Decimal(text);
         return Pair{value, Unparsed(text.replace(text.find('.'), 1, ","))};
       },
       "a decimal comma |  | decimal=, in the URL of right"},
      {"a decimal comma of a double", ColumnType::kFloat64,
       [](Random& random) {
         std::string text = Price(1, random);
         const Value value = Double(std::stod(text));
         return Pair{value, Unparsed(text.replace(text.find('.'), 1, ","))};
       },
       "a decimal comma |  | decimal=, in the URL of right"},
      {"thousands", ColumnType::kDecimal,
       [](Random& random) {
         std::string text = Digits(4, random) + ".25";
         const Value value = Decimal(text);
         return Pair{value, Unparsed(text.insert(1, ","))};
       },
       "separated thousands |  | thousands=, in the URL of right"},
      {"thousands and a decimal comma among texts", ColumnType::kText,
       [](Random& random) {
         const std::string whole = Digits(4, random), cents = Digits(2, random);
         return Pair{Text(whole + "." + cents),
                     Text(std::string(whole).insert(1, ".") + "," + cents)};
       },
       "separated thousands |  | --types v=decimal and thousands=.&decimal=, in the URL of right"},
      {"thousands with spaces", ColumnType::kDecimal,
       [](Random& random) {
         const std::string text = Digits(5, random) + "." + Digits(2, random);
         return Pair{Decimal(text), Unparsed(std::string(text).insert(2, "\u202F"))};
       },
       "separated thousands |  | thousands=space in the URL of right"},
      {"booleans", ColumnType::kText,
       [](Random& random) {
         const bool is = Between(0, 1, random) == 1;
         return Pair{Text(is ? "true" : "false"), Text(is ? "1" : "0")};
       },
       "the spelling of booleans |  | --types v=bool"},
      {"words of booleans", ColumnType::kBool,
       [](Random& random) {
         const bool is = Between(0, 1, random) == 1;
         return Pair{Bool(is), Unparsed(is ? "Yes" : "No")};
       },
       "the words of booleans |  | true=yes&false=no in the URL of right"},
      {"words of booleans among texts", ColumnType::kText,
       [](Random& random) {
         const bool is = Between(0, 1, random) == 1;
         return Pair{Text(is ? "1" : "0"), Text(is ? "Y" : "N")};
       },
       "the words of booleans |  | --types v=bool and true=y&false=n in the URL of right"},
      {"one word of booleans among texts", ColumnType::kText,
       [](Random& random) {
         const bool is = Between(0, 1, random) == 1;
         return Pair{Text(is ? "1" : "0"), Text(is ? "1" : "N")};
       },
       "the words of booleans |  | --types v=bool and true=y&false=n in the URL of right"},
      {"UUIDs", ColumnType::kText,
       Texts(Uuid, [](const std::string& text) { return Upper(Without(text, '-')); }),
       "the form of UUIDs |  | --types v=uuid"},
      {"UUIDs in braces", ColumnType::kText,
       Texts(Uuid, [](const std::string& text) { return "{" + text + "}"; }),
       "the form of UUIDs |  | --types v=uuid"},
      {"JSON", ColumnType::kText,
       [](Random& random) {
         const std::string a = Word(random), b = Digits(3, random);
         return Pair{Text("{\"a\":\"" + a + "\",\"b\":" + b + "}"),
                     Text("{\"b\": " + b + ", \"a\": \"" + a + "\"}")};
       },
       "the form of JSON |  | --types v=json"},
      {"JSON numbers", ColumnType::kJson,
       [](Random& random) {
         const std::string number = "0." + Digits(3, random) + "1";
         return Pair{Json("[" + number + "]"), Json("[" + number + "00000000000000000001]")};
       },
       "the form of JSON numbers | v:json=number-as-double | "},
      {"JSON numbers with all digits of a double", ColumnType::kJson,
       [](Random& random) {
         const std::string number = Digits(1, random) + "." + Digits(3, random) + "1";
         std::array<char, 64> digits;
         const int size = std::snprintf(digits.data(), digits.size(), "%.17g", std::stod(number));
         return Pair{Json("[" + number + "]"),
                     Json("[" + std::string(digits.data(), static_cast<size_t>(size)) + "]")};
       },
       "the form of JSON numbers | v:json=number-as-double | "},
      {"order of a list", ColumnType::kList,
       [](Random& random) {
         const std::string a = Word(random), b = Word(random) + "x";
         return Pair{List("[\"" + a + "\",\"" + b + "\"]"), List("[\"" + b + "\",\"" + a + "\"]")};
       },
       "the order of elements |  | --types v=set"},
      {"order of what commas separate", ColumnType::kText,
       [](Random& random) {
         const std::string a = Word(random), b = Word(random) + "x", c = Word(random) + "yz";
         return Pair{Text(a + "," + b + "," + c), Text(c + "," + a + "," + b)};
       },
       "the order of elements |  | --types v=set"},
      // NULL
      {"NULL and the empty text", ColumnType::kText,
       [](Random&) { return Pair{Value(), Text("")}; }, "NULL against '' | v:empty=null | "},
      {"NULL", ColumnType::kText, null_is("NULL"),
       "NULL is the text NULL in right |  | null=NULL in the URL of right"},
      {"null", ColumnType::kText, null_is("null"),
       "NULL is the text null in right |  | null=null in the URL of right"},
      {"\\N", ColumnType::kText, null_is("\\N"),
       "NULL is the text \\N in right |  | null=%5CN in the URL of right"},
      {"None", ColumnType::kText, null_is("None"),
       "NULL is the text None in right |  | null=None in the URL of right"},
      {"NaN", ColumnType::kText, null_is("NaN"),
       "NULL is the text NaN in right |  | null=NaN in the URL of right"},
      {"NULL in numbers", ColumnType::kInteger,
       [](Random&) { return Pair{Unparsed("NULL"), Value()}; },
       "NULL is the text NULL in left |  | null=NULL in the URL of left"},
      // numbers
      {"rounded", ColumnType::kDecimal,
       [](Random& random) {
         const Value fine = Decimal(Price(4, random));
         Value rounded = fine;
         merkle::ApplyRule({merkle::RuleKind::kRound, 2}, &rounded);
         return Pair{rounded, fine};
       },
       "more than 2 digits behind the point | v:round=2 | "},
      {"the digits of a double", ColumnType::kDecimal,
       [](Random& random) {
         const std::string text = Price(4, random);
         std::array<char, 64> long_text;
         const int size =
             std::snprintf(long_text.data(), long_text.size(), "%.25g", std::stod(text));
         return Pair{Decimal(text), Decimal({long_text.data(), static_cast<size_t>(size)})};
       },
       "more digits than a double has |  | --types v=float64"},
      {"cut digits", ColumnType::kDecimal,
       [](Random& random) {
         const std::string fine = Price(5, random);
         return Pair{Decimal(fine), Decimal(fine.substr(0, fine.find('.') + 3))};
       },
       "digits cut off, but for 2 behind the point |  | "},
      {"cents", ColumnType::kDecimal,
       [](Random& random) {
         const std::string text = Price(2, random);
         return Pair{Decimal(text), Decimal(text + "e2")};
       },
       "right is 100 times left |  | "},
      {"cents of doubles", ColumnType::kFloat64,
       [](Random& random) {
         const double number = std::stod(Price(2, random));
         return Pair{Double(number), Double(number * 100)};
       },
       "right is 100 times left |  | "},
      {"a constant offset", ColumnType::kInteger,
       [](Random& random) {
         const int64_t number = Between(1, 100'000, random);
         return Pair{Integer(number), Integer(number - 7)};
       },
       "right is at a constant offset of -7 from left |  | "},
      {"off by a cent", ColumnType::kDecimal,
       [](Random& random) {
         const int64_t cents = Between(100, 99'999, random);
         return Pair{Decimal(std::to_string(cents) + "e-2"),
                     Decimal(std::to_string(cents + 1) + "e-2")};
       },
       "right is at a constant offset of +0.01 from left |  | "},
      {"whole numbers off by a cent", ColumnType::kDecimal,
       [](Random& random) {
         const std::string whole = Digits(3, random);
         return Pair{Decimal(whole), Decimal(whole + ".01")};
       },
       "right is at a constant offset of +0.01 from left |  | "},
      {"the sign", ColumnType::kInteger,
       [](Random& random) {
         const int64_t number = Between(1, 100'000, random);
         return Pair{Integer(number), Integer(-number)};
       },
       "the sign |  | "},
      {"single precision", ColumnType::kFloat64,
       [](Random& random) {
         const double number = std::stod(Price(9, random));
         return Pair{Double(static_cast<float>(number)), Double(number)};
       },
       "single against double precision | v:float=32 | "},
      // moments
      {"a zone", ColumnType::kTimestamp, moved(2 * kHour),
       "right is at a constant offset of +02:00:00 from left |  | --types v=timestamptz and --zone "
       "left:v=UTC,right:v=UTC+2"},
      {"half an hour", ColumnType::kTimestamp, moved(-kHour / 2),
       "right is at a constant offset of -00:30:00 from left |  | --types v=timestamptz and --zone "
       "left:v=UTC,right:v=UTC-0:30"},
      {"a local time", ColumnType::kTimestampTz,
       [](Random& random) {
         const int64_t at = Instant(random);
         return Pair{Moment(Tag::kTimestampTz, at), Unparsed(Time(at + 2 * kHour).ToDisplay())};
       },
       "right is at a constant offset of +02:00:00 from left |  | --zone right:v=UTC+2"},
      {"daylight saving time", ColumnType::kTimestamp,
       [winter = std::make_shared<int>(0)](Random& random) {
         const int64_t at = Instant(random);
         return Pair{Time(at), Time(at + (++*winter % 3 == 0 ? 1 : 2) * kHour)};
       },
       "right is at an offset of +01:00:00 or +02:00:00 from left, as with daylight saving time |  "
       "| "},
      {"whole seconds", ColumnType::kTimestamp,
       [](Random& random) {
         const int64_t at = Instant(random);
         return Pair{Time(at), Time(at + Between(100'000, 999'999, random))};
       },
       "time finer than seconds | v:precision=s | "},
      {"milliseconds", ColumnType::kTimestamp,
       [](Random& random) {
         const int64_t at = Instant(random) + 1000 * Between(101, 999, random);
         return Pair{Time(at), Time(at + Between(1, 999, random))};
       },
       "time finer than milliseconds | v:precision=ms | "},
      {"no time of day", ColumnType::kTimestamp,
       [](Random& random) {
         const int64_t at = Instant(random) / kDay * kDay;
         return Pair{Time(at), Time(at + Between(1, 86'399, random) * kSecond)};
       },
       "the time of day |  | "},
      {"a date and its midnight", ColumnType::kText,
       [](Random& random) {
         const std::string date = DateText(Between(9'000, 22'000, random), "YYYY-MM-DD");
         return Pair{Text(date), Text(date + " 00:00:00")};
       },
       "the form of dates |  | --types v=date"},
      {"a date's format", ColumnType::kDate,
       [](Random& random) {
         const int64_t days = Between(9'000, 22'000, random);
         return Pair{Moment(Tag::kDate, days), Unparsed(DateText(days, "DD.MM.YYYY"))};
       },
       "the format %d.%m.%Y |  | --types v=date:%d.%m.%Y"},
      {"a date's format among texts", ColumnType::kText,
       [](Random& random) {
         const int64_t days = Between(9'000, 22'000, random);
         return Pair{Text(DateText(days, "YYYY-MM-DD")), Text(DateText(days, "MM/DD/YYYY"))};
       },
       "the format %m/%d/%Y |  | --types v=date:%m/%d/%Y"},
      {"seconds since 1970", ColumnType::kTimestamp,
       [](Random& random) {
         const int64_t at = Instant(random);
         return Pair{Time(at), Unparsed(std::to_string(at / kSecond))};
       },
       "seconds since 1970 against timestamps |  | --types v=timestamp:unix"},
      {"milliseconds since 1970 among texts", ColumnType::kText,
       [](Random& random) {
         const int64_t at = Instant(random);
         return Pair{Text(Time(at).ToDisplay()), Text(std::to_string(at / 1000))};
       },
       "milliseconds since 1970 against timestamps |  | --types v=timestamp:unix_ms"},
      {"the form of timestamps", ColumnType::kText,
       [](Random& random) {
         const std::string text = Time(Instant(random)).ToDisplay();
         std::string other = text;
         return Pair{Text(text), Text(other.replace(other.find(' '), 1, "T"))};
       },
       "the form of timestamps |  | --types v=timestamp"},
  };
  return causes;
}

// ---- the bed ----

SampledRecord Record(std::vector<Value> left, std::vector<Value> right) {
  SampledRecord record;
  record.values = {std::move(left), std::move(right)};
  return record;
}

// A real change: two values that have nothing to do with each other, in each side's form.
Pair Noise(const Cause& cause, Random& random) {
  return {cause.make(random).first, cause.make(random).second};
}

std::vector<std::string> Told(ColumnType type, std::vector<Pair> pairs, Random& random) {
  std::shuffle(pairs.begin(), pairs.end(), random);
  std::vector<SampledRecord> sample;
  for (Pair& pair : pairs) sample.push_back(Record({pair.first}, {pair.second}));
  const merkle::Schema schema{{{"id", ColumnType::kInteger}}, {{"v", type}}};
  const Explanation why = Explain(schema, kFiles, sample);
  std::vector<std::string> told;
  if (why.columns.empty()) return told;
  for (const Hypothesis& one : why.columns[0].hypotheses) {
    told.push_back(one.text + " | " + one.rule + " | " + one.option);
  }
  return told;
}

class CausesTest : public ::testing::Test {
 protected:
  static constexpr int kRounds = 20;
  const uint32_t seed_ = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  Random random_{seed_};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
};

std::vector<Pair> Make(const Cause& cause, int64_t count, Random& random) {
  std::vector<Pair> pairs;
  for (int64_t i = 0; i < count; ++i) pairs.push_back(cause.make(random));
  return pairs;
}

TEST_F(CausesTest, EachAloneIsTold) {
  for (const Cause& cause : Causes()) {
    for (int round = 0; round < kRounds; ++round) {
      const auto pairs = Make(cause, Between(8, 100, random_), random_);
      EXPECT_THAT(Told(cause.type, pairs, random_), ElementsAre(cause.told)) << cause.name;
    }
  }
}

TEST_F(CausesTest, EachBesideRealChangesIsToldAndNothingElse) {
  for (const Cause& cause : Causes()) {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Pair> pairs = Make(cause, 60, random_);
      for (int64_t i = Between(1, 40, random_); i > 0; --i) {
        pairs.push_back(Noise(cause, random_));
      }
      EXPECT_THAT(Told(cause.type, pairs, random_), ElementsAre(cause.told)) << cause.name;
    }
  }
}

// What each of two would be told by alone, and nothing else; at least one of them is.
TEST_F(CausesTest, OfTwoCausesNothingElseIsTold) {
  const std::vector<Cause> causes = Causes();
  size_t both = 0, pairs_of_causes = 0;
  for (const Cause& one : causes) {
    for (const Cause& other : causes) {
      if (one.type != other.type || &one >= &other || one.told == other.told) continue;
      std::vector<Pair> pairs = Make(one, 50, random_);
      for (Pair& pair : Make(other, 30, random_)) pairs.push_back(std::move(pair));
      const std::vector<std::string> told = Told(one.type, pairs, random_);
      ++pairs_of_causes;
      // Two forms of one thing are told as it, and then no option reads both.
      const std::string thing = one.told.substr(0, one.told.rfind("| ") + 2);
      const bool are_forms = other.told.starts_with(thing);
      for (const std::string& hypothesis : told) {
        EXPECT_THAT(hypothesis,
                    ::testing::AnyOf(one.told, other.told, are_forms ? thing : one.told))
            << one.name << " and " << other.name;
      }
      both += told.size() == 2 ? 1 : 0;
    }
  }
  EXPECT_GT(both, pairs_of_causes / 2) << "of " << pairs_of_causes;
}

TEST_F(CausesTest, OfRealChangesNothingIsTold) {
  for (const Cause& cause : Causes()) {
    // Two values at most: one of them is as good as the other.
    if (cause.told.starts_with("NULL") || cause.type == ColumnType::kBool ||
        cause.told.find("bool") != std::string::npos) {
      continue;
    }
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Pair> pairs;
      for (int64_t i = Between(2, 100, random_); i > 0; --i) {
        const Value left = cause.make(random_).first, right = cause.make(random_).first;
        if (left != right) pairs.emplace_back(left, right);
      }
      EXPECT_THAT(Told(cause.type, pairs, random_), IsEmpty()) << cause.name;
    }
  }
}

// Values of few kinds, which are alike by chance.
TEST_F(CausesTest, OfRealChangesAmongFewValuesNothingIsTold) {
  const std::vector<std::function<Value()>> kinds = {
      [&] { return Integer(Between(0, 1, random_)); },
      [&] { return Integer(Between(0, 9, random_)); },
      [&] { return Integer(Between(-50, 50, random_)); },
      [&] { return Decimal(std::to_string(Between(0, 500, random_)) + "e-2"); },
      [&] { return Decimal(std::to_string(Between(0, 30, random_)) + "e-1"); },
      [&] { return Decimal(std::to_string(Between(1, 9, random_) * 100)); },
      // The same double, most of them.
      [&] { return Decimal("90071992547409920" + std::to_string(Between(10, 99, random_))); },
      [&] { return Decimal("90071992547409." + std::to_string(Between(920, 999, random_))); },
      [&] { return Decimal("0.9007199254740992" + std::to_string(Between(1, 9, random_))); },
  };
  for (int round = 0; round < 10 * kRounds; ++round) {
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
      std::vector<Pair> pairs;
      for (int64_t i = Between(10, 100, random_); i > 0; --i) {
        const Value left = kinds[kind](), right = kinds[kind]();
        if (left != right) pairs.emplace_back(left, right);
      }
      EXPECT_THAT(Told(ColumnType::kDecimal, pairs, random_), IsEmpty()) << kind;
      for (auto& [left, right] : pairs) {
        left = Text(left.ToDisplay());
        right = Text(right.ToDisplay());
      }
      EXPECT_THAT(Told(ColumnType::kText, pairs, random_), IsEmpty()) << kind << " as texts";
      for (auto& [left, right] : pairs) {
        left = Json("{\"n\":" + left.text + "}");
        right = Json("{\"n\":" + right.text + "}");
      }
      EXPECT_THAT(Told(ColumnType::kJson, pairs, random_), IsEmpty()) << kind << " in JSON";
    }
  }
}

TEST_F(CausesTest, ColumnsWithEachOthersValuesAreTold) {
  const merkle::Schema schema{{{"id", ColumnType::kInteger}},
                              {{"a", ColumnType::kText}, {"b", ColumnType::kText}}};
  std::vector<SampledRecord> sample;
  for (int i = 0; i < 20; ++i) {
    const Value a = Text(Word(random_)), b = Text(Word(random_) + "x");
    sample.push_back(Record({a, b}, {b, a}));
  }
  for (int i = 0; i < 5; ++i) {
    sample.push_back(Record({Text(Word(random_)), Text("y")}, {Text(Word(random_)), Text("y")}));
  }
  const Explanation why = Explain(schema, kFiles, sample);
  ASSERT_EQ(why.columns.size(), 2u);
  for (const ExplainedColumn& column : why.columns) {
    ASSERT_EQ(column.hypotheses.size(), 1u);
    EXPECT_EQ(column.hypotheses[0].explains, 20u);
    EXPECT_EQ(column.hypotheses[0].text,
              column.column == "a" ? "the values are those of b" : "the values are those of a");
    // They may be swapped in these rows only, and a renaming would part all others.
    EXPECT_EQ(column.hypotheses[0].option, "");
  }
}

// ---- keys ----

std::string ToldOfKeys(ColumnType type, std::vector<Value> left, std::vector<Value> right) {
  // A key is there once, and missing on one side.
  std::map<std::string, int> seen;
  for (auto* keys : {&left, &right}) {
    std::erase_if(*keys, [&](const Value& key) {
      std::string encoded;
      merkle::AppendValue(key, merkle::Place::kValue, &encoded);
      return ++seen[encoded] > 1;
    });
  }
  const merkle::Schema schema{{{"v", type}}, {}};
  std::vector<MissingRecord> missing;
  for (const auto& [keys, has] : {std::pair{&left, 0}, {&right, 1}}) {
    for (const Value& key : *keys) {
      MissingRecord& record = missing.emplace_back();
      record.key.columns = {key};
      record.has = {has == 0, has == 1};
    }
  }
  const ExplainedKeys keys = Explain(schema, kFiles, {}, missing).keys;
  if (keys.pairs == 0) return "";
  EXPECT_GE(keys.pairs, 30u);
  return keys.text + " | " + keys.rule + " | " + keys.option;
}

// The same list, where the values can be keys and tell records apart.
TEST_F(CausesTest, KeysUnderAnotherSpellingAreToldBesideOthers) {
  const std::vector<std::string> no_keys = {"NULL is",
                                            "NULL against",
                                            "the spelling of booleans",
                                            "the words of booleans",
                                            "digits",
                                            "more than",
                                            "single",
                                            "right is 100",
                                            "right is at an offset",
                                            "time finer",
                                            "the time of day",
                                            "the form of JSON",
                                            "characters that are not ASCII",
                                            "+0.01",
                                            "right is cut at 8 bytes",
                                            "sign",
                                            "--zone right:v=UTC+2"};
  for (const Cause& cause : Causes()) {
    if (std::any_of(no_keys.begin(), no_keys.end(), [&](const std::string& words) {
          return cause.told.find(words) != std::string::npos;
        })) {
      continue;
    }
    for (int round = 0; round < 3; ++round) {
      std::vector<Value> left, right;
      for (const auto& [a, b] : Make(cause, 60, random_)) {
        left.push_back(a);
        right.push_back(b);
      }
      for (int i = 0; i < 15; ++i) {
        left.push_back(cause.make(random_).first);
        right.push_back(cause.make(random_).second);
      }
      std::shuffle(right.begin(), right.end(), random_);
      std::string told = ToldOfKeys(cause.type, left, right);
      EXPECT_EQ(told, cause.told) << cause.name;
    }
  }
}

TEST_F(CausesTest, OfKeysThatAreMissingNothingIsTold) {
  for (const Cause& cause : Causes()) {
    if (cause.told.starts_with("NULL") || cause.told.find("bool") != std::string::npos) continue;
    std::vector<Value> left, right;
    for (int i = 0; i < 60; ++i) {
      left.push_back(cause.make(random_).first);
      right.push_back(cause.make(random_).first);
    }
    EXPECT_EQ(ToldOfKeys(cause.type, left, right), "") << cause.name;
  }
  std::vector<Value> left, right;
  for (int i = 0; i < 100; ++i) {
    left.push_back(Integer(i));
    right.push_back(Integer(1000 + i));
  }
  EXPECT_EQ(ToldOfKeys(ColumnType::kInteger, left, right), "")
      << "two ranges lie at many offsets from each other";
}

}  // namespace
}  // namespace driftwood::coordinator
