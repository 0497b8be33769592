// Covers diff_run.cc, progress.cc and coordinator/peer/connector.cc too.
#include "coordinator/diff/diff_command.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "coordinator/diff/progress.h"
#include "tests/coordinator/diff/diff_fixture.h"
#include "tests/coordinator/peer/fake_peer.h"
#include "tests/coordinator/peer/fake_store_kinds.h"

namespace driftwood::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Peers by URL: "csv:equal", "csv:other", "csv:lost".
class FakeConnector final : public Connector {
 public:
  absl::StatusOr<std::unique_ptr<Peer>> Connect(const ReplicaSpec& spec,
                                                const std::stop_token&) override {
    if (spec.url == "csv:unreachable") return absl::InvalidArgumentError("unknown parameter 'x'");
    FakePeer::Rows rows = spec.url == "csv:empty" ? FakePeer::Rows() : ManyRows(100);
    if (spec.url == "csv:other") rows[7] = "seven";
    auto peer = std::make_unique<FakePeer>(rows);
    if (spec.url == "csv:lost") {
      peer->SetRows(ManyRows(99));
      peer->fail_always["query"] = absl::UnavailableError("its agent was killed");
    }
    return std::unique_ptr<Peer>(std::move(peer));
  }
};

class DiffCommandTest : public DiffTest {
 protected:
  DiffCommandTest() : DiffTest({"csv:equal", "csv:equal"}) {
    ConnectBy([] { return std::make_unique<FakeConnector>(); });
    options_.allow_same = true;
  }
};

TEST_F(DiffCommandTest, IdenticalIsZeroAndSaysNothingOnStderr) {
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_, StartsWith("IDENTICAL: 100 rows in left and right agree\n"));
  EXPECT_EQ(err_, "");
}

TEST_F(DiffCommandTest, DivergentIsOneInEveryFormat) {
  options_.stores[1] = "csv:other";
  for (const std::string format : {"table", "json", "jsonl", "csv", "html"}) {
    options_.format = format;
    options_.verdict_row = format == "csv";
    EXPECT_EQ(Run(), 1) << format;
    EXPECT_THAT(out_, HasSubstr("DIVERGENT"));
  }
}

TEST_F(DiffCommandTest, Ledger26ALostAgentIsThreeInEveryFormatAndNamed) {
  options_.stores[1] = "csv:lost";
  for (const std::string format : {"table", "json", "jsonl", "csv"}) {
    options_.format = format;
    options_.verdict_row = format == "csv";
    EXPECT_EQ(Run(), 3) << format;
    EXPECT_THAT(out_, HasSubstr("INCOMPLETE"));
    EXPECT_THAT(err_, HasSubstr("right: its agent was killed"));
  }
}

TEST_F(DiffCommandTest, AnErrorHasADocumentInEveryMachineFormat) {
  options_.stores[1] = "csv:unreachable";
  options_.format = "json";
  EXPECT_EQ(Run(), 2);
  const auto document = nlohmann::json::parse(out_);
  EXPECT_EQ(document["verdict"], "ERROR");
  EXPECT_EQ(document["error"]["replica"], "right");
  EXPECT_EQ(err_, "driftwood: right: unknown parameter 'x'\n");
  options_.format = "jsonl";
  EXPECT_EQ(Run(), 2);
  EXPECT_EQ(nlohmann::json::parse(out_)["verdict"], "ERROR");
  options_.format = "csv";
  EXPECT_EQ(Run(), 2);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "driftwood: right: unknown parameter 'x'\n");
  options_.verdict_row = true;
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(out_, HasSubstr("\r\nERROR,,,"));
}

// The verdict comes once all rows are written, also where both outputs are one.
TEST_F(DiffCommandTest, ACsvHasRowsOnlyAndItsVerdictOnStderr) {
  options_.stores[1] = "csv:other";
  options_.format = "csv";
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
  EXPECT_THAT(out_, Not(HasSubstr("DIVERGENT")));
  EXPECT_THAT(err_, StartsWith("driftwood: DIVERGENT: 1 of 100 "));
  options_.stores[1] = "csv:equal";
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(err_, StartsWith("driftwood: IDENTICAL: 100 "));
  options_.stores[1] = "csv:lost";
  EXPECT_EQ(Run(), 3);
  EXPECT_THAT(err_, HasSubstr("driftwood: INCOMPLETE: "));
  environment_.stdout_fd = ::open("/dev/full", O_WRONLY);
  stdout_is_set_ = true;
  options_.stores[1] = "csv:equal";
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, Not(HasSubstr("IDENTICAL")));
  ::close(environment_.stdout_fd);
}

