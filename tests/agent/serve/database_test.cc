// A database of an agent, through its service. Covers state_folder.cc too.
#include "agent/serve/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/serve/service.h"
#include "proto/contract/fault.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The database "shop" of scripted tables, which a test makes and drops.
class DatabaseTest : public ::testing::Test {
 protected:
  DatabaseTest() {
    options_.key = TestKey();
    options_.state_dir = folder_.path();
    options_.version = "1";
    options_.threads = 2;
    options_.clock = [this] {
      return std::chrono::steady_clock::time_point(std::chrono::minutes(now_minutes_.load()));
    };
    for (const char* table : {"orders", "parts"}) Create(table, 20);
    Restart();
  }

  void Restart() {
    service_.reset();
    service_ = std::make_unique<Service>(options_);
    DatabaseSource source;
    source.list = [this](const std::stop_token& stop) { return List(stop); };
    source.open = [this](const StoreUrl& url) { return OpenStore(url); };
    ASSERT_TRUE(service_->AddDatabase("shop", std::move(source)).ok());
    ASSERT_TRUE(
        service_
            ->AddDataset("single", "scripted:single",
                         std::make_unique<ScriptedStore>(std::make_shared<ScriptedSource>()))
            .ok());
  }
  std::shared_ptr<ScriptedSource> Create(const std::string& table, int64_t rows) {
    auto source = std::make_shared<ScriptedSource>();
    for (int64_t id = 1; id <= rows; ++id) source->Put(id, table);
    return tables_[table] = source;
  }

  absl::StatusOr<TableList> ListTables(const std::string& database = "shop") {
    CallControl control;
    return service_->ListTables(database, &control);
  }
  absl::Status Describe(const std::string& dataset) {
    CallControl control;
    return service_->Describe(dataset, &control).status();
  }
  absl::StatusOr<PrepareResult> Prepare(const std::string& dataset) {
    CallControl control;
    return service_->Prepare(dataset, agreement_, /*force=*/false, &control);
  }
  absl::StatusOr<OpenedSnapshot> Open(const std::string& dataset) {
    return service_->OpenSnapshot(dataset, agreement_.Fingerprint());
  }
  static std::string Name(const std::string& table) { return DatasetOf({"shop", table}); }
  // Of the state directory, or one below.
  std::set<std::string> Files(const std::string& below = "") const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / below)) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
  size_t IndexFiles() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename().string();
      count += entry.is_regular_file() && name.starts_with("index-") && !name.ends_with("-lock");
    }
    return count;
  }

  testing::TempDir folder_;
  std::atomic<int64_t> now_minutes_{1000};
  std::map<std::string, std::shared_ptr<ScriptedSource>> tables_;
  absl::Status list_error_;
  std::function<void()> in_list_;
  int lists_ = 0;
  int opened_ = 0;
  merkle::Agreement agreement_ = ScriptedAgreement();
  ServiceOptions options_;
  std::unique_ptr<Service> service_;

 private:
  absl::StatusOr<TableList> List(const std::stop_token& stop) {
    ++lists_;
    if (in_list_) in_list_();
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    if (!list_error_.ok()) return list_error_;
    TableList list;
    list.source = "scripted:shop";
    for (const auto& [name, source] : tables_) {
      list.tables.push_back(
          {name, "table", true, {"id"}, {"id", "note"}, "scripted:db?table=" + name});
    }
    return list;
  }
  // As a store whose table is another by the time that it is read: by its name, each time anew.
  absl::StatusOr<std::unique_ptr<Store>> OpenStore(const StoreUrl& url) {
    ++opened_;
    const auto found = tables_.find(url.Parameter("table").value_or(""));
    if (found == tables_.end()) return absl::NotFoundError("no such table");
    return std::unique_ptr<Store>(std::make_unique<ScriptedStore>(found->second));
  }
};

TEST_F(DatabaseTest, ItsTablesAreThoseOfTheMoment) {
  auto list = ListTables();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->tables.size(), 2u);
  Create("new", 1);
  tables_.erase("parts");
  list = ListTables();
  ASSERT_EQ(list->tables.size(), 2u);
  EXPECT_EQ(list->tables[0].name, "new");
  EXPECT_EQ(lists_, 2);
  EXPECT_EQ(opened_, 0);
  list_error_ = absl::UnavailableError("no server");
  EXPECT_TRUE(absl::IsUnavailable(ListTables().status()));
  EXPECT_EQ(StatedFault(ListTables().status()), Fault::kSource);
}

