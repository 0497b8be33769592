#include "agent/stores/postgresql/pg_literal.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "merkle/record/datetime.h"
#include "tests/agent/stores/postgresql/postgresql_store_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;
using Special = merkle::Value::Special;

class PgLiteralTest : public PostgresqlStoreTest {
 protected:
  void SetUp() override {
    PostgresqlStoreTest::SetUp();
    if (IsSkipped()) return;
    auto connection = PgConnection::Open(
        {{"host", server_->folder().string()}, {"user", "test"}, {"dbname", "postgres"}});
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_ = *std::move(connection);
    ASSERT_TRUE(connection_->Begin().ok());
  }

  // "" where there is none.
  std::string Literal(PgForm form, const SourceValue& value,
                      const std::string& declared = "text") const {
    PgColumn column{"k", declared, {}};
    column.mapping.form = form;
    const auto literal = PgLiteral(*connection_, column, value);
    EXPECT_TRUE(literal.ok() || absl::IsUnimplemented(literal.status())) << literal.status();
    return literal.value_or("");
  }
  // What the server makes of the literal.
  std::string Read(const std::string& literal, const std::string& type) const {
    const auto result =
        connection_->Query("SELECT (" + literal + ")::pg_catalog." + type + "::pg_catalog.text");
    EXPECT_TRUE(result.ok()) << literal << ": " << result.status();
    return result.ok() ? result->Text(0, 0) : "";
  }

  std::unique_ptr<PgConnection> connection_;
};

TEST_F(PgLiteralTest, RandomMomentsAreReadAsTheyAreShown) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  constexpr int64_t kDayMicros = int64_t{86'400} * 1'000'000;
  // 4714-11-24 BC, and 24000-01-01.
  std::uniform_int_distribution<int64_t> days(-2440588, 8046319);
  std::uniform_int_distribution<int64_t> in_day(0, kDayMicros - 1);
  for (int i = 0; i < 300; ++i) {
    const int64_t day = days(random);
    const int64_t micros = day * kDayMicros + (i % 3 == 0 ? 0 : in_day(random));
    std::string date, moment;
    merkle::AppendDateDisplay(day, &date);
    merkle::AppendTimestampDisplay(micros, false, &moment);
    const std::string read_date =
        Read(Literal(PgForm::kDate, SourceValue::Moment(Kind::kDate, day)), "date");
    EXPECT_EQ(merkle::ParseDate(read_date)->number, day) << date;
    const std::string read = Read(
        Literal(PgForm::kTimestamp, SourceValue::Moment(Kind::kTimestamp, micros)), "timestamp");
    EXPECT_EQ(merkle::ParseTimestamp(read, false)->number, micros) << moment;
    const std::string zoned =
        Read(Literal(PgForm::kTimestampTz, SourceValue::Moment(Kind::kTimestampTz, micros)),
             "timestamptz");
    EXPECT_EQ(merkle::ParseTimestamp(zoned, true)->number, micros) << moment;
  }
}

// Another store may hold what PostgreSQL can't: to ask it for that would be an error, though what
// can't be there is just not there.
TEST_F(PgLiteralTest, WhatTheServerCanNotHoldIsEqualToNothing) {
  const auto held = [&](PgForm form, Kind kind, const std::string& type, int64_t number) {
    const std::string literal = Literal(form, SourceValue::Moment(kind, number));
    EXPECT_NE(literal, "");
    return Read("(" + literal + ") OPERATOR(pg_catalog.=) (" + literal + ")", "bool") == "true" &&
           !Read(literal, type).empty();
  };
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kDayMicros = int64_t{86'400} * 1'000'000;
  const int64_t first_day = merkle::ParseDate("4714-11-24 BC")->number;
  const int64_t last_day = merkle::ParseDate("5874897-12-31")->number;
  for (const int64_t days : {first_day, int64_t{0}, last_day}) {
    EXPECT_TRUE(held(PgForm::kDate, Kind::kDate, "date", days)) << days;
  }
  for (const int64_t days : {kMin, first_day - 1, last_day + 1, kMax}) {
    EXPECT_FALSE(held(PgForm::kDate, Kind::kDate, "date", days)) << days;
  }
  for (const auto& [form, kind, type] :
       {std::tuple(PgForm::kTimestamp, Kind::kTimestamp, "timestamp"),
        std::tuple(PgForm::kTimestampTz, Kind::kTimestampTz, "timestamptz")}) {
    for (const int64_t micros : {first_day * kDayMicros, int64_t{0}, kMax}) {
      EXPECT_TRUE(held(form, kind, type, micros)) << micros;
    }
    for (const int64_t micros : {kMin, first_day * kDayMicros - 1}) {
      EXPECT_FALSE(held(form, kind, type, micros)) << micros;
    }
  }
}

TEST_F(PgLiteralTest, InfinitiesAreMomentsAndAZeroDateIsNone) {
  for (const auto& [form, kind, type] :
       {std::tuple(PgForm::kDate, Kind::kDate, "date"),
        std::tuple(PgForm::kTimestamp, Kind::kTimestamp, "timestamp"),
        std::tuple(PgForm::kTimestampTz, Kind::kTimestampTz, "timestamptz")}) {
    const auto special = [&, f = form, k = kind](Special value) {
      return Literal(f, SourceValue::SpecialMoment(k, value));
    };
    EXPECT_EQ(Read(special(Special::kPlusInfinity), type), "infinity");
    EXPECT_EQ(Read(special(Special::kMinusInfinity), type), "-infinity");
    EXPECT_EQ(special(Special::kZeroDate), "");
  }
}

TEST_F(PgLiteralTest, IntegersAreReadInEachWidth) {
  for (const int64_t value : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
                              std::numeric_limits<int64_t>::max()}) {
    for (const PgForm form : {PgForm::kInt2, PgForm::kInt4, PgForm::kInt8}) {
      // No smallint is as large, and asking for it is no error.
      EXPECT_EQ(Read(Literal(form, SourceValue::Int64(value)), "int8"), std::to_string(value));
    }
  }
  EXPECT_EQ(Literal(PgForm::kInt8, SourceValue::Uint64(7)), "");
  EXPECT_EQ(Literal(PgForm::kInt8, SourceValue::Text("7")), "");
  EXPECT_EQ(Literal(PgForm::kInt8, SourceValue::OfText(Kind::kNumber, "7")), "");
}

