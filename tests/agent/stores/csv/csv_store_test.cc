#include "agent/stores/csv/csv_store.h"

#include <filesystem>
#include <random>

#include "gmock/gmock.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Field = std::optional<std::string>;
using Row = std::vector<Field>;

constexpr char kThree[] = "csv:t.csv?header=no&columns=a,b,c";

// A parser that is too simple to be wrong: byte by byte over the whole text.
class NaiveCsv {
 public:
  NaiveCsv(std::string_view text, char delimiter, Field null_text, size_t columns)
      : text_(text), delimiter_(delimiter), null_text_(std::move(null_text)), columns_(columns) {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") at_ = 3;
    carriage_returns_ = HasCarriageReturnsOnly();
    pairs_ = HasPairs();
    DropBlankLinesAtTheEnd();
    while (!error_ && at_ < text_.size()) ParseRecord();
  }
  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<uint64_t>& origins() const { return origins_; }
  // "line 2, column 3"; empty without error.
  std::string error() const {
    if (!error_) return "";
    size_t line = 1, column = 1;
    for (size_t i = 0; i < *error_; ++i) {
      ++column;
      if (i < text_.size() && text_[i] == '\n') ++line, column = 1;
    }
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
  }

 private:
  bool Is(size_t at, char c) const { return at < text_.size() && text_[at] == c; }
  bool HasCarriageReturnsOnly() const {
    bool in_quotes = false, found = false;
    for (const char c : text_.substr(at_)) {
      if (c == '"') in_quotes = !in_quotes;
      if (!in_quotes && c == '\n') return false;
      if (!in_quotes && c == '\r') found = true;
    }
    return found;
  }
  void DropBlankLinesAtTheEnd() {
    const char end = carriage_returns_ ? '\r' : '\n';
    while (text_.size() > at_ && text_.back() == end) {
      size_t begin = text_.size() - 1;
      if (pairs_ && begin > at_ && text_[begin - 1] == '\r') --begin;
      if (begin > at_ && text_[begin - 1] != end) return;
      text_ = text_.substr(0, begin);
    }
  }
  // The first line end that is outside of quotes.
  bool HasPairs() const {
    bool in_quotes = false;
    for (size_t i = at_; i < text_.size(); ++i) {
      if (text_[i] == '"') in_quotes = !in_quotes;
      if (!in_quotes && text_[i] == '\n') return i > at_ && text_[i - 1] == '\r';
    }
    return false;
  }
  // In a file of LF a CR before one may be data, unless the field is quoted.
  bool AtLineEnd(bool quoted) const {
    if (carriage_returns_) return at_ == text_.size() || Is(at_, '\r');
    if (Is(at_, '\r') && !pairs_ && !quoted) return false;
    return at_ == text_.size() || Is(at_, '\n') ||
           (Is(at_, '\r') && (at_ + 1 == text_.size() || Is(at_ + 1, '\n')));
  }

  void ParseRecord() {
    Row row;
    const size_t begin = at_;
    while (true) {
      const size_t field = at_;
      Field value;
      ParseField(value);
      if (error_) return;
      const bool last = !Is(at_, delimiter_);
      size_t newline = 0;
      if (last) {
        newline = ParseLineEnd();
        if (error_) return;
      } else {
        ++at_;
      }
      if (row.size() == columns_) {
        error_ = field;
        return;
      }
      row.push_back(value);
      if (!last) continue;
      if (row.size() != columns_) {
        error_ = newline;
        return;
      }
      break;
    }
    rows_.push_back(row);
    origins_.push_back(begin);
  }

  void ParseField(Field& value) {
    const size_t begin = at_;
    std::string text;
    if (Is(at_, '"')) {
      ++at_;
      while (true) {
        if (at_ == text_.size()) return Fail(begin);
        if (Is(at_, '\0')) return Fail(at_);
        if (!Is(at_, '"')) {
          text += text_[at_++];
        } else if (Is(at_ + 1, '"')) {
          text += '"';
          at_ += 2;
        } else {
          break;
        }
      }
      ++at_;
      value = text;
      if (!AtLineEnd(true) && !Is(at_, delimiter_)) Fail(at_);
      return;
    }
    while (!Is(at_, delimiter_) && !AtLineEnd(false)) {
      if (Is(at_, '"') || Is(at_, '\r') || Is(at_, '\n') || Is(at_, '\0')) return Fail(at_);
      text += text_[at_++];
    }
    if (text != null_text_) value = text;
  }

