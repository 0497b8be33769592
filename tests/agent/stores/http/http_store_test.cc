// Also agent/stores/http/http_kind.cc.
#include "agent/stores/http/http_store.h"

#include <fstream>

#include "agent/stores/http/http_kind.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/stores/text/text_store_fixture.h"
#include "tests/testing/http_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HttpStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Open(const std::string& script, const std::string& more = "",
                              const std::string& parameters = "") {
    server_ = std::make_unique<testing::HttpServer>(dir_.path(), script);
    std::ofstream(dir_ / "users.toml") << "base = \"" + server_->base() + "\"\nkey = [\"id\"]\n" +
                                              "tries = 1\n[list]\npath = \"/u\"\n" + more;
    absl::StatusOr<std::unique_ptr<Store>> store =
        OpenHttpStore(UrlOf("http:" + (dir_ / "users.toml").string() + parameters));
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  testing::TempDir dir_;
  std::unique_ptr<testing::HttpServer> server_;
};

constexpr char kTwo[] =
    R"({"/u": [{"body": "[{\"id\": 1, \"v\": \"a\", \"n\": 0.10}, {\"id\": 2, \"v\": null}]"}],
        "/u/1": [{"body": {"id": 1, "v": "new"}}], "/u/2": [{"status": 410}],
        "/u/5": [{"status": 403}]})";
constexpr char kLookup[] = "[lookup]\npath = \"/u/{id}\"\n";

absl::StatusOr<std::vector<std::string>> LookupOf(Store& store, const std::vector<int64_t>& ids) {
  std::vector<std::vector<SourceValue>> keys;
  for (const int64_t id : ids) keys.push_back({SourceValue::Int64(id)});
  absl::StatusOr<std::unique_ptr<Scan>> scan = store.Lookup({"id", "v"}, {"id"}, keys);
  if (!scan.ok()) return scan.status();
  Rows rows;
  while (true) {
    absl::StatusOr<std::unique_ptr<RowBatch>> batch = (*scan)->Next();
    if (!batch.ok()) return batch.status();
    if (*batch == nullptr) break;
    const absl::Status decoded = (*batch)->Decode(rows);
    if (!decoded.ok()) return decoded;
  }
  const absl::StatusOr<Scan::End> end = (*scan)->Finish();
  if (!end.ok()) return end.status();
  EXPECT_TRUE(end->has_all_answers);
  for (const NotGiven& not_given : end->not_given) {
    rows.rows.push_back(std::string(PresenceName(not_given.presence)) + ": " +
                        std::to_string(ids[not_given.key]) + ": " + not_given.why);
  }
  return rows.rows;
}

TEST_F(HttpStoreTest, RecordsAreDescribedAndScanned) {
  const auto store = Open(kTwo);
  const absl::StatusOr<SourceDescription> description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_THAT(description->key, ElementsAre("id"));
  EXPECT_EQ(description->columns.size(), 3u);
  EXPECT_TRUE(description->live);
  const absl::StatusOr<Scanned> scanned = ScanAll(*store, {"id", "v", "n"});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_THAT(scanned->rows, ElementsAre("number 1 'a' number 0.10", "number 2 NULL NULL"));
  EXPECT_THAT(scanned->end.not_point_in_time, HasSubstr("the pages of /u are not of one moment"));
  EXPECT_THAT(server_->requests(), ::testing::SizeIs(1)) << "one list serves both";
  EXPECT_EQ(*store->DescribeOrigin(scanned->origins[1]), "line 2 of its records");
  EXPECT_FALSE(*store->IsUnchanged(""));
}

TEST_F(HttpStoreTest, ATypeThatIsSaidIsDeclared) {
  const auto store = Open(kTwo,
                          "[columns]\nid = \"/id\"\nn = { at = \"/n\", type = \"float64\" }\n"
                          "x = { at = \"/x\", type = \"list:int\" }\n");
  const SourceDescription description = *store->Describe();
  ASSERT_EQ(description.columns.size(), 3u);
  EXPECT_EQ(description.columns[0].knowledge, TypeKnowledge::kObserved);
  EXPECT_EQ(description.columns[1].knowledge, TypeKnowledge::kTyped);
  EXPECT_EQ(description.columns[1].value_type(), merkle::ValueType(merkle::ColumnType::kFloat64));
  EXPECT_EQ(description.columns[2].value_type(),
            merkle::ValueType::ListOf(merkle::ColumnType::kInteger));
  EXPECT_EQ(description.columns[2].declared, "list:integer");
}