TEST_F(DatabaseTest, ATableIsADatasetFromItsFirstUse) {
  ASSERT_TRUE(ListTables().ok());
  ASSERT_TRUE(Describe(Name("orders")).ok());
  const auto prepared = Prepare(Name("orders"));
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->root.count, 20u);
  const auto opened = Open(Name("orders"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->root, prepared->root);
  EXPECT_EQ(opened_, 1);
  EXPECT_EQ(lists_, 1);
}

// An agent that was started again has listed nothing yet.
TEST_F(DatabaseTest, ATableThatWasNotListedIsLookedForOnce) {
  EXPECT_TRUE(Describe(Name("orders")).ok());
  EXPECT_TRUE(Describe(Name("parts")).ok());
  EXPECT_EQ(lists_, 1);
  Create("new", 1);
  EXPECT_TRUE(Describe(Name("new")).ok());
  EXPECT_EQ(lists_, 2);
}

TEST_F(DatabaseTest, WhatIsNoTableIsNotFoundAndWhatIsNoNameIsRefused) {
  absl::Status status = Describe(Name("ordres"));
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("did you mean 'orders'?"));
  EXPECT_TRUE(absl::IsInvalidArgument(Describe("shop?tabel=orders")));
  EXPECT_TRUE(absl::IsInvalidArgument(Describe("shop?table=orders&rename=a?table=parts")));
  status = Describe("shop");
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("shop?table=NAME"));
  // Others are not told.
  for (const char* name : {"shp?table=orders", "single?table=orders"}) {
    status = Describe(name);
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("shop")));
  }
  list_error_ = absl::PermissionDeniedError("no");
  EXPECT_TRUE(absl::IsPermissionDenied(Describe(Name("other"))));
}

TEST_F(DatabaseTest, ADatasetIsNoDatabaseAndAnUnknownOneIsNotFound) {
  absl::Status status = ListTables("single").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("without --all"));
  status = ListTables("shp").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("shop")));
  EXPECT_TRUE(absl::IsNotFound(ListTables(Name("orders")).status()));
}

TEST_F(DatabaseTest, ItsNameIsNoDatasetsToo) {
  EXPECT_TRUE(absl::IsInvalidArgument(service_->AddDatabase("single", {})));
  EXPECT_TRUE(absl::IsInvalidArgument(service_->AddDatabase("a/b", {})));
  EXPECT_TRUE(absl::IsInvalidArgument(service_->AddDataset(
      "shop", "scripted:x", std::make_unique<ScriptedStore>(tables_["parts"]))));
}

TEST_F(DatabaseTest, NothingIsAnsweredOfATableThatIsNotPrepared) {
  ASSERT_TRUE(Describe(Name("orders")).ok());
  for (const std::string table : {"orders", "parts"}) {
    CallControl control;
    EXPECT_TRUE(absl::IsFailedPrecondition(Open(Name(table)).status()));
    EXPECT_TRUE(absl::IsFailedPrecondition(
        service_
            ->ReadRecords(Name(table), agreement_.Fingerprint(), {ScriptedKey(1)}, false, &control)
            .status()));
  }
  EXPECT_EQ(opened_, 1);  // by its description
}

TEST_F(DatabaseTest, ItsTablesHaveTheRightsOfADataset) {
  CallControl control;
  agreement_.schema.key = {{"note", merkle::ColumnType::kText}};
  agreement_.schema.values = {{"id", merkle::ColumnType::kInteger}};
  const absl::Status refused = Prepare(Name("orders")).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("as a dataset of its own with key=note"));
  EXPECT_EQ(tables_["orders"]->scans(), 0);
  agreement_ = ScriptedAgreement();
  ASSERT_TRUE(Prepare(Name("orders")).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(
      service_
          ->ReadRecords(Name("orders"), agreement_.Fingerprint(), {ScriptedKey(1)}, true, &control)
          .status()));
  agreement_.key_id = merkle::DigestKey::Unkeyed().KeyId();
  EXPECT_TRUE(absl::IsFailedPrecondition(Prepare(Name("orders")).status()));
}

