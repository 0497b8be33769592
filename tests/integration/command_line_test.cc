// What a person types and sees before any comparison: the help and its examples, files named
// without a kind, mistyped words, pipes. Covers coordinator/help/completions.cc too.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CommandLineTest : public DiffTest {
 protected:
  void SetUp() override {
    WriteFile("orders.csv", "id,name,total\n1,a,1.5\n2,b,2\n");
    WriteFile("export.csv", "id,name,total\n1,a,1.5\n2,b,2\n");
    WriteFile("provider.py",
              "#!/bin/sh\necho '{\"driftwood\": 1, \"snapshot\": true}'; cat orders.csv; "
              "echo '{\"end\": 2}'\n");
    std::filesystem::permissions(dir_ / "provider.py", std::filesystem::perms::owner_all);
    const std::string sql =
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, name TEXT, total NUMERIC); "
        "INSERT INTO orders VALUES (1,'a',1.5),(2,'b',2);";
    for (const char* name : {"shop.db", "copy.db", "orders.db"}) Sql(name, sql);
  }
  ProcessResult Shell(const std::string& command) {
    ProcessOptions options;
    options.folder = dir_.path();
    options.environment = {"PATH=" + BinDir() + ":" + std::getenv("PATH")};
    return RunProcess({"bash", "-c", command}, options);
  }
  // Exit code 2 and one line on stderr that has `text`.
  void ExpectRefused(const std::vector<std::string>& words, const std::string& text) {
    const ProcessResult result = Driftwood(words);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_EQ(Lines(result.err).size(), 1u) << result.err;
  }
};

// Indented by four blanks, and further lines behind a backslash.
std::vector<std::string> ExamplesIn(const std::string& help) {
  std::vector<std::string> examples;
  bool goes_on = false;
  for (std::string line : Lines(help)) {
    const bool begins = line.starts_with("    driftwood ");
    if (!begins && !goes_on) continue;
    goes_on = line.ends_with("\\");
    if (goes_on) line.pop_back();
    begins ? examples.push_back(line) : void(examples.back() += line);
  }
  return examples;
}

TEST_F(CommandLineTest, EveryExampleOfTheHelpRuns) {
  // One that is written to lately is waited for.
  ASSERT_EQ(Shell("mkdir in && gzip -c orders.csv >in/orders-2026-11-28.csv.gz && "
                  "touch -d 2026-11-28 in/*")
                .exit_code,
            0);
  size_t count = 0;
  for (const std::string& topic : Lines(Shell("driftwood help | sed -n '/^Topics/,/^$/p'").out)) {
    if (!topic.starts_with("  ")) continue;
    const std::string name = topic.substr(2, topic.find(' ', 2) - 2);
    const ProcessResult help = Driftwood({"help", name});
    EXPECT_EQ(help.exit_code, 0) << name;
    for (std::string example : ExamplesIn(help.out)) {
      ++count;
      // Servers and agents that are not there: nothing listens on port 1.
      bool away = example.find("agent:") != std::string::npos;
      for (const char* host : {"@db1", "@db2"}) {
        for (size_t at; (at = example.find(host)) != std::string::npos; away = true) {
          example.replace(at, 4, "@127.0.0.1:1");
        }
      }
      const ProcessResult result = Shell(example);
      if (away) {
        EXPECT_EQ(result.exit_code, 2) << example << "\n" << result.out << result.err;
        EXPECT_THAT(result.err, Not(HasSubstr("--help"))) << example;
        EXPECT_THAT(result.err, Not(HasSubstr("expected"))) << example << result.err;
      } else {
        const int expected = example.find("--explain") != std::string::npos ? 4 : 0;
        EXPECT_EQ(result.exit_code, expected) << example << "\n" << result.out << result.err;
      }
    }
  }
  EXPECT_GT(count, 15u);
  EXPECT_EQ(ExamplesIn(Driftwood({"--help"}).out).size(), 6u);
}

