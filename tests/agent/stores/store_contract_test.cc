// One small dataset in every kind of store: what they give is the same records.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "agent/index/compare_under.h"
#include "agent/index/indexer.h"
#include "agent/index/read_records.h"
#include "agent/source/for_each_row.h"
#include "agent/stores/open_store.h"
#include "merkle/check.h"
#include "merkle/record/encoding.h"
#include "tests/agent/source/store_reading.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

// Writes the dataset into `folder` and returns the URL.
struct Format {
  const char* name;
  std::string (*write)(const std::filesystem::path& folder);
};

std::string WriteFile(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
  return path.string();
}

std::string WriteCsv(const std::filesystem::path& folder) {
  return "csv:" +
         WriteFile(folder / "t.csv",
                   "id,name,price,at,active,note\r\n"
                   "3,\"a \"\"quoted\"\", name\",12.50,2024-02-29 12:00:00,true,\"\"\r\n"
                   "-1,\xc3\xa4,9007199254740993,2024-02-29T12:00:00.250,0,\r\n"
                   "007,\"two\r\nlines\",.1,,f,NULL\r\n"
                   "9223372036854775807,x,0,1969-12-31 23:59:59.999999,1,not a date\r\n") +
         "?key=id";
}

std::string WriteTsv(const std::filesystem::path& folder) {
  return "tsv:" +
         WriteFile(folder / "t.tsv",
                   "note\tid\tprice\tat\tactive\tname\n"
                   "not a date\t9223372036854775807\t-0.0\t1969-12-31 23:59:59.999999\tt\tx\n"
                   "\t-1\t9007199254740993.0\t2024-02-29 12:00:00.25\tfalse\t\xc3\xa4\n"
                   "NULL\t7\t1e-1\t\tFALSE\t\"two\r\nlines\"\n"
                   "\"\"\t3\t1.25e1\t2024-02-29 12:00:00\tTRUE\t\"a \"\"quoted\"\", name\"\n") +
         "?key=id&dialect=csv";
}

std::string WriteJsonl(const std::filesystem::path& folder) {
  return "jsonl:" +
         WriteFile(folder / "t.jsonl",
                   "{\"id\":3,\"name\":\"a \\\"quoted\\\", name\",\"price\":12.5,"
                   "\"at\":\"2024-02-29 12:00:00\",\"active\":true,\"note\":\"\"}\n"
                   "{\"id\":-1.0,\"name\":\"\\u00e4\",\"price\":9007199254740993,"
                   "\"at\":\"2024-02-29 12:00:00.25\",\"active\":false,\"note\":null}\n"
                   "{\"id\":7e0,\"name\":\"two\\r\\nlines\",\"price\":0.10,"
                   "\"active\":false,\"note\":\"NULL\"}\n"
                   "{\"id\":9223372036854775807,\"name\":\"x\",\"price\":-0,"
                   "\"at\":\"1969-12-31 23:59:59.999999\",\"active\":true,"
                   "\"note\":\"not a date\"}\n") +
         "?key=id";
}

// Events that come to the same: what was there before is of other types and columns.
std::string WriteLog(const std::filesystem::path& folder) {
  WriteJsonl(folder);
  std::ifstream file(folder / "t.jsonl");
  std::string log =
      "{\"op\":\"c\",\"id\":3,\"name\":4,\"price\":\"5\",\"at\":6,\"active\":7,\"note\":8}\n"
      "{\"op\":\"c\",\"id\":5,\"gone\":true}\n"
      "{\"op\":\"c\",\"id\":\"x\",\"more\":1}\n";
  for (std::string line; std::getline(file, line);) {
    log += "{\"op\":\"upsert\"," + line.substr(1) + "\n";
  }
  log += "{\"op\":\"d\",\"id\":\"x\"}\n{\"op\":\"d\",\"id\":5}\n";
  return "log:" + WriteFile(folder / "t.log", log) + "?key=id&op=op";
}

