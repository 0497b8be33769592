// Files that come each day: with the real programs, and whole audits during which the next one
// comes.
#include <gmock/gmock.h>

#include <chrono>
#include <functional>
#include <memory>

#include "agent/serve/service.h"
#include "agent/stores/open_store.h"
#include "coordinator/audit/audit.h"
#include "merkle/hash/digest.h"
#include "merkle/text/hex.h"
#include "tests/agent/stores/text/stream_fixture.h"
#include "tests/integration/diff_fixture.h"
#include "tests/integration/service_peer.h"

namespace driftwood::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class DatedFilesTest : public DiffTest {
 protected:
  // It has been left alone for long.
  void Deliver(const std::string& name, const std::string& content) {
    WriteFile(name, content);
    std::filesystem::last_write_time(
        dir_ / name, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  static std::string Csv(int rows, int changed = 0) {
    std::string text = "id,v\n";
    for (int i = 1; i <= rows; ++i) {
      text += std::to_string(i) + (i == changed ? ",other\n" : ",same\n");
    }
    return text;
  }
};

TEST_F(DatedFilesTest, TheReportSaysWhichFileWasCompared) {
  const std::string packed = agent::Gzip(Csv(20, 7));
  Deliver("in-2026-11-27.csv", Csv(3));
  Deliver("in-2026-11-28.csv.gz", packed);
  Deliver("b.csv", Csv(20));
  const Json document = DiffJson({"csv:in-{date}.csv.gz?date=latest", "b.csv", "--key", "id",
                                  "--name", "file", "--name", "b"});
  EXPECT_EQ(Found(document), (std::set<std::string>{"7 changed"}));
  const Json& replicas = document.at("replicas");
  EXPECT_EQ(replicas.at(0).at("source"), "csv:in-{date}.csv.gz?date=latest");
  EXPECT_EQ(replicas.at(0).at("file"), (Json{{"day", "2026-11-28"},
                                             {"path", "in-2026-11-28.csv.gz"},
                                             {"sha256", Hex(merkle::Sha256(packed))}}));
  EXPECT_FALSE(replicas.at(1).contains("file"));
  // A file may go without its kind here too.
  EXPECT_THAT(Diff({"in-{date}.csv?date=2026-11-27", "b.csv", "--key", "id"}).out,
              HasSubstr("file of 2026-11-27: in-2026-11-27.csv, SHA-256 "));
  EXPECT_THAT(
      Diff({"in-{date}.csv?date=2026-11-27", "b.csv", "--key", "id", "--format", "jsonl"}).out,
      HasSubstr(R"("day":"2026-11-27")"));
}

TEST_F(DatedFilesTest, WhatIsNotThereOrOldIsAnErrorAndNoVerdict) {
  Deliver("in-2026-11-27.csv", Csv(20));
  Deliver("b.csv", Csv(20));
  ExpectError({"csv:in-{date}.csv?date=2026-11-28", "b.csv", "--key", "id"},
              {"no file for 2026-11-28: in-2026-11-28.csv is missed (the newest there is of "
               "2026-11-27)"});
  Deliver("in-2026-11-28.csv", Csv(20));
  ExpectError({"csv:in-{date}.csv?date=latest", "b.csv", "--key", "id"},
              {"in-2026-11-28.csv holds the same bytes as in-2026-11-27.csv",
               "write 'csv:in-{date}.csv?date=latest&same-as-before=allow'"});
  EXPECT_EQ(Verdict({"csv:in-{date}.csv?date=latest&same-as-before=allow", "b.csv", "--key", "id"}),
            "IDENTICAL");
  ExpectError({"csv:in-{date}.csv", "b.csv", "--key", "id"},
              {"write 'csv:in-{date}.csv?date=latest'"});
  ExpectError({"jsonl:in.jsonl?date=today", "b.csv", "--key", "id"}, {"write {date} where"});
  ExpectError({"csv:in-{date}.csv?date=11/28/2026", "b.csv", "--key", "id"},
              {"date=2026-11-28, or latest, today or yesterday"});
}

TEST_F(DatedFilesTest, AMissedFileHidesNoOtherDataset) {
  Deliver("in-2026-11-27.csv", Csv(20));
  Deliver("b.csv", Csv(20));
  WriteFile(
      "n.toml",
      "[dataset.missed]\nreplicas = { a = \"in-{date}.csv?date=2026-11-28\", b = \"b.csv\" }\n"
      "key = [\"id\"]\n"
      "[dataset.there]\nreplicas = { a = \"in-{date}.csv?date=2026-11-27\", b = \"b.csv\" }\n"
      "key = [\"id\"]\n");
  const ProcessResult result = Driftwood({"diff", "--config", "n.toml", "--format", "json"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const Json document = Json::parse(result.out, nullptr, false);
  ASSERT_FALSE(document.is_discarded()) << result.out;
  EXPECT_EQ(document.at("datasets").at(0).at("verdict"), "ERROR");
  EXPECT_EQ(document.at("datasets").at(1).at("verdict"), "IDENTICAL");
  EXPECT_THAT(document.dump(), HasSubstr("is missed"));
}

TEST_F(DatedFilesTest, AKeptIndexIsOfOneDay) {
  Deliver("in-2026-11-27.csv", Csv(20));
  Deliver("b.csv", Csv(20));
  const std::vector<std::string> words = {
      "csv:in-{date}.csv?date=latest", "b.csv", "--key", "id", "--state-dir", "state"};
  EXPECT_EQ(Verdict(words), "IDENTICAL");
  EXPECT_EQ(Verdict(words), "IDENTICAL");
  Deliver("in-2026-11-28.csv", Csv(20, 7));
  EXPECT_EQ(Verdict(words), "DIVERGENT");
}

TEST_F(DatedFilesTest, ARunningAgentServesTheLatestOfEachComparison) {
  Deliver("in-2026-11-27.csv", Csv(20));
  Deliver("b.csv", Csv(20));
  ProcessOptions options;
  options.folder = dir_.path();
  Process agent({Program("driftwood-agent"), "--listen", "unix:a.sock", "--state-dir", "state",
                 "--dataset", "in=csv:in-{date}.csv?date=latest&key=id"},
                options);
  ASSERT_TRUE(agent.WaitForOutput("listening on"));
  const std::vector<std::string> words = {"agent:unix:a.sock/in", "b.csv", "--digest-key-file",
                                          "state/digest.key"};
  const auto day = [&](const std::string& verdict) {
    const Json document = DiffJson(words);
    EXPECT_EQ(document.value("verdict", ""), verdict);
    return document.at("replicas").at(0).at("file").value("day", "");
  };
  EXPECT_EQ(day("IDENTICAL"), "2026-11-27");
  Deliver("in-2026-11-28.csv", Csv(20, 7));
  EXPECT_EQ(day("DIVERGENT"), "2026-11-28");
  std::filesystem::remove(dir_ / "in-2026-11-28.csv");
  EXPECT_EQ(day("IDENTICAL"), "2026-11-27");
  agent.Signal(SIGTERM);
  agent.Wait();
}

enum class Moment { kDescribed, kPrepared, kOpened, kQueried, kRead };

// Something happens once, at one moment of an audit.
class MomentPeer final : public coordinator::Peer {
 public:
  MomentPeer(agent::Service* service, std::string dataset, Moment moment,
             std::function<void()> happens)
      : peer_(service, std::move(dataset)), moment_(moment), happens_(std::move(happens)) {}

  absl::StatusOr<DatasetDescription> Describe() override {
    return Then(Moment::kDescribed, peer_.Describe());
  }
  absl::StatusOr<PrepareResult> Prepare(const merkle::Agreement& agreement, bool force,
                                        const ProgressCallback& on_progress) override {
    return Then(Moment::kPrepared, peer_.Prepare(agreement, force, on_progress));
  }
  absl::StatusOr<OpenedSnapshot> OpenSnapshot(const merkle::Agreement& agreement) override {
    return Then(Moment::kOpened, peer_.OpenSnapshot(agreement));
  }
  absl::StatusOr<std::string> Query(std::string_view questions) override {
    return Then(Moment::kQueried, peer_.Query(questions));
  }
  absl::StatusOr<std::vector<FoundRecord>> ReadRecords(const merkle::Agreement& agreement,
                                                       const std::vector<std::string>& keys,
                                                       bool with_values) override {
    return Then(Moment::kRead, peer_.ReadRecords(agreement, keys, with_values));
  }
  absl::StatusOr<std::vector<FoundRecord>> ReadIndexed(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override {
    return peer_.ReadIndexed(agreement, keys);
  }
  void CloseSnapshot() override { peer_.CloseSnapshot(); }
  void Cancel() override { peer_.Cancel(); }

 private:
  template <typename Result>
  Result Then(Moment moment, Result result) {
    if (moment == moment_) std::exchange(happens_, [] {})();
    return result;
  }

  ServicePeer peer_;
  const Moment moment_;
  std::function<void()> happens_;
};

class NextDayTest : public DatedFilesTest {
 protected:
  void SetUp() override {
    agent::ServiceOptions options;
    options.state_dir = dir_ / "state";
    options.version = "1";
    options.threads = 1;
    service_ = std::make_unique<agent::Service>(options);
    Deliver("b.csv", Csv(20));
    for (const auto& [name, url] :
         {std::pair("in", "csv:" + Path("in-{date}.csv") + "?date=latest&key=id"),
          std::pair("b", "csv:" + Path("b.csv") + "?key=id")}) {
      auto store = agent::OpenStore(*StoreUrl::Parse(url));
      ASSERT_TRUE(store.ok()) << store.status();
      ASSERT_TRUE(service_->AddDataset(name, url, *std::move(store)).ok());
    }
  }

  coordinator::Report Audit(Moment moment, const std::function<void()>& happens) {
    std::filesystem::remove(dir_ / "in-2026-11-28.csv");
    Deliver("in-2026-11-27.csv", Csv(20, 7));
    MomentPeer in(service_.get(), "in", moment, happens);
    ServicePeer b(service_.get(), "b");
    coordinator::AuditPlan plan{.replicas = {{"in", {"in"}}, {"b", {"b"}}}};
    coordinator::AuditOptions options;
    options.salt = std::string(16, 's');
    options.now_seconds = [] { return 0.0; };
    coordinator::Interrupt interrupt;
    return RunAudit(plan, {&in, &b}, options, nullptr, &interrupt);
  }

  std::unique_ptr<agent::Service> service_;
};

constexpr Moment kMoments[] = {Moment::kDescribed, Moment::kPrepared, Moment::kOpened,
                               Moment::kQueried, Moment::kRead};

// The next day's file agrees with the other side: were it read, nothing would be left to differ.
TEST_F(NextDayTest, AFileThatComesMeanwhileIsNotRead) {
  for (const Moment moment : kMoments) {
    const coordinator::Report report =
        Audit(moment, [this] { Deliver("in-2026-11-28.csv", Csv(20)); });
    EXPECT_EQ(report.verdict, coordinator::Verdict::kDivergent) << VerdictLine(report);
    EXPECT_EQ(report.replicas[0].file->day, "2026-11-27");
    ASSERT_EQ(report.records.size(), 1u);
    EXPECT_EQ(report.records[0].key.columns->at(0).number, 7);
    EXPECT_EQ(report.records[0].status, coordinator::RecordStatus::kConfirmed);
  }
}

TEST_F(NextDayTest, AnotherComparisonOfTheNextDayIsNotMixedIntoThisOne) {
  for (const Moment moment : kMoments) {
    for (const bool prepares : {false, true}) {
      const coordinator::Report report = Audit(moment, [&] {
        Deliver("in-2026-11-28.csv", Csv(20));
        ServicePeer other(service_.get(), "in");
        ServicePeer with(service_.get(), "b");
        if (!prepares) {
          EXPECT_EQ(other.Describe()->dated_file->day, "2026-11-28");
          return;
        }
        coordinator::AuditPlan plan{.replicas = {{"in", {"in"}}, {"b", {"b"}}}};
        coordinator::AuditOptions options;
        options.salt = std::string(16, 's');
        options.now_seconds = [] { return 0.0; };
        coordinator::Interrupt interrupt;
        EXPECT_EQ(RunAudit(plan, {&other, &with}, options, nullptr, &interrupt).verdict,
                  coordinator::Verdict::kIdentical);
      });
      const std::string line = VerdictLine(report);
      EXPECT_EQ(report.replicas[0].file->day, "2026-11-27");
      if (moment == Moment::kDescribed || moment == Moment::kPrepared) {
        EXPECT_EQ(report.verdict, coordinator::Verdict::kIncomplete) << line;
        continue;
      }
      // Its snapshot does not move, and what differs in it is re-read from nothing else.
      EXPECT_EQ(report.verdict, coordinator::Verdict::kDivergent) << line;
      ASSERT_EQ(report.records.size(), 1u);
      EXPECT_EQ(report.records[0].status, moment == Moment::kRead
                                              ? coordinator::RecordStatus::kConfirmed
                                              : coordinator::RecordStatus::kUnconfirmed);
    }
  }
}

}  // namespace
}  // namespace driftwood::testing