// The key of the table that had the name before is no leave to read a column of this one.
TEST_F(DatabaseTest, TheKeyThatATableOffersIsThatOfTheMoment) {
  Create("one", 1)->key = {"id", "note"};
  ASSERT_TRUE(Describe(Name("one")).ok());
  agreement_.schema.key = {{"note", merkle::ColumnType::kText}};
  agreement_.schema.values = {{"id", merkle::ColumnType::kInteger}};
  EXPECT_TRUE(Prepare(Name("one")).ok());
  tables_["one"]->key = {"id"};
  EXPECT_TRUE(absl::IsPermissionDenied(Prepare(Name("one")).status()));
}

// A source in another state has another position (Store::IsUnchanged), whatever its name.
TEST_F(DatabaseTest, ATableThatWasMadeAgainIsNeverAnsweredFromTheIndexOfTheOldOne) {
  ASSERT_TRUE(ListTables().ok());
  ASSERT_EQ(Prepare(Name("orders"))->root.count, 20u);
  EXPECT_TRUE(Prepare(Name("orders"))->reused);
  for (int64_t id = 1; id <= 20; ++id) tables_["orders"]->Delete(id);
  tables_["orders"]->Put(1, "new");
  const auto prepared = Prepare(Name("orders"));
  EXPECT_FALSE(prepared->reused);
  EXPECT_EQ(prepared->root.count, 1u);
  // Nor where it was not there in between, or the agent was not.
  tables_.erase("orders");
  ASSERT_TRUE(ListTables().ok());
  Create("orders", 30);
  ASSERT_TRUE(ListTables().ok());
  EXPECT_EQ(Prepare(Name("orders"))->root.count, 30u);
  Restart();
  tables_["orders"]->Put(31, "more");
  EXPECT_EQ(Prepare(Name("orders"))->root.count, 31u);
}

TEST_F(DatabaseTest, AKeptIndexIsUsedByTheNextAgentOnProof) {
  ASSERT_TRUE(Prepare(Name("orders")).ok());
  Restart();
  const auto prepared = Prepare(Name("orders"));
  ASSERT_TRUE(prepared.ok());
  EXPECT_TRUE(prepared->reused);
  EXPECT_EQ(tables_["orders"]->scans(), 1);
}

TEST_F(DatabaseTest, WhatTablesThatAreGoneHaveLeftIsRemoved) {
  ASSERT_TRUE(Prepare(Name("orders")).ok());
  ASSERT_TRUE(Prepare(Name("parts")).ok());
  EXPECT_EQ(Files("shop").size(), 3u);  // with the lock
  tables_.erase("parts");
  ASSERT_TRUE(ListTables().ok());
  EXPECT_EQ(Files("shop").size(), 2u);
  Restart();
  tables_.erase("orders");
  ASSERT_TRUE(ListTables().ok());
  EXPECT_EQ(Files("shop"), std::set<std::string>{"lock"});
}

TEST_F(DatabaseTest, ASnapshotOfATableThatIsGoneIsServedToItsEnd) {
  ASSERT_TRUE(Prepare(Name("orders")).ok());
  const auto opened = Open(Name("orders"));
  ASSERT_TRUE(opened.ok());
  tables_.erase("orders");
  ASSERT_TRUE(ListTables().ok());
  EXPECT_EQ(Files("shop").size(), 2u);
  service_->CloseSnapshot(opened->id);
  ASSERT_TRUE(ListTables().ok());
  EXPECT_EQ(Files("shop"), std::set<std::string>{"lock"});
}

TEST_F(DatabaseTest, ASecondAgentMayNotUseTheSameStateFolder) {
  Service other(options_);
  EXPECT_TRUE(absl::IsFailedPrecondition(other.AddDatabase("shop", {})));
}

