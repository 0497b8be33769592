// How columns read values; also beyond what their type says (merkle/record/reading.h), and as the
// forms of a text file say (agent/source/source_value.h).
#include "agent/index/column_reading.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/index/read_value.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using Kind = SourceValue::Kind;

// The canonical value, with " !" behind it if it is a type mismatch. The same however long a text
// is.
std::string ReadColumn(const merkle::Column& column, const SourceValue& value,
                       const std::vector<std::string>& rules = {}) {
  const merkle::Schema schema{{{"k", ColumnType::kInteger}}, {column}};
  RowEncoder encoder(schema, rules);
  EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{SourceValue::Int64(1), value}).ok());
  const auto values = merkle::DecodeValues(encoder.value(), 1);
  EXPECT_TRUE(values.ok()) << values.status();
  return (*values)[0].ToDisplay() + (encoder.unparsed() == 0 ? "" : " !");
}

merkle::Column Of(ColumnType type, const std::string& reading) {
  return {"v", type, "", ColumnType::kDynamic, reading};
}

TEST(ColumnReadingTest, WithoutATypeNumbersOfEqualValueAgree) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kDynamic, v); };
  for (const SourceValue& v : {Int(1), SourceValue::Uint64(1), Real(1), Number("1.0")}) {
    EXPECT_EQ(read(v), "decimal 1");
  }
  EXPECT_EQ(read(Text("1")), "text 1");
  EXPECT_EQ(read(SourceValue::Bytes("1")), "bytes \\x31");
  EXPECT_EQ(read(SourceValue::Bool(true)), "bool true");
  EXPECT_EQ(read(Json("{\"a\": 1.0}")), "json {\"a\":1}");
  EXPECT_EQ(read(SourceValue::Null()), "null NULL");
}

TEST(ColumnReadingTest, OpaqueTextIsOfItsColumnsType) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kOpaque, v); };
  EXPECT_EQ(read(Text("[2024-01-01,)")), "opaque(tsrange) [2024-01-01,)");
  EXPECT_EQ(read(Text("")), "opaque(tsrange) ");
  EXPECT_EQ(read(Int(7)), "integer 7 !");
  EXPECT_EQ(read(SourceValue::Bytes("a")), "bytes \\x61 !");
}