TEST_F(CommandLineTest, HelpAndVersionInEachOfTheirForms) {
  EXPECT_EQ(Driftwood({"help"}).out, Driftwood({"--help"}).out);
  EXPECT_EQ(Driftwood({"help"}).out, Driftwood({"-h"}).out);
  EXPECT_EQ(Driftwood({"help", "diff"}).out, Driftwood({"diff", "-h"}).out);
  EXPECT_EQ(Driftwood({"version"}).out, Driftwood({"-V"}).out);
  EXPECT_THAT(Driftwood({"version"}).out, HasSubstr("driftwood "));
  ExpectRefused({"help", "exitcodes"}, "did you mean 'driftwood help exit-codes'?");
  ExpectRefused({"help", "csv", "sqlite"}, "one topic");
}

TEST_F(CommandLineTest, FilesAreNamedWithoutTheirKindAndWithoutACommand) {
  EXPECT_EQ(Driftwood({"orders.csv", "export.csv", "--key", "id"}).exit_code, 0);
  EXPECT_EQ(Driftwood({"-k", "id", "-q", "orders.csv", "export.csv"}).exit_code, 0);
  EXPECT_EQ(Driftwood({"diff", "orders.csv", "shop.db?table=orders"}).exit_code, 0);
  EXPECT_EQ(Driftwood({"--all", "shop.db", "copy.db"}).exit_code, 0);
  EXPECT_EQ(Driftwood({"csv:orders.csv", "export.csv?key=id"}).exit_code, 0);
  WriteFile("lines.ndjson",
            "{\"id\":1,\"name\":\"a\",\"total\":1.5}\n"
            "{\"id\":2,\"name\":\"b\",\"total\":2}\n");
  EXPECT_EQ(Driftwood({"lines.ndjson", "shop.db?table=orders"}).exit_code, 0);
  ASSERT_EQ(Shell("gzip -k orders.csv && cp shop.db backup").exit_code, 0);
  EXPECT_EQ(Driftwood({"orders.csv.gz", "backup?table=orders"}).exit_code, 0);
}

TEST_F(CommandLineTest, ADatabaseIsAskedForItsTable) {
  ExpectRefused({"shop.db", "orders.csv"}, "add ?table=orders");
  Sql("shop.db", "CREATE TABLE other(id INTEGER PRIMARY KEY)");
  ExpectRefused({"shop.db", "orders.csv"}, "orders, other");
}

// A file that is there is never taken for another, nor for a URL.
TEST_F(CommandLineTest, AFileWhoseNameLooksLikeAUrl) {
  const std::string other = "id,name,total\n1,a,1.5\n2,b,3\n";
  for (const char* name : {"orders.csv?key=id", "12:30.csv", "what?.csv", "50%.csv", "a b.csv"}) {
    WriteFile(name, other);
  }
  for (const char* name : {"12:30.csv", "what?.csv", "50%.csv", "a b.csv", "12:30.csv?key=id"}) {
    EXPECT_EQ(Driftwood({name, "orders.csv", "-k", "id"}).exit_code, 1) << name;
  }
  ExpectRefused({"orders.csv?key=id", "export.csv"},
                "two readings; write 'csv:orders.csv%3Fkey=id' or 'csv:orders.csv?key=id'");
  EXPECT_EQ(Driftwood({"csv:orders.csv%3Fkey=id", "orders.csv", "-k", "id"}).exit_code, 1);
  WriteFile("csv:orders.csv", other);
  ExpectRefused({"csv:orders.csv", "export.csv", "-k", "id"},
                "two readings; write 'csv:./orders.csv' or 'csv:./csv:orders.csv'");
  EXPECT_EQ(Driftwood({"csv:./orders.csv", "export.csv", "-k", "id"}).exit_code, 0);
  EXPECT_EQ(Driftwood({"csv:./csv:orders.csv", "export.csv", "-k", "id"}).exit_code, 1);
}

TEST_F(CommandLineTest, AFileOfNoKindIsRefusedWithTheUrlToWrite) {
  WriteFile("orders.txt", "id\n1\n");
  ExpectRefused({"orders.txt", "orders.csv", "-k", "id"}, "'csv:orders.txt'");
  ASSERT_EQ(Shell("cp shop.db shop.csv").exit_code, 0);
  ExpectRefused({"shop.csv", "orders.csv", "-k", "id"}, "'sqlite:shop.csv' or 'csv:shop.csv'");
  ExpectRefused({"-", "orders.csv", "-k", "id"}, "'csv:-'");
  ExpectRefused({"orders.csv", "nosuch.csv", "-k", "id"}, "no such file: nosuch.csv");
  ExpectRefused({"orders.csv", "nosuch", "-k", "id"}, "'nosuch' is no store URL and no file");
}