TEST_F(DatabaseTest, TheIndexesOfTheTablesThatWerePreparedLastStayOpen) {
  options_.databases.indexes_max = 2;
  options_.durable = false;
  for (int i = 0; i < 6; ++i) Create("t" + std::to_string(i), 5);
  Restart();
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(Prepare(Name("t" + std::to_string(i))).ok());
  EXPECT_EQ(IndexFiles(), 2u);
  EXPECT_TRUE(Open(Name("t5")).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(Name("t0")).status()));
  // Records are re-read under the agreement all the same.
  CallControl control;
  EXPECT_EQ(service_
                ->ReadRecords(Name("t0"), agreement_.Fingerprint(),
                              {ScriptedKey(1), ScriptedKey(9)}, false, &control)
                ->size(),
            1u);
  // One with an open snapshot stays open too.
  ASSERT_TRUE(Prepare(Name("t1")).ok());
  ASSERT_TRUE(Prepare(Name("t2")).ok());
  ASSERT_TRUE(Prepare(Name("t3")).ok());
  EXPECT_TRUE(Open(Name("t5")).ok());
  EXPECT_EQ(IndexFiles(), 3u);
}

TEST_F(DatabaseTest, ATableThatWasNotUsedForLongMakesRoomAndElseItIsSaid) {
  options_.databases.tables_max = 3;
  for (int i = 0; i < 5; ++i) Create("t" + std::to_string(i), 5);
  Restart();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Prepare(Name("t" + std::to_string(i))).ok());
  absl::Status full = Describe(Name("t3"));
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr("3 tables of database shop open"));
  now_minutes_ += 10;
  ASSERT_TRUE(Describe(Name("t0")).ok());
  ASSERT_TRUE(Open(Name("t1")).ok());
  now_minutes_ += 5;
  ASSERT_TRUE(Describe(Name("t3")).ok());  // in place of t2
  EXPECT_TRUE(absl::IsResourceExhausted(Describe(Name("t4"))));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(Name("t2")).status()));
}

// By the same rows in another mapping, each has an index of its own.
TEST_F(DatabaseTest, AMappingIsAnotherDatasetOfTheSameTable) {
  ASSERT_TRUE(Prepare(Name("orders")).ok());
  ASSERT_TRUE(Prepare(Name("orders") + "&zone=note=UTC").ok());
  EXPECT_EQ(opened_, 2);
  EXPECT_EQ(IndexFiles(), 2u);
  EXPECT_TRUE(Prepare(Name("orders"))->reused);
  EXPECT_TRUE(Prepare("shop?zone=note=UTC&table=%6Frders")->reused);
}

TEST_F(DatabaseTest, AListThatTakesLongIsEndedWithTheAgentAndByItsCaller) {
  for (const bool by_agent : {true, false}) {
    CallControl control;
    in_list_ = [&] {
      if (by_agent) service_->Stop();
      if (!by_agent) control.cancellation.Cancel();
    };
    const absl::Status status = service_->ListTables("shop", &control).status();
    EXPECT_EQ(status.code(),
              by_agent ? absl::StatusCode::kUnavailable : absl::StatusCode::kCancelled)
        << status;
    in_list_ = nullptr;
    Restart();
  }
}

TEST_F(DatabaseTest, ManyCallersAtOnceOpenEachTableOnce) {
  for (int i = 0; i < 8; ++i) Create("t" + std::to_string(i), 50);
  options_.databases.indexes_max = 3;
  Restart();
  std::vector<std::future<int>> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.push_back(std::async(std::launch::async, [this, caller] {
      int wrong = 0;
      for (int i = 0; i < 40; ++i) {
        const std::string name = Name("t" + std::to_string((i * (caller + 1)) % 8));
        const auto prepared = Prepare(name);
        wrong += prepared.ok() && prepared->root.count == 50 ? 0 : 1;
        const auto opened = Open(name);
        // Another caller may have had it closed meanwhile; then it is prepared again.
        if (opened.ok()) service_->CloseSnapshot(opened->id);
        wrong += opened.ok() || absl::IsFailedPrecondition(opened.status()) ||
                         absl::IsResourceExhausted(opened.status())
                     ? 0
                     : 1;
      }
      return wrong;
    }));
  }
  for (auto& caller : callers) EXPECT_EQ(caller.get(), 0);
  EXPECT_EQ(opened_, 8);
}

}  // namespace
}  // namespace driftwood::agent
