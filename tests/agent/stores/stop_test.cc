// Calls that are stopped before there is a scan: while a store connects to a server that says
// nothing, and while it waits for a lock. Covers agent/stores/postgresql/pg_connect.cc too.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <lmdb.h>
#include <mysql.h>
#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/serve/service.h"
#include "agent/stores/open_store.h"
#include "merkle/check.h"
#include "merkle/os/unique_fd.h"
#include "tests/testing/lmdb_file.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/unix_sockets.h"
#include "tests/testing/wait.h"

namespace driftwood::agent {
namespace {

using merkle::UniqueFd;
using std::chrono::steady_clock;

// Well below what the stores wait for a server by themselves.
constexpr std::chrono::seconds kAtOnce{8};

std::unique_ptr<Store> Open(const std::string& url) {
  return OpenStore(StoreUrl::Parse(url).value()).value();
}

// All that a store asks its server, but for what follows on a scan.
std::vector<std::pair<std::string, std::function<absl::Status(Store&)>>> Calls() {
  return {
      {"Describe", [](Store& store) { return store.Describe().status(); }},
      {"StartScan", [](Store& store) { return store.StartScan({"id"}).status(); }},
      {"Lookup",
       [](Store& store) {
         const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Int64(1)}};
         return store.Lookup({"id"}, {"id"}, keys).status();
       }},
      {"MeasureLoad",
       [](Store& store) {
         auto meter = store.MeasureLoad({true, false});
         return meter.ok() ? (*meter)->Read().status() : meter.status();
       }},
  };
}