// The report must not replace what is compared, however that is named.
TEST_F(CommandLineTest, AFileWithAColonIsNotOverwrittenByTheReport) {
  WriteFile("12:30.csv", "id\n1\n");
  ExpectRefused({"12:30.csv", "orders.csv", "-k", "id", "-o", "12:30.csv"}, "another file");
  EXPECT_EQ(ReadFile(dir_ / "12:30.csv"), "id\n1\n");
}

TEST_F(CommandLineTest, WhatIsMistypedIsAnsweredWithWhatWasMeant) {
  const std::vector<std::string> copies = {"orders.csv", "export.csv", "--key", "id"};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.begin(), copies.begin(), copies.end());
    return words;
  };
  ExpectRefused({"dif", "orders.csv", "export.csv"}, "(did you mean 'diff'?)");
  ExpectRefused({"hepl"}, "(did you mean 'help'?)");
  ExpectRefused(with({"--formta", "json"}), "unknown option '--formta' (did you mean '--format'?)");
  ExpectRefused(with({"--format", "jsno"}), "(did you mean 'json'?)");
  ExpectRefused(with({"--progress", "line"}), "(did you mean 'lines'?)");
  ExpectRefused(with({"--types", "id=itn"}), "(did you mean 'int'?)");
  ExpectRefused(with({"--types", "id=float"}), "say float32 or float64");
  ExpectRefused(with({"--rule", "total:ronud=2"}), "(did you mean 'round=2'?)");
  ExpectRefused(with({"--rule", "name:rtrimm"}), "(did you mean 'rtrim'?)");
  ExpectRefused({"cvs:orders.csv", "export.csv"}, "(did you mean 'csv'?)");
  ExpectRefused(with({"--recheck", "5m"}), "write 500ms, 30s, 5min or 1h");
  ExpectRefused(with({"--output", "-q"}), "--output has no value: -q is an option");
  ExpectRefused(with({"-o", "--format", "json"}), "-o has no value: --format is an option");
  ExpectRefused(with({"--state-dir", "--quiet"}), "write --state-dir=--quiet");
  for (const char* file : {"-q", "--format", "--quiet"}) {
    EXPECT_FALSE(std::filesystem::exists(dir_.path() / file)) << file;
  }
  EXPECT_EQ(Driftwood(with({"--recheck", "0s", "--types", "id=bigint,name=varchar"})).exit_code, 0);
}

