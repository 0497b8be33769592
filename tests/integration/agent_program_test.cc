// The driftwood-agent program: its options, its first line, its end. Covers agent/main.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <mysql.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "merkle/os/unique_fd.h"
#include "proto/contract/store_kind.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/paths.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/process.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/unix_sockets.h"

namespace driftwood {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class AgentProgramTest : public ::testing::Test {
 protected:
  AgentProgramTest() {
    std::ofstream(folder_ / "rows.csv") << "id,note\n1,a\n2,b\n";
    options_.folder = folder_.path();
    options_.environment = {"TMPDIR=" + (folder_ / "tmp").string()};
    std::filesystem::create_directory(folder_ / "tmp");
  }

  std::vector<std::string> Command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command = {testing::BinDir() + "/driftwood-agent"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  std::vector<std::string> Serving(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--listen", "unix:a.sock", "--dataset",
                                          "rows=csv:rows.csv?key=id"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Command(arguments);
  }
  // That the program refuses to start, and why.
  std::string Refused(const std::vector<std::string>& command) const {
    const testing::ProcessResult result = testing::RunProcess(command, options_);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp"));
    return result.err;
  }

  testing::TempDir folder_;
  testing::ProcessOptions options_;
};

TEST_F(AgentProgramTest, HelpAndVersionAreFine) {
  const auto help = testing::RunProcess(Command({"--help"}), options_);
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("--exit-on-stdin-eof"));
  const auto version = testing::RunProcess(Command({"--version"}), options_);
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, MatchesRegex("driftwood-agent [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(AgentProgramTest, WrongOptionsAreRefusedWithWhatToDo) {
  EXPECT_THAT(Refused(Command({})), HasSubstr("--listen"));
  EXPECT_THAT(Refused(Serving({"--nonsense"})), HasSubstr("--nonsense"));
  EXPECT_THAT(Refused(Command({"--listen", "unix:a.sock", "--dataset", "csv:rows.csv"})),
              HasSubstr("NAME=URL"));
  EXPECT_THAT(Refused(Command({"--listen", "unix:a.sock", "--dataset", "a/b=csv:rows.csv?key=id"})),
              HasSubstr("a/b"));
  EXPECT_THAT(Refused(Command({"--listen", "unix:a.sock", "--dataset", "a=cvs:rows.csv"})),
              HasSubstr("csv"));
  EXPECT_THAT(Refused(Command({"--listen", "0.0.0.0:0", "--dataset", "a=csv:rows.csv?key=id"})),
              HasSubstr("--insecure"));
  EXPECT_THAT(Refused(Command({"--listen", "unix:" + std::string(108, 'x'), "--dataset",
                               "a=csv:rows.csv?key=id"})),
              HasSubstr("107"));
  EXPECT_THAT(Refused(Serving({"--digest-key-file", "none.key"})), HasSubstr("none.key"));
  EXPECT_THAT(Refused(Serving({"--unkeyed", "--digest-key-file", "k"})), HasSubstr("--unkeyed"));
}

TEST_F(AgentProgramTest, TheKindsOfStoresArePrintedForWhoeverAsks) {
  const auto outcome = testing::RunProcess(Command({"--stores"}), options_);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto kinds = ParseStoreKinds(outcome.out);
  ASSERT_TRUE(kinds.ok()) << outcome.out;
  EXPECT_NE(FindStoreKind(*kinds, "csv"), nullptr);
  EXPECT_EQ(FindStoreKind(*kinds, "postgres")->password_variable, "PGPASSWORD");
  EXPECT_EQ(FindStoreKind(*kinds, "mariadb")->password_variable, "MYSQL_PWD");
}

TEST_F(AgentProgramTest, ASignalEndsItAndNothingIsLeft) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    testing::Process agent(Serving(), options_);
    ASSERT_TRUE(agent.WaitForOutput("listening on unix:a.sock\n"));
    EXPECT_TRUE(std::filesystem::is_socket(folder_ / "a.sock"));
    EXPECT_FALSE(std::filesystem::is_empty(folder_ / "tmp"));
    agent.Signal(signal);
    const auto result = agent.Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "a.sock"));
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp"));
  }
}

TEST_F(AgentProgramTest, TheEndOfStdinEndsItQuietly) {
  const auto result = testing::RunProcess(Serving({"--exit-on-stdin-eof"}), options_);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "listening on unix:a.sock\n");
  EXPECT_EQ(result.err, "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.sock"));
}

