// What fails on the way: agents that die, a user who interrupts, output that can't be written. None
// of it may ever look like a clean comparison. Covers coordinator/peer/grpc_connector.cc too.
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/integration/diff_fixture.h"
#include "tests/integration/relay.h"

namespace driftwood::testing {
namespace {

class FailuresTest : public DiffTest {
 protected:
  void SetUp() override {
    std::string rows = "id,v\n";
    for (int i = 0; i < 20'000; ++i) rows += std::to_string(i) + ",x\n";
    WriteFile("a.csv", rows);
    rows += "20001,y\n";
    WriteFile("b.csv", rows);
  }

  // A `driftwood-agent` of the test's own on a unix socket, ready to answer.
  std::unique_ptr<Process> StartAgent(const std::string& socket, const std::string& url) {
    ProcessOptions options;
    options.folder = dir_.path();
    options.environment = {"TMPDIR=" + dir_.path().string()};  // some tests kill it
    auto agent = std::make_unique<Process>(
        std::vector<std::string>{Program("driftwood-agent"), "--listen", "unix:" + Path(socket),
                                 "--dataset", "orders=" + url, "--digest-key-file", Path("key")},
        options);
    EXPECT_TRUE(agent->WaitForOutput("listening on"));
    return agent;
  }

  void WriteKey() {
    WriteFile("key", std::string(64, 'a'));
    std::filesystem::permissions(
        dir_ / "key", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

  std::vector<std::string> AgentCopies(const std::string& left, const std::string& right) const {
    return {"agent:unix:" + Path(left) + "/orders", "agent:unix:" + Path(right) + "/orders"};
  }
};

TEST_F(FailuresTest, RunningAgentsAreCompared) {
  WriteKey();
  const auto left = StartAgent("a.sock", "csv:a.csv?key=id");
  const auto right = StartAgent("b.sock", "csv:b.csv?key=id");
  const Json document = DiffJson(AgentCopies("a.sock", "b.sock"));
  EXPECT_EQ(document.at("verdict"), "DIVERGENT");
  EXPECT_EQ(Found(document), std::set<std::string>{"20001 missing in left"});
}

TEST_F(FailuresTest, SigtermEndsAnAgentCleanly) {
  WriteKey();
  const auto agent = StartAgent("a.sock", "csv:a.csv?key=id");
  agent->Signal(SIGTERM);
  EXPECT_EQ(agent->Wait().exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "a.sock"));
}

TEST_F(FailuresTest, AgentsWithOtherDigestKeysAreRefused) {
  WriteKey();
  const auto left = StartAgent("a.sock", "csv:a.csv?key=id");
  std::filesystem::remove(dir_ / "key");
  WriteFile("key", std::string(64, 'b'));
  std::filesystem::permissions(dir_ / "key", std::filesystem::perms::owner_read);
  const auto right = StartAgent("b.sock", "csv:b.csv?key=id");
  ExpectError(AgentCopies("a.sock", "b.sock"), {"digest key"});
}

TEST_F(FailuresTest, NoAgentThere) {
  WriteKey();
  const auto left = StartAgent("a.sock", "csv:a.csv?key=id");
  ExpectError(AgentCopies("a.sock", "none.sock"), {"none.sock", "right"});
}

TEST_F(FailuresTest, AnAgentThatDiesInTheWalkIsNamedAndNothingIsClaimed) {
  for (const char* format : {"json", "jsonl", "csv", "table"}) {
    SCOPED_TRACE(format);
    WriteKey();
    const auto left = StartAgent("a.sock", "csv:a.csv?key=id");
    const auto right = StartAgent("b.sock", "csv:b.csv?key=id");
    // The agent is killed at the moment when the first question of the walk reaches it.
    Relay relay(Path("relay.sock"), Path("b.sock"), "Agent/Query", [&] { right->Signal(SIGKILL); });
    auto words = AgentCopies("a.sock", "relay.sock");
    words.insert(words.end(), {"--format", format});
    if (std::string(format) == "csv") words.push_back("--verdict-row");
    const ProcessResult result = Diff(words);
    EXPECT_TRUE(relay.triggered());
    EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
    EXPECT_NE(result.out.find("INCOMPLETE"), std::string::npos) << result.out;
    EXPECT_NE((result.out + result.err).find("right"), std::string::npos);
    EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos);
    std::filesystem::remove(dir_ / "a.sock");
    std::filesystem::remove(dir_ / "b.sock");
  }
}

TEST_F(FailuresTest, AnAgentThatHangsInTheWalkIsLostToo) {
  WriteKey();
  const auto left = StartAgent("a.sock", "csv:a.csv?key=id");
  const auto right = StartAgent("b.sock", "csv:b.csv?key=id");
  // A thread of it may still answer until all of them have stopped.
  Relay relay(Path("relay.sock"), Path("b.sock"), "Agent/Query", [&] {
    right->Signal(SIGSTOP);
    siginfo_t stopped;
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(right->pid()), &stopped, WSTOPPED | WNOWAIT), 0);
  });
  const ProcessResult result = Diff(AgentCopies("a.sock", "relay.sock"));
  EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
  EXPECT_NE(result.out.find("INCOMPLETE"), std::string::npos) << result.out;
}

TEST_F(FailuresTest, OutputThatCantBeWrittenIsAnError) {
  for (const char* format : {"json", "jsonl", "csv", "table"}) {
    ProcessOptions options;
    options.out_file = "/dev/full";
    const ProcessResult result =
        Driftwood({"diff", "csv:a.csv?key=id", "csv:b.csv?key=id", "--format", format}, options);
    EXPECT_EQ(result.exit_code, 2) << format;
    EXPECT_NE(result.err, "") << format;
  }
}

TEST_F(FailuresTest, AnOutputFileIsReplacedOnlyByAWholeOne) {
  WriteFile("report.json", "old");
  const ProcessResult result = Diff({"csv:a.csv?key=id", "csv:b.csv?key=id", "--format", "json",
                                     "--output", Path("report.json")});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(Json::parse(ReadFile(dir_ / "report.json")).at("verdict"), "DIVERGENT");
  // Nothing else was left behind.
  size_t reports = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    reports += entry.path().filename().string().find("report") != std::string::npos;
  }
  EXPECT_EQ(reports, 1u);
}

