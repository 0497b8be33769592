#include "agent/stores/exec/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/stores/exec/exec_fixture.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ProgramTest : public ::testing::Test {
 protected:
  ProgramCall Call(const std::string& script) {
    ProgramCall call;
    call.arguments = {Script(dir_, "program", script), "scan"};
    call.environment = {"PATH=/usr/bin:/bin"};
    call.time_max = std::chrono::minutes(5);
    call.memory_max = uint64_t{1} << 32;
    call.on_error_line = [this](std::string_view line) { errors_.emplace_back(line); };
    return call;
  }

  static absl::StatusOr<std::string> Output(const ProgramCall& call, std::stop_token stop = {}) {
    absl::StatusOr<std::unique_ptr<Program>> program = Program::Start(call, std::move(stop));
    if (!program.ok()) return program.status();
    return ReadHead(**program, size_t{1} << 26);
  }

  static std::string Refusal(const ProgramCall& call) {
    const absl::StatusOr<std::string> output = Output(call);
    EXPECT_FALSE(output.ok());
    return std::string(output.status().message());
  }

  testing::TempDir dir_;
  std::vector<std::string> errors_;
};

TEST_F(ProgramTest, GivesWhatItWrites) {
  EXPECT_EQ(*Output(Call("echo one; echo two")), "one\ntwo\n");
  EXPECT_EQ(*Output(Call("")), "");
}