TEST_F(AgentProgramTest, AFreePortIsChosenAndSaid) {
  const auto result =
      testing::RunProcess(Command({"--listen", "127.0.0.1:0", "--insecure", "--dataset",
                                   "rows=csv:rows.csv?key=id", "--exit-on-stdin-eof"}),
                          options_);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, MatchesRegex("listening on 127\\.0\\.0\\.1:[1-9][0-9]*\n"));
}

// Loopback is open to every user of the machine.
TEST_F(AgentProgramTest, ATcpPortWantsAToken) {
  const std::vector<std::string> tcp = {"--listen", "127.0.0.1:0", "--dataset",
                                        "rows=csv:rows.csv?key=id"};
  EXPECT_THAT(Refused(Command(tcp)), HasSubstr("--token-file"));
  std::vector<std::string> with_token = tcp;
  with_token.insert(with_token.end(), {"--token-file", "token"});
  EXPECT_THAT(Refused(Command(with_token)), HasSubstr("token file token"));
  std::ofstream(folder_ / "token") << "0123456789abcdef0123456789abcdef\n";
  ::chmod((folder_ / "token").c_str(), 0644);
  EXPECT_THAT(Refused(Command(with_token)), HasSubstr("chmod 600"));
  ::chmod((folder_ / "token").c_str(), 0600);

  testing::Process agent(Command(with_token), options_);
  ASSERT_TRUE(agent.WaitForOutput("\n"));
  const std::string out = agent.out();
  const std::string url = "agent:" + out.substr(13, out.size() - 14) + "/rows";
  const auto diff = [&](const std::string& replica) {
    return testing::RunProcess(
        {testing::BinDir() + "/driftwood", "diff", "--allow-same", replica, replica}, options_);
  };
  EXPECT_EQ(diff(url).exit_code, 2);
  EXPECT_THAT(diff(url).err, HasSubstr("token_file"));
  EXPECT_EQ(diff(url + "?token_file=none").exit_code, 2);
  const auto compared = diff(url + "?token_file=token");
  EXPECT_EQ(compared.exit_code, 0) << compared.err;
}

TEST_F(AgentProgramTest, AValueColumnIsNoKeyOfAnAgentThatGivesNoValues) {
  testing::Process agent(Serving(), options_);
  ASSERT_TRUE(agent.WaitForOutput("listening on unix:a.sock\n"));
  const std::string url = "agent:unix:a.sock/rows";
  const auto diff = [&](const std::string& key) {
    return testing::RunProcess(
        {testing::BinDir() + "/driftwood", "diff", "--allow-same", url, url, "--key", key},
        options_);
  };
  EXPECT_EQ(diff("id").exit_code, 0);
  const auto refused = diff("note");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--allow-values"));
}

TEST_F(AgentProgramTest, AStateFolderThatOthersMayWriteToIsRefused) {
  std::filesystem::create_directory(folder_ / "state");
  ::chmod((folder_ / "state").c_str(), 0777);
  EXPECT_THAT(Refused(Serving({"--state-dir", "state"})), HasSubstr("chmod go-w"));
}