TEST_F(PgLiteralTest, DecimalsAreDigitsOnly) {
  const auto number = [&](const std::string& text) {
    return Literal(PgForm::kNumeric, SourceValue::OfText(Kind::kNumber, text));
  };
  EXPECT_EQ(Read(number("-0.50"), "numeric"), "-0.50");
  EXPECT_EQ(Read(number(std::string(1000, '9')), "numeric"), std::string(1000, '9'));
  for (const std::string& none : {std::string(1001, '9'), std::string("NaN"), std::string(),
                                  std::string("1e5"), std::string("1'2"), std::string("1 2")}) {
    EXPECT_EQ(number(none), "") << none;
  }
}

// Whatever a text holds, it is that text and nothing else.
TEST_F(PgLiteralTest, RandomTextsComeBackByteForByte) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const std::vector<std::string> pieces = {"'",  "\\",         "\"",   "$$", ";",  "--",
                                           "/*", "\n",         "\r",   "%",  "E'", "x",
                                           "é",  "\U0001F600", "\x01", ":",  "?",  " "};
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += pieces[random() % pieces.size()];
    for (const char* const declared : {"text", "character varying", "character varying(20)"}) {
      EXPECT_EQ(Read(Literal(PgForm::kText, SourceValue::Text(text), declared), "text"), text);
    }
  }
}

TEST_F(PgLiteralTest, WhatIsNoPlainTextHasNone) {
  const SourceValue text = SourceValue::Text("a");
  for (const char* const declared :
       {"mood", "name", "citext", "character(3)", "json", "\"char\""}) {
    EXPECT_EQ(Literal(PgForm::kText, text, declared), "") << declared;
  }
  EXPECT_EQ(Literal(PgForm::kText, SourceValue::Text(std::string_view("a\0b", 3))), "");
  for (const Kind kind : {Kind::kString, Kind::kStored, Kind::kBytes, Kind::kNumber, Kind::kOpaque,
                          Kind::kForeignText, Kind::kBits, Kind::kUuid}) {
    EXPECT_EQ(Literal(PgForm::kText, SourceValue::OfText(kind, "a")), "");
  }
  PgColumn cast{"k\n", "text", {}};
  cast.mapping.form = PgForm::kText;
  cast.mapping.cast = "::pg_catalog.text";
  const auto literal = PgLiteral(*connection_, cast, text);
  EXPECT_TRUE(absl::IsUnimplemented(literal.status()));
  EXPECT_EQ(literal.status().message(), "k\\n can't be looked up");
}

TEST_F(PgLiteralTest, OtherFormsHaveOneForTheirOwnKindOnly) {
  EXPECT_EQ(Read(Literal(PgForm::kBool, SourceValue::Bool(true)), "bool"), "true");
  EXPECT_EQ(Read(Literal(PgForm::kBool, SourceValue::Bool(false)), "bool"), "false");
  const std::string uuid("\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11", 16);
  EXPECT_EQ(Read(Literal(PgForm::kUuid, SourceValue::OfText(Kind::kUuid, uuid)), "uuid"),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
  for (int form = 0; form <= static_cast<int>(PgForm::kBits); ++form) {
    EXPECT_EQ(Literal(static_cast<PgForm>(form), SourceValue::Null()), "") << form;
    EXPECT_EQ(Literal(static_cast<PgForm>(form), SourceValue::Double(1)), "") << form;
  }
  for (const PgForm form :
       {PgForm::kUnmapped, PgForm::kOid, PgForm::kFloat4, PgForm::kFloat8, PgForm::kPaddedText,
        PgForm::kBytes, PgForm::kTime, PgForm::kJsonb, PgForm::kOpaque, PgForm::kBits}) {
    for (const SourceValue& value :
         {SourceValue::Int64(1), SourceValue::Text("1"), SourceValue::Bool(true)}) {
      EXPECT_EQ(Literal(form, value), "") << static_cast<int>(form);
    }
  }
}

}  // namespace
}  // namespace driftwood::agent
