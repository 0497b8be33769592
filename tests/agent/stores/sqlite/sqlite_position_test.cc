#include "agent/stores/sqlite/sqlite_position.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/agent/stores/sqlite/sqlite_store_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A database with a table t(v), and readers of it.
class SqlitePositionTest : public SqliteStoreTest {
 protected:
  void Make(const std::string& mode) const {
    Run("PRAGMA journal_mode = " + mode + "; CREATE TABLE t(v); INSERT INTO t VALUES (1)");
  }
  std::unique_ptr<SqliteConnection> Connect() const {
    return SqliteConnection::Open(File().string()).value();
  }
  // In a read transaction of its own.
  std::unique_ptr<SqliteConnection> Snapshot() const {
    auto connection = Connect();
    EXPECT_TRUE(connection->BeginSnapshot().ok());
    return connection;
  }
  std::string Position() const {
    const auto position = SqlitePosition(*Snapshot());
    EXPECT_TRUE(position.ok()) << position.status();
    return position.value_or("");
  }
  // All that the database holds, for who reads it now.
  std::string Content() const {
    const auto connection = Snapshot();
    auto rows = connection->Prepare("SELECT group_concat(v) FROM t").value();
    EXPECT_TRUE(*rows.Step());
    return rows.Text(0);
  }
  // Why what a connection of its own has read since the watch began is not of one state.
  std::string WhyNot(const SqliteWatch& watch) const { return watch.WhyNotOneState(*Snapshot()); }
  static std::unique_ptr<SqliteWatch> Watch(const SqliteConnection& connection) {
    auto watch = SqliteWatch::Begin(connection);
    EXPECT_TRUE(watch.ok()) << watch.status();
    return *std::move(watch);
  }
  std::filesystem::path Log() const { return File().string() + "-wal"; }
};

TEST_F(SqlitePositionTest, ItNamesTheFileItsCounterAndItsLog) {
  Make("DELETE");
  EXPECT_THAT(Position(), StartsWith("sqlite2 file "));
  EXPECT_THAT(Position(), HasSubstr(" counter "));
  EXPECT_TRUE(Position().ends_with(" log none"));
  Run("PRAGMA journal_mode = WAL");
  const Writer writer(File());  // or the log goes with the last connection
  writer.Run("INSERT INTO t VALUES (2)");
  EXPECT_THAT(Position(), HasSubstr(" frames "));
}

TEST_F(SqlitePositionTest, ReadersDoNotChangeIt) {
  for (const char* const mode : {"DELETE", "WAL"}) {
    SCOPED_TRACE(mode);
    std::filesystem::remove(File());
    const Writer writer(File());
    Make(mode);
    const std::string position = Position();
    EXPECT_EQ(Content(), "1");
    writer.Run("SELECT * FROM t; BEGIN; INSERT INTO t VALUES (2); ROLLBACK");
    EXPECT_EQ(Position(), position);
  }
}

TEST_F(SqlitePositionTest, AnotherFileInItsPlaceIsRefused) {
  Make("DELETE");
  const auto connection = Snapshot();
  std::filesystem::rename(File(), folder_ / "old.db");
  std::filesystem::copy_file(folder_ / "old.db", File());
  const auto position = SqlitePosition(*connection);
  EXPECT_EQ(position.status().code(), absl::StatusCode::kFailedPrecondition) << position.status();
  EXPECT_THAT(std::string(position.status().message()), HasSubstr("has been replaced"));
  std::filesystem::remove(File());
  EXPECT_FALSE(SqlitePosition(*connection).ok());
}

// Of a log that ends within its header, or within a frame, or holds none of its frames.
TEST_F(SqlitePositionTest, ALogThatIsCutOffIsReadUpToThere) {
  Make("WAL");
  const Writer writer(File());
  for (int i = 0; i < 5; ++i) writer.Run("INSERT INTO t VALUES (2)");
  const auto connection = Snapshot();
  std::set<std::string> positions = {*SqlitePosition(*connection)};
  std::filesystem::copy_file(Log(), folder_ / "kept");
  const auto size = std::filesystem::file_size(Log());
  for (const uintmax_t left : {size - 1, uintmax_t{33}, uintmax_t{31}, uintmax_t{0}}) {
    std::filesystem::resize_file(Log(), left);
    const auto position = SqlitePosition(*connection);
    ASSERT_TRUE(position.ok()) << position.status();
    positions.insert(*position);
  }
  EXPECT_GE(positions.size(), 3u);
  EXPECT_TRUE(SqlitePosition(*connection)->ends_with(" log empty"));
}