TEST_F(AgentProgramTest, TheTemporaryFolderOfAKilledAgentIsSweptByTheNext) {
  {
    testing::Process agent(Serving(), options_);
    ASSERT_TRUE(agent.WaitForOutput("listening on unix:a.sock\n"));
    agent.Signal(SIGKILL);
    (void)agent.Wait();
  }
  EXPECT_FALSE(std::filesystem::is_empty(folder_ / "tmp"));
  EXPECT_EQ(testing::RunProcess(Serving({"--exit-on-stdin-eof"}), options_).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp"));
}

TEST_F(AgentProgramTest, TheStateFolderAndItsKeyAreItsOwners) {
  const auto command = Serving({"--state-dir", "state", "--exit-on-stdin-eof"});
  ASSERT_EQ(testing::RunProcess(command, options_).exit_code, 0);
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "state/digest.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(info.st_size, 32);
  ASSERT_EQ(::stat((folder_ / "state/rows").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_EQ(testing::RunProcess(command, options_).exit_code, 0);
  ::chmod((folder_ / "state/digest.key").c_str(), 0644);
  EXPECT_THAT(Refused(command), HasSubstr("chmod 600"));
}

TEST_F(AgentProgramTest, TwoAgentsShareNeitherSocketNorStateFolder) {
  testing::Process agent(Serving({"--state-dir", "state"}), options_);
  ASSERT_TRUE(agent.WaitForOutput("listening on unix:a.sock\n"));
  EXPECT_THAT(Refused(Serving()), HasSubstr("another program"));
  EXPECT_THAT(Refused(Command({"--listen", "unix:b.sock", "--dataset", "rows=csv:rows.csv?key=id",
                               "--state-dir", "state"})),
              HasSubstr("another agent"));
  agent.Signal(SIGTERM);
  EXPECT_EQ(agent.Wait().exit_code, 0);
}

TEST_F(AgentProgramTest, AKilledAgentLeavesNothingThatHindersTheNext) {
  {
    testing::Process agent(Serving({"--state-dir", "state"}), options_);
    ASSERT_TRUE(agent.WaitForOutput("listening on unix:a.sock\n"));
    agent.Signal(SIGKILL);
    EXPECT_EQ(agent.Wait().exit_code, 128 + SIGKILL);
  }
  EXPECT_TRUE(std::filesystem::is_socket(folder_ / "a.sock"));
  const auto next =
      testing::RunProcess(Serving({"--state-dir", "state", "--exit-on-stdin-eof"}), options_);
  EXPECT_EQ(next.exit_code, 0) << next.err;
}

// An agent that is asked by a comparison, and then told to end in the middle of what it does.
class AgentEndTest : public AgentProgramTest {
 protected:
  // It ends well, soon after `begun` has returned, and leaves nothing behind.
  void EndWhenBegun(const std::string& url, const std::function<void()>& begun) {
    testing::ProcessOptions options = options_;
    options.limit = std::chrono::seconds(30);
    testing::Process agent(Command({"--listen", "unix:a.sock", "--dataset", "rows=" + url}),
                           options);
    ASSERT_TRUE(agent.WaitForOutput("listening on unix:a.sock\n"));
    // Of itself: of another agent it would want the same digest key first.
    const std::string replica = "agent:unix:a.sock/rows";
    testing::Process diff(
        {testing::BinDir() + "/driftwood", "diff", "--allow-same", replica, replica}, options_);
    begun();
    const auto signalled = std::chrono::steady_clock::now();
    agent.Signal(SIGTERM);
    const testing::ProcessResult result = agent.Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_FALSE(result.timed_out);
    // Less than any of its own waits takes.
    EXPECT_LT(std::chrono::steady_clock::now() - signalled, std::chrono::seconds(8));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "a.sock"));
    const int compared = diff.Wait().exit_code;
    EXPECT_TRUE(compared == 2 || compared == 3) << compared;
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp"));
  }

  template <typename Server>
  static void Await(Server& server, const std::string& query, const std::string& value) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (server.Value(query) != value) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << query;
    }
  }
};

TEST_F(AgentEndTest, ASignalEndsItWhileItConnectsToAServerThatSaysNothing) {
  for (const bool is_postgresql : {true, false}) {
    const std::filesystem::path path = folder_ / (is_postgresql ? ".s.PGSQL.5432" : "m");
    const merkle::UniqueFd listener(testing::ListenOn(path));
    merkle::UniqueFd connection;
    EndWhenBegun(
        is_postgresql
            ? "postgresql://u@/d?host=" + folder_.path().string() + "&table=t&connect_timeout=0"
            : "mysql://u@localhost/d?socket=" + path.string() + "&table=t",
        [&] {
          connection = merkle::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
          EXPECT_GE(connection.get(), 0);
        });
  }
}

TEST_F(AgentEndTest, ASignalEndsItWhileItWaitsForALockOfPostgresql) {
  auto* const server = testing::PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql("DROP TABLE IF EXISTS held; CREATE TABLE held(id int PRIMARY KEY, note text)");
  const std::unique_ptr<PGconn, decltype(&PQfinish)> holder(
      PQconnectdb(("host=" + server->folder().string() + " user=test dbname=postgres").c_str()),
      PQfinish);
  PQclear(PQexec(holder.get(), "BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE"));
  const std::string waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
  EndWhenBegun(server->Url("held"), [&] { Await(*server, waiting, "1"); });
  Await(*server, waiting, "0");  // though the lock is still held
}

TEST_F(AgentEndTest, ASignalEndsItWhileItWaitsForALockOfMariadb) {
  auto* const server = testing::MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(server);
  server->Sql("CREATE OR REPLACE TABLE held(id int PRIMARY KEY, note varchar(20))");
  const std::unique_ptr<MYSQL, decltype(&mysql_close)> holder(mysql_init(nullptr), mysql_close);
  ASSERT_NE(mysql_real_connect(holder.get(), "localhost", "root", nullptr, "test", 0,
                               server->socket().c_str(), 0),
            nullptr);
  ASSERT_EQ(mysql_query(holder.get(), "LOCK TABLES held WRITE"), 0);
  const std::string waiting =
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'";
  EndWhenBegun(server->Url("held"), [&] { Await(*server, waiting, "1"); });
  Await(*server, waiting, "0");
}

}  // namespace
}  // namespace driftwood
