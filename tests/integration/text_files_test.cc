// Text files as people have them, with the real programs: packed, from pipes, in other encodings.
#include <sys/stat.h>

#include "tests/agent/stores/text/stream_fixture.h"
#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using agent::Gzip;
using agent::Zstd;

class TextFilesTest : public DiffTest {
 protected:
  static std::string Csv(int rows, int changed = 0) {
    std::string text = "id,name\n";
    for (int i = 1; i <= rows; ++i)
      text += std::to_string(i) + ",name " + std::to_string(i) + (i == changed ? " x" : "") + "\n";
    return text;
  }

  // A command line of bash, in which $D is driftwood; exits and output are the last command's.
  ProcessResult Bash(const std::string& line, const std::string& in = "") {
    ProcessOptions options;
    options.folder = dir_.path();
    options.environment = {"D=" + Program("driftwood")};
    options.in = in;
    return RunProcess({"bash", "-c", line}, options);
  }
};

TEST_F(TextFilesTest, APackedFileIsWhatIsInIt) {
  WriteFile("a.csv", Csv(20'000));
  WriteFile("a.csv.gz", Gzip(Csv(20'000)));
  WriteFile("b.csv.zst", Zstd(Csv(20'000, 777)));
  EXPECT_EQ(Verdict({"csv:a.csv?key=id", "csv:a.csv.gz?key=id"}), "IDENTICAL");
  EXPECT_EQ(Found(DiffJson({"csv:a.csv.gz?key=id", "csv:b.csv.zst?key=id"})),
            (std::set<std::string>{"777 changed"}));
}

TEST_F(TextFilesTest, ADamagedArchiveIsAnErrorOfOneLine) {
  WriteFile("a.csv", Csv(2'000));
  const std::string packed = Gzip(Csv(2'000));
  WriteFile("b.csv.gz", packed.substr(0, packed.size() / 2));
  ExpectError({"csv:a.csv?key=id", "csv:b.csv.gz?key=id"},
              {"b.csv.gz: the gzip archive is cut off"});
  std::string damaged = packed;
  damaged[packed.size() - 6] = static_cast<char>(damaged[packed.size() - 6] ^ 1);
  WriteFile("c.csv.gz", damaged);
  ExpectError({"csv:a.csv?key=id", "csv:c.csv.gz?key=id"},
              {"c.csv.gz: the gzip archive is damaged"});
}

TEST_F(TextFilesTest, AnArchiveThatChangedIsReadAgain) {
  WriteFile("a.csv", Csv(2'000));
  WriteFile("b.csv.gz", Gzip(Csv(2'000)));
  const std::vector<std::string> words = {"csv:a.csv?key=id", "csv:b.csv.gz?key=id", "--state-dir",
                                          "state"};
  EXPECT_EQ(Verdict(words), "IDENTICAL");
  WriteFile("b.csv.gz", Gzip(Csv(2'000, 5)));
  EXPECT_EQ(Verdict(words), "DIVERGENT");
}

TEST_F(TextFilesTest, StdinIsRead) {
  WriteFile("a.csv", Csv(20'000));
  WriteFile("b.csv.gz", Gzip(Csv(20'000, 777)));
  const std::string words = " diff --format json --name a --name b csv:a.csv?key=id 'csv:-?key=id'";
  for (const std::string& line : {"gzip -dc b.csv.gz | $D" + words, "cat b.csv.gz | $D" + words,
                                  "$D" + words + " <b.csv.gz"}) {
    const ProcessResult result = Bash(line);
    const Json document = Json::parse(result.out, nullptr, false);
    ASSERT_FALSE(document.is_discarded()) << result.out << result.err;
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_EQ(document.at("replicas").at(1).at("source"), "csv:-?key=id");
    EXPECT_EQ(Found(document), (std::set<std::string>{"777 changed"})) << line;
  }
}

TEST_F(TextFilesTest, AFileIsOneSourceByWhateverNameAndReading) {
  WriteFile("a.csv", "id,v\n1,a\n");
  std::filesystem::create_hard_link(Path("a.csv"), Path("hard.csv"));
  std::filesystem::create_symlink("a.csv", Path("soft.csv"));
  WriteFile("copy.csv", "id,v\n1,a\n");
  Sql("s.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE u(id INTEGER PRIMARY KEY);"
      "INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)");
  for (const auto& [left, right] : std::vector<std::pair<std::string, std::string>>{
           {"csv:a.csv", "csv:hard.csv"},
           {"csv:a.csv", "csv:soft.csv"},
           {"csv:a.csv", "csv:./a.csv"},
           {"csv:a.csv", "csv:a.csv?null=NULL"},
           {"sqlite:s.db?table=t", "sqlite:s.db?table=T"}}) {
    const ProcessResult result = Driftwood({"diff", left, right, "--key", "id"});
    EXPECT_EQ(result.exit_code, 2) << left << " " << right << result.out;
    EXPECT_NE(result.err.find("are the same source"), std::string::npos) << result.err;
  }
  EXPECT_EQ(Driftwood({"diff", "csv:a.csv", "csv:copy.csv", "--key", "id"}).exit_code, 0);
  EXPECT_EQ(Driftwood({"diff", "sqlite:s.db?table=t", "sqlite:s.db?table=u"}).exit_code, 0);
}

// It is read once, so the other side takes its names.
TEST_F(TextFilesTest, NamesOfAnotherLetterCaseMatchThoseOfStdin) {
  WriteFile("a.csv", "Id,Name\n1,a\n2,b\n");
  WriteFile("b.csv", "id,NAME\n1,a\n2,b\n");
  for (const char* const line :
       {"$D diff csv:a.csv csv:- --key id <b.csv", "$D diff csv:- csv:a.csv --key id <b.csv",
        "$D diff csv:a.csv csv:- --key Id --ignore Name <b.csv",
        "$D diff csv:a.csv csv:b.csv --key id --types NAME=text"}) {
    const ProcessResult result = Bash(line);
    EXPECT_EQ(result.exit_code, 0) << line << result.out << result.err;
    EXPECT_NE(result.err.find("in all but letter case"), std::string::npos) << result.err;
  }
  EXPECT_EQ(Bash("$D diff csv:a.csv csv:- --key id --exact-names <b.csv").exit_code, 2);
}

// Described, scanned, confirmed and shown: the values come from what was read once.
TEST_F(TextFilesTest, ProcessSubstitutionIsReadOnceForAllThatIsAsked) {
  WriteFile("a.csv", Csv(20'000));
  WriteFile("b.csv", Csv(20'000, 777));
  const ProcessResult result = Bash(
      "$D diff csv:<(cat a.csv)?key=id csv:<(gzip -c b.csv)?key=id --name a --name b "
      "--recheck 0 --state-dir state");
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_NE(result.out.find("name 777 x"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("DIVERGENT: 1 of 20,000 rows"), std::string::npos) << result.out;
  // The next run's pipes are others, and what was kept of these proves nothing.
  const ProcessResult next =
      Bash("$D diff csv:<(cat b.csv)?key=id csv:<(gzip -c b.csv)?key=id --state-dir state");
  EXPECT_EQ(next.exit_code, 0) << next.out << next.err;
}

TEST_F(TextFilesTest, JsonLinesComeThroughPipesToo) {
  WriteFile("a.jsonl", "{\"id\":1,\"n\":\"x\"}\n{\"id\":2,\"n\":null}\n");
  WriteFile("b.json", "[\n  {\"id\": 2,\n \"n\": null},\n  {\"n\": \"x\", \"id\": 1}\n]\n");
  EXPECT_EQ(Verdict({"jsonl:a.jsonl?key=id", "jsonl:b.json?key=id"}), "IDENTICAL");
  const ProcessResult result =
      Bash("zstd -qc b.json | $D diff jsonl:a.jsonl?key=id jsonl:-?key=id");
  if (result.err.find("zstd: command not found") != std::string::npos) GTEST_SKIP();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(TextFilesTest, ANamedPipeIsRead) {
  WriteFile("a.csv", Csv(5'000));
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  const ProcessResult result =
      Bash("(sleep 0.1; gzip -c a.csv >pipe) & $D diff csv:a.csv?key=id csv:pipe?key=id");
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(TextFilesTest, WhatCanBeReadOnceCanNotBeTwoReplicas) {
  ExpectError({"csv:-?key=id", "csv:/dev/stdin?key=id"},
              {"both read stdin, which can be read once only"});
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  ExpectError({"csv:pipe?key=id", "csv:./pipe?key=id"}, {"both read", "once only"});
}

TEST_F(TextFilesTest, AnEmptyStdinIsNoEmptyTable) {
  WriteFile("a.csv", "id\n");
  const ProcessResult result = Bash("$D diff csv:a.csv?key=id csv:-?key=id </dev/null");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("stdin is empty: expected a header line"), std::string::npos)
      << result.err;
}

TEST_F(TextFilesTest, OtherEncodingsAreReadAsTheSameText) {
  WriteFile("utf8.csv", "id,name\n1,Käse 5 €\n2,\"a\n😀\"\n");
  WriteFile("1252.csv", "id,name\n1,K\xE4se 5 \x80\n2,\"a\n:\"\n");
  const auto utf16 = [](bool little, const std::u16string& text) {
    std::string bytes;
    for (const char16_t unit : u"\uFEFF" + text) {
      const char high = static_cast<char>(unit >> 8), low = static_cast<char>(unit & 0xFF);
      bytes += little ? std::string{low, high} : std::string{high, low};
    }
    return bytes;
  };
  const std::u16string text = u"id,name\r\n1,Käse 5 €\r\n2,\"a\n😀\"\r\n";
  WriteFile("le.csv", utf16(true, text));
  WriteFile("be.csv.gz", Gzip(utf16(false, text)));
  EXPECT_EQ(Verdict({"csv:utf8.csv?key=id", "csv:le.csv?key=id", "csv:be.csv.gz?key=id"}),
            "IDENTICAL");
  EXPECT_EQ(Found(DiffJson({"csv:utf8.csv?key=id", "csv:1252.csv?key=id&encoding=windows-1252"})),
            (std::set<std::string>{"2 changed"}));
  ExpectError({"csv:utf8.csv?key=id", "csv:1252.csv?key=id&encoding=latin1"},
              {"1252.csv, line 2, byte 10 of the line: the byte 80 is", "encoding=windows-1252"});
}

TEST_F(TextFilesTest, ABarePathOfAPackedFileIsKnownByItsEnding) {
  WriteFile("a.csv.gz", Gzip("id\n1\n"));
  WriteFile("b.json.zst", Zstd("[{\"id\": 1}]"));
  EXPECT_EQ(Verdict({"a.csv.gz", "b.json.zst", "--key", "id"}), "IDENTICAL");
}

TEST_F(TextFilesTest, AnAgentReadsItsOwnStdinForOneDataset) {
  ProcessOptions options;
  options.folder = dir_.path();
  const ProcessResult two = RunProcess({Program("driftwood-agent"), "--listen", "unix:s",
                                        "--dataset", "a=csv:-", "--dataset", "b=jsonl:/dev/fd/0"},
                                       options);
  EXPECT_EQ(two.exit_code, 2);
  EXPECT_NE(two.err.find("two datasets can't both read stdin: a and b"), std::string::npos)
      << two.err;

  WriteFile("a.csv", "id\n1\n");
  WriteFile("key", std::string(64, '7'));
  std::filesystem::permissions(dir_ / "key", std::filesystem::perms::owner_read);
  options.in = Gzip("id\n1\n");
  Process agent({Program("driftwood-agent"), "--listen", "unix:s", "--digest-key-file", "key",
                 "--allow-values", "--dataset", "a=csv:-?key=id"},
                options);
  ASSERT_TRUE(agent.WaitForOutput("listening on "));
  EXPECT_EQ(Verdict({"csv:a.csv?key=id", "agent:unix:s/a", "--digest-key-file", "key"}),
            "IDENTICAL");
}

}  // namespace
}  // namespace driftwood::testing