TEST_F(FailuresTest, CtrlCStopsTheAgentsAndRemovesWhatItMade) {
  WriteKey();
  std::filesystem::create_directory(dir_ / "tmp");
  const auto left = StartAgent("a.sock", "csv:a.csv?key=id");
  const auto right = StartAgent("b.sock", "csv:b.csv?key=id");
  ProcessOptions options;
  options.folder = dir_.path();
  options.environment = {"TMPDIR=" + Path("tmp")};
  std::unique_ptr<Process> diff;
  // The agent stops answering in the middle of the walk, and then the user presses Ctrl-C.
  Relay relay(Path("relay.sock"), Path("b.sock"), "Agent/Query", [&] {
    right->Signal(SIGSTOP);
    diff->Signal(SIGINT);
  });
  relay.Hold();
  diff = std::make_unique<Process>(
      std::vector<std::string>{Program("driftwood"), "diff",
                               "agent:unix:" + Path("a.sock") + "/orders",
                               "agent:unix:" + Path("relay.sock") + "/orders", "csv:a.csv?key=id",
                               "--allow-same", "--digest-key-file", Path("key")},
      options);
  relay.Release();
  const ProcessResult result = diff->Wait();
  EXPECT_EQ(result.exit_code, 130) << result.out << result.err;
  EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos);
  EXPECT_EQ(result.out.find("DIVERGENT"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "tmp"));
}

TEST_F(FailuresTest, AFinishedRunLeavesNothingBehind) {
  std::filesystem::create_directory(dir_ / "tmp");
  ProcessOptions options;
  options.environment = {"TMPDIR=" + Path("tmp")};
  EXPECT_EQ(Driftwood({"diff", "csv:a.csv?key=id", "csv:b.csv?key=id"}, options).exit_code, 1);
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "tmp"));
}

TEST_F(FailuresTest, AKeyFileThatOthersCanReadIsRefused) {
  WriteFile("key", std::string(64, 'a'));
  std::filesystem::permissions(dir_ / "key", static_cast<std::filesystem::perms>(0644));
  ExpectError({"csv:a.csv?key=id", "csv:b.csv?key=id", "--digest-key-file", Path("key")},
              {"key", "chmod"});
}

}  // namespace
}  // namespace driftwood::testing
