// Passwords in URLs that are mistyped or stand in the wrong place: neither program shows them, on
// stdout, on stderr or in a report, and each says what is wrong in one line. Nothing listens where
// these URLs lead.
#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

const std::vector<std::string>& Pieces() {
  static const std::vector<std::string> pieces = {"S3cretPw9", "SECRET", "34SEC"};
  return pieces;
}

const std::vector<std::string>& MistypedUrls() {
  static const std::string rest = "auditor:S3cretPw9@127.0.0.1:1/shop?table=orders";
  static const std::vector<std::string> urls = {
      "postgresql:" + rest,
      "postgres:" + rest,
      "mysql:" + rest,
      "mysql:/" + rest,
      "postgres//" + rest,
      "mysql//" + rest,
      "auditor:S3cretPw9@localhost/shop",
      "jdbc:postgresql://" + rest,
      "postgresq://" + rest,
      "postgresql:///" + rest,
      " postgresql://" + rest,
      "'mysql://" + rest + "'",
      "\"mysql://" + rest,
      "csv:" + rest,
      "host=127.0.0.1 port=1 user=auditor password=S3cretPw9 dbname=shop",
      "postgresql://auditor@127.0.0.1:1/shop?table=orders&pasword=S3cretPw9",
      "postgresql://auditor@127.0.0.1:1/shop?table=orders&PASSWORD=S3cretPw9",
      "postgresql://auditor@127.0.0.1:1/shop?table=orders&passwordS3cretPw9",
      "postgresql://auditor@127.0.0.1:1/shop?table=orders&sslpassword=S3cretPw9",
      "postgresql://auditor@127.0.0.1:1/shop?table=orders&p%61swrd=S3cretPw9",
      "mysql://auditor@127.0.0.1:1/shop?table=orders&passwd=S3cretPw9",
      "mysql://auditor@127.0.0.1:1/shop?table=orders&pwd=S3cretPw9",
      "mysql://auditor:12?34SEC@127.0.0.1:1/shop?table=orders",
      "mysql://auditor:12/34SEC@127.0.0.1:1/shop?table=orders",
      "mysql://auditor:p@SECRET/34@127.0.0.1:1/shop?table=orders",
      "postgresql://auditor:p@SECRET/34@127.0.0.1:1/shop?table=orders",
      "postgresql://auditor:S3cretPw9127.0.0.1:1/shop?table=orders",
      "mysql://auditor:S3cretPw9127.0.0.1:1/shop?table=orders",
      "agent:auditor:S3cretPw9@127.0.0.1:1/orders",
      "agent:auditor:S3cretPw9@unix:none.sock/orders",
  };
  return urls;
}

class SecretsTest : public DiffTest {
 protected:
  void SetUp() override {
    WriteFile("o.csv", "id\n1\n");
    options_.folder = dir_.path();
  }

  static void ExpectNoSecret(const std::string& text) {
    for (const std::string& piece : Pieces()) {
      EXPECT_EQ(text.find(piece), std::string::npos) << text;
    }
  }
  // What went wrong, in one line of the right program.
  std::string ExpectRefused(const std::string& program, const std::vector<std::string>& words) {
    std::vector<std::string> command{Program(program)};
    command.insert(command.end(), words.begin(), words.end());
    const ProcessResult result = RunProcess(command, options_);
    EXPECT_EQ(result.exit_code, 2) << result.out << result.err;
    EXPECT_TRUE(result.err.starts_with(program + ": ")) << result.err;
    EXPECT_EQ(Lines(result.err).size(), 1u) << result.err;
    ExpectNoSecret(result.out + result.err);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path())) {
      ExpectNoSecret(entry.path().string());
    }
    return result.err;
  }
  void ExpectSays(const std::string& said, const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      EXPECT_NE(said.find(word), std::string::npos) << "no '" << word << "' in: " << said;
    }
  }

  const std::string kUrl = "postgresql://auditor:S3cretPw9@127.0.0.1:1/shop?table=orders";
  const std::string kStore = "csv:o.csv?key=id";
  ProcessOptions options_;
};

