#include "tests/testing/postgres_server.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "merkle/check.h"
#include "tests/testing/process.h"

namespace driftwood::testing {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kNobody = 65534;

// The newest version's; Debian keeps them apart by version.
fs::path FindPrograms() {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    if (fs::exists(entry.path() / "bin/initdb")) found.push_back(entry.path() / "bin");
  }
  return found.empty() ? fs::path() : *std::max_element(found.begin(), found.end());
}

}  // namespace

PostgresServer* PostgresServer::Get() {
  static const std::unique_ptr<PostgresServer> server = StartAnother();
  return server.get();
}

std::unique_ptr<PostgresServer> PostgresServer::StartAnother(const std::string& settings) {
  const fs::path programs = FindPrograms();
  if (programs.empty()) return nullptr;
  std::unique_ptr<PostgresServer> started(new PostgresServer(programs));
  DRIFTWOOD_CHECK(started->Start(settings));
  return started;
}

std::vector<std::string> PostgresServer::Command(const std::string& program,
                                                 const std::vector<std::string>& arguments) const {
  std::vector<std::string> command;
  // It refuses to run as root.
  if (::geteuid() == 0) {
    command = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  }
  command.push_back((programs_ / program).string());
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

bool PostgresServer::Start(const std::string& more_settings) {
  if (::geteuid() == 0 && ::chown(folder_.path().c_str(), kNobody, kNobody) != 0) return false;
  const std::string data = (folder_ / "data").string();
  ProcessOptions options;
  options.folder = folder_.path();
  const ProcessResult init =
      RunProcess(Command("initdb", {"--no-sync", "-A", "trust", "-U", "test", "-E", "UTF8",
                                    "--locale=C.UTF-8", "-D", data}),
                 options);
  {
    std::ofstream access(folder_ / "data/pg_hba.conf", std::ios::trunc);
    access << "local all scram_reader scram-sha-256\n"
              "local all all trust\n";
  }
  const std::string settings =
      "-c listen_addresses='' -c fsync=off -c autovacuum=off -c shared_buffers=32MB "
      "-c max_connections=30 -c unix_socket_directories='" +
      folder_.path().string() + "' " + more_settings;
  // What the server inherits of our outputs would keep a reader of them waiting.
  options.out_file = folder_ / "pg_ctl";
  const ProcessResult start = RunProcess(
      Command("pg_ctl",
              {"-w", "-D", data, "-l", (folder_ / "log").string(), "-o", settings, "start"}),
      options);
  if (init.exit_code != 0 || start.exit_code != 0) {
    std::cerr << init.out << init.err << start.out << start.err;
  }
  return init.exit_code == 0 && start.exit_code == 0;
}

PostgresServer::~PostgresServer() {
  if (!crashed_) Crash();
}

void PostgresServer::Crash() {
  crashed_ = true;
  ProcessOptions options;
  options.folder = folder_.path();
  RunProcess(
      Command("pg_ctl", {"-w", "-D", (folder_ / "data").string(), "-m", "immediate", "stop"}),
      options);
}

std::string PostgresServer::Value(const std::string& query, const std::string& database) {
  const std::string info =
      "host='" + folder_.path().string() + "' user=test dbname='" + database + "'";
  PGconn* const connection = PQconnectdb(info.c_str());
  EXPECT_EQ(PQstatus(connection), CONNECTION_OK) << PQerrorMessage(connection);
  PQsetNoticeReceiver(
      connection, [](void*, const PGresult*) {}, nullptr);
  PGresult* const result = PQexec(connection, query.c_str());
  const ExecStatusType status = PQresultStatus(result);
  EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
      << PQerrorMessage(connection) << " in: " << query;
  std::string value;
  if (status == PGRES_TUPLES_OK && PQntuples(result) > 0) value = PQgetvalue(result, 0, 0);
  PQclear(result);
  PQfinish(connection);
  return value;
}

bool PostgresServer::WaitUntilAScanIsBlocked() {
  const std::string blocked =
      "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
  for (int i = 0; i < 4'000; ++i) {
    if (Value(blocked) != "0") return true;
  }
  return false;
}

void PostgresServer::Sql(const std::string& statements, const std::string& database) {
  Value(statements, database);
}

std::string PostgresServer::Url(const std::string& table, const std::string& more,
                                const std::string& user, const std::string& database) const {
  return "postgresql://" + user + "@/" + database + "?host=" + folder_.path().string() +
         "&table=" + table + more;
}

}  // namespace driftwood::testing
