#include "coordinator/diff/diff_all.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "coordinator/audit/audit_plan.h"
#include "tests/coordinator/diff/diff_fixture.h"
#include "tests/coordinator/peer/fake_peer.h"

namespace driftwood::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct FakeTable {
  FakePeer::Rows rows = ManyRows(10);
  std::vector<std::string> key = {"id"};
  std::string kind = "table";
  absl::Status connecting;
  std::string failing_call;  // of the peer
  absl::Status failure;
  std::function<void()> before_query;
  bool live = false;
  std::optional<uint64_t> records_estimate;
};
using FakeDatabase = std::map<std::string, FakeTable>;

// What the connectors of one run see and count.
struct World {
  std::map<std::string, FakeDatabase> databases;  // by URL
  std::map<std::string, absl::Status> listing_fails;
  std::function<void(int listing)> before_listing;  // counted from 1, over all databases
  int listings = 0;
  int connectors = 0;  // alive
  int connectors_max = 0;
  std::mutex mutex;
  std::vector<std::string> connected;
};

class FakeConnector final : public Connector {
 public:
  explicit FakeConnector(World* world) : world_(world) {
    world_->connectors_max = std::max(world_->connectors_max, ++world_->connectors);
  }
  ~FakeConnector() override { --world_->connectors; }

  absl::StatusOr<std::unique_ptr<Peer>> Connect(const ReplicaSpec& spec,
                                                const std::stop_token&) override {
    const size_t at = spec.url.find("?table=");
    std::string name = spec.url.substr(at + 7);
    name = name.substr(0, name.find('&'));
    {
      const std::lock_guard<std::mutex> lock(world_->mutex);
      world_->connected.push_back(spec.url + (spec.password ? " with " + *spec.password : ""));
    }
    const FakeTable& table = world_->databases.at(spec.url.substr(0, at)).at(name);
    if (!table.connecting.ok()) return table.connecting;
    auto peer = std::make_unique<FakePeer>(table.rows);
    peer->description.key = table.key;
    peer->before_query = table.before_query;
    peer->description.live = table.live;
    peer->description.records_estimate = table.records_estimate;
    if (!table.failing_call.empty()) peer->fail_always[table.failing_call] = table.failure;
    return std::unique_ptr<Peer>(std::move(peer));
  }

  absl::StatusOr<TableList> ListTables(const ReplicaSpec& spec, const std::stop_token&) override {
    const std::lock_guard<std::mutex> lock(world_->mutex);
    ++world_->listings;
    if (world_->before_listing) world_->before_listing(world_->listings);
    if (world_->listing_fails.contains(spec.url)) return world_->listing_fails[spec.url];
    TableList listing;
    listing.source = spec.url;
    for (const auto& [name, table] : world_->databases.at(spec.url)) {
      listing.tables.push_back({name,
                                table.kind,
                                table.kind == "table",
                                table.key,
                                {"id", "name"},
                                spec.url + "?table=" + name});
    }
    return listing;
  }

 private:
  World* const world_;
};

class DiffAllTest : public DiffTest {
 protected:
  DiffAllTest() : DiffTest({"sqlite:l", "sqlite:r"}) {
    ConnectBy([this] { return std::make_unique<FakeConnector>(&world_); });
    options_.all = true;
    for (const char* table : {"a", "b", "c"}) Left()[table] = Right()[table] = FakeTable();
  }

  FakeDatabase& Left() { return world_.databases["sqlite:l"]; }
  FakeDatabase& Right() { return world_.databases["sqlite:r"]; }

  int Run() {
    const int code = DiffTest::Run();
    EXPECT_EQ(world_.connectors, 0);
    return code;
  }
  // "a identical", … of a run with --format json.
  std::vector<std::string> Results(int code) {
    options_.format = "json";
    EXPECT_EQ(Run(), code) << out_ << err_;
    document_ = nlohmann::json::parse(out_);
    std::vector<std::string> results;
    for (const auto& table : document_["tables"]) {
      results.push_back(table["table"].get<std::string>() + " " +
                        table["result"].get<std::string>());
    }
    return results;
  }