TEST_F(SecretsTest, AMistypedUrlShowsNoPassword) {
  for (const std::string& url : MistypedUrls()) {
    SCOPED_TRACE(url);
    ExpectRefused("driftwood", {"diff", url, kStore, "--format", "json"});
    ExpectRefused("driftwood", {"diff", kStore, url, "--format", "json", "--output", "report"});
    const std::string report = ReadFile(dir_ / "report");
    EXPECT_EQ(Json::parse(report, nullptr, false).value("verdict", ""), "ERROR") << report;
    ExpectNoSecret(report);
  }
}

TEST_F(SecretsTest, NorDoesItWithAllTables) {
  for (const std::string& url : MistypedUrls()) {
    SCOPED_TRACE(url);
    const std::string database = url.substr(0, url.find("?table"));
    ExpectRefused("driftwood", {"diff", "--all", database, "sqlite:o.db", "--output", "report",
                                "--format", "json"});
    ExpectNoSecret(ReadFile(dir_ / "report"));
  }
}

TEST_F(SecretsTest, NorDoesTheAgent) {
  for (const std::string& url : MistypedUrls()) {
    SCOPED_TRACE(url);
    if (url.starts_with("csv:")) continue;  // is missing, which an agent may wait for
    ExpectRefused("driftwood-agent", {"--listen", "unix:a.sock", "--dataset", "a=" + url});
    ExpectRefused("driftwood-agent", {"--listen", "unix:a.sock", "--dataset", url});
    ExpectRefused("driftwood-agent", {"--list-tables", url});
  }
}

TEST_F(SecretsTest, AnUnknownParameterIsNamedWithoutTheOthersValues) {
  ExpectSays(ExpectRefused("driftwood",
                           {"diff", "mysql://auditor@127.0.0.1:1/shop?table=x&token=y", kStore}),
             {"unknown parameter \"token\"", "mysql://auditor@127.0.0.1:1/shop\""});
  ExpectSays(
      ExpectRefused("driftwood",
                    {"diff", "postgresql://auditor@127.0.0.1:1/shop?table=x&pasword=y", kStore}),
      {"unknown parameter \"pasword\"", "postgresql://auditor@127.0.0.1:1/shop\""});
}

TEST_F(SecretsTest, WhereThePasswordEndsIsAskedForBeforeAnythingConnects) {
  for (const char* const url : {"mysql://auditor:p@SECRET/34@127.0.0.1:1/shop?table=orders",
                                "postgresql://auditor:12?34SEC@127.0.0.1:1/shop?table=orders"}) {
    ExpectSays(ExpectRefused("driftwood", {"diff", url, kStore}),
               {"auditor:***@127.0.0.1:1/shop?table=orders", "%40"});
    ExpectSays(ExpectRefused("driftwood-agent", {"--list-tables", url}),
               {"auditor:***@127.0.0.1:1/shop?table=orders", "%40"});
  }
}

TEST_F(SecretsTest, NorDoesAUrlWithoutTheCommand) {
  ExpectSays(ExpectRefused("driftwood", {kUrl, kStore}), {"left: connection to server"});
  ExpectRefused("driftwood", {"postgresql:auditor:S3cretPw9@h/shop", kStore});
  ExpectRefused("driftwood", {"--all", kUrl, kUrl});
  ExpectSays(ExpectRefused("driftwood", {"dif", kUrl, kUrl}), {"did you mean 'diff'?"});
}

TEST_F(SecretsTest, AnUnknownOptionIsNamedWithoutItsValue) {
  const std::string said = ExpectRefused("driftwood", {"diff", "--store=" + kUrl, kStore});
  ExpectSays(said, {"unknown option '--store'"});
  EXPECT_EQ(said.find("postgresql"), std::string::npos) << said;
  ExpectRefused("driftwood", {"diff", "--store", kUrl, kStore});
  ExpectRefused("driftwood", {"--store=" + kUrl});
}