TEST(ColumnReadingTest, WhatAServerWritesForATypeOfItsOwnIsReadAsNothingElse) {
  for (const char* text : {"{}", "[1,2]", "1", "true", "2024-01-01", "12:00:00",
                           "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}) {
    for (int number = 1; merkle::IsColumnType(static_cast<ColumnType>(number)); ++number) {
      const auto type = static_cast<ColumnType>(number);
      const std::string read = Read(type, Opaque(text));
      if (type == ColumnType::kText) {
        EXPECT_EQ(read, "text " + std::string(text));
      } else if (type == ColumnType::kOpaque) {
        EXPECT_EQ(read, "opaque(tsrange) " + std::string(text));
      } else if (type != ColumnType::kBits && type != ColumnType::kList &&
                 type != ColumnType::kSet) {
        EXPECT_EQ(read, "mismatched-text " + std::string(text) + " !")
            << merkle::ColumnTypeName(type);
      }
    }
  }
}

TEST(ColumnReadingTest, IntervalsReadInAllStyles) {
  const auto read = [](const SourceValue& v) {
    return ReadAs(merkle::ValueType::Opaque("interval"), v);
  };
  for (const SourceValue& value :
       {Opaque("P1DT2H"), Text("1 day 02:00:00"), String("@ 1 day 2 hours"), Stored("1 2:00:00")}) {
    EXPECT_EQ(read(value), "opaque(interval) P1DT2H") << value.text;
  }
  EXPECT_EQ(read(Text("soon")), "mismatched-text soon !");
  EXPECT_EQ(read(Text("\xff")), "foreign-text() \\xff !");
  EXPECT_EQ(read(Text(std::string(70'000, '1'))).substr(0, 16), "mismatched-text ");
}

TEST(ColumnReadingTest, TextOfASingleIsTheSingleAndOthersStayDoubles) {
  const merkle::Column single = Of(ColumnType::kFloat64, "single");
  const std::string tenth = ReadColumn(single, SourceValue::Double(0.1F));
  for (const SourceValue& value : {Text("0.1"), String("0.1"), Number("0.1"), Number("1e-1")}) {
    EXPECT_EQ(ReadColumn(single, value), tenth);
  }
  EXPECT_NE(ReadColumn(single, SourceValue::Double(0.1)), tenth) << "a double is another number";
  EXPECT_EQ(ReadColumn(single, Text("1e39")), "1e+39 !");
  EXPECT_EQ(ReadColumn(single, Text("1e-60")), "1e-60 !");
  EXPECT_EQ(ReadColumn(single, Text("NaN")), "NaN");
  EXPECT_EQ(ReadColumn(single, Text("-inf")), "-Infinity");
  EXPECT_EQ(ReadColumn(single, Text("-0")), "0");
  EXPECT_NE(ReadColumn(Of(ColumnType::kFloat64, ""), Text("0.1")), tenth);
}

TEST(ColumnReadingTest, PaddedTextHasNoSpacesAtItsEnd) {
  const merkle::Column padded = Of(ColumnType::kText, "padded");
  for (const SourceValue& value : {Text("x"), Text("x    "), String("x  ")}) {
    EXPECT_EQ(ReadColumn(padded, value), "x");
  }
  EXPECT_EQ(ReadColumn(padded, Text("   ")), "");
  EXPECT_EQ(ReadColumn(padded, Text(" x")), " x");
  EXPECT_EQ(ReadColumn(padded, Text("x\t ")), "x\t");
  EXPECT_EQ(ReadColumn(Of(ColumnType::kText, ""), Text("x ")), "x ");
  const std::string large(100'000, 'y');
  EXPECT_EQ(ReadColumn(padded, Text(large + std::string(100'000, ' '))), large);
  EXPECT_EQ(ReadColumn(padded, Text("X  "), {"v:casefold"}), "x");
  EXPECT_EQ(ReadColumn(padded, Text("\xff ")), "\\xff !");
}

TEST(ColumnReadingTest, MoneyIsADecimalWithSignAndSeparators) {
  const merkle::Column money = Of(ColumnType::kDecimal, "money");
  EXPECT_EQ(ReadColumn(money, Text("$1,234.50")), ReadColumn(money, Number("1234.50")));
  EXPECT_EQ(ReadColumn(money, String("-$5.00")), "-5");
  EXPECT_EQ(ReadColumn(money, Text("5")), "5");
  EXPECT_EQ(ReadColumn(money, Text("$1.234,50")), "$1.234,50 !");
  EXPECT_EQ(ReadColumn(Of(ColumnType::kDecimal, ""), Text("$5.00")), "$5.00 !");
}

TEST(ColumnReadingTest, NumbersAreMomentsWhereTheUserSaysSo) {
  const merkle::Column seconds = Of(ColumnType::kTimestamp, "unix");
  const std::string moment = "2024-02-29 12:34:56";
  for (const SourceValue& value :
       {SourceValue::Int64(1709210096), SourceValue::Uint64(1709210096),
        SourceValue::Double(1709210096), Number("1709210096.0"), Text("1709210096"),
        String("1709210096"), Text(moment), Text("2024-02-29T12:34:56"),
        SourceValue::Moment(Kind::kTimestamp, 1'709'210'096'000'000)}) {
    EXPECT_EQ(ReadColumn(seconds, value), moment);
  }
  EXPECT_EQ(ReadColumn(Of(ColumnType::kTimestampTz, "unix_ms"), SourceValue::Int64(1709210096500)),
            "2024-02-29 12:34:56.5Z");
  EXPECT_EQ(ReadColumn(seconds, Text("soon")), "soon !");
  EXPECT_EQ(ReadColumn(seconds, Number("1e300")), "1e300 !");
  EXPECT_EQ(ReadColumn(seconds, Number("0.0000005")), "0.0000005 !");
  EXPECT_EQ(ReadColumn(seconds, Number("0.0000005"), {"v:precision=us"}), "1970-01-01 00:00:00");
  EXPECT_EQ(ReadColumn(Of(ColumnType::kTimestamp, ""), SourceValue::Int64(1)), "1 !");
}

TEST(ColumnReadingTest, AFormatReadsTextAndLeavesMomentsAlone) {
  const merkle::Column german = Of(ColumnType::kDate, "%d.%m.%Y");
  for (const SourceValue& value :
       {Text("29.02.2024"), String("29.2.2024"), Text("2024-02-29"), Text("2024-02-29 00:00:00"),
        SourceValue::Moment(Kind::kDate, 19782)}) {
    EXPECT_EQ(ReadColumn(german, value), "2024-02-29");
  }
  EXPECT_EQ(ReadColumn(german, Text("30.02.2024")), "30.02.2024 !");
  EXPECT_EQ(ReadColumn(german, SourceValue::Int64(19782)), "19782 !");
}

TEST(ColumnReadingTest, ADateAndItsMidnightMeetWhereTheTypeIsSaid) {
  const merkle::Column date{"v", ColumnType::kDate};
  const merkle::Column timestamp{"v", ColumnType::kTimestamp};
  constexpr int64_t kDay = 86'400'000'000;
  const auto local = [](int64_t us) { return SourceValue::Moment(Kind::kTimestamp, us); };
  for (const SourceValue& value : {SourceValue::Moment(Kind::kDate, -1), local(-kDay),
                                   Text("1969-12-31"), Text("1969-12-31T00:00:00")}) {
    EXPECT_EQ(ReadColumn(date, value), "1969-12-31");
    EXPECT_EQ(ReadColumn(timestamp, value), "1969-12-31 00:00:00");
  }
  EXPECT_EQ(ReadColumn(date, local(1)), "1970-01-01 00:00:00.000001 !");
  EXPECT_EQ(ReadColumn(date, local(-kDay + 1)).back(), '!');
  EXPECT_EQ(ReadColumn(date, SourceValue::Moment(Kind::kTimestampTz, 0)).back(), '!');
  EXPECT_EQ(ReadColumn({"v", ColumnType::kTimestampTz}, SourceValue::Moment(Kind::kDate, 0)).back(),
            '!');
  EXPECT_EQ(ReadColumn(timestamp, SourceValue::Moment(Kind::kDate, INT64_MAX / 2)).back(), '!');
  using Special = merkle::Value::Special;
  for (const Special special :
       {Special::kMinusInfinity, Special::kPlusInfinity, Special::kZeroDate}) {
    const SourceValue day = SourceValue::SpecialMoment(Kind::kDate, special);
    const SourceValue moment = SourceValue::SpecialMoment(Kind::kTimestamp, special);
    EXPECT_EQ(ReadColumn(date, day), ReadColumn(date, moment));
    EXPECT_EQ(ReadColumn(timestamp, day), ReadColumn(timestamp, moment));
  }
}

TEST(ColumnReadingTest, FinerDigitsParseUnderTheRuleThatCutsThem) {
  const merkle::Column timestamp{"v", ColumnType::kTimestampTz};
  const SourceValue finer = Text("2024-01-02 03:04:05.999999999Z");
  EXPECT_EQ(ReadColumn(timestamp, finer), "2024-01-02 03:04:05.999999999Z !");
  EXPECT_EQ(ReadColumn(timestamp, finer, {"v:precision=us"}), "2024-01-02 03:04:05.999999Z");
  EXPECT_EQ(ReadColumn(timestamp, finer, {"v:precision=s"}), "2024-01-02 03:04:05Z");
  EXPECT_EQ(ReadColumn(timestamp, Text("never"), {"v:precision=s"}), "never !");
}

SourceValue In(const TextForms& forms, std::string_view text) {
  SourceValue value = SourceValue::Text(text);
  value.forms = &forms;
  return value;
}

TEST(ColumnReadingTest, AFileWithADecimalCommaHasNoPoints) {
  TextForms forms;
  forms.decimal_comma = true;
  const merkle::Column decimal{"v", ColumnType::kDecimal};
  EXPECT_EQ(ReadColumn(decimal, In(forms, "1234,50")), "1234.5");
  EXPECT_EQ(ReadColumn(decimal, In(forms, "-,5")), "-0.5");
  EXPECT_EQ(ReadColumn(decimal, In(forms, "12")), "12");
  const merkle::Column seconds = Of(ColumnType::kTimestamp, "unix");
  EXPECT_EQ(ReadColumn(seconds, In(forms, "1,5")), "1970-01-01 00:00:01.5");
  EXPECT_EQ(ReadColumn(seconds, In(forms, "1.709")), "1.709 !");
  EXPECT_EQ(ReadColumn(seconds, In(forms, "1970-01-01 00:00:01.5")), "1970-01-01 00:00:01.5");
  for (const char* text : {"1.234,50", "1.234", "1,2,3", "1234.5"}) {
    EXPECT_EQ(ReadColumn(decimal, In(forms, text)), std::string(text) + " !");
  }
  EXPECT_EQ(ReadColumn({"v", ColumnType::kFloat64}, In(forms, "0,1")), "0.1");
  EXPECT_EQ(ReadColumn(Of(ColumnType::kFloat64, "single"), In(forms, "0,5")), "0.5");
  EXPECT_EQ(ReadColumn({"v", ColumnType::kInteger}, In(forms, "12,0")), "12");
  EXPECT_EQ(ReadColumn({"v", ColumnType::kText}, In(forms, "0,1")), "0,1");
}

TEST(ColumnReadingTest, SeparatedThousandsAreGroupsOfThree) {
  TextForms forms;
  forms.thousands = ',';
  const merkle::Column decimal{"v", ColumnType::kDecimal};
  EXPECT_EQ(ReadColumn(decimal, In(forms, "1,234,567.50")), "1234567.5");
  EXPECT_EQ(ReadColumn(decimal, In(forms, "1234567.50")), "1234567.5");
  EXPECT_EQ(ReadColumn(decimal, In(forms, "1e3")), "1000");
  for (const char* text : {"1,23", "1,2345", "12,34,567", "0,123", "1,234.5,6", "1,234e5"}) {
    EXPECT_EQ(ReadColumn(decimal, In(forms, text)), std::string(text) + " !");
  }
  EXPECT_EQ(ReadColumn({"v", ColumnType::kInteger}, In(forms, "-1,234")), "-1234");
  EXPECT_EQ(ReadColumn({"v", ColumnType::kInteger}, In(forms, "1,234.5")), "1234.5 !");
  EXPECT_EQ(ReadColumn({"v", ColumnType::kFloat64}, In(forms, "1,234.5")), "1234.5");
  EXPECT_EQ(ReadColumn({"v", ColumnType::kText}, In(forms, "1,234")), "1,234");
  forms = {.decimal_comma = true, .thousands = '.'};
  EXPECT_EQ(ReadColumn(decimal, In(forms, "1.234,50")), "1234.5");
  EXPECT_EQ(ReadColumn(decimal, In(forms, "1.234")), "1234");
  EXPECT_EQ(ReadColumn(decimal, In(forms, "12,5")), "12.5");
  EXPECT_EQ(ReadColumn(decimal, In(forms, "1.5")), "1.5 !");
  forms = {.thousands = ' '};
  EXPECT_EQ(ReadColumn(decimal, In(forms, "1\u00A0234.5")), "1234.5");
}

TEST(ColumnReadingTest, AFilesOwnWordsAreItsBooleans) {
  TextForms forms;
  forms.true_words = {"ja", "J"};
  forms.false_words = {"nein"};
  const merkle::Column boolean{"v", ColumnType::kBool};
  EXPECT_EQ(ReadColumn(boolean, In(forms, "JA")), "true");
  EXPECT_EQ(ReadColumn(boolean, In(forms, "j")), "true");
  EXPECT_EQ(ReadColumn(boolean, In(forms, "nein")), "false");
  EXPECT_EQ(ReadColumn(boolean, In(forms, "true")), "true !")
      << "not one of the words that were said";
  EXPECT_EQ(ReadColumn(boolean, In(forms, "")), " !");
  forms.true_words = {"\u00c4\u00c4", "stra\u00dfe"};
  forms.false_words = {"\u043d\u0435\u0442"};
  EXPECT_EQ(ReadColumn(boolean, In(forms, "\u00e4\u00c4")), "true");
  EXPECT_EQ(ReadColumn(boolean, In(forms, "STRASSE")), "true");
  EXPECT_EQ(ReadColumn(boolean, In(forms, "\u041d\u0415\u0422")), "false");
  EXPECT_EQ(ReadColumn(boolean, In(forms, "aa")), "aa !");
}

TEST(ColumnReadingTest, BytesThatStandAsTheyAreAreNotReadAsHexadecimal) {
  TextForms forms;
  forms.raw_bytes = true;
  const merkle::Column bytes{"v", ColumnType::kBytes};
  EXPECT_EQ(ReadColumn(bytes, In(forms, "\x01\xff")), "\\x01ff");
  EXPECT_EQ(ReadColumn(bytes, In(forms, "\\x61")), "\\x5c783631");
  const std::string large(100'000, '\xfe');
  EXPECT_EQ(ReadColumn(bytes, In(forms, large)).substr(0, 6), "\\xfefe");
}

// The same moment, number or word, from whatever kind of store, is the same value: so equality
// within a type goes on from one pair of stores to the next.
TEST(ColumnReadingTest, WhatIsSpelledInManyWaysIsOneValueFromEveryKindOfStore) {
  struct Group {
    ColumnType type;
    std::vector<std::vector<const char*>> values;  // each spelled in these ways
  };
  const std::vector<Group> groups = {
      {ColumnType::kInteger,
       {{"1234", "1234.0", "+1234", "1234.", "01234", "1.234e3", "12340e-1"},
        {"2000", "2e3", "2000.000"},
        {"0", "-0", "0.0", "0e9", "-0.0e-5"},
        {"-7", "-7.0", "-70e-1"},
        {"1234.5"},
        {"12345"}}},
      {ColumnType::kDecimal,
       {{"1.5", "1.50", "+1.5", "15e-1", "01.5"}, {"1", "1.0", "1e0"}, {"1.05"}, {"NaN", "nan"}}},
      {ColumnType::kFloat64, {{"0.1", "1e-1", ".1", "0.10000000000000001"}, {"0.2"}, {"3", "3.0"}}},
      {ColumnType::kBool, {{"1", "t", "true", "TRUE"}, {"0", "f", "false"}, {"2"}}},
      {ColumnType::kDate,
       {{"2020-06-03", "20200603", "2020-06-03 00:00:00", "2020-06-03T00:00:00.000"},
        {"2020-06-04"},
        {"2020-06-03 00:00:01"}}},
      {ColumnType::kTimestamp,
       {{"2020-06-03", "2020-06-03 00:00:00", "20200603T000000", "2020-06-03T00:00"},
        {"2020-06-03 00:00:00.5", "2020-06-03T00:00:00.500000000"},
        {"2020-06-03 00:00:00Z"},
        {"2020-06-03 00:00:00.0000005"}}},
      {ColumnType::kTimestampTz,
       {{"2024-03-01 10:20:30Z", "2024-03-01 10:20:30 UTC", "2024-03-01T12:20:30+02",
         "2024-03-01 12:20:30 +0200", "20240301T102030Z"},
        {"2024-03-01 10:20:30"},
        {"2024-03-01 10:20:30.1234567Z"}}},
  };
  for (const Group& group : groups) {
    const merkle::Column column{"v", group.type};
    std::vector<std::string> seen;
    for (const auto& spellings : group.values) {
      const std::string first = ReadColumn(column, Text(spellings.front()));
      EXPECT_EQ(std::count(seen.begin(), seen.end(), first), 0) << first;
      seen.push_back(first);
      for (const char* spelling : spellings) {
        for (const Kind kind : {Kind::kText, Kind::kString, Kind::kStored}) {
          EXPECT_EQ(ReadColumn(column, SourceValue::OfText(kind, spelling)), first) << spelling;
        }
        const bool is_json = spelling[0] != '+' && spelling[0] != '.' && spelling[0] != 'N' &&
                             spelling[0] != 'n' && std::string(spelling).back() != '.';
        if (is_json && first.back() != '!' &&
            (group.type == ColumnType::kInteger || group.type == ColumnType::kDecimal ||
             group.type == ColumnType::kFloat64)) {
          EXPECT_EQ(ReadColumn(column, Number(spelling)), first) << spelling;
        }
      }
    }
  }
}

// So a column that was inferred to hold integers is compared as it would be as text, whatever is in
// it.
TEST(ColumnReadingTest, OfWhatIsInferredEqualIntegersAreEqualTexts) {
  const merkle::Column column{"v", ColumnType::kInteger, "", ColumnType::kDynamic, "inferred"};
  const std::vector<const char*> spellings = {
      "7", "007", "+7", "7.0", " 7", "7 ", "7e0",
      "0", "-0",  "00", "-7",  "x",  "",   "9223372036854775808"};
  std::vector<std::string> seen;
  for (const char* spelling : spellings) {
    const std::string read = ReadColumn(column, Text(spelling));
    EXPECT_EQ(std::count(seen.begin(), seen.end(), read), 0) << spelling;
    EXPECT_EQ(read.back() != '!', merkle::IsCanonicalInteger(spelling)) << spelling << " " << read;
    seen.push_back(read);
  }
  EXPECT_EQ(ReadColumn(column, Text("7")), ReadColumn({"v", ColumnType::kInteger}, Text("7")));
}

}  // namespace
}  // namespace driftwood::agent