  // The position of the '\n', or where it is missing.
  size_t ParseLineEnd() {
    if (Is(at_, '\r') && !carriage_returns_) ++at_;
    const size_t newline = at_;
    if (at_ < text_.size()) ++at_;
    return newline;
  }

  void Fail(size_t at) { error_ = at; }

  std::string_view text_;
  const char delimiter_;
  const Field null_text_;
  const size_t columns_;
  size_t at_ = 0;
  bool carriage_returns_ = false;
  bool pairs_ = false;
  std::optional<size_t> error_;
  std::vector<Row> rows_;
  std::vector<uint64_t> origins_;
};

ChunkOptions ChunksOf(size_t bytes) {
  ChunkOptions options;
  options.chunk_bytes = bytes;
  return options;
}

absl::StatusOr<CsvTable> Parse(const std::string& url, std::string_view text,
                               size_t chunk_bytes = 1 << 20) {
  return ParseCsvText(UrlOf(url), text, ChunksOf(chunk_bytes));
}

// The rows of a text that has them, whatever the size of the chunks.
std::vector<Row> RowsOf(const std::string& url, std::string_view text) {
  const auto whole = Parse(url, text);
  EXPECT_TRUE(whole.ok()) << whole.status();
  if (!whole.ok()) return {};
  for (size_t bytes = 1; bytes < text.size() + 2; ++bytes)
    EXPECT_EQ(*Parse(url, text, bytes), *whole) << bytes;
  return whole->rows;
}

std::string ErrorOf(const std::string& url, std::string_view text) {
  const auto whole = Parse(url, text);
  EXPECT_EQ(whole.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(whole.status().message()), Not(HasSubstr("\n")));
  for (size_t bytes = 1; bytes < text.size() + 2; ++bytes)
    EXPECT_EQ(Parse(url, text, bytes).status(), whole.status()) << bytes;
  return std::string(whole.status().message());
}

TEST(CsvTest, Rfc4180) {
  const struct {
    const char* what;
    std::string_view text;
    std::vector<Row> rows;
  } cases[] = {
      {"records end with LF", "1,2,3\n4,5,6\n", {{"1", "2", "3"}, {"4", "5", "6"}}},
      {"records end with CR LF", "1,2,3\r\n4,5,6\r\n", {{"1", "2", "3"}, {"4", "5", "6"}}},
      {"no line end at the end", "1,2,3\n4,5,6", {{"1", "2", "3"}, {"4", "5", "6"}}},
      {"no line end at the end, CR LF", "1,2,3\r\n4,5,6", {{"1", "2", "3"}, {"4", "5", "6"}}},
      {"quoted fields", "\"1\",\"2\",\"3\"\n", {{"1", "2", "3"}}},
      {"a quoted delimiter", "\"1,1\",2,\",\"\n", {{"1,1", "2", ","}}},
      {"a quoted line end", "\"1\n1\",2,\"\r\n\"\n", {{"1\n1", "2", "\r\n"}}},
      {"quotes", "\"\"\"\",\"a\"\"b\",\"\"\"\"\"\"\n", {{"\"", "a\"b", "\"\""}}},
      {"quotes and a line end", "\"a\"\"\n\"\"b\",2,3\n", {{"a\"\n\"b", "2", "3"}}},
      {"white space belongs to a field", " 1 ,\t2, 3\n", {{" 1 ", "\t2", " 3"}}},
      {"UTF-8", "ä,€,\"😀\"\n", {{"ä", "€", "😀"}}},
      {"a byte order mark", "\xEF\xBB\xBF\"1\",2,3\n", {{"1", "2", "3"}}},
      {"lines that end with CR LF and with LF",
       "1,2,3\r\n4,5,6\n",
       {{"1", "2", "3"}, {"4", "5", "6"}}},
      {"CR LF behind a quote", "1,2,3\n4,5,\"6\"\r\n", {{"1", "2", "3"}, {"4", "5", "6"}}},
      {"lines that end with CR", "1,2,3\r4,5,6\r", {{"1", "2", "3"}, {"4", "5", "6"}}},
      {"CR, no line end at the end", "1,2,\"3\n\"\r4,5,6", {{"1", "2", "3\n"}, {"4", "5", "6"}}},
      {"a blank line at the end", "1,2,3\n\n", {{"1", "2", "3"}}},
      {"blank lines at the end, CR LF", "1,2,3\r\n\r\n\r\n", {{"1", "2", "3"}}},
      {"blank lines only", "\n\n", {}},
      {"no record", "", {}},
      {"only a byte order mark", "\xEF\xBB\xBF", {}},
      {"NULL is unquoted and empty", ",\"\",\n", {{std::nullopt, "", std::nullopt}}},
      {"NULL at the end", "1,2,", {{"1", "2", std::nullopt}}},
      {"NULL before CR LF", "1,2,\r\n,,\r\n", {{"1", "2", std::nullopt}, Row(3)}},
      {"control characters", "\x01,\x0B,\x1F\n", {{"\x01", "\x0B", "\x1F"}}},
  };
  for (const auto& c : cases) EXPECT_EQ(RowsOf(kThree, c.text), c.rows) << c.what;
}

