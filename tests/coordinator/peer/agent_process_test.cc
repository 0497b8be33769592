// Shell scripts play the agent. Covers interrupt.cc too.
#include "coordinator/peer/agent_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <thread>

#include "tests/testing/temp_dir.h"

namespace driftwood::coordinator {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

AgentProcessOptions Script(const std::string& script) {
  AgentProcessOptions options;
  options.program = "/bin/sh";
  options.arguments = {"-c", script};
  return options;
}

bool Exists(pid_t pid) { return ::kill(pid, 0) == 0; }

TEST(AgentProcessTest, StartsWhenItListensAndIsGoneAfterwards) {
  pid_t pid = 0;
  {
    const auto process = AgentProcess::Start(Script("echo listening on unix:/x; cat"));
    ASSERT_TRUE(process.ok()) << process.status();
    EXPECT_EQ((*process)->address(), "unix:/x");
    pid = (*process)->pid();
    EXPECT_TRUE(Exists(pid));
    EXPECT_EQ((*process)->DescribeEnd(milliseconds(0)), "");
  }
  EXPECT_FALSE(Exists(pid));
}

// Of ours, which are closed in every program that we start.
TEST(AgentProcessTest, GetsTheDescriptorThatIsItsInputAndNoOther) {
  int ends[2], others[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(others, O_CLOEXEC), 0);
  ASSERT_EQ(::write(ends[1], "some input\n", 11), 11);
  ::close(ends[1]);
  AgentProcessOptions options = Script("cat /dev/fd/" + std::to_string(ends[0]) + "; cat /dev/fd/" +
                                       std::to_string(others[0]) + " 2>/dev/null || echo none");
  options.input = ends[0];
  EXPECT_EQ(AgentProcess::Output(options).value_or("failed"), "some input\nnone\n");
  for (const int fd : {ends[0], others[0], others[1]}) ::close(fd);
}

// Its number must not become another process's while it may still be signalled.
TEST(AgentProcessTest, OneThatHasEndedKeepsItsNumberUntilItIsDestroyed) {
  pid_t pid = 0;
  {
    // A shell would leave cat behind, with the outputs open.
    const auto process = AgentProcess::Start(Script("echo listening on unix:/x; exec cat"));
    ASSERT_TRUE(process.ok());
    pid = (*process)->pid();
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    EXPECT_THAT((*process)->DescribeEnd(std::chrono::minutes(1)), HasSubstr("signal 9"));
    EXPECT_TRUE(Exists(pid));
  }
  EXPECT_FALSE(Exists(pid));
}

TEST(AgentProcessTest, OneThatIgnoresEverythingIsKilled) {
  pid_t pid = 0;
  {
    const auto process = AgentProcess::Start(
        Script("trap '' TERM; echo listening on unix:/x; while :; do read line < /dev/zero; done"));
    ASSERT_TRUE(process.ok()) << process.status();
    pid = (*process)->pid();
  }
  EXPECT_FALSE(Exists(pid));
}

TEST(AgentProcessTest, OneThatIsStoppedIsEndedToo) {
  pid_t pid = 0;
  {
    const auto process = AgentProcess::Start(Script("echo listening on unix:/x; cat"));
    ASSERT_TRUE(process.ok());
    pid = (*process)->pid();
    ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  }
  EXPECT_FALSE(Exists(pid));
}

TEST(AgentProcessTest, AnErrorAtStartIsItsLastLine) {
  const auto process = AgentProcess::Start(
      Script("echo noise >&2; echo 'driftwood-agent: no such scheme' >&2; exit 2"));
  EXPECT_EQ(process.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(process.status().message()), "no such scheme");
}

TEST(AgentProcessTest, AnEndWithoutAWordIsNotAStart) {
  const auto process = AgentProcess::Start(Script("exit 0"));
  EXPECT_EQ(process.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(process.status().message()), HasSubstr("exit status 0"));
}

TEST(AgentProcessTest, AMissingProgramIsNamed) {
  AgentProcessOptions options;
  options.program = "/nonexistent/driftwood-agent";
  const auto process = AgentProcess::Start(options);
  EXPECT_THAT(std::string(process.status().message()), HasSubstr("/nonexistent/driftwood-agent"));
}

TEST(AgentProcessTest, SilenceEndsInADeadlineAndLeavesNoProcess) {
  AgentProcessOptions options = Script("exec cat > /dev/null");
  options.start_timeout = milliseconds(200);
  const auto process = AgentProcess::Start(options);
  EXPECT_EQ(process.status().code(), absl::StatusCode::kDeadlineExceeded);
  // No child is left, neither running nor waiting to be reaped.
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(AgentProcessTest, AnInterruptEndsTheWaiting) {
  const testing::TempDir folder;
  const std::string fifo = (folder / "begun").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  AgentProcessOptions options = Script("echo > " + fifo + "; exec cat");
  options.start_timeout = std::chrono::hours(1);
  for (const bool whole_output : {false, true}) {
    std::stop_source stop;
    options.stop = stop.get_token();
    std::thread stopping([&] {
      std::ifstream begun(fifo);
      begun.get();
      stop.request_stop();
    });
    const absl::Status status = whole_output ? AgentProcess::Output(options).status()
                                             : AgentProcess::Start(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
    stopping.join();
  }
}

// A shell that is killed leaves its child behind, with the outputs open.
TEST(AgentProcessTest, OneWhoseChildHoldsItsOutputsEndsWhenItEnds) {
  const testing::TempDir folder;
  const std::string fifo = (folder / "held").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  {
    const auto process = AgentProcess::Start(
        Script("echo listening on unix:/x; cat " + fifo + " & echo last words >&2; exit 3"));
    ASSERT_TRUE(process.ok()) << process.status();
    const std::string end = (*process)->DescribeEnd(std::chrono::minutes(1));
    EXPECT_THAT(end, HasSubstr("exit status 3"));
    EXPECT_THAT(end, HasSubstr("last words"));
  }
  std::ofstream(fifo) << "end";
}

TEST(AgentProcessTest, AllOutputOfOneThatEndsWellIsReturned) {
  const auto output = AgentProcess::Output(
      Script("i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done; echo end"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->size(), 33'004u);
  EXPECT_TRUE(output->ends_with("end\n"));
}

TEST(AgentProcessTest, OutputOfOneThatFailsIsNoOutput) {
  auto output = AgentProcess::Output(Script("echo a list; echo 'no such file' >&2; exit 2"));
  EXPECT_EQ(output.status(), absl::InvalidArgumentError("no such file"));
  output = AgentProcess::Output(Script("echo a list; kill -KILL $$"));
  EXPECT_EQ(output.status().code(), absl::StatusCode::kUnavailable);
  AgentProcessOptions options = Script("cat");
  std::stop_source stop;
  stop.request_stop();
  options.stop = stop.get_token();
  EXPECT_EQ(AgentProcess::Output(options).status().code(), absl::StatusCode::kCancelled);
  options.stop = {};
  options.start_timeout = milliseconds(100);
  EXPECT_EQ(AgentProcess::Output(options).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(AgentProcessTest, ACrashIsDescribedWithItsLastWords) {
  const auto process = AgentProcess::Start(
      Script("echo listening on unix:/x; echo 'CHECK failed' >&2; kill -SEGV $$; cat"));
  ASSERT_TRUE(process.ok());
  const std::string end = (*process)->DescribeEnd(std::chrono::seconds(20));
  EXPECT_THAT(end, HasSubstr("killed by signal 11"));
  EXPECT_THAT(end, HasSubstr("CHECK failed"));
}

}  // namespace
}  // namespace driftwood::coordinator