TEST_F(DiffCommandTest, BesideACsvFileStandsItsVerdict) {
  options_.output = (folder_ / "report.csv").string();
  options_.format = "csv";
  options_.stores[1] = "csv:other";
  EXPECT_EQ(Run(), 1);
  const std::string csv = ReadFile(options_.output);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 2);
  const std::string verdict = ReadFile(options_.output + ".verdict");
  EXPECT_THAT(verdict, StartsWith("DIVERGENT: 1 of 100 "));
  EXPECT_THAT(verdict, EndsWith("; csv: 1 rows, " + std::to_string(csv.size()) + " bytes\n"));
  EXPECT_EQ(std::count(verdict.begin(), verdict.end(), '\n'), 1);
  options_.stores[1] = "csv:unreachable";
  EXPECT_EQ(Run(), 2);
  EXPECT_EQ(ReadFile(options_.output), "");
  EXPECT_THAT(ReadFile(options_.output + ".verdict"),
              AllOf(StartsWith("ERROR: right: "), EndsWith("; csv: 0 rows, 0 bytes\n")));
}

TEST_F(DiffCommandTest, NoStaleVerdictStandsBesideANewReport) {
  options_.output = (folder_ / "report").string();
  std::ofstream(folder_ / "report") << "yesterday's";
  std::filesystem::create_symlink("report", folder_ / "link");
  for (const std::string format : {"json", "csv"}) {
    std::ofstream(folder_ / "report.verdict") << "IDENTICAL";
    options_.format = format;
    options_.verdict_row = format == "csv";
    options_.output = (folder_ / "link").string();
    EXPECT_EQ(Run(), 0);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "report.verdict")) << format;
  }
  options_.verdict_row = false;
  EXPECT_EQ(Run(), 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "report.verdict"));
  // One that can't be removed keeps the new report from its place.
  std::filesystem::remove(folder_ / "report.verdict");
  std::filesystem::create_directory(folder_ / "report.verdict");
  const std::string before = ReadFile(folder_ / "report");
  options_.stores[1] = "csv:other";
  EXPECT_EQ(Run(), 2);
  EXPECT_EQ(ReadFile(folder_ / "report"), before);
}

TEST_F(DiffCommandTest, AVerdictRowIsForCsvOnly) {
  options_.verdict_row = true;
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr("--verdict-row is for --format csv"));
}

TEST_F(DiffCommandTest, TheKeysThatDifferAreWrittenWhateverTheFormatLists) {
  options_.stores[1] = "csv:other";
  options_.max_divergences = 0;
  options_.keys_out = (folder_ / "keys").string();
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(err_, "");
  EXPECT_THAT(ReadFile(folder_ / "keys" / "changed.csv"), EndsWith("\r\n7\r\n"));
  EXPECT_EQ(Run(), 2);  // it is there
  EXPECT_THAT(err_, HasSubstr("--keys-out: "));
  EXPECT_THAT(err_, HasSubstr("is not empty"));
  options_.keys_out = (folder_ / "others").string();
  options_.stores[1] = "csv:lost";
  EXPECT_EQ(Run(), 3);
  EXPECT_THAT(err_, HasSubstr("no keys are written"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "others"));
}

TEST_F(DiffCommandTest, ProgramsGetAllRowsAndPeopleTheFirst) {
  options_.stores[1] = "csv:empty";
  options_.recheck_max = 30;
  options_.format = "json";
  EXPECT_EQ(Run(), 1);
  auto document = nlohmann::json::parse(out_);
  EXPECT_EQ(document["differences"].size(), 100u);
  options_.max_divergences = 7;
  EXPECT_EQ(Run(), 1);
  document = nlohmann::json::parse(out_);
  EXPECT_EQ(document["differences"].size(), 7u);
  EXPECT_EQ(document["summary"]["listed"], 7);
}