TEST(CsvTest, InAFileOfOneColumnABlankLineIsARow) {
  EXPECT_EQ(RowsOf("csv:t.csv?header=no&columns=a", "1\n\n\"\"\n"),
            (std::vector<Row>{{"1"}, {std::nullopt}, {""}}));
  EXPECT_EQ(RowsOf("csv:t.csv", "a\n\n1"), (std::vector<Row>{{std::nullopt}, {"1"}}));
}

TEST(CsvTest, TheDelimiterIsAsked) {
  const std::vector<Row> rows = {{"1,1", "2", std::nullopt}};
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b,c&delimiter=;", "1,1;2;\n"), rows);
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b,c&delimiter=pipe", "1,1|2|\n"), rows);
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b,c&delimiter=tab", "1,1\t2\t\n"), rows);
  EXPECT_EQ(RowsOf("csv:t?header=no&columns=a,b,c&delimiter=%01",
                   "1,1\x01"
                   "2\x01\n"),
            rows);
  EXPECT_EQ(RowsOf("tsv:t?header=no&columns=a,b,c", "1,1\t2\t\n"), rows);
  EXPECT_EQ(RowsOf("tsv:t?dialect=csv", "a\tb\r\n\"\t\"\t2\r\n"), (std::vector<Row>{{"\t", "2"}}));
}

TEST(CsvTest, TheNullMarkerIsAsked) {
  const std::string text = ",\"\",\\N\n\"\\N\",NULL,none\n";
  EXPECT_EQ(RowsOf(std::string(kThree) + "&null=%5CN", text),
            (std::vector<Row>{{"", "", std::nullopt}, {"\\N", "NULL", "none"}}));
  EXPECT_EQ(RowsOf(std::string(kThree) + "&null=NULL", text),
            (std::vector<Row>{{"", "", "\\N"}, {"\\N", std::nullopt, "none"}}));
  EXPECT_EQ(RowsOf(std::string(kThree) + "&null=none", text),
            (std::vector<Row>{{"", "", "\\N"}, {"\\N", "NULL", "none"}}));
}

TEST(CsvTest, Ledger8FieldsAreFramedByTheirPlace) {
  EXPECT_NE(RowsOf(kThree, "ab,c,\n"), RowsOf(kThree, "a,bc,\n"));
  EXPECT_NE(RowsOf(kThree, "\"a,b\",c,\n"), RowsOf(kThree, "a,\"b,c\",\n"));
}