// The promise: what is equal by its position is equal.
TEST_F(SqlitePositionTest, RandomTransactionsNeverShareAPositionUnlessTheyAreEqual) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (const char* const mode : {"DELETE", "TRUNCATE", "PERSIST", "WAL"}) {
    SCOPED_TRACE(mode);
    for (const char* const end : {"", "-wal", "-shm", "-journal"}) {
      std::filesystem::remove(File().string() + end);
    }
    auto writer = std::make_unique<Writer>(File());
    writer->Run(std::string("PRAGMA synchronous = OFF; PRAGMA journal_mode = ") + mode +
                "; CREATE TABLE t(v)");
    std::map<std::string, std::string> contents;  // by position
    for (int round = 0; round < 150; ++round) {
      const std::string number = std::to_string(random() % 3);
      switch (random() % 7) {
        case 0:
        case 1:
          writer->Run("INSERT INTO t VALUES (" + number + ")");
          break;
        case 2:
          writer->Run("DELETE FROM t WHERE v = " + number);
          break;
        case 3:
          writer->Run("BEGIN; UPDATE t SET v = v + 1; ROLLBACK");
          break;
        case 4:
          writer->Run("UPDATE t SET v = " + number + " WHERE rowid = (SELECT max(rowid) FROM t)");
          break;
        case 5:
          writer->Run("PRAGMA wal_checkpoint(" +
                      std::string(random() % 2 == 0 ? "PASSIVE" : "RESTART") + ")");
          break;
        default:
          if (random() % 10 != 0) break;
          writer.reset();
          writer = std::make_unique<Writer>(File());
      }
      const std::string position = Position(), content = Content();
      const auto [known, is_new] = contents.emplace(position, content);
      ASSERT_EQ(known->second, content) << position;
      EXPECT_EQ(Position(), position) << "nothing has happened";
    }
    EXPECT_GT(contents.size(), 20u);
  }
}

// ---- the watch ----

TEST_F(SqlitePositionTest, AWatchOfWhatIsLeftAloneProvesIt) {
  for (const char* const mode : {"DELETE", "WAL"}) {
    SCOPED_TRACE(mode);
    std::filesystem::remove(File());
    const Writer writer(File());
    Make(mode);
    const auto connection = Snapshot();
    const auto watch = Watch(*connection);
    EXPECT_EQ(WhyNot(*watch), "");
  }
}

TEST_F(SqlitePositionTest, AWatchSeesWritesPastTheLocks) {
  for (const char* const mode : {"DELETE", "WAL"}) {
    SCOPED_TRACE(mode);
    std::filesystem::remove(File());
    const Writer writer(File());
    Make(mode);
    const auto connection = Snapshot();
    const auto watch = Watch(*connection);
    Overwrite(File(), 3000, "x");
    EXPECT_THAT(WhyNot(*watch), HasSubstr("was written past SQLite's locks while it was read: "));
  }
}

TEST_F(SqlitePositionTest, CommitsToTheLogAreNoWritesPastTheLocks) {
  const Writer writer(File());
  Make("WAL");
  const auto connection = Snapshot();
  const auto watch = Watch(*connection);
  writer.Run("INSERT INTO t VALUES (2)");
  EXPECT_EQ(WhyNot(*watch), "");
  writer.Run("PRAGMA wal_checkpoint(PASSIVE)");
  EXPECT_EQ(WhyNot(*watch), "");
}

TEST_F(SqlitePositionTest, AnOverwrittenLogIsAWritePastTheLocks) {
  const Writer writer(File());
  Make("WAL");
  writer.Run("INSERT INTO t VALUES (2)");
  const auto connection = Snapshot();
  const auto reader = Snapshot();
  const auto watch = Watch(*connection);
  Overwrite(Log(), 32 + 8, "othersalt");
  EXPECT_THAT(watch->WhyNotOneState(*reader), HasSubstr("its -wal file was overwritten"));
}

}  // namespace
}  // namespace driftwood::agent