TEST_F(DiffCommandTest, AReportForProgramsSaysWhenWhereAndHowItCameToBe) {
  int64_t seconds = 1'800'000'000;
  environment_.wall_clock = [&] { return merkle::WallTime(std::chrono::seconds(seconds++)); };
  options_.format = "jsonl";
  options_.no_recheck = true;
  EXPECT_EQ(Run(), 0);
  const auto last = nlohmann::json::parse(out_);
  EXPECT_EQ(last["started_at"], "2027-01-15T08:00:00Z");
  EXPECT_EQ(last["finished_at"], "2027-01-15T08:00:01Z");
  EXPECT_EQ(last["version"], "1.2.3");
  EXPECT_EQ(last["host"], "db1.example");
  EXPECT_EQ(last["options"], nlohmann::json::parse(R"({"--format": ["jsonl"],
      "--no-recheck": true, "--allow-same": true})"));
}

TEST_F(DiffCommandTest, BadOptionsAreTwoWithAClearLine) {
  const auto fails = [this](const std::string& text) {
    const int code = Run();
    EXPECT_EQ(code, 2);
    EXPECT_THAT(err_, HasSubstr(text));
    EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1) << err_;
    options_ = DiffOptions();
    options_.stores = {"csv:equal", "csv:equal"};
  };
  options_.stores = {"csv:equal"};
  fails("at least two stores");
  options_.stores[1] = "nonsense";
  fails("'nonsense' is no store URL and no file");
  options_.stores[1] = "sqlit:x";
  fails("did you mean 'sqlite'?");
  options_.stores[1] = "nosuch:x";
  fails("postgresql://USER@HOST/DB?table=T, newdb://USER@HOST/DB?table=T, agent:HOST:PORT/DATASET");
  options_.stores[1] = "ndb:x";
  fails("'ndb:x' is no store URL; expected newdb://USER@HOST/DB?table=T");
  options_.stores[1] = "agent:host/orders";
  fails("expected agent:HOST:PORT/DATASET");
  options_.names = {"a"};
  fails("--name is given 1 time for 2 replicas");
  options_.names = {"a", "a"};
  fails("given twice");
  options_.names = {"a", "b c"};
  fails("is no replica name");
  options_.types = {"name=txet"};
  fails("did you mean 'text'?");
  options_.types = {"name"};
  fails("expected COLUMN=TYPE");
  options_.types = {"name=text,name=bytes"};
  fails("twice");
  options_.columns = {"a,,b"};
  fails("an empty name");
  options_.format = "jsno";
  fails("did you mean 'json'?");
  options_.progress = "line";
  fails("did you mean 'lines'?");
  options_.output = "/nonexistent/x";
  fails("no such directory: /nonexistent");
}

TEST_F(DiffCommandTest, NamesMayBeGivenOnceEachOrTogether) {
  options_.names = {"shop", "warehouse"};
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_, HasSubstr("in shop and warehouse agree"));
  options_.names = {"shop,warehouse"};
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_, HasSubstr("in shop and warehouse agree"));
}

TEST_F(DiffCommandTest, MoreThanTwoReplicasAreNumbered) {
  options_.stores = {"csv:equal", "csv:equal", "csv:other"};
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(out_, HasSubstr("between r1, r2 and r3"));
}

TEST_F(DiffCommandTest, AFullStdoutIsTwoWhateverTheVerdict) {
  environment_.stdout_fd = ::open("/dev/full", O_WRONLY);
  stdout_is_set_ = true;
  for (const char* store : {"csv:equal", "csv:other"}) {
    options_.stores[1] = store;
    EXPECT_EQ(Run(), 2);
    EXPECT_THAT(err_, HasSubstr("can't write stdout"));
  }
  ::close(environment_.stdout_fd);
}

TEST_F(DiffCommandTest, ASourceComparedWithItselfGivesNoVerdict) {
  options_.allow_same = false;
  for (const std::string format : {"table", "json"}) {
    options_.format = format;
    EXPECT_EQ(Run(), 2);
    EXPECT_THAT(err_, HasSubstr("are the same source"));
    EXPECT_THAT(out_, Not(HasSubstr("IDENTICAL")));
  }
  options_.stores[1] = "csv:./equal";
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr("--allow-same"));
}