TEST(CsvTest, Ledger9NullIsNotTheEmptyString) {
  EXPECT_NE(RowsOf(kThree, ",,\n"), RowsOf(kThree, "\"\",\"\",\"\"\n"));
}

TEST(CsvTest, MalformedRecordsAreNamedByLineAndColumn) {
  const struct {
    std::string text;
    const char* error;
  } cases[] = {
      {"1,2,3\n4,5\n", "t.csv, line 2, column 4: this record has 2 fields instead of 3"},
      {"1,2,3\n4,5", "line 2, column 4: this record has 2 fields instead of 3"},
      {"1,2,3\n4,5,6,7\n", "line 2, column 7: this record has more than 3 fields"},
      {"1,2,3\n\n4,5,6\n", "line 2, column 1: a blank line, where a record has 3 fields"},
      {"1,2,3\r\n\r\n4,5,6\r\n", "line 2, column 2: a blank line"},
      {"1,\"2\n2\",3\n4,5\"5,6\n", "line 3, column 4: a quote in the middle of an unquoted field"},
      {"1,2,3\n4,\"5\"5,6\n", "line 2, column 6: text after a closing quote"},
      {"1,2,3\n4,\"5\" ,6\n", "line 2, column 6: text after a closing quote"},
      {"1,2,3\n4,\"\\\"5\\\"\",6\n", "if the backslash before it escapes a quote, say escape=%5C"},
      {"1,2,3\n4,5,\"6\n7,8,9\n", "line 2, column 5: the quoted field that begins here"},
      {"1,2,\"", "line 1, column 5: the quoted field that begins here"},
      {"1,2,\"\"\"", "line 1, column 5: the quoted field that begins here"},
      {std::string("1,2,3\n4,\0,6\n", 12), "line 2, column 3: a NUL byte"},
      {std::string("1,2,3\n4,\"\0\",6\n", 14), "line 2, column 4: a NUL byte"},
      {"1,2,3\n4,5\r5,6\n", "line 2, column 4: a carriage return in an unquoted field"},
      {"1,2,3\n4,5,6\r\n", "line 2, column 6: this line ends with CR LF, the file's first with LF"},
      {"1,2,3\r4,5\r", "line 1, column 10: this record has 2 fields instead of 3"},
  };
  for (const auto& c : cases) EXPECT_THAT(ErrorOf(kThree, c.text), HasSubstr(c.error)) << c.text;
}

TEST(CsvTest, AHeaderMayBePassedOver) {
  EXPECT_EQ(RowsOf("csv:t.csv?header=skip&columns=a,b", "x,x\n1,2\n3,4\n"),
            RowsOf("csv:t.csv?header=no&columns=a,b", "1,2\n3,4\n"));
  EXPECT_EQ(RowsOf("csv:t.csv?header=skip&columns=n,a", "\"a\"\n\"1\",2\n"),
            RowsOf("csv:t.csv?header=no&columns=n,a", "\"1\",2\n"));
  EXPECT_EQ(RowsOf("csv:t.csv?header=skip&columns=a,b", "x;x\n1;2\n"),
            RowsOf("csv:t.csv?header=no&columns=a,b", "1,2\n"));
  EXPECT_THAT(ErrorOf("csv:t.csv?header=skip&columns=a,b", "x,x\n1,2,3\n"),
              HasSubstr("line 2, column 5: this record has more than 2 fields"));
  EXPECT_THAT(ErrorOf("csv:t.csv?header=skip", "x\n"), HasSubstr("columns=a,b,..."));
  EXPECT_THAT(ErrorOf("csv:t.csv?columns=a", "x\n"), HasSubstr("header=skip"));
}