// As in `driftwood … | head`: the reader has closed its end before there is anything to write.
TEST_F(CommandLineTest, AReaderThatGoesAwayIsNoError) {
  for (const char* name : {"long", "copy"}) {
    std::string rows = "id,name\n";
    for (int i = 0; i < 20'000; ++i) rows += std::to_string(i) + "," + name + "\n";
    WriteFile(std::string(name) + ".csv", rows);
  }
  const std::string diff =
      "driftwood long.csv copy.csv -k id --format jsonl --max-divergences 100000 --exhaustive";
  for (const char* const redirect : {"", " 2>&1"}) {
    const ProcessResult result =
        Shell("{ " + diff + redirect + "; echo code $? >&3; } 3>code | head -n 1");
    EXPECT_EQ(Lines(result.out).size(), 1u) << result.out;
    EXPECT_EQ(result.err, "") << redirect;
    EXPECT_EQ(ReadFile(dir_ / "code"), "code 1\n") << redirect;
  }
  const ProcessResult help = Shell("{ driftwood help; echo code $? >&2; } | true");
  EXPECT_EQ(help.err, "code 0\n");
  EXPECT_EQ(Shell("driftwood help > /dev/full").exit_code, 2);
}

TEST_F(CommandLineTest, AnErrorIsSaidOnceWhereBothOutputsAreOne) {
  const ProcessResult one = Shell("driftwood orders.csv nosuch.csv -k id 2>&1 | cat");
  const size_t first = one.out.find("no such file");
  ASSERT_NE(first, std::string::npos) << one.out;
  EXPECT_EQ(one.out.find("no such file", first + 1), std::string::npos) << one.out;
  const ProcessResult two = Shell("driftwood orders.csv nosuch.csv -k id");
  EXPECT_THAT(two.out, HasSubstr("no such file"));
  EXPECT_THAT(two.err, HasSubstr("no such file"));
}

// In a real bash, as if the words were typed and the key pressed behind the last.
TEST_F(CommandLineTest, BashCompletesWhatIsTyped) {
  const auto complete = [&](const std::string& words, int last) {
    const ProcessResult result =
        Shell("source <(driftwood completions bash); COMP_WORDS=(" + words +
              "); COMP_CWORD=" + std::to_string(last) + "; _driftwood; echo \"${COMPREPLY[@]}\"");
    EXPECT_EQ(result.err, "") << words;
    return result.out;
  };
  EXPECT_EQ(complete("driftwood he", 1), "help\n");
  EXPECT_THAT(complete("driftwood ''", 1), HasSubstr("completions"));
  EXPECT_EQ(complete("driftwood help exi", 2), "exit-codes\n");
  EXPECT_EQ(complete("driftwood diff a.csv --form", 3), "--format\n");
  EXPECT_EQ(complete("driftwood a.csv b.csv -f js", 4), "json jsonl\n");
  EXPECT_EQ(complete("driftwood a.csv --progress = te", 4), "terminal\n");
  EXPECT_EQ(complete("driftwood a.csv --output x", 3), "\n") << "a file: left to bash";
  EXPECT_EQ(complete("driftwood diff a", 2), "\n") << "a file";
  EXPECT_EQ(complete("driftwood completions f", 2), "fish\n");
  const std::string bash = Driftwood({"completions", "bash"}).out;
  for (const char* word : {"--rename-table", "--statement-timeout", "-k", "postgresql"}) {
    EXPECT_THAT(bash, HasSubstr(word));
  }
  ExpectRefused({"completions", "fisch"}, "did you mean 'fish'?");
  for (const char* shell : {"zsh", "fish"}) {
    if (Shell(std::string("command -v ") + shell).exit_code != 0) continue;
    const ProcessResult parsed =
        Shell("driftwood completions " + std::string(shell) + " > script; " + shell + " -n script");
    EXPECT_EQ(parsed.exit_code, 0) << parsed.err;
  }
}

// What libpq writes to its process's stderr is for who named the database.
TEST_F(CommandLineTest, APasswordFileThatOthersMayReadIsWarnedOf) {
  PostgresServer* const server = PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql("DROP DATABASE IF EXISTS pgpass");
  server->Sql("CREATE DATABASE pgpass");
  server->Sql("CREATE TABLE orders AS SELECT 1 AS id; ALTER TABLE orders ADD PRIMARY KEY (id)",
              "pgpass");
  WriteFile("one.csv", "id\n1\n");
  WriteFile("pgpass", "*:*:*:test:secret\n");
  ASSERT_EQ(::chmod(Path("pgpass").c_str(), 0644), 0);
  ProcessOptions options;
  options.environment = {"PGPASSFILE=" + Path("pgpass")};
  const std::string url = server->Url("orders", "", "test", "pgpass");
  const ProcessResult result = Driftwood({url, "one.csv", "--recheck", "0"}, options);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  const std::string warning =
      "driftwood: warning: left: WARNING: password file \"" + Path("pgpass") + "\" has group or";
  EXPECT_THAT(result.err, StartsWith(warning));
  EXPECT_EQ(Lines(result.err).size(), 1u) << "each line once: " << result.err;
  const std::string database = "postgresql://test@/pgpass?host=" + server->folder().string();
  const ProcessResult all =
      Driftwood({"--all", database, database, "--allow-same", "--recheck", "0"}, options);
  EXPECT_EQ(all.exit_code, 0) << all.out << all.err;
  EXPECT_THAT(all.err, HasSubstr(warning));
  EXPECT_EQ(Lines(all.err).size(), 2u) << "once for each side: " << all.err;
  // It also stands beside an error that it may explain.
  const ProcessResult refused =
      Driftwood({server->Url("orders", "", "scram_reader", "pgpass"), "one.csv"}, options);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr(warning));
  ASSERT_EQ(::chmod(Path("pgpass").c_str(), 0600), 0);
  EXPECT_EQ(Driftwood({url, "one.csv", "--recheck", "0"}, options).err, "");
}

}  // namespace
}  // namespace driftwood::testing