TEST_F(SecretsTest, AnOptionThatTookAUrlForItsValueShowsNoPassword) {
  for (const char* const option : {"--format",        "--key",
                                   "--columns",       "--ignore",
                                   "--types",         "--rule",
                                   "--rename",        "--zone",
                                   "--name",          "--max-divergences",
                                   "--recheck",       "--recheck-max",
                                   "--recheck-times", "--max-rate",
                                   "--max-load",      "--retries",
                                   "--connections",   "--statement-timeout",
                                   "--state-dir",     "--digest-key-file",
                                   "--tables",        "--skip-tables",
                                   "--output",        "--allow-not-point-in-time"}) {
    for (const std::string& url :
         std::vector<std::string>{kUrl, "postgresql://auditor:S3cretPw9,x@127.0.0.1:1/shop",
                                  "mysql:auditor:S3cretPw9@127.0.0.1:1/shop,x?table=orders",
                                  "auditor:S3cretPw9,x=y:z@127.0.0.1:1/shop"}) {
      SCOPED_TRACE(std::string(option) + " " + url);
      ExpectSays(ExpectRefused("driftwood", {"diff", option, url, kStore}), {});
      ExpectRefused("driftwood", {"diff", std::string(option) + "=" + url, kStore});
      if (url != kUrl && std::string(option) > "--m") continue;  // takes its time
      // No message is about the number of stores here.
      ExpectRefused("driftwood", {"diff", option, url, kStore, "csv:none.csv?key=id"});
      ExpectRefused("driftwood", {"diff", "--all", option, url, "sqlite:o.db", "sqlite:p.db"});
    }
  }
  ExpectSays(ExpectRefused("driftwood", {"diff", "--key", kUrl, kStore}),
             {"--key needs a value", "postgresql://auditor@127.0.0.1:1/shop?table=orders"});
}

TEST_F(SecretsTest, NorDoesTheAgentShowWhatStandsInTheWrongPlace) {
  const std::string dataset = "a=" + kUrl;
  const std::vector<std::string> listen = {"--listen", "unix:a.sock"};
  ExpectSays(ExpectRefused("driftwood-agent", {"--listen", "unix:a.sock", dataset}),
             {"a=postgresql://auditor@127.0.0.1:1/shop", "--dataset NAME=URL"});
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--datset", dataset}, {"--datset=" + dataset}}) {
    std::vector<std::string> command = listen;
    command.insert(command.end(), words.begin(), words.end());
    ExpectSays(ExpectRefused("driftwood-agent", command),
               {"unknown option '--datset' (did you mean '--dataset'?)"});
  }
  for (const char* const option :
       {"--listen", "--state-dir", "--digest-key-file", "--connections", "--statement-timeout",
        "--max-rate", "--max-load", "--retries"}) {
    for (const std::string& value : {kUrl, dataset, "mysql:" + kUrl.substr(13)}) {
      SCOPED_TRACE(std::string(option) + " " + value);
      std::vector<std::string> command = {option, value, "--dataset", "o=" + kStore};
      if (std::string(option) != "--listen") {
        command.insert(command.end(), {"--listen", "unix:a.sock"});
      }
      ExpectRefused("driftwood-agent", command);
    }
  }
}

TEST_F(SecretsTest, TheAgentComplainsInOneLineWithoutControlCharacters) {
  ExpectSays(ExpectRefused("driftwood-agent", {"--listn", "unix:a.sock", "--dataset", "a=" + kUrl}),
             {"unknown option '--listn' (did you mean '--listen'?)", "driftwood-agent --help"});
  ExpectSays(ExpectRefused("driftwood-agent", {}), {"--listen is required"});
  ExpectSays(ExpectRefused("driftwood-agent", {"--listen", "unix:a.sock"}), {"--dataset"});
  for (const char* const word : {"a\x1b[31m\nb", "--x\x1b[31m\ny", "--listen=\x1b[31m\n"}) {
    const std::string said = ExpectRefused("driftwood-agent", {word, "--dataset", "o=" + kStore});
    EXPECT_EQ(said.find('\x1b'), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace driftwood::testing