TEST(CsvTest, NamesThatAreMissingOrTwiceAreAnsweredWithAUrl) {
  EXPECT_THAT(ErrorOf("csv:t.csv", "a,b\n\"1\",2,3\n\"2\",2,3\n"),
              HasSubstr("'csv:t.csv?columns=column_1,a,b&header=skip'"));
  EXPECT_THAT(ErrorOf("csv:t.csv?key=a", "a;b\n1;2;\n3;4;\n"),
              HasSubstr("'csv:t.csv?columns=a,b,column_3&header=skip&key=a'"));
  EXPECT_THAT(ErrorOf("csv:t.csv", "a,b\n1,2,3\n2,3\n"),
              HasSubstr("line 2, column 5: this record has more than 2 fields"));
  EXPECT_THAT(ErrorOf("csv:t.csv", "n,\"n,m\",n_2,n\n"),
              HasSubstr("'csv:t.csv?columns=n,n%2Cm,n_2,n_3&header=skip'"));
}

TEST(CsvTest, HeadersThatNameNothingAreRefused) {
  EXPECT_THAT(ErrorOf("csv:t.csv", ""), HasSubstr("t.csv is empty: expected a header line"));
  EXPECT_THAT(ErrorOf("csv:t.csv", "\xEF\xBB\xBF"), HasSubstr("is empty"));
  EXPECT_THAT(ErrorOf("csv:t.csv", "column_2,,c\n"),
              HasSubstr("columns 1 and 2 are both named column_2"));
  EXPECT_THAT(ErrorOf("csv:t.csv", "\n"), HasSubstr("column 1 has no name"));
  EXPECT_THAT(ErrorOf("csv:t.csv", "a,b,a\n"),
              HasSubstr("line 1: columns 1 and 3 are both named a"));
  EXPECT_THAT(ErrorOf("csv:t.csv", "a,b\"\n"),
              HasSubstr("line 1, column 4: a quote in the middle"));
  EXPECT_THAT(ErrorOf("csv:t.csv", "a,\"b\n1,2\n"), HasSubstr("line 1, column 3"));
}

TEST(CsvTest, AColumnWithoutANameIsCalledByItsPlace) {
  const auto table = Parse("csv:t", ",id,\n0,1,\n");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->columns, ElementsAre("column_1", "id", "column_3"));
}

TEST(CsvTest, ParametersThatMakeNoSenseAreRefused) {
  for (const char* url :
       {"csv:t?header=maybe", "csv:t?header=no", "csv:t?columns=a,b", "csv:t?delimiter=ab",
        "csv:t?delimiter=%22", "csv:t?delimiter=%0A", "csv:t?delimiter=%C3", "csv:t?null=a,b",
        "csv:t?null=%22", "tsv:t?delimiter=,", "csv:t?header=no&columns=a,a", "csv:t?table=t"})
    EXPECT_EQ(OpenCsvStore(UrlOf(url)).status().code(), absl::StatusCode::kInvalidArgument) << url;
}

// Compares with the naive twin, rows or the place of the error, for several sizes of chunks.
void CompareWithTwin(const std::string& text, char delimiter, const std::string& url,
                     std::mt19937_64& random) {
  const NaiveCsv twin(text, delimiter, "", 3);
  const size_t sizes[] = {1, 2 + random() % 5, 1 + random() % (text.size() + 1), size_t{1} << 20};
  for (const size_t bytes : sizes) {
    SCOPED_TRACE("chunks of " + std::to_string(bytes) + " bytes, text:\n" + text);
    const auto table = Parse(url, text, bytes);
    if (!twin.error().empty()) {
      ASSERT_THAT(std::string(table.status().message()), HasSubstr(twin.error() + ":"));
      continue;
    }
    ASSERT_TRUE(table.ok()) << table.status();
    ASSERT_EQ(table->rows, twin.rows());
    ASSERT_EQ(table->origins, twin.origins());
  }
}

TEST(CsvTest, RandomBytesAreReadAsTheNaiveTwinReadsThem) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string alphabet = std::string("ab,,,\"\"\"\n\n\r;\t") + '\0';
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = alphabet[random() % (random() % 8 == 0 ? alphabet.size() : 10)];
    CompareWithTwin(text, ',', kThree, random);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// Fields longer than the parser's blocks, well-formed except for one random change now and then.