  World world_;
  nlohmann::json document_;
};

TEST_F(DiffAllTest, AllTablesIdenticalIsZeroAndALineEach) {
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_, StartsWith("IDENTICAL: 3 tables in left and right agree, 30 rows\n"));
  EXPECT_THAT(out_, HasSubstr("\nidentical  b"));
  EXPECT_THAT(out_, HasSubstr("\ntotal: 3 tables: 3 identical; 30 rows in left, 30 rows in "
                              "right; 0 differences; 0.0 s\n"));
  EXPECT_EQ(err_, "");
  EXPECT_EQ(world_.connectors_max, 1);  // a table's agents end before the next one's begin
}

TEST_F(DiffAllTest, EveryKindOfTableIsSaidInEveryFormat) {
  Right()["a"].rows[3] = "drifted";
  Right().erase("b");
  Left()["d"] = FakeTable();
  Left()["e"].key = Right()["e"].key = {};
  Left()["f"] = Right()["f"] = FakeTable();
  Right()["f"].connecting = absl::InvalidArgumentError("bad table");
  Left()["g"] = FakeTable();
  Right()["g"].rows = ManyRows(9);
  Right()["g"].failing_call = "query";
  Right()["g"].failure = absl::UnavailableError("its agent was killed");
  Left()["v"].kind = "view";
  EXPECT_THAT(Results(3), ElementsAre("a divergent", "b missing", "c identical", "d missing",
                                      "e no_key", "f error", "g incomplete"));
  EXPECT_EQ(document_["verdict"], "INCOMPLETE");
  EXPECT_EQ(document_["totals"]["divergences"], 1);
  EXPECT_EQ(document_["tables"][1]["missing_in"], nlohmann::json({"right"}));
  EXPECT_EQ(document_["tables"][0]["differences"][0]["key"]["id"], 3);
  EXPECT_EQ(document_["skipped"][0]["why"], "view in left");
  for (const std::string format : {"table", "jsonl", "csv"}) {
    options_.format = format;
    options_.verdict_row = format == "csv";
    EXPECT_EQ(Run(), 3) << format;
    for (const char* word : {"divergent", "missing", "no", "error", "incomplete", "INCOMPLETE",
                             "view in left", "bad table", "its agent was killed"}) {
      EXPECT_THAT(out_, HasSubstr(word)) << format;
    }
  }
  EXPECT_THAT(err_, AllOf(HasSubstr("driftwood: INCOMPLETE: 3 of 7 tables in left and right not "
                                    "wholly compared (1 no key, 1 incomplete, 1 error)"),
                          HasSubstr("skipped: v (view in left)")));
}

TEST_F(DiffAllTest, Ledger14ATableWithoutAKeyIsNotPassedOver) {
  Left()["a"].key = Right()["a"].key = {};
  EXPECT_THAT(Results(3), ElementsAre("a no_key", "b identical", "c identical"));
  Left()["a"].key = {"id"};  // one side's serves for both
  EXPECT_THAT(Results(0), ElementsAre("a identical", "b identical", "c identical"));
}

TEST_F(DiffAllTest, OnlyTablesWithoutAKeyAreComparedAsMultisetsWhereThatIsAllowed) {
  options_.key = {"*"};
  EXPECT_THAT(Results(0), ElementsAre("a identical", "b identical", "c identical"));
  EXPECT_EQ(document_["tables"][0]["compared"]["key"][0]["name"], "id");
  Left()["a"].key = Right()["a"].key = {};
  options_.format = "json";
  Run();
  EXPECT_NE(nlohmann::json::parse(out_)["tables"][0]["result"], "no_key");
}

