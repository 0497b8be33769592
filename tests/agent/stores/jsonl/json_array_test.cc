// JSON files that are one array of objects: read as the same objects on a line each are.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "agent/stores/jsonl/jsonl_decoder.h"
#include "agent/stores/jsonl/jsonl_store.h"
#include "gmock/gmock.h"
#include "tests/agent/stores/jsonl/jsonl_fixture.h"
#include "tests/agent/stores/text/stream_fixture.h"
#include "tests/agent/stores/text/text_store_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = SourceValue::Kind;

absl::StatusOr<JsonlTable> Parse(std::string_view text, size_t chunk_bytes = 1 << 20) {
  return ParseJsonFile("t.json", text, chunk_bytes);
}

// Columns and values, NULL as "NULL"; nested values without the white space that means nothing.
std::string Show(const JsonlTable& table) {
  std::string shown;
  for (const SourceColumn& column : table.columns)
    shown += column.name + " " + column.declared + "|";
  for (const auto& row : table.rows) {
    shown += "\n";
    for (const auto& [kind, text] : row) {
      const bool nested = kind == Kind::kJson;
      shown += std::to_string(static_cast<int>(kind)) + "'" +
               (nested ? nlohmann::ordered_json::parse(text).dump() : text) + "' ";
    }
  }
  return shown;
}

std::string ErrorOf(const std::string& text) { return JsonErrorOf("t.json", text, 1); }

// The objects of an array, in white space of all kinds.
class RandomArray {
 public:
  explicit RandomArray(uint32_t seed) : random_(seed) {
    for (uint32_t i = Below(6); i > 0; --i) objects.push_back(Object());
  }

  std::string Array() {
    std::string text = (Below(4) == 0 ? "\xEF\xBB\xBF" : "") + Space() + "[" + Space();
    for (size_t i = 0; i < objects.size(); ++i)
      text += (i > 0 ? Space() + "," + Space() : "") + objects[i].dump(Below(2) == 0 ? -1 : 2);
    return text + Space() + "]" + Space();
  }
  std::string Lines() const {
    std::string text;
    for (const auto& object : objects) text += object.dump() + "\n";
    return text;
  }
  std::string Mutate(std::string text) {
    static const std::string kBytes = "\"\\{}[]:,0 \n";
    if (text.empty()) return text;
    const size_t at = Below(static_cast<uint32_t>(text.size()));
    switch (Below(3)) {
      case 0:
        text[at] = kBytes[Below(static_cast<uint32_t>(kBytes.size()))];
        break;
      case 1:
        text.erase(at, 1 + Below(3));
        break;
      default:
        text.insert(at, 1, kBytes[Below(static_cast<uint32_t>(kBytes.size()))]);
    }
    return text;
  }
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  std::vector<nlohmann::ordered_json> objects;

 private:
  std::string Space() {
    static const char* const kSpaces[] = {"", " ", "\n", "\r\n", "\t", "\n\n    "};
    return kSpaces[Below(6)];
  }
  nlohmann::ordered_json Value(int depth) {
    switch (Below(depth > 2 ? 3 : 5)) {
      case 0:
        return Below(100);
      case 1:
        return nullptr;
      case 2: {
        static const char* const kTexts[] = {"",  "a",   "],[{",       "\"quoted\"",
                                             "ä", "\\,", "two\nlines", "}"};
        return kTexts[Below(8)];
      }
      case 3:
        return nlohmann::ordered_json::array({Value(depth + 1), Value(depth + 1)});
      default:
        return nlohmann::ordered_json{{"x", Value(depth + 1)}, {"y", Value(depth + 1)}};
    }
  }
  nlohmann::ordered_json Object() {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    static const char* const kNames[] = {"id", "a", "b", "[", "c"};
    for (const char* const name : kNames) {
      if (Below(3) > 0) object[name] = Value(0);
    }
    return object;
  }

  std::mt19937 random_;
};

TEST(JsonArrayTest, ItsObjectsAreThoseOfTheSameJsonLines) {
  const testing::Seed given;
  std::mt19937 random(static_cast<uint32_t>(given.value()));
  for (int round = 0; round < 2000; ++round) {
    const auto seed = static_cast<uint32_t>(random());
    SCOPED_TRACE(seed);
    RandomArray array(seed);
    const std::string text = array.Array();
    const auto lines = Parse(array.Lines());
    ASSERT_TRUE(lines.ok()) << lines.status();
    for (const size_t bytes : {size_t{1}, size_t{1 + seed % 50}, size_t{1} << 20}) {
      const auto table = Parse(text, bytes);
      ASSERT_TRUE(table.ok()) << table.status() << "\n" << text;
      ASSERT_EQ(Show(*table), Show(*lines)) << text;
      for (size_t i = 0; i < table->rows.size(); ++i) ASSERT_EQ(text[table->origins[i]], '{');
    }
  }
}