TEST_F(DiffCommandTest, NothingComparedGivesNoVerdict) {
  options_.stores = {"csv:empty", "csv:empty"};
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr("--allow-empty"));
  EXPECT_THAT(out_, StartsWith("ERROR: nothing was compared"));
  options_.allow_empty = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_, StartsWith("IDENTICAL: 0 rows"));
}

TEST_F(DiffCommandTest, AWrongCommandReplacesYesterdaysReport) {
  options_.output = (folder_ / "report.json").string();
  options_.format = "json";
  std::ofstream(options_.output) << "yesterday";
  WriteWrongCommand("unknown option '--fromat'", options_, environment_);
  const auto document = nlohmann::json::parse(ReadFile(options_.output));
  EXPECT_EQ(document["verdict"], "ERROR");
  EXPECT_EQ(document["error"]["message"], "unknown option '--fromat'");
}

TEST_F(DiffCommandTest, OutputGoesToTheFileAndNothingToStdout) {
  options_.output = (folder_ / "report.json").string();
  options_.format = "json";
  options_.stores[1] = "csv:other";
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, HasSubstr("driftwood: DIVERGENT: "));  // no silent red
  EXPECT_EQ(nlohmann::json::parse(ReadFile(options_.output))["verdict"], "DIVERGENT");
}

TEST_F(DiffCommandTest, AnErrorReplacesYesterdaysReport) {
  options_.output = (folder_ / "report.txt").string();
  std::ofstream(options_.output) << "IDENTICAL";
  options_.stores[1] = "csv:unreachable";
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(ReadFile(options_.output), StartsWith("ERROR: right: "));
}

TEST_F(DiffCommandTest, TheReportNeverReplacesWhatIsComparedNorTheKey) {
  std::ofstream(folder_ / "in put.csv") << "id,name\n";
  std::ofstream(folder_ / "key") << "key";
  std::filesystem::create_symlink("in put.csv", folder_ / "link");
  options_.stores[1] = "csv:" + (folder_ / "in%20put.csv").string() + "?key=id";
  options_.digest_key_file = (folder_ / "key").string();
  for (const char* name : {"in put.csv", "./in put.csv", "link", "in put.csv-wal", "key"}) {
    SCOPED_TRACE(name);
    options_.output = folder_.path().string() + "/" + name;
    EXPECT_EQ(Run(), 2);
    EXPECT_THAT(err_, HasSubstr("name another file"));
    EXPECT_THAT(out_, StartsWith("ERROR: --output: "));
  }
  EXPECT_EQ(ReadFile(folder_ / "in put.csv"), "id,name\n");
  EXPECT_EQ(ReadFile(folder_ / "key"), "key");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "in put.csv-wal"));
}

TEST_F(DiffCommandTest, AnErrorNamesTheReplicasAsTheUserDid) {
  options_.format = "json";
  options_.types = {"name=txet"};
  EXPECT_EQ(Run(), 2);
  EXPECT_EQ(nlohmann::json::parse(out_)["replicas"][1]["name"], "right");
  options_.names = {"shop", "warehouse"};
  EXPECT_EQ(Run(), 2);
  EXPECT_EQ(nlohmann::json::parse(out_)["replicas"][1]["name"], "warehouse");
}

// A named pipe makes its writer wait for a reader: by then Ctrl-C must end the program. But where a
// file is written aside, it must not be left behind.
TEST_F(DiffCommandTest, WaitingForAReaderCanBeInterrupted) {
  int reader = -1;
  environment_.on_cleaned_up = [&] {
    reader = ::open(options_.output.c_str(), O_RDONLY | O_NONBLOCK);
  };
  options_.output = (folder_ / "pipe").string();
  ASSERT_EQ(::mkfifo(options_.output.c_str(), 0600), 0);
  EXPECT_EQ(Run(), 0);
  EXPECT_GE(reader, 0);
  ::close(reader);
  environment_.on_cleaned_up = [] { FAIL() << "the file aside would be left behind"; };
  options_.output = (folder_ / "file").string();
  EXPECT_EQ(Run(), 0);
}