TEST_F(DiffAllTest, Ledger17ATableThatFailsOrIsMissingIsNotDroppedFromTheSummary) {
  Right().erase("a");
  EXPECT_THAT(Results(1), ElementsAre("a missing", "b identical", "c identical"));
  Left()["b"].failing_call = "describe";
  Left()["b"].failure = absl::NotFoundError("no such table");  // dropped since it was listed
  EXPECT_THAT(Results(3), ElementsAre("a missing", "b error", "c identical"));
}

TEST_F(DiffAllTest, ATableThatComesOrGoesMeanwhileIsNotPassedOver) {
  world_.before_listing = [this](int listing) {
    if (listing != 3) return;
    Left()["new"] = Right()["new"] = FakeTable();
    Right().erase("b");
  };
  EXPECT_THAT(Results(3),
              ElementsAre("a identical", "b incomplete", "c identical", "new incomplete"));
  EXPECT_THAT(err_, HasSubstr("INCOMPLETE"));
}

TEST_F(DiffAllTest, ATableThatIsMissingAtFirstOnlyIsNotCalledMissing) {
  Right().erase("a");
  world_.before_listing = [this](int listing) {
    if (listing == 3) Right()["a"] = FakeTable();
  };
  EXPECT_THAT(Results(3), ElementsAre("a incomplete", "b identical", "c identical"));
}

TEST_F(DiffAllTest, ATableThatIsGoneFromBothSidesIsSaid) {
  world_.before_listing = [this](int listing) {
    if (listing == 3) Left().erase("b"), Right().erase("b");
  };
  EXPECT_THAT(Results(3), ElementsAre("a identical", "b incomplete", "c identical"));
}

TEST_F(DiffAllTest, AListThatFailsIsTwoAtFirstAndThreeAtTheEnd) {
  world_.listing_fails["sqlite:r"] = absl::InvalidArgumentError("no such file: r");
  EXPECT_EQ(Run(), 2);
  EXPECT_EQ(out_, "ERROR: right: no such file: r\n");
  EXPECT_EQ(err_, "driftwood: right: no such file: r\n");
  world_.listing_fails.clear();
  world_.listings = 0;
  world_.before_listing = [this](int listing) {
    if (listing == 3) world_.listing_fails["sqlite:l"] = absl::UnavailableError("server gone");
  };
  EXPECT_EQ(Run(), 3);
  EXPECT_THAT(out_, AllOf(StartsWith("INCOMPLETE: "), HasSubstr("server gone")));
}

TEST_F(DiffAllTest, NothingToCompareIsAnError) {
  Left().clear();
  Right().clear();
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(out_, StartsWith("ERROR: no table in left and right, so nothing was compared"));
  Left()["v"].kind = "view";
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(out_, HasSubstr("skipped are v (view in left)"));
  Left()["a"] = FakeTable();
  EXPECT_EQ(Run(), 1);  // the other side has none
  EXPECT_THAT(out_,
              StartsWith("DIVERGENT: 1 of 1 table differs between left and right (1 missing"));
}

TEST_F(DiffAllTest, EmptyTablesAreWarnedOfOnce) {
  Left()["a"].rows = Right()["a"].rows = {};
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(err_, "driftwood: warning: 1 table has zero records in every replica: a\n");
  for (FakeDatabase* database : {&Left(), &Right()}) {
    for (auto& [name, table] : *database) table.rows = {};
  }
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr("nothing was compared"));
  options_.allow_empty = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(err_, "driftwood: warning: 3 tables have zero records in every replica: a, b, c\n");
}

TEST_F(DiffAllTest, TablesAreChosenAndSkippedByName) {
  Right()["a"].rows = {};
  options_.skip_tables = {"a"};
  EXPECT_THAT(Results(0), ElementsAre("b identical", "c identical"));
  options_.skip_tables.clear();
  options_.tables = {"b"};
  EXPECT_THAT(Results(0), ElementsAre("b identical"));
  EXPECT_EQ(document_["skipped"].size(), 2u);
  options_.tables = {"bb"};
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr("--tables: no replica has a table 'bb' (did you mean 'b'?)"));
  // A chosen table that is gone by the end does not stand for all of them.
  options_.tables = {"b"};
  world_.listings = 0;
  world_.before_listing = [this](int listing) {
    if (listing == 3) Left().erase("b"), Right().erase("b");
  };
  EXPECT_THAT(Results(3), ElementsAre("b incomplete"));
}