TEST(CsvTest, RandomTablesAreReadAsTheNaiveTwinReadsThem) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string_view pieces[] = {"a", "bc", "\"", "\n", ";", "\r\n", "ä", "0123456789abcdef"};
  for (int round = 0; round < 2'000; ++round) {
    const std::string line_end = random() % 2 ? "\n" : "\r\n";
    std::string text = random() % 8 == 0 ? "\xEF\xBB\xBF" : "";
    for (size_t record = random() % 40; record > 0; --record) {
      for (int field = 0; field < 3; ++field) {
        std::string value;
        for (size_t n = random() % (random() % 4 == 0 ? 40 : 4); n > 0; --n)
          value += pieces[random() % 8];
        const bool must_quote = value.find_first_of("\";\r\n") != std::string::npos;
        if (must_quote || random() % 4 == 0) {
          std::string quoted;
          for (const char c : value) quoted += c == '"' ? "\"\"" : std::string(1, c);
          value = "\"" + quoted + "\"";
        }
        text += (field == 0 ? "" : ";") + value;
      }
      text += record == 1 && random() % 2 ? "" : line_end;
    }
    if (random() % 3 == 0 && !text.empty()) text[random() % text.size()] = "\";\n\ra"[random() % 5];
    CompareWithTwin(text, ';', std::string(kThree) + "&delimiter=;", random);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(CsvTest, ARecordOverTheLimitIsAnErrorAtItsBeginning) {
  ChunkOptions options = ChunksOf(16);
  options.record_bytes_max = 100;
  const std::string text = "1,2,3\n4,\"" + std::string(200, 'x') + "\n";
  const auto table = ParseCsvText(UrlOf(kThree), text, options);
  EXPECT_THAT(std::string(table.status().message()),
              HasSubstr("line 2, column 1: a record that begins here is longer than 100 bytes"));
  EXPECT_TRUE(ParseCsvText(UrlOf(kThree), "1,2," + std::string(90, 'x'), options).ok());
}

class CsvStoreTest : public TextStoreTest {
 protected:
  std::unique_ptr<Store> Open(const std::string& name, const std::string& parameters,
                              size_t chunk_bytes = 1 << 20) {
    auto store = OpenCsvStore(UrlOf("csv:" + Path(name) + parameters), Options(chunk_bytes));
    DRIFTWOOD_CHECK(store.ok());
    return *std::move(store);
  }
};

TEST_F(CsvStoreTest, DescribesItsHeader) {
  Write("o.csv", "id,\"na,me\",total\r\n1,a,2\r\n2,b,3\r\n");
  const auto description = Open("o.csv", "?key=id")->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->source, "csv:" + Path("o.csv") + "?key=id");
  ASSERT_EQ(description->columns.size(), 3u);
  EXPECT_EQ(description->columns[1].name, "na,me");
  EXPECT_EQ(description->columns[1].knowledge, TypeKnowledge::kTextual);
  EXPECT_THAT(description->key, ElementsAre("id"));
  EXPECT_EQ(description->records_estimate, 2u);
  EXPECT_EQ(description->bytes, 32u);
}

TEST_F(CsvStoreTest, ColumnsOfCanonicalIntegersAreSaidAsFarAsTheyWereSeen) {
  const auto integers = [&](const std::string& text, size_t chunk_bytes = 1 << 20) {
    Write("o.csv", text);
    std::string columns;
    const auto description = Open("o.csv", "", chunk_bytes)->Describe();
    for (const SourceColumn& column : description->columns) {
      if (column.integers) columns += column.name;
    }
    return columns;
  };
  EXPECT_EQ(integers("a,b,c,d,e\n1,01,,x,\"7\"\n-2,3,5,3,0\n"), "ace");
  EXPECT_EQ(integers("a,b\n"), "ab");  // none is another
  // What comes later is for the scan to see.
  EXPECT_EQ(integers("a,b\n1,2\n3,4\n5,x\n6,7\n", /*chunk_bytes=*/8), "ab");
}

