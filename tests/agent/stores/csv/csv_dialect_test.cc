// Covers csv_escaped_fields.cc too.
#include "agent/stores/csv/csv_dialect.h"

#include <random>
#include <set>

#include "agent/stores/csv/csv_store.h"
#include "gmock/gmock.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Field = std::optional<std::string>;
using Row = std::vector<Field>;
using Rows = std::vector<Row>;

// With the same result whatever the size of the chunks.
absl::StatusOr<CsvTable> Parse(const std::string& url, std::string_view text) {
  const auto whole = ParseCsvText(UrlOf(url), text, ChunkOptions());
  for (size_t bytes = 1; bytes < text.size() + 2; ++bytes) {
    ChunkOptions chunks;
    chunks.chunk_bytes = bytes;
    const auto cut = ParseCsvText(UrlOf(url), text, chunks);
    EXPECT_EQ(cut.status(), whole.status()) << bytes;
    if (cut.ok() && whole.ok()) {
      EXPECT_EQ(*cut, *whole) << bytes;
    }
  }
  return whole;
}

Rows RowsOf(const std::string& url, std::string_view text) {
  const auto table = Parse(url, text);
  EXPECT_TRUE(table.ok()) << table.status() << "\n" << text;
  return table.ok() ? table->rows : Rows();
}

std::string ErrorOf(const std::string& url, std::string_view text) {
  const auto table = Parse(url, text);
  EXPECT_FALSE(table.ok()) << text;
  return std::string(table.status().message());
}

constexpr char kCopy[] = "tsv:t?header=no&columns=a,b&dialect=copy";
constexpr char kMysql[] = "tsv:t?header=no&columns=a,b&dialect=mysql";
constexpr char kUnsaid[] = "tsv:t?header=no&columns=a,b";

