// Also log_events.cc, log_fold.cc, live_lines.cc and log_kind.cc.
#include "agent/stores/log/log_store.h"

#include <map>
#include <random>

#include "agent/index/compare_under.h"
#include "agent/index/indexer.h"
#include "agent/index/indexer_options.h"
#include "agent/index/read_records.h"
#include "agent/index/row_encoder.h"
#include "agent/stores/jsonl/jsonl_store.h"
#include "agent/stores/log/log_kind.h"
#include "gmock/gmock.h"
#include "merkle/record/encoding.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

merkle::Agreement AgreementOf(std::vector<merkle::Column> key, std::vector<merkle::Column> values,
                              std::vector<std::string> rules = {}) {
  merkle::Agreement agreement;
  agreement.schema = {std::move(key), std::move(values)};
  agreement.rules = std::move(rules);
  agreement.key_id = merkle::DigestKey::Unkeyed().KeyId();
  return agreement;
}

class LogStoreTest : public TextStoreTest {
 protected:
  std::unique_ptr<Store> Open(const std::string& parameters, size_t chunk_bytes = 1 << 20,
                              size_t sort_memory_bytes = 1 << 20) const {
    LogStoreOptions options{Options(chunk_bytes), sort_memory_bytes};
    auto store = OpenLogStore(UrlOf("log:" + Path("a.log") + "?" + parameters), options);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  // The rows of id (of that type) and v.
  absl::StatusOr<std::vector<std::string>> Fold(const std::string& text,
                                                ColumnType type = ColumnType::kInteger,
                                                std::vector<std::string> rules = {},
                                                const std::string& parameters = "key=id&op=op") {
    Write("a.log", text);
    const auto store = Open(parameters + "&columns=v");
    CompareUnder(AgreementOf({{"id", type}}, {{"v", ColumnType::kText}}, std::move(rules)),
                 store.get());
    auto scanned = ScanAll(*store, {"id", "v"});
    if (!scanned.ok()) return scanned.status();
    EXPECT_EQ(scanned->end.not_point_in_time, "");
    return scanned->rows;
  }

  std::string ErrorOf(const std::string& text, const std::string& parameters = "key=id&op=op") {
    const absl::Status refused = Fold(text, ColumnType::kInteger, {}, parameters).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
    return std::string(refused.message());
  }
};

TEST_F(LogStoreTest, TheLastEventOfEachKeyCounts) {
  EXPECT_THAT(*Fold("{\"op\":\"insert\",\"id\":1,\"v\":\"a\"}\n"
                    "{\"op\":\"insert\",\"id\":2,\"v\":\"b\"}\n"
                    "\n"
                    "{\"op\":\"UPDATE\",\"id\":1,\"v\":\"c\"}\n"
                    "{\"op\":\"c\",\"id\":3,\"v\":\"d\"}\n"
                    "{\"op\":\"delete\",\"id\":2}\n"
                    "{\"op\":\"d\",\"id\":9,\"other\":1}\n"
                    "{\"op\":\"delete\",\"id\":3}\n"
                    "{\"op\":\"insert\",\"id\":3,\"v\":\"e\"}"),
              ElementsAre("number 1 'c'", "number 3 'e'"));
}

TEST_F(LogStoreTest, WithoutAnOperationEachEventUpserts) {
  EXPECT_THAT(
      *Fold("{\"id\":1,\"v\":\"a\"}\n{\"id\":1,\"v\":\"b\"}\n", ColumnType::kInteger, {}, "key=id"),
      ElementsAre("number 1 'b'"));
}

TEST_F(LogStoreTest, KeysAreOneIfTheComparisonSaysSo) {
  const auto events = [](const std::string& first, const std::string& second) {
    return "{\"op\":\"c\",\"id\":" + first + ",\"v\":\"a\"}\n{\"op\":\"d\",\"id\":" + second +
           ",\"v\":\"b\"}\n";
  };
  const auto is_one = [&](const std::string& first, const std::string& second, ColumnType type,
                          const std::vector<std::string>& rules = {}) {
    return Fold(events(first, second), type, rules).value().empty();
  };
  EXPECT_TRUE(is_one("1", "1", ColumnType::kDynamic));
  EXPECT_TRUE(is_one("1", "1.0", ColumnType::kInteger));
  EXPECT_TRUE(is_one("1", "1.0", ColumnType::kDecimal));
  EXPECT_TRUE(is_one("1", "1.0", ColumnType::kDynamic));
  EXPECT_TRUE(is_one("1", "\"1\"", ColumnType::kInteger));
  EXPECT_FALSE(is_one("1", "\"1\"", ColumnType::kText));  // a type mismatch
  EXPECT_FALSE(is_one("1", "\"1\"", ColumnType::kDynamic));
  EXPECT_FALSE(is_one("\"1\"", "\"01\"", ColumnType::kText));
  EXPECT_TRUE(is_one("\"1\"", "\"01\"", ColumnType::kInteger));
  EXPECT_TRUE(is_one("\"\\u0061\"", "\"a\"", ColumnType::kText));
  EXPECT_FALSE(is_one("\"a\"", "\"A\"", ColumnType::kText));
  EXPECT_TRUE(is_one("\"a\"", "\"A\"", ColumnType::kText, {"id:casefold"}));
  EXPECT_FALSE(is_one("\"a\"", "\"a \"", ColumnType::kText));
  EXPECT_TRUE(is_one("null", "null", ColumnType::kText));
  EXPECT_FALSE(is_one("null", "\"\"", ColumnType::kText));
  EXPECT_FALSE(is_one("\"a\"", "\"a\\u0000\"", ColumnType::kText));
  const std::string uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1";
  EXPECT_TRUE(is_one("\"" + uuid + "a\"", "\"{" + uuid + "A}\"", ColumnType::kUuid));
  EXPECT_TRUE(is_one("\"2024-01-05T10:00:00+02:00\"", "\"2024-01-05 08:00:00Z\"",
                     ColumnType::kTimestampTz));
}

TEST_F(LogStoreTest, OneKeyInTwoSpellingsIsOneRecordTheLastOne) {
  EXPECT_THAT(*Fold("{\"op\":\"c\",\"id\":1,\"v\":\"a\"}\n{\"op\":\"u\",\"id\":1.0,\"v\":\"b\"}\n"),
              ElementsAre("number 1.0 'b'"));
  EXPECT_THAT(
      *Fold("{\"op\":\"c\",\"id\":1,\"v\":\"a\"}\n{\"op\":\"u\",\"id\":\"1\",\"v\":\"b\"}\n",
            ColumnType::kDynamic),
      ElementsAre("number 1 'a'", "'1' 'b'"));
}

TEST_F(LogStoreTest, LongKeysAndThoseThatBeginWithAnotherStayApart) {
  const std::string text(100, 'x');
  const std::string longer(300, 'x');
  const auto event = [](const std::string& op, const std::string& id) {
    return "{\"op\":\"" + op + "\",\"id\":\"" + id + "\",\"v\":\"a\"}\n";
  };
  std::string log;
  for (const std::string& id :
       {std::string("x"), std::string("xx"), std::string("x\\u0000"), text, text + "y", longer})
    log += event("c", id);
  log += event("d", text) + event("d", "x");
  EXPECT_EQ(Fold(log, ColumnType::kText)->size(), 4u);
}

TEST_F(LogStoreTest, CompositeKeysAreNoConcatenation) {
  Write("a.log",
        "{\"a\":\"x\",\"b\":\"yz\",\"v\":1}\n{\"a\":\"xy\",\"b\":\"z\",\"v\":2}\n"
        "{\"b\":\"yz\",\"a\":\"x\",\"v\":3}\n");
  const auto store = Open("key=a,b");
  CompareUnder(AgreementOf({{"b", ColumnType::kText}, {"a", ColumnType::kText}},
                           {{"v", ColumnType::kInteger}}),
               store.get());
  EXPECT_THAT(ScanAll(*store, {"a", "v"})->rows, ElementsAre("'xy' number 2", "'x' number 3"));
}

TEST_F(LogStoreTest, AComparisonByAnotherKeyFoldsByItsOwn) {
  Write("a.log", "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":\"a\"}\n{\"id\":1,\"v\":\"b\"}\n");
  const auto store = Open("key=id");
  merkle::Agreement agreement =
      AgreementOf({{"v", ColumnType::kText}}, {{"id", ColumnType::kInteger}});
  CompareUnder(agreement, store.get());
  EXPECT_THAT(ScanAll(*store, {"v", "id"})->rows, ElementsAre("'a' number 2", "'b' number 1"));
  EXPECT_TRUE(absl::IsUnimplemented(store->Lookup({"v"}, {"v"}, {}).status()));
  agreement.schema.values.clear();
  CompareUnder(agreement, store.get());
  const absl::Status refused = store->StartScan({"v"}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("column id"));
}

TEST_F(LogStoreTest, WhoDoesNotTellItsKeysApartGetsNothing) {
  Write("a.log", "{\"id\":1}\n");
  EXPECT_TRUE(absl::IsInternal(Open("key=id")->StartScan({"id"}).status()));
}

TEST_F(LogStoreTest, WhatIsNoEventIsAnErrorWithItsPlace) {
  const std::string good = "{\"op\":\"c\",\"id\":1,\"v\":\"a\"}\n";
  const std::string later = "{\"op\":\"u\",\"id\":1,\"v\":\"b\"}\n";
  EXPECT_THAT(ErrorOf(good + "{\"op\":\"u\",\"v\":\"a\"}\n" + later),
              HasSubstr("a.log, line 2, column 1: the event has no member id, which key= names"));
  EXPECT_THAT(ErrorOf(good + "{\"id\":1,\"v\":\"a\"}\n" + later),
              HasSubstr("line 2, column 1: the event has no member op, which op= names"));
  EXPECT_THAT(ErrorOf(good + "{\"op\":1,\"id\":1,\"v\":\"a\"}\n" + later),
              HasSubstr("line 2, column 2: member op says what the event does, and must be a "
                        "string"));
  EXPECT_THAT(ErrorOf(good + "{\"id\":1,\"op\":\"truncate\"}\n" + later),
              HasSubstr("line 2, column 9: the word truncate of member op is not known; "
                        "add deletes=truncate to the URL"));
  EXPECT_THAT(ErrorOf(good + "{\"op\":\"u\",\"id\":1,\"v\":1,\"v\":2}\n" + later),
              HasSubstr("line 2, column 24: member v is there twice"));
  EXPECT_THAT(ErrorOf(good + "{\"op\":\"u\",\"id\":1,\"id\":2}\n" + later),
              HasSubstr("member id is there twice"));
  EXPECT_THAT(ErrorOf(good + later + "{\"op\":\"u\",\"id\":1,"),
              HasSubstr("line 3, column 18: the line ends inside its object; is it cut off?"));
  EXPECT_THAT(ErrorOf(good + "null\n"), HasSubstr("line 2, column 1: each line must be one JSON"));
  EXPECT_THAT(ErrorOf("[" + good + "]"), HasSubstr("line 1, column 1: an array is no log"));
}

TEST_F(LogStoreTest, ParametersThatMakeNoSenseAreRefused) {
  for (const char* parameters :
       {"op=op", "key=*", "key=id,id", "key=id&op=id", "key=id&deletes=x", "key=id&absent=x",
        "key=id&op=op&columns=op", "key=id&op=op&upserts=x&deletes=x", "key=id&nope=1",
        "key=id&encoding=x"}) {
    const absl::Status status = OpenLogStore(UrlOf(std::string("log:a?") + parameters)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << parameters;
  }
  EXPECT_TRUE(LogKind().open(UrlOf("log:a?key=id"), {}).ok());
  EXPECT_EQ(LogKind().list_tables, nullptr);
}

TEST_F(LogStoreTest, AnEventThatLosesAColumnIsAnErrorUnlessThatMeansNull) {
  const std::string log =
      "{\"id\":2,\"v\":\"b\"}\n{\"id\":1,\"v\":\"a\"}\n{\"id\":1}\n{\"id\":2}\n";
  EXPECT_THAT(ErrorOf(log, "key=id"),
              HasSubstr("line 3, column 1: the event has no member v, which the record of its key "
                        "in line 2 has; a line is the whole record: write null"));
  EXPECT_THAT(*Fold(log, ColumnType::kInteger, {}, "key=id&absent=null"),
              ElementsAre("number 1 NULL", "number 2 NULL"));
  // Of another key, after a deletion, with null, or in a column that is not compared it is none.
  EXPECT_EQ(Fold("{\"op\":\"c\",\"id\":1,\"v\":\"a\",\"w\":1}\n{\"op\":\"c\",\"id\":2}\n"
                 "{\"op\":\"u\",\"id\":1,\"v\":null}\n{\"op\":\"d\",\"id\":1}\n"
                 "{\"op\":\"c\",\"id\":1}\n{\"op\":\"u\",\"id\":1,\"v\":\"a\"}\n")
                ->size(),
            2u);
}

TEST_F(LogStoreTest, TheColumnsAreThoseOfWhatIsLeftWithoutTheOperation) {
  Write("a.log",
        "{\"op\":\"c\",\"id\":\"x\",\"old\":1,\"v\":\"a\"}\n{\"op\":\"d\",\"id\":\"x\"}\n"
        "{\"op\":\"c\",\"id\":1,\"v\":2}\n{\"op\":\"c\",\"id\":2,\"v\":3}\n");
  const auto description = Open("key=id&op=op&columns=more")->Describe().value();
  std::vector<std::string> columns;
  for (const SourceColumn& column : description.columns)
    columns.push_back(column.name + " " + column.declared);
  EXPECT_THAT(columns, ElementsAre("id integer", "more only null", "v integer"));
  EXPECT_THAT(description.key, ElementsAre("id"));
  EXPECT_EQ(description.records_estimate, 2u);
  EXPECT_THAT(description.warnings, IsEmpty());
}

TEST_F(LogStoreTest, ALogThatLeavesNothingHasItsKey) {
  Write("a.log", "{\"op\":\"c\",\"id\":1,\"v\":2}\n{\"op\":\"d\",\"id\":1}\n");
  const auto description = Open("key=id&op=op")->Describe().value();
  ASSERT_EQ(description.columns.size(), 1u);
  EXPECT_EQ(description.warnings.size(), 1u);
}

TEST_F(LogStoreTest, OriginsAreThoseOfTheLog) {
  Write("a.log", "{\"id\":1}\n{\"id\":2}\n{\"id\":1}\n");
  const auto store = Open("key=id");
  CompareUnder(AgreementOf({{"id", ColumnType::kInteger}}, {}), store.get());
  const auto scanned = ScanAll(*store, {"id"});
  EXPECT_THAT(scanned->origins, ElementsAre(9u, 18u));
  EXPECT_EQ(*store->DescribeOrigin(18), "line 3");
}

TEST_F(LogStoreTest, TheFileIsOneStateForBothPassesAndItsProofIsThatOfAFile) {
  Write("a.log", "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":\"b\"}\n");
  const auto store = Open("key=id");
  CompareUnder(AgreementOf({{"id", ColumnType::kInteger}}, {{"v", ColumnType::kText}}),
               store.get());
  const auto still = ScanAll(*store, {"id", "v"});
  ASSERT_TRUE(still.ok()) << still.status();
  EXPECT_TRUE(*store->IsUnchanged(still->end.position));
  // As another log, it is not what was read.
  EXPECT_FALSE(*Open("key=v")->IsUnchanged(still->end.position));

  auto scan = store->StartScan({"id", "v"}).value();  // the first pass is through
  Append("a.log", "{\"id\":1,\"v\":\"c\"}\n");
  Rows rows;
  while (auto batch = scan->Next().value()) EXPECT_TRUE(batch->Decode(rows).ok());
  EXPECT_THAT(rows.rows, ElementsAre("number 1 'a'", "number 2 'b'"));
  const auto end = scan->Finish();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_THAT(end->not_point_in_time, HasSubstr("changed while it was read"));
  EXPECT_EQ(end->position, "");
  EXPECT_FALSE(*store->IsUnchanged(still->end.position));
}

TEST_F(LogStoreTest, ALogThatIsWrittenAnewBetweenThePassesIsNeverShort) {
  Write("a.log", "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":\"b\"}\n");
  const auto store = Open("key=id");
  CompareUnder(AgreementOf({{"id", ColumnType::kInteger}}, {{"v", ColumnType::kText}}),
               store.get());
  auto scan = store->StartScan({"id", "v"}).value();
  Write("a.log", "{\"id\":1,\"v\":\"aaaaaa\"}\n{\"id\":2,\"v\":\"bbbb\"}\n");
  Rows rows;
  EXPECT_TRUE(absl::IsAborted(scan->Next().value()->Decode(rows)));
}

TEST_F(LogStoreTest, ALookupFoldsForItsKeysAndWhatIsDeletedIsGone) {
  Write("a.log",
        "{\"op\":\"c\",\"id\":1,\"v\":\"a\"}\n{\"op\":\"c\",\"id\":2,\"v\":\"b\"}\n"
        "{\"op\":\"u\",\"id\":\"1\",\"v\":\"c\"}\n{\"op\":\"c\",\"id\":3,\"v\":\"d\"}\n"
        "{\"op\":\"d\",\"id\":2.0}\n");
  const auto store = Open("key=id&op=op", 16);
  const merkle::Agreement agreement =
      AgreementOf({{"id", ColumnType::kInteger}}, {{"v", ColumnType::kText}});
  CompareUnder(agreement, store.get());
  const std::vector<std::vector<SourceValue>> keys = {
      {SourceValue::Int64(1)}, {SourceValue::Int64(2)}, {SourceValue::Int64(4)}};
  auto scan = store->Lookup({"id", "v"}, {"id"}, keys).value();
  Rows rows;
  while (auto batch = scan->Next().value()) EXPECT_TRUE(batch->Decode(rows).ok());
  EXPECT_THAT(rows.rows, ElementsAre("'1' 'c'"));
  EXPECT_TRUE(scan->Finish()->has_all_answers);

  scan = store->Lookup({"id", "v"}, {"id"}, keys).value();
  Append("a.log", "{\"op\":\"c\",\"id\":4,\"v\":\"e\"}\n");
  while (auto batch = scan->Next().value()) EXPECT_TRUE(batch->Decode(rows).ok());
  EXPECT_TRUE(absl::IsAborted(scan->Finish().status()));
  EXPECT_TRUE(absl::IsUnimplemented(store->LookupAlike({"id"}, {"id"}, keys).status()));
  const std::vector<std::vector<SourceValue>> foreign = {{SourceValue::ForeignText("", "\xFF")}};
  EXPECT_TRUE(absl::IsUnimplemented(store->Lookup({"id"}, {"id"}, foreign).status()));
}

// Keys as a scan shows them.
class KeySink final : public RowSink {
 public:
  explicit KeySink(const merkle::Agreement& agreement)
      : encoder_(agreement.schema, {}, merkle::DigestKey::Unkeyed()),
        hasher_(merkle::DigestKey::Unkeyed()) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t) override {
    const absl::Status status = encoder_.EncodeHashed(row);
    records[std::string(encoder_.key())] = hasher_.Hash(encoder_.key(), encoder_.value());
    return status;
  }
  std::map<std::string, merkle::Digest> records;

 private:
  RowEncoder encoder_;
  merkle::RecordHasher hasher_;
};

// A key that a reading overlooks would count as gone, and a difference as settled.
TEST_F(LogStoreTest, AReadingByKeyFindsWhatAScanShowsWhateverTypeTheKeyIsReadAs) {
  const std::vector<std::string> ids = {"1",
                                        "1.5",
                                        "-0",
                                        "1e400",
                                        "9007199254740993",
                                        "18446744073709551615",
                                        "true",
                                        "false",
                                        "null",
                                        "\"1\"",
                                        "\"1.5\"",
                                        "\"01\"",
                                        "\"a\"",
                                        "\"A\"",
                                        "\"\"",
                                        "\"a\\u0000b\"",
                                        "\"true\"",
                                        "\"t\"",
                                        "\"null\"",
                                        "\"[1]\"",
                                        "\"\\\\x61\"",
                                        "\"0101\"",
                                        "\"2024-01-05\"",
                                        "\"10:20:30\"",
                                        "\"2024-01-05 10:20:30\"",
                                        "\"2024-01-05T10:20:30+02:00\"",
                                        "\"infinity\"",
                                        "\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"",
                                        "{\"b\":1,\"a\":[2]}",
                                        "[1]",
                                        "[\"a\",null]"};
  std::string log;
  for (const std::string& id : ids) log += "{\"id\":" + id + ",\"v\":\"x\"}\n";
  Write("a.log", log);
  const auto store = Open("key=id");
  const merkle::DigestKey key;
  size_t types = 0;
  for (int type = 1; type <= static_cast<int>(ColumnType::kDynamic); ++type) {
    const merkle::Agreement agreement =
        AgreementOf({{"id", static_cast<ColumnType>(type)}}, {{"v", ColumnType::kText}});
    if (!CheckAgreement(agreement, key).ok()) continue;
    ++types;
    CompareUnder(agreement, store.get());
    KeySink sink(agreement);
    const auto scan = store->StartScan({"id", "v"}).value();
    while (auto batch = scan->Next().value()) ASSERT_TRUE(batch->Decode(sink).ok());
    for (const auto& [id, digest] : sink.records) {
      const auto held = [](const std::vector<std::string>& not_found) { return not_found; };
      const auto found = ReadRecords(*store, agreement, key, {id}, false, nullptr, held);
      ASSERT_TRUE(found.ok()) << found.status();
      const std::string shown = merkle::DecodeKey(id, 1)->at(0).ToDisplay();
      ASSERT_EQ(found->size(), 1u) << shown << " as type " << type;
      EXPECT_EQ(found->at(0).digest, digest) << shown;
    }
  }
  EXPECT_GE(types, 12u);
}

// What a log comes to, by the simplest way, against the jsonl file of its last state.
class LogTwinTest : public LogStoreTest {
 protected:
  static merkle::Agreement Agreed() {
    return AgreementOf({{"a", ColumnType::kText}, {"b", ColumnType::kDecimal}},
                       {{"v", ColumnType::kDynamic}, {"w", ColumnType::kText}});
  }
  struct Made {
    std::string log;
    std::map<std::string, std::string> last;  // key -> line without its operation
  };
  // Some keys in spellings that are one to the comparison.
  Made Make(size_t events) {
    const auto pick = [&](size_t count) { return random_() % count; };
    Made made;
    for (size_t i = 0; i < events; ++i) {
      const size_t a = pick(40);
      const size_t b = pick(6);
      const std::string letter(1, static_cast<char>('a' + a % 26));
      const std::string name = a < 26 ? letter : std::string(70, 'k') + letter;
      const std::string spelled =
          a < 26 && pick(2) == 0
              ? "\\u00" + std::string(a < 15 ? "6" : "7") + HexDigit((a + 1) % 16)
              : name;
      const char* const zeros[] = {"", ".0", "e0", ".00"};
      const std::string key =
          "\"a\":\"" + spelled + "\",\"b\":" + std::to_string(b) + zeros[pick(4)];
      const std::string id = name + " " + std::to_string(b);
      if (pick(3) == 0) {
        made.log += "{\"op\":\"delete\"," + key + "}\n";
        made.last.erase(id);
        continue;
      }
      const std::string record = key + ",\"v\":" + std::to_string(pick(1000)) + ",\"w\":\"" +
                                 std::string(pick(30), 'w') + "\"}\n";
      made.log += (pick(2) == 0 ? "{\"op\":\"update\"," : "{\"op\":\"c\",") + record;
      made.last[id] = "{" + record;
      if (pick(9) == 0) made.log += "  \n";
    }
    return made;
  }
  static std::string HexDigit(size_t digit) { return std::string(1, "0123456789abcdef"[digit]); }

