#include "agent/stores/sqlite/sqlite_reader.h"

#include <gmock/gmock.h>

#include "tests/agent/stores/sqlite/sqlite_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;

class SqliteReaderTest : public SqliteStoreTest {
 protected:
  std::unique_ptr<Store> OpenKept(const std::string& table) const {
    return OpenSqliteStore({"sqlite", File().string(), {{"table", table}}}, idle_).value();
  }
  // True if one was kept, and keeps it.
  bool IsKept() const {
    IdleConnections::Connection kept = idle_->Take("sqlite " + File().string());
    if (kept == nullptr) return false;
    idle_->Give("sqlite " + File().string(), std::move(kept));
    return true;
  }
  static std::vector<std::vector<std::string>> Rows(Store& store,
                                                    const std::vector<std::string>& columns) {
    const ScanOutcome outcome = ReadAll(store, columns);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.end.not_point_in_time, "");
    return outcome.rows;
  }

  const std::shared_ptr<IdleConnections> idle_ = std::make_shared<IdleConnections>();
};

TEST_F(SqliteReaderTest, IsUsedForOneTableAfterTheOther) {
  Run("CREATE TABLE a(v TEXT); INSERT INTO a VALUES ('one'); CREATE TABLE b(v TEXT); "
      "INSERT INTO b VALUES ('two')");
  EXPECT_FALSE(IsKept());
  EXPECT_THAT(Rows(*OpenKept("a"), {"v"}), ElementsAre(ElementsAre("text one")));
  EXPECT_TRUE(IsKept());
  const auto b = OpenKept("b");
  EXPECT_TRUE(b->Describe().ok());
  EXPECT_TRUE(IsKept());
  EXPECT_THAT(Rows(*b, {"v"}), ElementsAre(ElementsAre("text two")));
  const ScanOutcome outcome = ReadAll(*b, {"v"});
  EXPECT_TRUE(b->IsUnchanged(outcome.end.position).value());
  EXPECT_FALSE(OpenKept("c")->Describe().ok());
  EXPECT_TRUE(IsKept());
}

TEST_F(SqliteReaderTest, KeepsNoWriterAway) {
  Run("CREATE TABLE t(v TEXT); INSERT INTO t VALUES ('one')");
  EXPECT_THAT(Rows(*OpenKept("t"), {"v"}), ElementsAre(ElementsAre("text one")));
  ASSERT_TRUE(IsKept());
  Run("UPDATE t SET v = 'two'");
  EXPECT_THAT(Rows(*OpenKept("t"), {"v"}), ElementsAre(ElementsAre("text two")));
  Run("ALTER TABLE t RENAME COLUMN v TO w");
  EXPECT_EQ(OpenKept("t")->Describe()->columns[0].name, "w");
}

// Both counters of the file, by which SQLite knows that its schema and its pages are the file's,
// are the same in both.
TEST_F(SqliteReaderTest, IsNotUsedOnceAnotherFileWasCopiedOverItsOwn) {
  for (const bool in_place : {true, false}) {
    SCOPED_TRACE(in_place ? "in place" : "renamed");
    std::filesystem::remove(File());
    const std::filesystem::path other = folder_ / "other.db";
    std::filesystem::remove(other);
    Run("CREATE TABLE t(a TEXT, b TEXT); INSERT INTO t VALUES ('left', 'x')");
    Writer(other).Run("CREATE TABLE t(b TEXT, a TEXT); INSERT INTO t VALUES ('left', 'x')");
    const auto store = OpenKept("t");
    EXPECT_THAT(Rows(*store, {"a", "b"}), ElementsAre(ElementsAre("text left", "text x")));
    ASSERT_TRUE(IsKept());
    if (in_place) {
      std::ifstream file(other, std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(file)), {});
      ASSERT_EQ(bytes.size(), std::filesystem::file_size(File()));
      Overwrite(File(), 0, bytes);
    } else {
      std::filesystem::rename(other, File());
    }
    EXPECT_EQ(store->Describe()->columns[0].name, "b");
    EXPECT_THAT(Rows(*store, {"a", "b"}), ElementsAre(ElementsAre("text x", "text left")));
  }
}

TEST_F(SqliteReaderTest, NoneIsKeptInWalModeNorAfterAnInterruptedScan) {
  Fill("WAL", "same");
  EXPECT_EQ(Rows(*OpenKept("t"), {"v"}).size(), 9000);
  EXPECT_FALSE(IsKept());
  Fill("DELETE", "same");
  const auto store = OpenKept("t");
  auto scan = store->StartScan({"v"}).value();
  ASSERT_TRUE(scan->Next().ok());
  scan->Interrupt();
  scan.reset();
  EXPECT_FALSE(IsKept());
  // In the middle, it is.
  scan = store->StartScan({"v"}).value();
  ASSERT_TRUE(scan->Next().ok());
  scan.reset();
  EXPECT_TRUE(IsKept());
  Run("UPDATE t SET v = 'other'");
}

}  // namespace
}  // namespace driftwood::agent
