#include "tests/testing/mariadb_server.h"

#include <gtest/gtest.h>
#include <mysql.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "merkle/check.h"

namespace driftwood::testing {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kNobody = 65534;

bool IsInstalled() {
  return fs::exists("/usr/sbin/mariadbd") && fs::exists("/usr/bin/mariadb-install-db");
}

// It should not run as root.
std::vector<std::string> AsNobody(std::vector<std::string> command) {
  if (::geteuid() != 0) return command;
  command.insert(command.begin(), {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
  return command;
}

// An empty server's files, kept beside the test program: making them takes longer than all else.
fs::path Template() {
  return fs::read_symlink("/proc/self/exe").parent_path() / "mariadb-template";
}

bool CopyTemplate(const fs::path& data) {
  std::error_code error;
  if (!fs::exists(Template(), error)) return false;
  fs::copy(Template(), data, fs::copy_options::recursive, error);
  if (error) return false;
  if (::geteuid() != 0) return true;
  bool owned = ::chown(data.c_str(), kNobody, kNobody) == 0;
  for (const auto& entry : fs::recursive_directory_iterator(data)) {
    owned = ::chown(entry.path().c_str(), kNobody, kNobody) == 0 && owned;
  }
  return owned;
}

bool Install(const std::string& data_option, const ProcessOptions& options) {
  // Its own: a server that starts removes what another has in a directory that they share.
  const std::string tmpdir = "--tmpdir=" + options.folder.string();
  const ProcessResult install = RunProcess(
      AsNobody({"/usr/bin/mariadb-install-db", "--no-defaults",
                "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
                "--innodb-log-file-size=8M", "--innodb-flush-method=nosync", tmpdir, data_option}),
      options);
  if (install.exit_code != 0) {
    std::cerr << install.out << install.err;
    return false;
  }
  // Whole or not at all: other test programs may be doing the same.
  const fs::path unfinished = Template().string() + "-" + std::to_string(::getpid());
  std::error_code error, ignored;
  fs::copy(data_option.substr(data_option.find('=') + 1), unfinished, fs::copy_options::recursive,
           error);
  if (!error) fs::rename(unfinished, Template(), ignored);
  fs::remove_all(unfinished, ignored);
  return true;
}

class Connection {
 public:
  explicit Connection(const std::string& socket) : mysql_(mysql_init(nullptr)) {
    mysql_options(mysql_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    EXPECT_NE(mysql_real_connect(mysql_, nullptr, "root", "", "test", 0, socket.c_str(),
                                 CLIENT_MULTI_STATEMENTS),
              nullptr)
        << mysql_error(mysql_);
  }
  ~Connection() { mysql_close(mysql_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The first value of the last result.
  std::string Run(const std::string& statements) {
    std::string value;
    int status = mysql_real_query(mysql_, statements.data(), statements.size());
    for (; status == 0; status = mysql_next_result(mysql_)) {
      MYSQL_RES* const result = mysql_store_result(mysql_);
      if (result == nullptr) continue;
      const MYSQL_ROW row = mysql_fetch_row(result);
      value = row != nullptr && row[0] != nullptr ? row[0] : "";
      mysql_free_result(result);
    }
    EXPECT_LT(status, 1) << mysql_error(mysql_) << " in: " << statements.substr(0, 2000);
    return value;
  }

 private:
  MYSQL* const mysql_;
};

}  // namespace

MariadbServer* MariadbServer::Get() {
  static const std::unique_ptr<MariadbServer> server = Start();
  return server.get();
}

std::unique_ptr<MariadbServer> MariadbServer::Start(const std::vector<std::string>& options) {
  if (!IsInstalled()) return nullptr;
  std::unique_ptr<MariadbServer> server(new MariadbServer);
  DRIFTWOOD_CHECK(server->Launch(options));
  return server;
}

bool MariadbServer::Launch(const std::vector<std::string>& more) {
  if (::geteuid() == 0 && ::chown(folder_.path().c_str(), kNobody, kNobody) != 0) return false;
  const std::string data = "--datadir=" + (folder_ / "data").string();
  ProcessOptions options;
  options.folder = folder_.path();
  if (!CopyTemplate(folder_ / "data") && !Install(data, options)) return false;
  // What it says goes to our pipe, which nobody reads later: so it says little.
  std::vector<std::string> command = {"sh", "-c", "exec \"$@\" 2>&1", "sh", "/usr/sbin/mariadbd"};
  const std::vector<std::string> own = {"--no-defaults",
                                        data,
                                        "--socket=" + socket(),
                                        "--pid-file=" + (folder_ / "pid").string(),
                                        "--tmpdir=" + folder_.path().string(),
                                        "--skip-networking",
                                        "--log-warnings=0",
                                        "--log-bin=binlog",
                                        "--binlog-format=ROW",
                                        "--binlog-row-image=FULL",
                                        "--sync-binlog=0",
                                        "--innodb-flush-log-at-trx-commit=0",
                                        "--skip-innodb-doublewrite",
                                        "--innodb-buffer-pool-size=48M",
                                        "--innodb-log-file-size=8M",
                                        "--innodb-stats-persistent=0",
                                        "--innodb-flush-method=nosync",
                                        "--performance-schema=off",
                                        "--max-connections=30",
                                        "--max-allowed-packet=256M",
                                        "--character-set-server=utf8mb4"};
  command.insert(command.end(), own.begin(), own.end());
  command.insert(command.end(), more.begin(), more.end());
  process_ = std::make_unique<Process>(AsNobody(std::move(command)), options);
  if (!process_->WaitForOutput("ready for connections")) {
    std::cerr << process_->Wait().out;
    return false;
  }
  mysql_library_init(0, nullptr, nullptr);
  MYSQL* const mysql = mysql_init(nullptr);
  const bool connected =
      mysql_real_connect(mysql, nullptr, "root", "", nullptr, 0, socket().c_str(), 0) != nullptr;
  const bool made = connected && mysql_query(mysql, "CREATE DATABASE test") == 0;
  if (!made) std::cerr << mysql_error(mysql) << "\n";
  mysql_close(mysql);
  return made;
}

MariadbServer::~MariadbServer() { Kill(); }

void MariadbServer::Kill() {
  if (process_ == nullptr) return;
  process_->Signal(SIGKILL);
  process_->Wait();
  process_.reset();
}

std::string MariadbServer::Value(const std::string& query) {
  return Connection(socket()).Run(query);
}

void MariadbServer::Sql(const std::string& statements) { Value(statements); }

std::string MariadbServer::Url(const std::string& table, const std::string& more,
                               const std::string& user) const {
  return "mysql://" + user + "@localhost/test?socket=" + socket() + "&table=" + table + more;
}

}  // namespace driftwood::testing