TEST_F(CsvStoreTest, WithoutHeaderTheGivenNamesCount) {
  Write("o.csv", "1,a\n2,b\n");
  auto store = Open("o.csv", "?key=id&header=no&columns=id,name");
  const auto description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->records_estimate, 2u);
  EXPECT_THAT(ScanAll(*store, {"name", "id"})->rows, ElementsAre("'a' '1'", "'b' '2'"));
}

TEST_F(CsvStoreTest, WithoutKeyTheDescriptionHasNone) {
  Write("o.csv", "id\n");
  EXPECT_THAT(Open("o.csv", "")->Describe()->key, IsEmpty());
}

TEST_F(CsvStoreTest, AKeyColumnThatIsNotThereIsNamedWithThoseThatAre) {
  Write("o.csv", "order_id,name,total\n");
  const absl::Status status = Open("o.csv", "?key=name,orderid")->Describe().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no column orderid for the key; did you mean order_id? Its columns: "
                        "order_id, name, total"));
  EXPECT_EQ(Open("o.csv", "?key=name,name")->Describe().status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CsvStoreTest, GivesTheAskedForColumnsInTheAskedForOrder) {
  Write("o.csv", "a,b,c,d\n1,2,3,4\n5,,\"7\",\n");
  for (const size_t bytes : {size_t{1}, size_t{7}, size_t{1} << 20}) {
    auto store = Open("o.csv", "", bytes);
    EXPECT_THAT(ScanAll(*store, {"d", "b"})->rows, ElementsAre("'4' '2'", "NULL NULL"));
    EXPECT_THAT(ScanAll(*store, {"c"})->rows, ElementsAre("'3'", "'7'"));
    EXPECT_THAT(ScanAll(*store, {"a", "b", "c", "d"})->rows,
                ElementsAre("'1' '2' '3' '4'", "'5' NULL '7' NULL"));
  }
}

TEST_F(CsvStoreTest, AColumnThatIsNotAskedForIsStillChecked) {
  Write("o.csv", "a,b\n1,2\n3,\"4\"x\n");
  EXPECT_THAT(std::string(ScanAll(*Open("o.csv", ""), {"a"}).status().message()),
              HasSubstr("line 3, column 6"));
}