// `call` ends with Cancelled when it is stopped after `begun` has returned, and at once if it was
// stopped before.
void ExpectStoppable(Store& store, const std::function<absl::Status(Store&)>& call,
                     const std::function<void()>& begun) {
  std::stop_source stop;
  store.StopWith(stop.get_token());
  steady_clock::time_point stopped;
  std::thread stopping([&] {
    begun();
    stopped = steady_clock::now();
    stop.request_stop();
  });
  absl::Status status = call(store);
  const steady_clock::time_point ended = steady_clock::now();
  stopping.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_LT(ended - stopped, kAtOnce);
  status = call(store);
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

// Takes connections and says nothing.
class SilentServer {
 public:
  explicit SilentServer(int listener) : listener_(listener) {}
  int AwaitConnection() {
    connections_.emplace_back(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    DRIFTWOOD_CHECK(connections_.back().get() >= 0);
    return connections_.back().get();
  }

 private:
  UniqueFd listener_;
  std::vector<UniqueFd> connections_;
};

int ListenOnLoopback(std::string* port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  DRIFTWOOD_CHECK(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  DRIFTWOOD_CHECK(::listen(listener, 16) == 0);
  DRIFTWOOD_CHECK(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  *port = std::to_string(ntohs(address.sin_port));
  return listener;
}

void ExpectConnectStoppable(const std::string& url, SilentServer& server) {
  const auto store = Open(url);
  for (const auto& [name, call] : Calls()) {
    SCOPED_TRACE(url + ": " + name);
    ExpectStoppable(*store, call, [&] { server.AwaitConnection(); });
  }
}

TEST(StopTest, AConnectToAServerThatSaysNothingEnds) {
  testing::TempDir folder;
  SilentServer postgres(testing::ListenOn(folder / ".s.PGSQL.5432"));
  ExpectConnectStoppable(
      "postgresql://u@/d?host=" + folder.path().string() + "&table=t&connect_timeout=0", postgres);
  SilentServer mariadb(testing::ListenOn(folder / "m"));
  ExpectConnectStoppable("mysql://u@localhost/d?socket=" + (folder / "m").string() + "&table=t",
                         mariadb);
  std::string port;
  SilentServer tcp(ListenOnLoopback(&port));
  ExpectConnectStoppable(
      "postgresql://u@127.0.0.1:" + port + "/d?table=t&connect_timeout=0&sslmode=require", tcp);
  ExpectConnectStoppable("mysql://u@127.0.0.1:" + port + "/d?table=t", tcp);
}

TEST(StopTest, AListOfTablesThatTheServerKeepsBackEnds) {
  testing::TempDir folder;
  const std::string postgres =
      "postgresql://u@/d?host=" + folder.path().string() + "&connect_timeout=0";
  const std::string mariadb = "mysql://u@localhost/d?socket=" + (folder / "m").string();
  SilentServer postgres_server(testing::ListenOn(folder / ".s.PGSQL.5432"));
  SilentServer mariadb_server(testing::ListenOn(folder / "m"));
  const std::pair<std::string, SilentServer*> servers[] = {{postgres, &postgres_server},
                                                           {mariadb, &mariadb_server}};
  for (const auto& [url, server] : servers) {
    SCOPED_TRACE(url);
    std::stop_source stop;
    std::thread stopping([&stop, silent = server] {
      silent->AwaitConnection();
      stop.request_stop();
    });
    const auto list = ListTables(StoreUrl::Parse(url).value(), {}, stop.get_token());
    stopping.join();
    EXPECT_TRUE(absl::IsCancelled(list.status())) << list.status();
  }
}

// A server of MariaDB's that offers TLS, and says nothing once the client has begun it.
std::string Greeting() {
  std::string packet = "\x0a";
  packet += "10.11.1-MariaDB";
  packet += std::string(1, '\0') + std::string(4, '\1') + std::string(8, 'x') + '\0';
  packet += "\xfe\xff\x21\x02";
  packet += std::string(1, '\0') + "\xff\x81\x15" + std::string(10, '\0') + std::string(12, 'x');
  packet += '\0';
  packet += std::string("mysql_native_password") + '\0';
  return std::string{static_cast<char>(packet.size()), 0, 0, 0} + packet;
}

TEST(StopTest, AnAgreementOnTlsThatTheServerLeavesOpenEnds) {
  std::string port;
  SilentServer server(ListenOnLoopback(&port));
  const auto store = Open("mysql://u@127.0.0.1:" + port + "/d?table=t&ssl=required");
  ExpectStoppable(*store, Calls()[0].second, [&] {
    const int client = server.AwaitConnection();
    EXPECT_TRUE(testing::SendAll(client, Greeting()));
    std::string begun;  // the packet that asks for it, and the first bytes of it
    EXPECT_TRUE(testing::ReceiveMore(client, 36 + 5, &begun));
  });
}

// As libpq itself goes on to the next host of a list.
TEST(StopTest, AHostThatSaysNothingIsLeftOutWhenItsTimeIsOver) {
  auto* const server = testing::PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(
      "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE t(id int PRIMARY KEY)");
  std::string port;
  SilentServer silent(ListenOnLoopback(&port));
  const std::string timeout = "&connect_timeout=1";
  const std::string list = "127.0.0.1," + server->folder().string();
  const auto both = Open("postgresql://test@/postgres?host=" + list + "&port=" + port +
                         ",5432&table=t" + timeout);
  EXPECT_TRUE(both->Describe().ok()) << both->Describe().status();
  const auto one = Open("postgresql://test@127.0.0.1:" + port + "/postgres?table=t" + timeout);
  const absl::Status status = one->Describe().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("timeout expired"), absl::string_view::npos) << status;
}

void WriteLmdbFile(const std::string& path) {
  testing::WriteLmdb(path, MDB_NOSUBDIR,
                     [](MDB_txn* txn) { testing::PutLmdb(txn, nullptr, 0, "a", "a"); });
}

TEST(StopTest, AWaitForALockOfPostgresqlEnds) {
  auto* const server = testing::PostgresServer::Get();
  DRIFTWOOD_NEEDS_POSTGRES(server);
  server->Sql(
      "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE t(id int PRIMARY KEY);"
      "CREATE VIEW v AS SELECT id FROM t");
  const std::unique_ptr<PGconn, decltype(&PQfinish)> holder(
      PQconnectdb(("host=" + server->folder().string() + " user=test dbname=postgres").c_str()),
      PQfinish);
  PQclear(PQexec(holder.get(), "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE"));
  const std::string waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
  // LOCK TABLE waits for the table, EXPLAIN for what is behind the view.
  for (const char* const table : {"t", "v"}) {
    const auto store = Open(server->Url(table));
    for (const auto& [name, call] : Calls()) {
      if (name != "StartScan" && name != "Lookup") continue;
      SCOPED_TRACE(std::string(table) + ": " + name);
      ExpectStoppable(*store, call, [&] { EXPECT_TRUE(testing::Becomes(*server, waiting, "1")); });
      EXPECT_TRUE(testing::Becomes(*server, waiting, "0"));  // though the lock is still held
    }
  }
}

TEST(StopTest, AWaitForALockOfMariadbEnds) {
  auto* const server = testing::MariadbServer::Get();
  DRIFTWOOD_NEEDS_MARIADB(server);
  server->Sql(
      "DROP DATABASE test; CREATE DATABASE test; USE test; CREATE TABLE t(id int PRIMARY KEY)");
  const std::unique_ptr<MYSQL, decltype(&mysql_close)> holder(mysql_init(nullptr), mysql_close);
  ASSERT_NE(mysql_real_connect(holder.get(), "localhost", "root", nullptr, "test", 0,
                               server->socket().c_str(), 0),
            nullptr);
  ASSERT_EQ(mysql_query(holder.get(), "LOCK TABLES t WRITE"), 0);
  const std::string waiting =
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'";
  const auto store = Open(server->Url("t"));
  for (const auto& [name, call] : Calls()) {
    if (name == "MeasureLoad") continue;
    SCOPED_TRACE(name);
    ExpectStoppable(*store, call, [&] { EXPECT_TRUE(testing::Becomes(*server, waiting, "1")); });
    EXPECT_TRUE(testing::Becomes(*server, waiting, "0"));
  }
}

// Of another process: LMDB's is held by a lock of this one on its lock file.
TEST(StopTest, AWaitForALockOfAFileEnds) {
  testing::TempDir folder;
  const std::string database = (folder / "d.db").string();
  sqlite3* writer = nullptr;
  DRIFTWOOD_CHECK(sqlite3_open(database.c_str(), &writer) == SQLITE_OK);
  DRIFTWOOD_CHECK(sqlite3_exec(writer, "CREATE TABLE t(id INTEGER PRIMARY KEY); BEGIN EXCLUSIVE",
                               nullptr, nullptr, nullptr) == SQLITE_OK);
  const std::string map = (folder / "d.mdb").string();
  WriteLmdbFile(map);
  const UniqueFd lock(::open((map + "-lock").c_str(), O_RDWR | O_CLOEXEC));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  DRIFTWOOD_CHECK(::fcntl(lock.get(), F_SETLK, &whole) == 0);
  for (const std::string& url : {"sqlite:" + database + "?table=t", "lmdb:" + map}) {
    const auto store = Open(url);
    for (const bool scan : {false, true}) {
      SCOPED_TRACE(url);
      const std::string column = url.starts_with("sqlite") ? "id" : "key";
      ExpectStoppable(
          *store,
          [&](Store& one) {
            return scan ? one.StartScan({column}).status() : one.Describe().status();
          },
          [] {});
    }
  }
  sqlite3_close(writer);
}

// The dataset hands the call's own token down.
TEST(StopTest, StoppingTheServiceEndsACallThatConnects) {
  testing::TempDir folder;
  SilentServer server(testing::ListenOn(folder / ".s.PGSQL.5432"));
  ServiceOptions options;
  options.key = merkle::DigestKey::Unkeyed();
  options.state_dir = folder / "state";
  Service service(options);
  ASSERT_TRUE(service
                  .AddDataset("silent", "url",
                              Open("postgresql://u@/d?host=" + folder.path().string() +
                                   "&table=t&connect_timeout=0"))
                  .ok());
  std::thread stopping([&] {
    server.AwaitConnection();
    service.Stop();
  });
  CallControl control;
  const absl::Status status = service.Describe("silent", &control).status();
  stopping.join();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

}  // namespace
}  // namespace driftwood::agent
