// Programs as sources (exec:), end to end: what a program says is believed, and no more than that.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;

class ExecTest : public DiffTest {
 protected:
  static constexpr int kRows = 2000;

  void SetUp() override {
    DiffTest::SetUp();
    std::string rows = "id,name\n";
    for (int i = 1; i <= kRows; ++i) {
      rows += std::to_string(i) + ",name " + std::to_string(i) + "\n";
    }
    WriteFile("database.csv", rows);
    WriteFile("provider.csv", rows);
  }

  // A program that scans provider.csv, and for its lookup runs `lookup` with each line in $line and
  // its id in $id.
  void Program(const std::string& scan, const std::string& lookup) {
    WriteFile("provider.sh", "#!/bin/sh\nif [ \"$1\" = scan ]; then\n" + scan +
                                 "\nelif [ \"$1\" = lookup ]; then\n  while read -r line; do\n"
                                 "    id=${line#*:}; id=${id%\\}}\n" +
                                 lookup + "\n  done\nelse\n  exit 64\nfi\n");
    std::filesystem::permissions(dir_ / "provider.sh", std::filesystem::perms::owner_all);
  }

  Json Compare(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"database.csv", "exec:./provider.sh", "--key",     "id",
                                      "--name",       "database,provider",  "--recheck", "0"};
    words.insert(words.end(), more.begin(), more.end());
    return DiffJson(words);
  }
  Json CompareAllowed() { return Compare({"--allow-not-point-in-time", "provider"}); }
};

constexpr char kScan[] = "cat provider.csv";
constexpr char kSnapshot[] =
    "echo '{\"driftwood\": 1, \"snapshot\": true}'; cat provider.csv; "
    "echo \"{\\\"end\\\": $(($(wc -l <provider.csv) - 1))}\"";
constexpr char kAllThere[] = "echo \"{\\\"id\\\": $id, \\\"name\\\": \\\"name $id\\\"}\"";
constexpr char kAllGone[] = "echo '{\"driftwood\": \"gone\"}'";
constexpr char kNoneKnown[] = "echo '{\"driftwood\": \"unknown\", \"why\": \"403\"}'";

TEST_F(ExecTest, WhatIsNoSnapshotIsIdenticalOnlyIfThatIsAllowed) {
  Program(kScan, kAllThere);
  EXPECT_EQ(Compare()["verdict"], "INCOMPLETE");
  EXPECT_EQ(CompareAllowed()["verdict"], "IDENTICAL");
}

TEST_F(ExecTest, APromisedSnapshotIsIdentical) {
  Program(kSnapshot, "exit 1");
  EXPECT_EQ(Compare()["verdict"], "IDENTICAL");
}

TEST_F(ExecTest, ARecordThatIsGoneIsMissing) {
  WriteFile("provider.csv", "id,name\n1,name 1\n");
  Program(kScan, "case $id in 1) " + std::string(kAllThere) + ";; *) " + kAllGone + ";; esac");
  const Json report = CompareAllowed();
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(report["summary"]["missing"]["provider"], kRows - 1);
  EXPECT_EQ(report["summary"]["confirmed"], kRows - 1);
}

// A lookup that finds nothing of what the scan listed knows nothing, whatever it says.
TEST_F(ExecTest, ALookupThatFindsNothingIsNotBelieved) {
  WriteFile("database.csv", "id,name\n1,name 1\n");
  for (const char* const lookup : {kAllGone, "echo '{\"driftwood\": \"moved\"}'"}) {
    Program(kScan, lookup);
    Json report = CompareAllowed();
    EXPECT_EQ(report["verdict"], "DIVERGENT");
    EXPECT_EQ(report["summary"]["unconfirmed"], kRows - 1);
    EXPECT_EQ(report["summary"]["in_flight"], 0);
    // All that it lists is asked for, so that nothing else can be.
    WriteFile("only.csv", "id,name\n3000,x\n");
    report =
        DiffJson({"only.csv", "exec:./provider.sh", "--key", "id", "--name", "database,provider",
                  "--recheck", "0", "--allow-not-point-in-time", "provider"});
    EXPECT_EQ(report["verdict"], "DIVERGENT");
    EXPECT_EQ(report["summary"]["unconfirmed"], kRows);
    EXPECT_EQ(report["summary"]["confirmed"], 1) << "which neither of them has";
  }
}

TEST_F(ExecTest, ARecordThatTheScanMissedIsInFlight) {
  Program("sed 7d provider.csv", kAllThere);
  const Json report = CompareAllowed();
  EXPECT_EQ(report["verdict"], "IDENTICAL");
  EXPECT_EQ(report["summary"]["in_flight"], 1);
}

TEST_F(ExecTest, WhatCantBeToldIsNeitherGoneNorThere) {
  Program("sed 7d provider.csv", kNoneKnown);
  const Json report = CompareAllowed();
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(report["summary"]["unconfirmed"], 1);
  EXPECT_EQ(report["differences"][0]["presence"]["provider"],
            (Json{{"state", "unknown"}, {"why", "403"}}));
  EXPECT_EQ(report["summary"]["presence"]["provider"], (Json{{"unknown", 1}}));
}