// PostgreSQL's manual, "COPY", Text Format.
TEST(CsvDialectTest, CopyIsReadAsPostgresqlReadsIt) {
  const struct {
    std::string text;
    Field value;
  } cases[] = {
      {"plain", "plain"},
      {"", ""},
      {"\\N", std::nullopt},
      {"\\\\N", "\\N"},
      {"\"quoted\"", "\"quoted\""},
      {"\\b\\f\\n\\r\\t\\v", "\b\f\n\r\t\v"},
      {"\\\\", "\\"},
      {"\\x41\\x4a\\x4", "AJ\x04"},
      {"\\101\\60\\7z", "A0\az"},
      {"\\q", "q"},
      {"\\xg", "xg"},
      {"a\\\tb", "a\tb"},
      {"a\\\nb", "a\nb"},
      {"NULL", "NULL"},
      {"a\\Nb", "aNb"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(RowsOf(kCopy, c.text + "\tx\ny\t" + c.text + "\n"),
              (Rows{{c.value, "x"}, {"y", c.value}}))
        << c.text;
  EXPECT_EQ(RowsOf("tsv:t?dialect=copy", "a\tb\\tc\n1\t2\n"), (Rows{{"1", "2"}}));
  EXPECT_EQ(RowsOf(std::string(kCopy) + "&null=none", "\\N\t\n"), (Rows{{"N", ""}}));
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b&dialect=copy&delimiter=,", "1\\,\t,2\n"),
            (Rows{{"1,\t", "2"}}));
}

// MySQL's manual, "LOAD DATA", Field and Line Handling.
TEST(CsvDialectTest, MysqlIsReadAsLoadDataReadsIt) {
  const struct {
    std::string text;
    Field value;
  } cases[] = {
      {"plain", "plain"},
      {"", ""},
      {"\\N", std::nullopt},
      {"\\\\N", "\\N"},
      {"\"quoted\"", "\"quoted\""},
      {"\\b\\n\\r\\t\\Z", "\b\n\r\t\x1A"},
      {"\\0", std::string(1, '\0')},
      {"\\q\\x41", "qx41"},
      {"a\\\tb", "a\tb"},
      {"a\\\nb", "a\nb"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(RowsOf(kMysql, c.text + "\tx\ny\t" + c.text + "\n"),
              (Rows{{c.value, "x"}, {"y", c.value}}))
        << c.text;
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b&dialect=mysql&delimiter=,&quote=%22",
                   "\"a\\\"\",\"b\\n,\"\n\"c\"\"\",\"\\\\\"\n"),
            (Rows{{"a\"", "b\n,"}, {"c\"", "\\"}}));
}

// Neither mysql --batch nor INTO OUTFILE escapes a carriage return.
TEST(CsvDialectTest, InMysqlACarriageReturnIsPartOfTheValueUnlessLinesEndWithIt) {
  EXPECT_EQ(RowsOf("tsv:t?dialect=mysql", "a\tb\n1\t2\r\n3\r\t4\n"),
            (Rows{{"1", "2\r"}, {"3\r", "4"}}));
  EXPECT_EQ(RowsOf("tsv:t?dialect=mysql", "a\tb\r\n1\t2\r\n"), (Rows{{"1", "2"}}));
  // Without a header the first line is data as well.
  EXPECT_EQ(RowsOf(kMysql, "1\tx\r\n2\ty\n"), (Rows{{"1", "x\r"}, {"2", "y"}}));
  EXPECT_EQ(RowsOf(kMysql, "1\tx\r\n2\ty\r\n"), (Rows{{"1", "x\r"}, {"2", "y\r"}}));
  const std::string longer(70'000, 'z');
  ChunkOptions chunks;
  EXPECT_EQ(ParseCsvText(UrlOf(kMysql), "1\t" + longer + "\n2\tx\r\n", chunks)->rows,
            (Rows{{"1", longer}, {"2", "x\r"}}));
}

TEST(CsvDialectTest, TheWordNullOfMysqlIsAskedAbout) {
  EXPECT_THAT(ErrorOf(kMysql, "1\tNULL\n"),
              AllOf(HasSubstr("line 1, column 3"), HasSubstr("null=NULL"), HasSubstr("null=%5CN")));
  EXPECT_EQ(RowsOf(std::string(kMysql) + "&null=NULL", "NULL\t\\N\n\\\\N\tnull\n"),
            (Rows{{std::nullopt, std::nullopt}, {"\\N", "null"}}));
  EXPECT_EQ(RowsOf(std::string(kMysql) + "&null=%5CN", "NULL\t\\N\n"),
            (Rows{{"NULL", std::nullopt}}));
}

// Two programs would read such a field in two ways, so that an export could equal a table that
// differs from its source.
TEST(CsvDialectTest, ATsvWhoseDialectWasNotSaidIsRefusedWhereItHasTwoReadings) {
  for (const char* field : {"\\N", "a\\tb", "a\\\\b", "a\\nb", "a\\", "\\.", "C:\\new"}) {
    EXPECT_THAT(
        ErrorOf(kUnsaid, std::string("1\t") + field + "\n"),
        AllOf(HasSubstr("dialect=copy"), HasSubstr("dialect=mysql"), HasSubstr("dialect=csv")))
        << field;
  }
  EXPECT_THAT(ErrorOf(kUnsaid, "1\t\"a\"\n"), HasSubstr("a quote at the beginning of a field"));
  EXPECT_THAT(ErrorOf("tsv:t", "a\t\"b\"\n"), HasSubstr("line 1, column 3"));
  EXPECT_EQ(RowsOf(kUnsaid, "C:\\dir\t5\" pipe\n\tx\n"),
            (Rows{{"C:\\dir", "5\" pipe"}, {std::nullopt, "x"}}));
  EXPECT_EQ(RowsOf("tsv:t?header=no&columns=a,b&dialect=csv", "a\\tb\t\"\"\"\t\"\n"),
            (Rows{{"a\\tb", "\"\t"}}));
}

// Of a header of very many columns, too; also where the bytes that are read at once end within it.
TEST(CsvDialectTest, ALongFirstLineSaysWhatLinesEndWith) {
  for (const size_t size : {65'529u, 65'530u, 65'531u, 65'532u, 65'533u, 65'534u, 200'000u}) {
    const std::string name(size, 'n');
    const auto pairs =
        ParseCsvText(UrlOf("csv:t"), "id," + name + "\r\n1,x\r\n2,y\n", ChunkOptions());
    ASSERT_TRUE(pairs.ok()) << size << pairs.status().message().substr(0, 200);
    EXPECT_EQ(pairs->rows, (Rows{{"1", "x"}, {"2", "y"}}));
    EXPECT_FALSE(ParseCsvText(UrlOf("csv:t"), "id," + name + "\n1,x\r\n", ChunkOptions()).ok());
  }
}

TEST(CsvDialectTest, AnEscapedQuoteDoesNotHideTheLineEnd) {
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b&escape=%5C", "1,\"a\\\"b\rc\"\n2,\"d\"\n"),
            (Rows{{"1", "a\"b\rc"}, {"2", "d"}}));
}

TEST(CsvDialectTest, QuoteAndEscapeAreParametersOfTheirOwn) {
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b&quote='", "'a,''b',\"c\n"),
            (Rows{{"a,'b", "\"c"}}));
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b&quote=none", "\"a\",b\"\n"),
            (Rows{{"\"a\"", "b\""}}));
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b&escape=%5C", "\"a\\\"\\n\\\\\",b\n"),
            (Rows{{"a\"n\\", "b"}}));
  EXPECT_THAT(ErrorOf("csv:t?header=no&columns=a,b&escape=%5C", "a\\b,c\n"),
              HasSubstr("the escape character in an unquoted field"));
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b&escape=%5C&quote=none", "a\\,b,c\\\nd\n"),
            (Rows{{"a,b", "c\nd"}}));
}