TEST_F(DiffAllTest, OptionsOfOneTableAreRefused) {
  const auto fails = [this](const std::string& text) {
    EXPECT_EQ(Run(), 2);
    EXPECT_THAT(err_, HasSubstr(text));
    EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1) << err_;
    const std::vector<std::string> stores = {"sqlite:l", "sqlite:r"};
    options_ = DiffOptions();
    options_.all = true;
    options_.stores = stores;
  };
  options_.key = {"id"};
  fails("--key is for one table");
  options_.columns = {"id"};
  fails("--columns is for one table");
  options_.plan_only = true;
  fails("--explain is for one table");
  options_.ignore = {"nosuch"};
  fails("--ignore: no table has a column 'nosuch'");
  options_.rules = {"name:rtirm"};
  fails("--rule name:rtirm");
  options_.renames = {"lefd:name=x"};
  fails("there is no replica 'lefd'");
  options_.renames.clear();
  options_.rules.clear();
  options_.allow_not_point_in_time = {"lefd"};
  fails("--allow-not-point-in-time: there is no replica 'lefd' (did you mean 'left'?)");
  options_.stores = {"sqlite:l"};
  fails("at least two stores");
  options_.all = false;
  options_.tables = {"a"};
  fails("--tables, --skip-tables and --rename-table are for --all");
}

TEST_F(DiffAllTest, ThePasswordReachesEachTableAndNoReport) {
  world_.databases["postgresql://me@h/l"] = Left();
  options_.stores[0] = "postgresql://me:hunter2@h/l";
  options_.renames = {"left:name=label", "right:name=label"};
  options_.format = "json";
  EXPECT_EQ(Run(), 0) << err_;
  EXPECT_THAT(world_.connected,
              ::testing::Contains("postgresql://me@h/l?table=a&rename=name=label with hunter2"));
  EXPECT_THAT(out_ + err_, Not(HasSubstr("hunter2")));
}

TEST_F(DiffAllTest, AnInterruptLeavesTheRestUncomparedAndIs130) {
  Left()["b"].rows[3] = "drifted";
  Left()["b"].before_query = [this] { interrupt_.Raise(); };
  EXPECT_THAT(Results(130), ElementsAre("a identical", "b incomplete", "c incomplete"));
  EXPECT_EQ(document_["verdict"], "INCOMPLETE");
  EXPECT_EQ(world_.listings, 2);  // they are not listed again
  options_.format = "table";
  EXPECT_EQ(Run(), 130);  // before the start
  EXPECT_THAT(out_, StartsWith("INCOMPLETE: "));
  EXPECT_THAT(out_, Not(HasSubstr("IDENTICAL")));
}

// Waits until so many have come, or, so that a failure ends, for a minute.
class MeetingPoint {
 public:
  explicit MeetingPoint(int expected) : expected_(expected) {}
  void Meet() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++come_;
    changed_.notify_all();
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::minutes(1), [this] { return AllHere(); }));
  }
  int come() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return come_;
  }

 private:
  bool AllHere() const { return come_ >= expected_; }

  const int expected_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int come_ = 0;
};

TEST_F(DiffAllTest, TablesSideBySideAreReportedInTheOrderOfTheirNames) {
  environment_.tables_at_once = 3;
  MeetingPoint all(3);  // none can end before the last has begun
  for (const char* table : {"a", "b", "c"}) {
    bool met = false;
    Right()[table].rows[3] = "drifted";
    Left()[table].before_query = [&all, met]() mutable {
      if (!std::exchange(met, true)) all.Meet();
    };
  }
  for (const char* table : {"d", "e", "f"}) Left()[table] = Right()[table] = FakeTable();
  EXPECT_THAT(Results(1), ElementsAre("a divergent", "b divergent", "c divergent", "d identical",
                                      "e identical", "f identical"));
  EXPECT_EQ(all.come(), 3);
}