  merkle::Summary IndexOf(Store& store) {
    const auto built =
        BuildIndex(store, Agreed(), {}, folder_ / ("index" + std::to_string(++indexes_)));
    EXPECT_TRUE(built.ok()) << built.status();
    return built.ok() ? built->root : merkle::Summary();
  }
  merkle::Summary IndexOfJsonl(const Made& made) {
    std::string text;
    for (const auto& [id, line] : made.last) text += line;
    Write("a.jsonl", text);
    return IndexOf(
        *OpenJsonlStore(UrlOf("jsonl:" + Path("a.jsonl") + "?key=a,b&columns=v,w"), Options())
             .value());
  }

  std::mt19937_64 random_{static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed())};
  int indexes_ = 0;
};

TEST_F(LogTwinTest, FoldingEqualsTheFileOfTheLastState) {
  SCOPED_TRACE("seed " + std::to_string(::testing::UnitTest::GetInstance()->random_seed()));
  for (int round = 0; round < 15; ++round) {
    const Made made = Make(1 + random_() % 1500);
    Write("a.log", made.log);
    // So little memory that both sorts spill many times.
    const auto store =
        Open("key=a,b&op=op&columns=v,w", 1 + random_() % 3000, 200 + random_() % 20'000);
    const merkle::Summary folded = IndexOf(*store);
    EXPECT_EQ(folded, IndexOfJsonl(made));
    EXPECT_EQ(folded.count, made.last.size());
    EXPECT_EQ(store->Describe()->columns.size(), 4u);
  }
}

TEST_F(LogTwinTest, AReadingByKeyFindsWhatAScanShowsAndNothingElse) {
  SCOPED_TRACE("seed " + std::to_string(::testing::UnitTest::GetInstance()->random_seed()));
  const Made made = Make(1000);
  Write("a.log", made.log);
  const auto store = Open("key=a,b&op=op&columns=v,w", 100);
  std::vector<std::string> keys;
  for (size_t a = 0; a < 40; ++a) {
    for (int64_t b = 0; b < 6; ++b) {
      const std::string letter(1, static_cast<char>('a' + a % 26));
      std::string& key = keys.emplace_back();
      merkle::AppendText(a < 26 ? letter : std::string(70, 'k') + letter, merkle::Place::kKey,
                         &key);
      merkle::AppendDecimalInteger(b, merkle::Place::kKeyLast, &key);
    }
  }
  const merkle::DigestKey key;
  const auto found = ReadRecords(*store, Agreed(), key, keys);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->size(), made.last.size());
  merkle::Summary sum;
  for (const FoundRecord& record : *found) sum.Add(record.digest);
  EXPECT_EQ(sum, IndexOf(*store));
}

TEST_F(LogTwinTest, OneChangedLineIsSeen) {
  SCOPED_TRACE("seed " + std::to_string(::testing::UnitTest::GetInstance()->random_seed()));
  const Made made = Make(300);
  const merkle::Summary root = IndexOfJsonl(made);
  ASSERT_GT(made.last.size(), 2u);
  // The last event of each key that is left, under another value or as a deletion.
  for (const auto& [id, line] : made.last) {
    Made other = made;
    const size_t at = other.log.rfind(line.substr(1));
    const size_t value = other.log.find("\"v\":", at) + 4;
    other.log.insert(value, "9");
    Write("a.log", other.log);
    EXPECT_NE(IndexOf(*Open("key=a,b&op=op&columns=v,w")), root) << id;
    if (indexes_ > 40) break;
  }
  Write("a.log", made.log + "{\"op\":\"d\"," + made.last.begin()->second.substr(1));
  EXPECT_NE(IndexOf(*Open("key=a,b&op=op&columns=v,w")), root);
}

}  // namespace
}  // namespace driftwood::agent