std::string WriteSqlite(const std::filesystem::path& folder) {
  const std::string path = (folder / "t.db").string();
  sqlite3* database = nullptr;
  DRIFTWOOD_CHECK(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  const char* const sql =
      "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, price DECIMAL(20,2), at DATETIME, "
      "active BOOLEAN, note TEXT);"
      "INSERT INTO t VALUES (3, 'a \"quoted\", name', 12.50, '2024-02-29 12:00:00', 1, ''),"
      "(-1, 'ä', 9007199254740993, '2024-02-29 12:00:00.25', 0, NULL),"
      "(7, 'two' || char(13) || char(10) || 'lines', 0.1, NULL, 0, 'NULL'),"
      "(9223372036854775807, 'x', 0.0, '1969-12-31 23:59:59.999999', 1, 'not a date')";
  DRIFTWOOD_CHECK(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
  return "sqlite:" + path + "?table=t";
}

// What it writes is what the file of JSON Lines holds.
std::string WriteProgram(const std::filesystem::path& folder) {
  WriteJsonl(folder);
  const std::string path = WriteFile(
      folder / "t.sh",
      "#!/bin/sh\n[ \"$1\" = scan ] || exit 64\necho '{\"driftwood\": 1, \"snapshot\": true}'\n"
      "cat '" +
          (folder / "t.jsonl").string() + "'\necho '{\"end\": 4}'\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return "exec:" + path + "?key=id";
}

// Needs a server: empty where there is none.
std::string WriteMariadb(const std::filesystem::path& /*folder*/) {
  testing::MariadbServer* const server = testing::MariadbServer::Get();
  if (server == nullptr) return "";
  server->Sql(
      "CREATE OR REPLACE TABLE contract(id bigint PRIMARY KEY, name varchar(40), "
      "price decimal(20,2), at datetime(6), active tinyint(1), note text);"
      "INSERT INTO contract VALUES (3, 'a \"quoted\", name', 12.50, '2024-02-29 12:00:00', 1, ''),"
      "(-1, '\xc3\xa4', 9007199254740993, '2024-02-29 12:00:00.25', 0, NULL),"
      "(7, 'two\\r\\nlines', 0.1, NULL, 0, 'NULL'),"
      "(9223372036854775807, 'x', 0.0, '1969-12-31 23:59:59.999999', 1, 'not a date')");
  return server->Url("contract");
}

class StoreContractTest : public ::testing::TestWithParam<Format> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam().name) == "Mariadb") {
      DRIFTWOOD_NEEDS_MARIADB(testing::MariadbServer::Get());
    }
  }
  static std::unique_ptr<Store> Open(const Format& format, const std::filesystem::path& folder) {
    std::unique_ptr<Store> store = OpenStore(StoreUrl::Parse(format.write(folder)).value()).value();
    CompareUnder(Agreement(), store.get());
    return store;
  }
  static merkle::Agreement Agreement() {
    merkle::Agreement agreement;
    agreement.schema = {{{"id", ColumnType::kInteger}},
                        {{"active", ColumnType::kBool},
                         {"at", ColumnType::kTimestamp},
                         {"name", ColumnType::kText},
                         {"note", ColumnType::kText},
                         {"price", ColumnType::kDecimal}}};
    agreement.key_id = merkle::DigestKey::Unkeyed().KeyId();
    return agreement;
  }
  static IndexerResult Index(Store& store, const std::filesystem::path& folder,
                             const merkle::Agreement& agreement) {
    auto result = BuildIndex(store, agreement, {}, folder / "index");
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : IndexerResult{};
  }

  testing::TempDir folder_;
};

TEST_P(StoreContractTest, TheRecordsAreTheSameInEveryStore) {
  testing::TempDir reference_folder;
  const auto reference = Open({"csv", WriteCsv}, reference_folder.path());
  const IndexerResult expected = Index(*reference, reference_folder.path(), Agreement());
  const auto store = Open(GetParam(), folder_.path());
  const IndexerResult result = Index(*store, folder_.path(), Agreement());
  EXPECT_EQ(result.root.count, 4u);
  EXPECT_EQ(result.root, expected.root);
  EXPECT_EQ(result.unparsed, 0u);
  EXPECT_EQ(result.not_point_in_time, "");

  std::vector<std::string> keys;
  for (const int64_t id : {-1, 3, 4}) {
    merkle::AppendInteger(id, merkle::Place::kKeyLast, &keys.emplace_back());
  }
  const merkle::DigestKey key;
  const auto found = ReadRecords(*store, Agreement(), key, keys);
  const auto wanted = ReadRecords(*reference, Agreement(), key, keys);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2u);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ((*found)[i].digest, (*wanted)[i].digest);
}

TEST_P(StoreContractTest, AValueOfAnotherTypeIsUnparsedAndStaysDifferent) {
  merkle::Agreement agreement = Agreement();
  agreement.schema.values[3].type = ColumnType::kDate;  // note: '', NULL, 'NULL', 'not a date'
  const auto store = Open(GetParam(), folder_.path());
  const IndexerResult result = Index(*store, folder_.path(), agreement);
  EXPECT_EQ(result.unparsed, 3u);
  EXPECT_EQ(result.root.count, 4u);
}