TEST_F(DiffAllTest, TablesThatDifferHaveOnePauseInCommon) {
  environment_.tables_at_once = 4;
  std::vector<double> pauses;
  environment_.wait_seconds = [&](double seconds) { pauses.push_back(seconds); };
  for (int i = 0; i < 60; ++i) {
    const std::string name = "t" + std::to_string(i);
    FakeTable& left = Left()[name] = FakeTable();
    left.live = true;
    if (i % 3 == 0) left.rows[3] = "drifted";
    Right()[name] = FakeTable();
  }
  options_.format = "json";
  EXPECT_EQ(Run(), 1) << err_;
  EXPECT_EQ(pauses, std::vector<double>{kLiveRecheckSeconds});
  const auto totals = nlohmann::json::parse(out_)["totals"];
  EXPECT_EQ(totals["divergences"], 20);
}

TEST_F(DiffAllTest, UnderALimitOfLoadOrRateTablesFollowOneAnother) {
  std::atomic<int> at_work{0};
  std::atomic<int> most{0};
  for (const char* table : {"a", "b", "c"}) {
    Left()[table].live = true;
    Left()[table].rows[3] = "drifted";
    Left()[table].before_query = [&] { most = std::max<int>(most, ++at_work), --at_work; };
  }
  environment_.tables_at_once = 3;
  environment_.wait_seconds = [&](double) { most = std::max<int>(most, ++at_work), --at_work; };
  options_.reading.max_rate = "1000/s";
  EXPECT_THAT(Results(1), ElementsAre("a divergent", "b divergent", "c divergent"));
  EXPECT_EQ(most, 1);
}

TEST_F(DiffAllTest, ForPeopleTenDivergencesOfATableAreListedUnlessTheySay) {
  Left()["a"].rows = ManyRows(100);
  for (auto& [id, name] : Left()["a"].rows) name += "?";
  Right()["a"].rows = ManyRows(100);
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(out_, HasSubstr("… and 90 more rows that differ; --max-divergences N lists more"));
  options_.max_divergences = 100;
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(out_, Not(HasSubstr("not listed")));
  options_.max_divergences.reset();
  EXPECT_THAT(Results(1), ElementsAre("a divergent", "b identical", "c identical"));
  EXPECT_EQ(document_["tables"][0]["differences"].size(), 100u);
}

TEST_F(DiffAllTest, StatsAndProgressNameTheTable) {
  options_.stats = true;
  environment_.stderr_is_terminal = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(err_, AllOf(HasSubstr("[2/3] b: indexing"),
                          HasSubstr("stats: b: index of left: 10 records")));
}

TEST_F(DiffAllTest, TheReportGoesToTheFile) {
  options_.output = (folder_ / "report.csv").string();
  options_.format = "csv";
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(ReadFile(options_.output), Not(HasSubstr("IDENTICAL")));
  EXPECT_THAT(ReadFile(options_.output + ".verdict"), StartsWith("IDENTICAL: 3 tables "));
  options_.verdict_row = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(ReadFile(options_.output), HasSubstr("\r\n,IDENTICAL,30,30,"));
}

TEST_F(DiffAllTest, EachTableHasItsListsOfKeys) {
  Left()["a"].rows[3] = "three";
  options_.keys_out = (folder_ / "keys").string();
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(ReadFile(folder_ / "keys" / "a" / "changed.csv"), "id\r\n3\r\n");
  EXPECT_EQ(ReadFile(folder_ / "keys" / "b" / "changed.csv"), "id\r\n");
}

}  // namespace
}  // namespace driftwood::coordinator