TEST_F(ProgramTest, IsReadWholeWhateverItsSize) {
  const absl::StatusOr<std::string> output = Output(Call("head -c 10000000 /dev/zero"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_THAT(*output, SizeIs(10'000'000));
}

TEST_F(ProgramTest, HasItsArgumentsAsTheyAreAndNoShellReadsThem) {
  ProgramCall call = Call("printf '%s|' \"$@\"");
  call.arguments = {call.arguments[0], "a b", "$HOME;*", "", "scan"};
  EXPECT_EQ(*Output(call), "a b|$HOME;*||scan|");
}

TEST_F(ProgramTest, HasOnlyTheEnvironmentThatItIsGiven) {
  ASSERT_EQ(::setenv("DRIFTWOOD_TEST_SECRET", "hidden", 1), 0);
  ProgramCall call = Call("/usr/bin/env");
  call.environment = {"ONE=1"};
  const absl::StatusOr<std::string> output = Output(call);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_THAT(*output, HasSubstr("ONE=1"));
  EXPECT_THAT(*output, ::testing::Not(HasSubstr("hidden")));
}

TEST_F(ProgramTest, HasNoDescriptorOfOurs) {
  const absl::StatusOr<std::string> output = Output(Call("ls /proc/self/fd | wc -l"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_LE(std::stoi(*output), 4) << "three, and the folder that ls reads";
}

TEST_F(ProgramTest, ReadsTheFileThatItIsGivenAndElseNothing) {
  EXPECT_EQ(*Output(Call("cat")), "");
  const std::string path = (dir_.path() / "input").string();
  std::ofstream(path) << "a key\n";
  const merkle::UniqueFd input(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ProgramCall call = Call("cat");
  call.input = input.get();
  EXPECT_EQ(*Output(call), "a key\n");
}

TEST_F(ProgramTest, AnExitStatusIsAnErrorWhateverWasWritten) {
  EXPECT_THAT(Refusal(Call("echo row; echo no such table >&2; exit 3")),
              AllOf(HasSubstr("ended with exit status 3"), HasSubstr("it said: no such table")));
  absl::StatusOr<std::unique_ptr<Program>> program = Program::Start(Call("exit 64"), {});
  ASSERT_TRUE(program.ok());
  EXPECT_EQ(ReadHead(**program, 10).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ((*program)->exit_status(), 64);
}

TEST_F(ProgramTest, ASignalIsAnError) {
  EXPECT_THAT(Refusal(Call("echo row; kill -9 $$")), HasSubstr("ended by signal 9 (Killed)"));
}

// The shell has ended; who writes for it has not.
TEST_F(ProgramTest, EndsOnlyWhenAllWhoWriteHaveEnded) {
  ASSERT_EQ(::mkfifo((dir_.path() / "go").c_str(), 0600), 0);
  const std::string go = (dir_.path() / "go").string();
  const absl::StatusOr<std::string> output =
      Output(Call("echo early; (read line <" + go + "; echo late) & (echo go >" + go + ") &"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, "early\nlate\n");
}

TEST_F(ProgramTest, SaysWhyItCantBeRun) {
  ProgramCall call = Call("");
  call.arguments[0] = (dir_.path() / "nothing").string();
  EXPECT_THAT(Refusal(call), AllOf(HasSubstr("can't run"), HasSubstr("No such file")));
  call.arguments[0] = "nothing";
  EXPECT_THAT(Refusal(call), HasSubstr("write exec:./nothing"));
  call.arguments[0] = dir_.path().string();
  EXPECT_THAT(Refusal(call), AllOf(HasSubstr("it is a directory"), Not(HasSubstr("chmod"))));
  const std::string path = (dir_.path() / "plain").string();
  std::ofstream(path) << "echo hello\n";
  call.arguments[0] = path;
  EXPECT_THAT(Refusal(call), HasSubstr("chmod +x"));
  ASSERT_EQ(::chmod(path.c_str(), 0700), 0);
  EXPECT_THAT(Refusal(call), HasSubstr("#!/bin/sh"));
}

TEST_F(ProgramTest, TellsEachLineOfStderrUpToALimit) {
  ASSERT_TRUE(Output(Call("echo one >&2; echo two >&2; printf three >&2")).ok());
  EXPECT_THAT(errors_, ElementsAre("one", "two", "three"));
  errors_.clear();
  const absl::StatusOr<std::string> output =
      Output(Call("i=0; while [ $i -lt 500 ]; do echo line $i >&2; i=$((i+1)); done; "
                  "head -c 100000 /dev/zero >&2; echo >&2; echo data"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, "data\n");
  EXPECT_THAT(errors_, SizeIs(ProgramCall::kErrorLinesMax));
}

TEST_F(ProgramTest, HasItsTime) {
  ProgramCall call = Call("echo row; exec sleep 1000");
  call.time_max = milliseconds(20);
  const absl::StatusOr<std::string> output = Output(call);
  EXPECT_EQ(output.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(output.status().message()), HasSubstr("within 0.02 s"));
}

TEST_F(ProgramTest, SaysWhoHoldsItsOutput) {
  ProgramCall call = Call("sleep 1000 & exit 0");
  call.time_max = milliseconds(500);
  EXPECT_THAT(Refusal(call), HasSubstr("what it started still holds its output open"));
}

TEST_F(ProgramTest, IsStoppedWhileItRuns) {
  std::stop_source stop;
  const std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(Output(Call("exec sleep 1000"), stop.get_token()).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(ProgramTest, HasItsMemory) {
  ProgramCall call = Call("exec dd if=/dev/zero of=/dev/null bs=512M count=1 2>/dev/null");
  call.memory_max = uint64_t{64} << 20;
  EXPECT_THAT(Refusal(call), HasSubstr("exit status 1"));
}

// The children hold a lock on a named pipe's end: it reads to its end once all are gone.
TEST_F(ProgramTest, IsKilledWithItsChildren) {
  const std::string held = (dir_.path() / "held").string();
  ASSERT_EQ(::mkfifo(held.c_str(), 0600), 0);
  const merkle::UniqueFd read(::open(held.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  {
    absl::StatusOr<std::unique_ptr<Program>> program =
        Program::Start(Call("exec 3>" + held +
                            "; (sleep 1000 & exec sleep 1000) & echo begun; "
                            "exec sleep 1000"),
                       {});
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_EQ(*ReadHead(**program, 6), "begun\n");
  }
  ::fcntl(read.get(), F_SETFL, 0);
  char none = 0;
  EXPECT_EQ(::read(read.get(), &none, 1), 0);
}

}  // namespace
}  // namespace driftwood::agent