TEST_P(StoreContractTest, TheDescriptionNamesEveryColumnAndTheKey) {
  const auto store = Open(GetParam(), folder_.path());
  const auto description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  std::vector<std::string> names;
  for (const SourceColumn& column : description->columns) names.push_back(column.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"active", "at", "id", "name", "note", "price"}));
  EXPECT_EQ(description->key, std::vector<std::string>{"id"});
}

using OriginRows = std::vector<std::pair<std::string, uint64_t>>;

// Rows with where they stand.
class OriginSink final : public RowSink {
 public:
  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    rows.emplace_back(std::string(row[0].text), origin);
    return absl::OkStatus();
  }
  OriginRows rows;
};

TEST_P(StoreContractTest, AScanThatCanBeginAtARowHasTheSameRowsInACircle) {
  const auto store = Open(GetParam(), folder_.path());
  const auto scan_from = [&](std::optional<uint64_t> origin) {
    const std::unique_ptr<Scan> scan = *store->StartScan({"name"});
    OriginSink sink;
    if (origin && !scan->BeginAt(*origin)) return sink.rows;
    EXPECT_TRUE(ForEachRow(*scan, sink, nullptr).ok());
    const auto end = scan->Finish();
    EXPECT_TRUE(end.ok()) << end.status();
    return sink.rows;
  };
  const OriginRows rows = scan_from(std::nullopt);
  ASSERT_EQ(rows.size(), 4u);
  for (size_t i = 1; i < rows.size(); ++i) {
    OriginRows circle = rows;
    std::rotate(circle.begin(), circle.begin() + static_cast<ptrdiff_t>(i), circle.end());
    const auto found = scan_from(rows[i].second);
    const bool is_file =
        std::string_view(GetParam().name) == "Csv" || std::string_view(GetParam().name) == "Tsv" ||
        std::string_view(GetParam().name) == "Jsonl" || std::string_view(GetParam().name) == "Log";
    EXPECT_EQ(found, is_file ? circle : OriginRows());
  }
}

TEST_P(StoreContractTest, AScanHasOnlyTheColumnsAskedForInTheirOrder) {
  const auto store = Open(GetParam(), folder_.path());
  const ScanOutcome two = ReadAll(*store, {"note", "id"});
  ASSERT_TRUE(two.status.ok()) << two.status;
  ASSERT_EQ(two.rows.size(), 4u);
  const ScanOutcome one = ReadAll(*store, {"id"});
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_EQ(two.rows[i].size(), 2u);
    ASSERT_EQ(one.rows[i].size(), 1u);
    EXPECT_EQ(one.rows[i][0], two.rows[i][1]);
    EXPECT_TRUE(store->DescribeOrigin(one.origins[i]).ok());
  }
  EXPECT_FALSE(ReadAll(*store, {"nope"}).status.ok());
}

TEST_P(StoreContractTest, ABatchAfterTheEndIsStillTheEnd) {
  const auto store = Open(GetParam(), folder_.path());
  auto scan = store->StartScan({"id"}).value();
  EXPECT_EQ(ReadScan(*scan).rows.size(), 4u);
  const auto again = scan->Next();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContractTest,
                         ::testing::Values(Format{"Csv", WriteCsv}, Format{"Tsv", WriteTsv},
                                           Format{"Jsonl", WriteJsonl}, Format{"Log", WriteLog},
                                           Format{"Program", WriteProgram},
                                           Format{"Sqlite", WriteSqlite},
                                           Format{"Mariadb", WriteMariadb}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(OpenStoreTest, AnUnknownSchemeIsRefusedWithTheKnownOnes) {
  const auto store = OpenStore({"parquet", "x", {}});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* scheme :
       {"csv", "tsv", "jsonl", "log", "sqlite", "lmdb", "exec", "postgresql", "mysql"}) {
    EXPECT_NE(store.status().message().find(scheme), absl::string_view::npos) << scheme;
  }
}

TEST(OpenStoreTest, OpeningTouchesNothing) {
  for (const char* scheme : {"csv", "tsv", "jsonl", "sqlite", "lmdb", "exec"}) {
    const auto store = OpenStore({scheme, "/nowhere/at/all", {}});
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->Describe().status().code(), absl::StatusCode::kNotFound) << scheme;
  }
}

}  // namespace
}  // namespace driftwood::agent
