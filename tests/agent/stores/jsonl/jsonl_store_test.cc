// Covers column_names.cc, json_lines.cc and jsonl_decoder.cc too.
#include "agent/stores/jsonl/jsonl_store.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "tests/agent/stores/jsonl/jsonl_fixture.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = SourceValue::Kind;

absl::StatusOr<JsonlTable> Parse(std::string_view text, size_t chunk_bytes = 1 << 20) {
  return ParseJsonFile("t.jsonl", text, chunk_bytes);
}

std::string Show(const JsonlTable& table) {
  std::string shown;
  for (const SourceColumn& column : table.columns) shown += column.name + "|";
  for (size_t i = 0; i < table.rows.size(); ++i) {
    shown += "\n" + std::to_string(table.origins[i]) + ":";
    for (const auto& [kind, text] : table.rows[i])
      shown += " " + std::to_string(static_cast<int>(kind)) + "'" + text + "'";
  }
  return shown;
}

// The values of a text of one line, in the order of its members.
std::vector<std::pair<Kind, std::string>> RowOf(const std::string& text) {
  const auto table = Parse(text);
  EXPECT_TRUE(table.ok()) << text << ": " << table.status();
  if (!table.ok() || table->rows.size() != 1) return {};
  return table->rows[0];
}

std::pair<Kind, std::string> ValueOf(const std::string& value) {
  const auto row = RowOf("{\"a\":" + value + "}\n");
  return row.size() == 1 ? row[0] : std::pair<Kind, std::string>{Kind::kNull, "no value"};
}

std::string TextOf(const std::string& value) {
  const auto [kind, text] = ValueOf(value);
  EXPECT_EQ(kind, Kind::kString) << value;
  return text;
}

std::string ErrorOf(const std::string& text) {
  return JsonErrorOf("t.jsonl", text, 1 + text.size() / 20);
}