// Another library's verdict on what is nearly an array.
TEST(JsonArrayTest, WhatIsNoArrayOfObjectsIsRefusedAndNeverReadInPart) {
  const testing::Seed given;
  std::mt19937 random(static_cast<uint32_t>(given.value()));
  int refused = 0;
  for (int round = 0; round < 10'000; ++round) {
    const auto seed = static_cast<uint32_t>(random());
    SCOPED_TRACE(seed);
    RandomArray array(seed);
    std::string text = array.Mutate(array.Array());
    if (array.Below(2) == 0) text = array.Mutate(text);
    const auto parsed = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    const auto table = Parse(text);
    ASSERT_EQ(Parse(text, 1 + seed % 40).status(), table.status()) << text;
    if (!table.ok()) ++refused;
    if (!parsed.is_array()) {
      // Behind a first line that is no array the file is JSON Lines.
      if (table.ok() && !text.empty()) {
        EXPECT_NE(text[std::min(text.size() - 1, text.find_first_not_of("\xEF\xBB\xBF \t\r\n"))],
                  '[')
            << text;
      }
      continue;
    }
    bool of_objects = true;
    for (const auto& element : parsed) of_objects = of_objects && element.is_object();
    if (!of_objects) {
      EXPECT_FALSE(table.ok()) << text;
    }
    if (table.ok()) {
      EXPECT_EQ(table->rows.size(), parsed.size()) << text;
    } else if (of_objects) {
      EXPECT_THAT(std::string(table.status().message()),
                  ::testing::AnyOf(HasSubstr("is there twice"), HasSubstr("without a name")))
          << text;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(JsonArrayTest, CutOffAtAnyByteItIsAnError) {
  const std::string text = "[\n  {\"a\": [1, 2], \"b\": \"x]\"},\n  {\"a\": [[]], \"c\": {}}\n]";
  ASSERT_TRUE(Parse(text).ok());
  ASSERT_TRUE(Parse(text + "\n").ok());
  for (size_t size = 1; size < text.size(); ++size) ErrorOf(text.substr(0, size));
}

TEST(JsonArrayTest, AnArrayWithoutElementsHasNoRecords) {
  for (const char* text : {"[]", " [ ] ", "\xEF\xBB\xBF[\n]\n"}) {
    const auto table = Parse(text);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->rows.size(), 0u);
  }
}

TEST(JsonArrayTest, ErrorsAreAtTheirLineAndColumn) {
  const struct {
    const char* text;
    const char* error;
  } cases[] = {
      {"[\n{\"a\":1},\n{\"a\":2}\n", "line 1, column 1: the array that begins here does not end"},
      {"[\n{\"a\":1},\n]\n", "line 3, column 1: a comma before the end of the array"},
      {"[{\"a\":1},\n1]", "line 2, column 1: each element of the array must be a JSON object"},
      {"[{\"a\":1}\n{\"a\":2}]", "line 2, column 1: expected , between the objects of the array"},
      {"[{\"a\":1},,{\"a\":2}]", "column 10: each element of the array must be a JSON object"},
      {"[,{\"a\":2}]", "column 2: each element of the array must be a JSON object"},
      {"[{\"a\":1}]]", "column 9: expected , between the objects of the array"},
      {"[{\"a\":1}] []", "column 9: expected , between the objects of the array"},
      {"[{\"a\":1}]\n{\"a\":2}", "column 1: the array that begins here does not end with the file"},
      {"[{\"a\":1,\n\"b\":[1]", "line 2, column 7: the array ends inside an object"},
      {"[{\"a\":1,\n\"b\":NaN}]", "line 2, column 5: NaN, which JSON does not have"},
      {"[{\"a\":\"x\ny\"}]", "line 1, column 9: a control character in a string"},
      {"[{\"a\":\"x}]", "column 7: the string that begins here is not closed"},
      {"[{\"a\":1,\"a\":2}]", "column 9: member a is there twice"},
      {"[[{\"a\":1}]]", "column 2: each element of the array must be a JSON object"},
  };
  for (const auto& c : cases) EXPECT_THAT(ErrorOf(c.text), HasSubstr(c.error)) << c.text;
}

class JsonArrayStoreTest : public TextStoreTest {
 protected:
  std::unique_ptr<Store> Open(const std::string& name, const std::string& parameters = "",
                              size_t chunk_bytes = 1 << 20) {
    auto store = OpenJsonlStore(UrlOf("jsonl:" + Path(name) + parameters), Options(chunk_bytes));
    DRIFTWOOD_CHECK(store.ok());
    return *std::move(store);
  }
};

TEST_F(JsonArrayStoreTest, AFileIsScannedInChunksWithTheLinesOfItsObjects) {
  Write("a.json", "[\n  {\n    \"id\": 1,\n    \"n\": {\"x\": [\n1]}\n  },\n  {\"id\": 2}\n]\n");
  for (const size_t bytes : {size_t{1}, size_t{7}, size_t{1} << 20}) {
    auto store = Open("a.json", "?key=id", bytes);
    EXPECT_EQ(store->Describe()->records_estimate, 2u);
    const auto scanned = ScanAll(*store, {"id", "n"}, DecodeOrder::kLastFirst);
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_THAT(scanned->rows, ElementsAre("number 1 json {\"x\": [\n1]}", "number 2 NULL"));
    EXPECT_EQ(*store->DescribeOrigin(scanned->origins[0]), "line 2");
    EXPECT_EQ(*store->DescribeOrigin(scanned->origins[1]), "line 7");
    EXPECT_TRUE(*store->IsUnchanged(scanned->end.position));
  }
}

TEST_F(JsonArrayStoreTest, ItMayBePackedAndInAnotherEncoding) {
  Write("a.json.gz", Gzip("[{\"id\":1,\"name\":\"\xE4\"},\n{\"id\":2,\"name\":NaN}]"));
  EXPECT_EQ(std::string(Open("a.json.gz", "?encoding=latin1")->Describe().status().message()),
            Path("a.json.gz") +
                ", line 2, column 16 of its text in UTF-8: NaN, which JSON does not have; write "
                "null, or the string \"NaN\", where this file is made");
  Write("a.json.gz", Gzip("[{\"id\":1,\"name\":\"\xE4\"},\n{\"id\":2}]"));
  auto store = Open("a.json.gz", "?encoding=latin1");
  EXPECT_THAT(ScanAll(*store, {"id", "name"})->rows, ElementsAre("number 1 'ä'", "number 2 NULL"));
}

}  // namespace
}  // namespace driftwood::agent