// One key of which nothing is known leaves the others as they are.
TEST_F(ExecTest, WhatBecameOfEachRecordIsSaid) {
  Program("sed -n '1p;9,$p' provider.csv",
          "case $id in 2) echo '{\"driftwood\": \"moved\", \"why\": \"to 17\"}';; "
          "3) echo '{\"driftwood\": \"soft-deleted\"}';; "
          "4) echo '{\"driftwood\": \"filtered\"}';; "
          "5) echo '{\"driftwood\": \"hidden\"}';; "
          "6) " +
              std::string(kNoneKnown) + ";; 7) " + kAllThere + ";; *) " + kAllGone + ";; esac");
  const Json report = CompareAllowed();
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(report["summary"]["confirmed"], 4);
  EXPECT_EQ(report["summary"]["unconfirmed"], 2);
  EXPECT_EQ(report["summary"]["in_flight"], 1);
  EXPECT_EQ(report["summary"]["presence"]["provider"], (Json{{"gone", 1},
                                                             {"moved", 1},
                                                             {"soft-deleted", 1},
                                                             {"filtered", 1},
                                                             {"hidden", 1},
                                                             {"unknown", 1}}));
}

TEST_F(ExecTest, ALookupThatIsSilentProvesNothing) {
  Program("sed 7d provider.csv", "true");
  const Json report = CompareAllowed();
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(report["summary"]["unconfirmed"], 1);
  EXPECT_THAT(report["warnings"].dump(), HasSubstr("answered with 0 lines"));
}

// The database lost a row that the provider has, and the provider's lookup answers with another.
TEST_F(ExecTest, TheRecordOfAnotherKeyIsNotGone) {
  Program("cat provider.csv; echo '9999,extra'", "echo '{\"id\": 1, \"name\": \"name 1\"}'");
  const Json report = CompareAllowed();
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(report["summary"]["missing"]["database"], 1);
}

TEST_F(ExecTest, WithoutLookupWhatDiffersIsConfirmedInSnapshotsOnly) {
  WriteFile("provider.csv", "id,name\n1,name 1\n");
  Program(kSnapshot, "");
  const std::string no_lookup = "[ \"$1\" = scan ] || exit 64\n";
  Program(no_lookup + std::string(kSnapshot), "");
  EXPECT_EQ(Compare()["summary"]["unconfirmed"], kRows - 1);  // it answers nothing
  WriteFile("provider.sh", "#!/bin/sh\n" + no_lookup + kSnapshot + "\n");
  const Json report = Compare();
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(report["summary"]["confirmed"], kRows - 1);
}

// Each ends with less than all, in its own way; the database has the same rows as what came.
TEST_F(ExecTest, WhatIsCutOffIsNeverCompared) {
  WriteFile("database.csv", "id,name\n1,name 1\n");
  const std::string first = "head -n 2 provider.csv\n";
  const std::string promise = "echo '{\"driftwood\": 1, \"snapshot\": true}'\n" + first;
  for (const std::string& scan :
       {first + "exit 1", first + "kill -9 $$", promise, promise + "echo '{\"end\": 2000}'",
        promise + "echo '{\"end\": 1}'; exit 3"}) {
    Program(scan, kAllGone);
    const ProcessResult result = Diff({"database.csv", "exec:./provider.sh", "--key", "id",
                                       "--allow-not-point-in-time", "right"});
    EXPECT_TRUE(result.exit_code == 2 || result.exit_code == 3) << scan << result.out;
    EXPECT_THAT(result.out + result.err, ::testing::Not(HasSubstr("IDENTICAL"))) << scan;
  }
}

// What the program holds open is closed once nothing of it is left.
TEST_F(ExecTest, CtrlCEndsTheProgramToo) {
  const std::string held = Path("held");
  ASSERT_EQ(::mkfifo(held.c_str(), 0600), 0);
  Program("exec 3>held; echo begun >&3; exec sleep 1000", kAllThere);
  ProcessOptions options;
  options.folder = dir_.path();
  Process diff(
      {DiffTest::Program("driftwood"), "diff", "database.csv", "exec:./provider.sh", "--key", "id"},
      options);
  std::ifstream program(held);
  std::string word;
  ASSERT_TRUE(program >> word) << "it has begun";
  diff.Signal(SIGINT);
  EXPECT_EQ(diff.Wait().exit_code, 130);
  EXPECT_FALSE(program >> word) << "it has ended";
}

TEST_F(ExecTest, WhatAProgramSaysReachesItsUser) {
  Program("echo 'page 7 of 9' >&2\n" + std::string(kScan), kAllThere);
  const ProcessResult result = Diff({"database.csv", "exec:./provider.sh", "--key", "id"});
  EXPECT_THAT(result.err, HasSubstr("page 7 of 9"));
}

}  // namespace
}  // namespace driftwood::testing