TEST(CsvDialectTest, WhatIsCutOffIsNoRecord) {
  EXPECT_THAT(ErrorOf(kCopy, "1\t2\n3\t4\\"), HasSubstr("the file ends in an escape"));
  EXPECT_THAT(ErrorOf("csv:t?quote='", "a,b\n'1,2\n"), HasSubstr("is not closed"));
  EXPECT_THAT(ErrorOf(kCopy, "1\t2\n\\.\n\n3\t4\n"), HasSubstr("marks the end of COPY's data"));
}

TEST(CsvDialectTest, ParametersThatMakeNoSenseAreRefused) {
  for (const char* url :
       {"tsv:t?dialect=excel", "tsv:t?dialect=copy&quote=%22", "tsv:t?dialect=mysql&escape=%5C",
        "csv:t?quote=ab", "csv:t?quote=,", "csv:t?escape=%22", "csv:t?escape=%0A",
        "csv:t?dialect=copy&delimiter=%5C", "csv:t?quote='&null=a'b", "tsv:t?dialect=copy&null=%09",
        "csv:t?decimal=;", "csv:t?thousands=.", "csv:t?thousands=,&decimal=,", "csv:t?thousands=_",
        "csv:t?true=yes", "csv:t?false=no", "csv:t?true=yes&false=Yes", "csv:t?true=yes,&false=no"})
    EXPECT_EQ(OpenCsvStore(UrlOf(url)).status().code(), absl::StatusCode::kInvalidArgument) << url;
}

// A kept index of a file that was read in another way is of no use.
TEST(CsvDialectTest, HowFieldsAreWrittenIsPartOfHowAFileIsRead) {
  std::set<std::string> readings;
  const std::vector<std::string> urls = {"csv:t",
                                         "csv:t?decimal=,",
                                         "csv:t?thousands=,",
                                         "csv:t?thousands=space",
                                         "csv:t?thousands=apostrophe",
                                         "csv:t?thousands=.&decimal=,",
                                         "csv:t?true=y&false=n",
                                         "csv:t?true=a,b&false=n",
                                         "csv:t?true=a&false=b,n",
                                         "tsv:t?dialect=mysql",
                                         "tsv:t?dialect=copy"};
  for (const std::string& url : urls) readings.insert(CsvDialectOf(UrlOf(url))->ToString());
  EXPECT_EQ(readings.size(), urls.size());
  EXPECT_TRUE(CsvDialectOf(UrlOf("tsv:t?dialect=mysql"))->forms.raw_bytes);
  EXPECT_FALSE(CsvDialectOf(UrlOf("tsv:t?dialect=copy"))->forms.raw_bytes);
  EXPECT_EQ(CsvDialectOf(UrlOf("csv:t?thousands=comma"))->ToString(),
            CsvDialectOf(UrlOf("csv:t?thousands=,"))->ToString());
  EXPECT_EQ(CsvDialectOf(UrlOf("csv:t?decimal=."))->ToString(),
            CsvDialectOf(UrlOf("csv:t"))->ToString());
}

// What the writers of the three programs would write of a value.
std::string Written(const Field& value, const std::string& dialect) {
  if (!value) return "\\N";
  std::string text;
  for (const char c : *value) {
    const bool copy = dialect == "copy";
    if (c == '\\')
      text += "\\\\";
    else if (c == '\t')
      text += copy ? "\\t" : "\\\t";
    else if (c == '\n')
      text += copy ? "\\n" : "\\\n";
    else if (c == '\r' && copy)
      text += "\\r";
    else if (c == '\0')
      text += "\\0";
    else
      text += c;
  }
  return text;
}

TEST(CsvDialectTest, RandomTablesComeBackAsTheyWereWritten) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string_view pieces[] = {"a", "\\", "\t", "\n", "\"", "N", "\r", "\xC3\xA4"};
  for (int round = 0; round < 500; ++round) {
    for (const std::string dialect : {"copy", "mysql"}) {
      Rows rows;
      std::string text = "a\tb\n";
      for (size_t record = random() % 6; record > 0; --record) {
        Row& row = rows.emplace_back();
        for (int field = 0; field < 2; ++field) {
          Field value;
          if (random() % 5 != 0) {
            value = "";
            for (size_t n = random() % 5; n > 0; --n) *value += pieces[random() % 8];
          }
          text += (field == 0 ? "" : "\t") + Written(value, dialect);
          row.push_back(value);
        }
        text += "\n";
      }
      ASSERT_EQ(RowsOf("tsv:t?dialect=" + dialect, text), rows) << dialect << "\n" << text;
    }
  }
}

}  // namespace
}  // namespace driftwood::agent