TEST_F(CsvStoreTest, APlanWithColumnsThatAreNotThereIsRefused) {
  Write("o.csv", "a,b\n");
  auto store = Open("o.csv", "");
  EXPECT_EQ(store->StartScan({"a", "x"}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store->StartScan({"a", "a"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CsvStoreTest, OriginsAreLines) {
  Write("o.csv", "a,b\n1,\"x\ny\"\n3,4\n");
  auto store = Open("o.csv", "", 5);
  const auto scanned = ScanAll(*store, {"a"});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_THAT(scanned->origins, ElementsAre(4u, 12u));
  EXPECT_EQ(*store->DescribeOrigin(scanned->origins[0]), "line 2");
  EXPECT_EQ(*store->DescribeOrigin(scanned->origins[1]), "line 4");
}

// After a stray quote the chunks are cut wrongly; that must not hide the first error.
TEST_F(CsvStoreTest, TheFirstErrorIsReportedWhicheverBatchIsDecodedFirst) {
  std::string text = "a,b\n";
  for (int i = 0; i < 50; ++i) text += std::to_string(i) + ",x\n";
  text += "5\"0,x\n";
  for (int i = 51; i < 100; ++i) text += std::to_string(i) + ",\"x\n,y\"\n";
  text += "100\n";
  Write("o.csv", text);
  for (const auto order : {DecodeOrder::kAsRead, DecodeOrder::kLastFirst}) {
    const absl::Status status = ScanAll(*Open("o.csv", "", 16), {"a", "b"}, order).status();
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("line 52, column 2: a quote in the middle"));
  }
}

TEST_F(CsvStoreTest, Ledger18AnErrorIsNeverTheEndOfData) {
  Write("o.csv", "a,b\n1,2\n3\n4,5\n");
  auto store = Open("o.csv", "", 4);
  auto scan = *store->StartScan({"a"});
  Rows rows;
  absl::Status status;
  while (status.ok()) {
    auto batch = scan->Next();
    ASSERT_TRUE(batch.ok());
    ASSERT_NE(*batch, nullptr);
    status = (*batch)->Decode(rows);
  }
  // Who goes on after the error gets it again, from both.
  EXPECT_EQ(scan->Next().status(), status);
  EXPECT_EQ(scan->Finish().status(), status);
  EXPECT_EQ((*store->StartScan({"a"}))->Finish().status().code(), absl::StatusCode::kInternal);
}

TEST_F(CsvStoreTest, TruncationDuringTheScanIsAnError) {
  std::string text = "a,b\n";
  for (int i = 0; i < 1000; ++i) text += std::to_string(i) + ",x\n";
  Write("o.csv", text);
  auto store = Open("o.csv", "", 100);
  auto scan = *store->StartScan({"a"});
  ASSERT_TRUE(scan->Next().ok());
  std::filesystem::resize_file(Path("o.csv"), 150);
  absl::Status status;
  while (status.ok()) {
    auto batch = scan->Next();
    status = batch.status();
    ASSERT_FALSE(batch.ok() && *batch == nullptr) << "taken for the end";
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("changed while it was read"));
  EXPECT_FALSE(scan->Next().ok());
  EXPECT_FALSE(scan->Finish().ok());
}

TEST_F(CsvStoreTest, AFileThatChangesDuringTheScanIsNoPointInTime) {
  Write("o.csv", "a,b\n1,2\n");
  auto store = Open("o.csv", "");
  auto scan = *store->StartScan({"a"});
  while (*scan->Next() != nullptr) {
  }
  Append("o.csv", "3,4\n");
  const auto end = scan->Finish();
  ASSERT_TRUE(end.ok());
  EXPECT_THAT(end->not_point_in_time, HasSubstr("size 8 -> 12"));
  EXPECT_EQ(end->position, "");
}

// The change explains the malformed record: someone is still writing.
TEST_F(CsvStoreTest, AnErrorInAFileThatChangesSaysSo) {
  Write("o.csv", "a,b\n1,2\n3");
  auto store = Open("o.csv", "");
  auto scan = *store->StartScan({"a"});
  auto batch = *scan->Next();
  Append("o.csv", ",4\n");
  Rows rows;
  ASSERT_TRUE(batch->Decode(rows).ok());
  batch = *scan->Next();
  const absl::Status status = batch->Decode(rows);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("changed while it was read (size 9 -> 12)"));
}

TEST_F(CsvStoreTest, Ledger24AnIndexIsReusedOnlyOnProof) {
  Write("o.csv", "a,b\n1,2\n");
  auto store = Open("o.csv", "?key=a");
  const std::string position = ScanAll(*store, {"a", "b"})->end.position;
  ASSERT_NE(position, "");
  EXPECT_TRUE(*store->IsUnchanged(position));
  EXPECT_FALSE(*store->IsUnchanged(""));
  EXPECT_FALSE(*Open("o.csv", "?key=a&null=none")->IsUnchanged(position));
  EXPECT_FALSE(*Open("o.csv", "?key=a&header=no&columns=a,b")->IsUnchanged(position));
  Append("o.csv", "3,4\n");
  EXPECT_FALSE(*store->IsUnchanged(position));
}

TEST_F(CsvStoreTest, MissingFilesAndFoldersAreRefused) {
  EXPECT_EQ(Open("none.csv", "")->Describe().status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Open("none.csv", "")->StartScan({"a"}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Open("", "")->Describe().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CsvStoreTest, BatchesOutliveTheirScan) {
  Write("o.csv", "a,b\n1,2\n");
  auto store = Open("o.csv", "");
  auto scan = *store->StartScan({"b"});
  auto batch = *scan->Next();
  scan.reset();
  Rows rows;
  ASSERT_TRUE(batch->Decode(rows).ok());
  EXPECT_THAT(rows.rows, ElementsAre("'2'"));
}

}  // namespace
}  // namespace driftwood::agent