TEST_F(DiffCommandTest, AnInterruptBeforeTheStartIs130) {
  interrupt_.Raise();
  options_.format = "json";
  EXPECT_EQ(Run(), 130);
  EXPECT_EQ(nlohmann::json::parse(out_)["verdict"], "INCOMPLETE");
}

TEST_F(DiffCommandTest, StatsGoToStderr) {
  options_.stats = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(err_, AllOf(HasSubstr("stats: index of left: 100 records"),
                          HasSubstr("stats: walk: 1 round trip,")));
}

TEST_F(DiffCommandTest, ProgressComesOnATerminalOnlyAndNotWithQuiet) {
  environment_.stderr_is_terminal = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(err_, AllOf(HasSubstr("indexing"), EndsWith("\r\x1b[K")));
  options_.quiet = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(err_, "");
}

// A run that is shorter than a minute says nothing; one of many tables says where it is.
TEST_F(DiffCommandTest, ALogHasALineAMinute) {
  std::atomic<double> time = 0;  // agents' threads ask too
  environment_.now_seconds = [&] { return time += 10; };
  environment_.wall_clock = [] {
    return merkle::WallTime(std::chrono::seconds(1'800'000'000) + std::chrono::microseconds(7));
  };
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(err_, StartsWith("2027-01-15T08:00:00Z driftwood: "));
  EXPECT_THAT(err_, Not(HasSubstr("\x1b")));
  options_.progress = "off";
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(err_, "");
  environment_.now_seconds = [&] { return time += 0.01; };
  options_.progress = "lines";
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(err_, "");
}

TEST(ProgressTest, ALineComesAMinuteAfterTheLastOne) {
  std::string written;
  double time = 0;
  std::atomic<double> last_line = 0;
  Progress::Options options;
  options.form = ProgressForm::kLines;
  options.label = "[2/9] orders: ";
  options.write = [&](std::string_view text) { written += text; };
  options.now_seconds = [&] { return time; };
  options.wall_clock = [&] {
    return merkle::WallTime(std::chrono::seconds(1'800'000'000 + static_cast<int64_t>(time)));
  };
  options.last_line = &last_line;
  Progress progress({"left"}, options);
  progress.OnPhase(AuditObserver::Phase::kIndexing);
  time = 59;
  progress.OnIndexing(0, {5'900'000, 250});
  EXPECT_EQ(written, "");
  time = 61;
  progress.OnIndexing(0, {6'100'000, 250});
  EXPECT_EQ(
      written,
      "2027-01-15T08:01:01Z driftwood: [2/9] orders: indexing: left 6.1 M records, 100 k/s\n");
  written.clear();
  time = 120;
  progress.OnIndexed(0, 12'000'000);
  progress.OnPhase(AuditObserver::Phase::kDone);
  EXPECT_EQ(written, "");
}

TEST(ProgressTest, TheLineShowsRateShareAndTimeLeftAndFitsTheTerminal) {
  std::string written;
  double time = 0;
  Progress::Options options;
  options.write = [&](std::string_view text) { written = text; };
  options.now_seconds = [&] { return time; };
  size_t columns = 200;
  options.columns = [&] { return columns; };
  Progress progress({"left", "right"}, options);
  DatasetDescription description;
  description.bytes = 1000;
  progress.OnDescribed(0, description);
  progress.OnPhase(AuditObserver::Phase::kIndexing);
  time = 10;
  progress.OnIndexing(0, {2'000'000, 250});
  EXPECT_EQ(written,
            "\r\x1b[Kindexing: left 2.0 M records, 200 k/s, 25%, ETA 0:30 | right 0 records, 0/s");
  columns = 40;
  time = 11;
  progress.OnIndexing(1, {500'000, 250});
  EXPECT_EQ(written, "\r\x1b[Kindexing: left 25% 0:33 | right 500 k");
  columns = 20;
  progress.OnIndexed(0, 8'000'000);
  EXPECT_EQ(written, "\r\x1b[Kindexing: left done");
}

TEST(ReplicaSpecTest, TheFileOfAStore) {
  EXPECT_EQ(StorePath("csv:a.csv"), "a.csv");
  EXPECT_EQ(StorePath("csv:/x/a%20b%2.csv?key=id"), "/x/a b%2.csv");
  EXPECT_EQ(StorePath("lmdb:what?is?db=x"), "what?is");
}

// The kinds are the agent's to know: a new one needs nothing here.
TEST(ReplicaSpecTest, APasswordIsHandedOverAsItsKindTakesIt) {
  const auto spec = ParseReplicaSpec("a", "ndb://u:geheim@h/d?table=t", FakeStoreKinds);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->url, "ndb://u@h/d?table=t");
  EXPECT_EQ(spec->password, "geheim");
  EXPECT_EQ(spec->password_variable, "NEWDB_PASSWORD");
  EXPECT_EQ(ParseReplicaSpec("a", "csv:x", FakeStoreKinds)->password_variable, "");
  EXPECT_FALSE(ParseReplicaSpec("a", "csv://u:geheim@h/d", FakeStoreKinds).ok());  // it takes none
}

TEST(ReplicaSpecTest, WithoutAnAgentToAskNothingIsGuessed) {
  const auto broken = [] { return absl::NotFoundError("no driftwood-agent"); };
  EXPECT_EQ(ParseReplicaSpec("a", "csv:x", broken).status(),
            absl::NotFoundError("no driftwood-agent"));
  EXPECT_TRUE(ParseReplicaSpec("a", "agent:h:1/x", broken).ok());
}

TEST(ReplicaSpecTest, ATableOfAnAgentsDatabaseIsParsed) {
  auto spec = ParseReplicaSpec("a", "agent:h:1/shop?table=a%26b&token_file=/t", nullptr);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->dataset, "shop?table=a%26b");
  EXPECT_EQ(spec->token_file, "/t");
  EXPECT_TRUE(MapsColumns(*spec));
  spec = ParseReplicaSpec("a", "agent:unix:/odd?x=y/s/shop?token_file=/t?u&table=t&rename=a=b",
                          nullptr);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->address, "unix:/odd?x=y/s");
  EXPECT_EQ(spec->dataset, "shop?table=t&rename=a=b");
  EXPECT_EQ(spec->token_file, "/t?u");
  EXPECT_FALSE(MapsColumns(*ParseReplicaSpec("a", "agent:h:1/orders", nullptr)));
  for (const char* bad :
       {"agent:h:1/shop?table=", "agent:h:1/shop?rename=a=b", "agent:h:1/shop?table=a&where=1",
        "agent:h:1/shop?table=a&token_file=x&token_file=y", "agent:h:1/shop?tabel=a",
        "agent:h:1/shop?table=a&token_file="}) {
    EXPECT_FALSE(ParseReplicaSpec("a", bad, nullptr).ok()) << bad;
  }
  EXPECT_NE(ParseReplicaSpec("a", "agent:h:1/x?tabel=a", nullptr)
                .status()
                .message()
                .find("did you mean 'table'?"),
            std::string::npos);
}

TEST(ReplicaSpecTest, RunningAgentsAreParsed) {
  auto spec = ParseReplicaSpec("a", "agent:db1.example:7000/orders", nullptr);
  ASSERT_TRUE(spec.ok());
  EXPECT_TRUE(spec->running_agent);
  EXPECT_EQ(spec->address, "db1.example:7000");
  EXPECT_EQ(spec->dataset, "orders");
  spec = ParseReplicaSpec("a", "agent:[::1]:7000/orders", nullptr);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->address, "[::1]:7000");
  spec = ParseReplicaSpec("a", "agent:unix:/run/driftwood/agent.sock/orders", nullptr);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->address, "unix:/run/driftwood/agent.sock");
  EXPECT_EQ(spec->dataset, "orders");
  spec = ParseReplicaSpec("a", "agent:127.0.0.1:7000/orders?token_file=/etc/a%20token", nullptr);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->address, "127.0.0.1:7000");
  EXPECT_EQ(spec->dataset, "orders");
  EXPECT_EQ(spec->token_file, "/etc/a token");
  for (const char* bad :
       {"agent:host:7000/orders?token_file=", "agent:host:7000", "agent:host:x/orders",
        "agent:unix:/orders", "agent:", "agent:host:7000/", "agent::7000/orders"}) {
    EXPECT_FALSE(ParseReplicaSpec("a", bad, nullptr).ok()) << bad;
  }
}

}  // namespace
}  // namespace driftwood::coordinator