TEST(JsonlTest, StringsAreUnescaped) {
  EXPECT_EQ(TextOf("\"\""), "");
  EXPECT_EQ(TextOf("\"plain, longer than one block of sixteen bytes\""),
            "plain, longer than one block of sixteen bytes");
  EXPECT_EQ(TextOf(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(TextOf(R"("\u0041\u00e4\u20AC\uD83D\uDE00")"), "Aä€😀");
  EXPECT_EQ(TextOf("\"ä€😀\x7F\""), "ä€😀\x7F");
  EXPECT_EQ(TextOf(R"("a\u0000b")"), std::string("a\0b", 3));
  EXPECT_EQ(TextOf(R"("before the escape\nafter the escape ä and on\n")"),
            "before the escape\nafter the escape ä and on\n");
}

TEST(JsonlTest, OtherValuesKeepTheirText) {
  for (const char* number :
       {"0", "-0", "12", "-1.50", "1e9", "1E+9", "0.1e-7", "18446744073709551616"})
    EXPECT_EQ(ValueOf(number), std::pair(Kind::kNumber, std::string(number)));
  EXPECT_EQ(ValueOf("true"), std::pair(Kind::kBool, std::string("true")));
  EXPECT_EQ(ValueOf("false"), std::pair(Kind::kBool, std::string("false")));
  EXPECT_EQ(ValueOf("null").first, Kind::kNull);
  for (const char* json : {"[]", "{}", "[ ]", R"({"b" : [1, "\u00e4\n", {"c":null}], "b":[[],{}]})",
                           "[[[[1],2],3],-4.5e6 ]"})
    EXPECT_EQ(ValueOf(json), std::pair(Kind::kJson, std::string(json)));
}

TEST(JsonlTest, WhiteSpaceAndBlankLinesDoNotMatter) {
  const std::string text = "\xEF\xBB\xBF { \"a\" : 1 ,\t\"b\":2 } \r\n\n  \r\n{}\r\n{\"b\":3}";
  const auto table = Parse(text);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(Show(*table), "a|b|\n3: 7'1' 7'2'\n31: 0'' 0''\n35: 0'' 7'3'");
  for (size_t bytes = 1; bytes < text.size(); ++bytes)
    EXPECT_EQ(Show(*Parse(text, bytes)), Show(*table)) << bytes;
  EXPECT_EQ(Show(*Parse("")), "");
  EXPECT_EQ(Show(*Parse("\n\n")), "");
  EXPECT_EQ(Show(*Parse("\xEF\xBB\xBF")), "");
}

TEST(JsonlTest, MembersAreFoundByNameInAnyOrder) {
  const auto table = Parse("{\"a\":1,\"b\":2,\"c\":3}\n{\"c\":4,\"\\u0061\":5}\n");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(Show(*table), "a|b|c|\n0: 7'1' 7'2' 7'3'\n20: 7'5' 0'' 7'4'");
}

TEST(JsonlTest, Ledger8MembersAreFramedByTheirNames) {
  EXPECT_NE(RowOf("{\"a\":\"ab\",\"b\":\"c\"}"), RowOf("{\"a\":\"a\",\"b\":\"bc\"}"));
}

TEST(JsonlTest, Ledger9NullIsNotTheEmptyString) {
  EXPECT_NE(ValueOf("null"), ValueOf("\"\""));
  EXPECT_NE(ValueOf("\"null\""), ValueOf("null"));
}

TEST(JsonlTest, TheTypeOfAColumnIsThatOfAllItsValues) {
  const struct {
    const char* text;
    TypeKnowledge knowledge;
    merkle::ColumnType type;
  } cases[] = {
      {"{\"a\":\"x\"}\n{}\n{\"a\":null}\n", TypeKnowledge::kObserved, merkle::ColumnType::kText},
      {"{\"a\":null}\n", TypeKnowledge::kTextual, merkle::ColumnType::kText},
      {"{\"a\":true}\n{\"a\":null}\n", TypeKnowledge::kObserved, merkle::ColumnType::kBool},
      {"{\"a\":1}\n{\"a\":-9223372036854775808}\n{\"a\":18446744073709551615}\n",
       TypeKnowledge::kObserved, merkle::ColumnType::kInteger},
      {"{\"a\":1}\n{\"a\":18446744073709551616}\n", TypeKnowledge::kObserved,
       merkle::ColumnType::kDecimal},
      {"{\"a\":1}\n{\"a\":1.0}\n", TypeKnowledge::kObserved, merkle::ColumnType::kDecimal},
      {"{\"a\":1e2}\n", TypeKnowledge::kObserved, merkle::ColumnType::kDecimal},
      {"{\"a\":[1]}\n{\"a\":{}}\n", TypeKnowledge::kObserved, merkle::ColumnType::kJson},
      {"{\"a\":1}\n{\"a\":\"1\"}\n", TypeKnowledge::kDynamic, merkle::ColumnType::kDynamic},
      {"{\"a\":true}\n{\"a\":1}\n", TypeKnowledge::kDynamic, merkle::ColumnType::kDynamic},
      {"{\"a\":[]}\n{\"a\":\"[]\"}\n", TypeKnowledge::kDynamic, merkle::ColumnType::kDynamic},
  };
  for (const auto& c : cases) {
    const auto table = Parse(c.text, 3);
    ASSERT_TRUE(table.ok()) << table.status();
    ASSERT_EQ(table->columns.size(), 1u);
    EXPECT_EQ(table->columns[0].knowledge, c.knowledge) << c.text;
    if (c.knowledge == TypeKnowledge::kObserved) {
      EXPECT_EQ(table->columns[0].type, c.type) << c.text;
    }
  }
}

TEST(JsonlTest, MalformedLinesAreNamedByLineAndColumn) {
  const struct {
    std::string line;
    const char* error;
  } cases[] = {
      {"[1]", "column 1: each line must be one JSON object"},
      {"{\"a\":1", "column 7: the line ends inside its object"},
      {"{\"a\":1} x", "column 9: text after the object"},
      {"{\"a\":1}{\"a\":2}", "column 8: text after the object"},
      {"{\"a\" 1}", "column 6: expected :"},
      {"{a:1}", "column 2: expected the name of a member in quotes"},
      {"{\"a\":1,}", "column 8: expected the name of a member in quotes"},
      {"{\"a\":1 \"b\":2}", "column 8: expected , or }"},
      {"{\"a\":}", "column 6: expected a JSON value"},
      {"{\"a\":nul}", "column 6: expected a JSON value"},
      {"{\"a\":NaN}", "column 6: NaN, which JSON does not have; write null, or the string \"NaN\""},
      {"{\"a\":Infinity}",
       "column 6: Infinity, which JSON does not have; write null, or the string"},
      {"{\"a\":-Infinity}", "column 6: -Infinity, which JSON does not have; write null"},
      {"{\"a\":[1,{\"b\":NaN}]}", "column 14: NaN, which JSON does not have"},
      {"{\"a\":Inf}", "column 6: expected a JSON value"},
      {"{\"a\":01}", "column 6: a number with a leading zero"},
      {"{\"a\":-}", "column 6: a minus sign without a number"},
      {"{\"a\":1.}", "column 6: a number without digits after its point"},
      {"{\"a\":1e}", "column 6: a number without digits in its exponent"},
      {"{\"a\":+1}", "column 6: expected a JSON value"},
      {"{\"a\":\"x}", "column 6: the string that begins here is not closed"},
      {"{\"a\":\"x\\\"}", "column 6: the string that begins here is not closed"},
      {"{\"a\":\"\\x\"}", "column 7: an escape that JSON does not have"},
      {"{\"a\":\"\\u12g4\"}", "column 7: \\u without four hexadecimal digits"},
      {"{\"a\":\"\\uD83D\"}", "column 7: half of a surrogate pair"},
      {"{\"a\":\"\\uD83D\\u0041\"}", "column 7: half of a surrogate pair"},
      {"{\"a\":\"\\uDE00\"}", "column 7: half of a surrogate pair"},
      {"{\"a\":\"\x80\"}", "column 7: a byte that is not UTF-8"},
      {"{\"a\":\"\xED\xA0\x80\"}", "column 7: a byte that is not UTF-8"},
      {"{\"a\":\"\t\"}", "column 7: a control character in a string"},
      {std::string("{\"a\":\"\0\"}", 9), "column 7: a control character in a string"},
      {"{\"a\":1,\"b\":2,\"a\":1}", "column 14: member a is there twice"},
      {"{\"a\":1,\"\\u0061\":1}", "column 8: member a is there twice"},
      {"{\"\":1}", "column 2: a member without a name"},
      {"{\"a\":[1,]}", "column 9: expected a JSON value"},
      {"{\"a\":[1 2]}", "column 9: expected , or ]"},
      {"{\"a\":[1}", "column 8: expected , or ]"},
      {"{\"a\":{\"b\":1]}", "column 12: expected , or }"},
      {"{\"a\":{\"b\"}}", "column 10: expected :"},
      {"{\"a\":{1}}", "column 7: expected the name of a member"},
      {"{\"a\":[\"\x80\"]}", "column 8: a byte that is not UTF-8"},
      {"{\"a\":[\"\\uD800\"]}", "column 8: half of a surrogate pair"},
      {"{\"a\":[", "column 7: the line ends inside its object"},
      {"{\"a\":" + std::string(1025, '[') + "1", "column 1030: arrays and objects nested more"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(ErrorOf("{\"a\":0}\n\n" + c.line + "\n{}\n"),
                HasSubstr(std::string("t.jsonl, line 3, ") + c.error))
        << c.line;
    EXPECT_THAT(ErrorOf("{\"a\":0}\n\n" + c.line), HasSubstr(std::string("line 3, ") + c.error));
  }
  const std::string nested = std::string(1024, '[') + std::string(1024, ']');
  EXPECT_EQ(ValueOf(nested), std::pair(Kind::kJson, nested));
}

// The library's verdict on one line, with what it does not ask: one object, no member twice.
struct Expected {
  explicit Expected(const std::string& line) {
    std::set<std::string> names;
    const auto callback = [&](int depth, nlohmann::json::parse_event_t event,
                              nlohmann::json& parsed) {
      if (depth != 1 || event != nlohmann::json::parse_event_t::key) return true;
      const auto name = parsed.get<std::string>();
      if (name.empty() || !names.insert(name).second) valid = false;
      return true;
    };
    try {
      object = nlohmann::json::parse(line, callback);
    } catch (const nlohmann::json::out_of_range&) {
      too_large = true;
    } catch (const nlohmann::json::exception&) {
      valid = false;
    }
    valid = valid && object.is_object();
  }
  bool valid = true;
  bool too_large = false;  // a number that the library refuses, since no double holds it
  nlohmann::json object;
};

void CompareWithLibrary(const std::string& line) {
  SCOPED_TRACE(line);
  if (line.find_first_not_of(" \t\r") == std::string::npos) return;
  const Expected expected(line);
  if (expected.too_large) return;
  const auto table = Parse(line);
  ASSERT_EQ(table.ok(), expected.valid) << table.status();
  if (!expected.valid) return;
  ASSERT_EQ(table->rows.size(), 1u);
  ASSERT_EQ(table->columns.size(), expected.object.size());
  for (size_t i = 0; i < table->columns.size(); ++i) {
    const auto& [kind, text] = table->rows[0][i];
    const nlohmann::json& value = expected.object.at(table->columns[i].name);
    switch (kind) {
      case Kind::kNull:
        ASSERT_TRUE(value.is_null());
        break;
      case Kind::kBool:
        ASSERT_EQ(value, text == "true");
        break;
      case Kind::kString:
        ASSERT_EQ(value, text);
        break;
      default:
        ASSERT_EQ(kind == Kind::kNumber, value.is_number());
        ASSERT_EQ(nlohmann::json::parse(text), value);
    }
  }
}

class RandomJson {
 public:
  explicit RandomJson(uint64_t seed) : random_(seed) {}

  size_t Below(size_t n) { return static_cast<size_t>(random_() % n); }

  std::string Object(int depth) {
    std::string text = "{" + Space();
    for (size_t i = Below(5); i > 0; --i)
      text += String() + Space() + ":" + Space() + Value(depth) + (i > 1 ? "," + Space() : "");
    return text + Space() + "}";
  }

  std::string Mutate(std::string line) {
    static const std::string kBytes = "\"\\{}[]:,0-.eut \x80\xED\xC3";
    const size_t at = Below(line.size());
    if (Below(2) == 0)
      line[at] = kBytes[Below(kBytes.size())];
    else
      line.erase(at, 1 + Below(2));
    return line;
  }

 private:
  std::string Space() { return Below(4) == 0 ? " " : ""; }

  std::string String() {
    static const char* const kPieces[] = {"a",
                                          "bc",
                                          "ä",
                                          "€",
                                          "😀",
                                          "\\n",
                                          "\\\"",
                                          "\\\\",
                                          "\\u00e4",
                                          "\\/",
                                          "\\uD83D\\uDE00",
                                          "\\u0000",
                                          "a string that is rather long"};
    std::string text = "\"";
    for (size_t i = Below(5); i > 0; --i) text += kPieces[Below(std::size(kPieces))];
    return text + "\"";
  }

  std::string Value(int depth) {
    static const char* const kScalars[] = {"null", "true", "false", "0", "-1", "1.5", "2e3", "12"};
    switch (Below(depth > 3 ? 2 : 4)) {
      case 0:
        return String();
      case 1:
        return kScalars[Below(std::size(kScalars))];
      case 2:
        return Object(depth + 1);
      default: {
        std::string text = "[" + Space();
        for (size_t i = Below(4); i > 0; --i)
          text += Value(depth + 1) + (i > 1 ? "," + Space() : "");
        return text + "]";
      }
    }
  }

  std::mt19937_64 random_;
};

TEST(JsonlTest, RandomObjectsAreReadAsAnotherLibraryReadsThem) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomJson random(seed);
  for (int round = 0; round < 10'000; ++round) {
    const std::string line = random.Object(0);
    CompareWithLibrary(line);
    CompareWithLibrary(random.Mutate(line));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

class JsonlStoreTest : public TextStoreTest {
 protected:
  std::unique_ptr<Store> Open(const std::string& name, const std::string& parameters,
                              size_t chunk_bytes = 1 << 20) {
    auto store = OpenJsonlStore(UrlOf("jsonl:" + Path(name) + parameters), Options(chunk_bytes));
    DRIFTWOOD_CHECK(store.ok());
    return *std::move(store);
  }
};

TEST_F(JsonlStoreTest, DescribesTheColumnsInTheOrderOfTheirAppearance) {
  Write("o.jsonl", "{\"id\":1,\"name\":\"a\"}\n{\"total\":1.5,\"id\":2}\n");
  const auto description = Open("o.jsonl", "?key=id", 10)->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->source, "jsonl:" + Path("o.jsonl") + "?key=id");
  ASSERT_EQ(description->columns.size(), 3u);
  EXPECT_EQ(description->columns[0].name, "id");
  EXPECT_EQ(description->columns[1].name, "name");
  EXPECT_EQ(description->columns[2].name, "total");
  EXPECT_THAT(description->key, ElementsAre("id"));
  EXPECT_EQ(description->records_estimate, 2u);
  EXPECT_EQ(description->bytes, 41u);
}

TEST_F(JsonlStoreTest, GivesTheAskedForColumnsInTheAskedForOrder) {
  Write("o.jsonl", "{\"a\":1,\"b\":\"\",\"c\":{\"d\":[]}}\n\n{\"c\":true}\n");
  for (const size_t bytes : {size_t{1}, size_t{7}, size_t{1} << 20}) {
    auto store = Open("o.jsonl", "", bytes);
    const auto scanned = ScanAll(*store, {"c", "b", "a"});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_THAT(scanned->rows, ElementsAre("json {\"d\":[]} '' number 1", "true NULL NULL"));
    EXPECT_EQ(*store->DescribeOrigin(scanned->origins[1]), "line 3");
    EXPECT_THAT(ScanAll(*store, {"b"})->rows, ElementsAre("''", "NULL"));
  }
}

TEST_F(JsonlStoreTest, AMemberThatAppearsAfterTheDescriptionIsAnErrorAndNotDropped) {
  Write("o.jsonl", "{\"a\":1}\n");
  auto store = Open("o.jsonl", "?key=a");
  ASSERT_TRUE(store->Describe().ok());
  Append("o.jsonl", "{\"a\":2,\"new\":3}\n");
  const absl::Status status = ScanAll(*store, {"a"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("line 2, column 8: member new was not there when the columns were "
                        "collected: the file has changed"));
  // Described again it is a column.
  EXPECT_EQ(store->Describe()->columns.size(), 2u);
  EXPECT_THAT(ScanAll(*store, {"new"})->rows, ElementsAre("NULL", "number 3"));
}

TEST_F(JsonlStoreTest, AnIgnoredMemberMayBeLeftOutOfThePlan) {
  Write("o.jsonl", "{\"a\":1,\"b\":2}\n");
  auto store = Open("o.jsonl", "?key=a");
  ASSERT_TRUE(store->Describe().ok());
  EXPECT_THAT(ScanAll(*store, {"a"})->rows, ElementsAre("number 1"));
}

TEST_F(JsonlStoreTest, AKeyThatNoRecordHasIsNamedWithThoseThatAre) {
  Write("o.jsonl", "{\"order_id\":1,\"b\":2}\n");
  EXPECT_THAT(std::string(Open("o.jsonl", "?key=orderId")->Describe().status().message()),
              HasSubstr("no column orderId for the key; did you mean order_id? Its columns: "
                        "order_id, b"));
}

TEST_F(JsonlStoreTest, AFileWithoutRecordsHasTheColumnsOfItsUrl) {
  Write("o.jsonl", "\n");
  auto store = Open("o.jsonl", "?key=id&columns=name,id,total");
  const auto description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  ASSERT_EQ(description->columns.size(), 3u);
  EXPECT_EQ(description->columns[0].knowledge, TypeKnowledge::kTextual);
  EXPECT_EQ(description->warnings.size(), 1u);
  EXPECT_THAT(ScanAll(*store, {"id", "total"})->rows, ElementsAre());
  EXPECT_EQ(Open("o.jsonl", "?key=id")->Describe()->columns.size(), 1u);
}

TEST_F(JsonlStoreTest, GivenColumnsAreThereEvenIfNoRecordHasThem) {
  Write("o.jsonl", "{\"a\":1}\n");
  auto store = Open("o.jsonl", "?key=a&columns=b");
  EXPECT_THAT(ScanAll(*store, {"a", "b"})->rows, ElementsAre("number 1 NULL"));
}

TEST_F(JsonlStoreTest, Ledger18AnErrorIsNeverTheEndOfData) {
  Write("o.jsonl", "{\"a\":1}\n");
  auto store = Open("o.jsonl", "?key=a", 4);
  ASSERT_TRUE(store->Describe().ok());
  Append("o.jsonl", "{\"a\":2\n{\"a\":3}\n");
  for (const auto order : {DecodeOrder::kAsRead, DecodeOrder::kLastFirst})
    EXPECT_THAT(std::string(ScanAll(*store, {"a"}, order).status().message()),
                HasSubstr("line 2, column 7: the line ends inside its object"));
}

TEST_F(JsonlStoreTest, TruncationDuringTheScanIsAnError) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "{\"a\":" + std::to_string(i) + "}\n";
  Write("o.jsonl", text);
  auto store = Open("o.jsonl", "", 100);
  auto scan = *store->StartScan({"a"});
  ASSERT_TRUE(scan->Next().ok());
  std::filesystem::resize_file(Path("o.jsonl"), 0);
  EXPECT_EQ(scan->Next().status().code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(scan->Finish().ok());
}

TEST_F(JsonlStoreTest, Ledger24AnIndexIsReusedOnlyOnProof) {
  Write("o.jsonl", "{\"a\":1}\n");
  auto store = Open("o.jsonl", "?key=a");
  const std::string position = ScanAll(*store, {"a"})->end.position;
  ASSERT_NE(position, "");
  EXPECT_TRUE(*store->IsUnchanged(position));
  Append("o.jsonl", "{\"a\":2}\n");
  EXPECT_FALSE(*store->IsUnchanged(position));
  EXPECT_EQ(store->Describe()->records_estimate, 2u);
}

TEST_F(JsonlStoreTest, UnknownParametersAndMissingFilesAreRefused) {
  EXPECT_EQ(OpenJsonlStore(UrlOf("jsonl:o?null=x")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open("none", "")->Describe().status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace driftwood::agent