// As JSON Lines has them: no number is beyond it.
TEST_F(HttpStoreTest, NumbersBeyondADoubleAreNumbers) {
  const auto store = Open(R"({"/u": [{"body": "[{\"id\": 1, \"v\": 1e400}]"}],
                              "/u/1": [{"body": "{\"id\": 1, \"v\": -1E-400}"}]})",
                          kLookup);
  ASSERT_TRUE(store->Describe().ok());
  EXPECT_THAT(ScanAll(*store, {"id", "v"})->rows, ElementsAre("number 1 number 1e400"));
  EXPECT_THAT(*LookupOf(*store, {1}), ElementsAre("number 1 number -1E-400"));
}

TEST_F(HttpStoreTest, TheUrlsKeyCounts) {
  const auto store = Open(kTwo, "", "?key=v,id");
  EXPECT_THAT(store->Describe()->key, ElementsAre("v", "id"));
}

TEST_F(HttpStoreTest, AnEmptyListHasTheColumnsThatAreDescribed) {
  const auto store = Open(R"({"/u": [{"body": []}]})", "[columns]\nid = \"/id\"\nv = \"/v\"\n");
  const absl::StatusOr<SourceDescription> description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->columns.size(), 2u);
  EXPECT_EQ(description->records_estimate, 0u);
}

TEST_F(HttpStoreTest, ALookupKnowsGoneFromUnknown) {
  const auto store = Open(kTwo, kLookup);
  ASSERT_TRUE(store->Describe().ok());
  EXPECT_THAT(*LookupOf(*store, {1, 2, 99}), ElementsAre("number 1 'new'"));
  EXPECT_THAT(*LookupOf(*store, {1, 5}),
              ElementsAre("number 1 'new'", "hidden: 5: the status is 403"));
}

// In the list and by itself: else it would seem to come and go.
TEST_F(HttpStoreTest, WhatCountsAsDeletedOrMovedIsNotThere) {
  server_ = std::make_unique<testing::HttpServer>(
      dir_.path(),
      R"({"/u": [{"body": {"data": [{"id": 1, "deleted": false, "into": null},
                                    {"id": 2, "deleted": true}, {"id": 3, "into": 17},
                                    {"id": 4, "deleted": -0.0, "into": ""}], "total": 4}}],
          "/u/1": [{"body": {"id": 1, "deleted": "2026-11-01"}}], "/u/3": [{"body": {"id": 3, "into": 17}}],
          "/u/4": [{"body": {"id": 4}}], "/u/5": [{"status": 400}]})");
  std::ofstream(dir_ / "users.toml") << "base = \"" + server_->base() +
                                            "\"\nkey = [\"id\"]\ntries = 1\ndeleted = "
                                            "\"/deleted\"\nmoved = \"/into\"\n[list]\npath = "
                                            "\"/u\"\nrecords = \"/data\"\ntotal = \"/total\"\n" +
                                            kLookup + "hidden = [400]\n";
  const absl::StatusOr<std::unique_ptr<Store>> store =
      OpenHttpStore(UrlOf("http:" + (dir_ / "users.toml").string()));
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::StatusOr<SourceDescription> description = (*store)->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->filter, "not /deleted and not /into") << "it stands beside the verdict";
  EXPECT_THAT(ScanAll(**store, {"id"})->rows, ElementsAre("number 1", "number 4"));
  EXPECT_THAT(*LookupOf(**store, {1, 3, 4, 5}),
              ElementsAre(HasSubstr("number 4"), "soft-deleted: 1: ", "moved: 3: to 17",
                          HasSubstr("hidden: 5: ")));
}

TEST_F(HttpStoreTest, WithoutLookupThereIsNone) {
  const auto store = Open(kTwo);
  ASSERT_TRUE(store->Describe().ok());
  EXPECT_THAT(std::string(LookupOf(*store, {1}).status().message()),
              HasSubstr("so what differs can't be confirmed"));
}

TEST_F(HttpStoreTest, AKeyIsEscapedInThePath) {
  const auto store = Open(R"({"/u": [{"body": [{"id": "a/b c"}]}],
                              "/u/a%2Fb%20c": [{"body": {"id": "a/b c"}}]})",
                          kLookup);
  ASSERT_TRUE(store->Describe().ok());
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Text("a/b c")}};
  absl::StatusOr<std::unique_ptr<Scan>> scan = store->Lookup({"id"}, {"id"}, keys);
  ASSERT_TRUE(scan.ok()) << scan.status();
}

TEST_F(HttpStoreTest, WrongUrlsAreRefused) {
  EXPECT_THAT(std::string(OpenHttpStore(UrlOf("http://a.example/v1")).status().message()),
              HasSubstr("takes a file that describes the API"));
  EXPECT_THAT(std::string(OpenHttpStore(UrlOf("http:users.toml?columns=a")).status().message()),
              HasSubstr("\"http:users.toml\": unknown parameter \"columns\" (known: key)"));
  EXPECT_TRUE(HttpKind().open(UrlOf("http:users.toml?key=a"), {}).ok());
}

}  // namespace
}  // namespace driftwood::agent
