#include "agent/stores/mysql/mysql_connection.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "agent/source/messages.h"
#include "agent/stores/mysql/mysql_session.h"
#include "merkle/check.h"
#include "merkle/os/stop.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr unsigned kConnectTimeoutSeconds = 10;
// The library runs what connects on a stack of its own; its 60 KB are few for TLS and for modules
// that look up names.
constexpr size_t kConnectStackBytes = size_t{1} << 20;
// A value has at most 1 GiB, a row as many of them as it has columns; the library counts its bytes
// in 32 bits.
constexpr unsigned long kPacketMax = 0xFFFFFFFF;

// Numbers that mysqld_error.h of libmariadb 3.3 has no name for, or only one of the two servers.
constexpr unsigned kMaxStatementTime = 1969;  // MariaDB
constexpr unsigned kConnectionKilled = 1927;
constexpr unsigned kMaxExecutionTime = 3024;  // MySQL
constexpr unsigned kAccountLocked = 4151;
constexpr unsigned kAccountLockedMysql = 3118;
constexpr unsigned kPasswordExpired = 1862;
constexpr unsigned kNoSuchTableInEngine = 1932;
constexpr unsigned kAccessDeniedNoPassword = 1698;

template <size_t kCount>
bool Among(unsigned code, const unsigned (&codes)[kCount]) {
  return std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

absl::StatusCode CodeOf(unsigned code) {
  static constexpr unsigned kDenied[] = {ER_ACCESS_DENIED_ERROR,
                                         ER_DBACCESS_DENIED_ERROR,
                                         ER_TABLEACCESS_DENIED_ERROR,
                                         ER_COLUMNACCESS_DENIED_ERROR,
                                         ER_SPECIFIC_ACCESS_DENIED_ERROR,
                                         ER_PROCACCESS_DENIED_ERROR,
                                         ER_HOST_NOT_PRIVILEGED,
                                         ER_HOST_IS_BLOCKED,
                                         ER_MUST_CHANGE_PASSWORD,
                                         kAccessDeniedNoPassword,
                                         kPasswordExpired,
                                         kAccountLocked,
                                         kAccountLockedMysql,
                                         CR_AUTH_PLUGIN_CANNOT_LOAD};
  static constexpr unsigned kNotFound[] = {ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE};
  static constexpr unsigned kExhausted[] = {ER_CON_COUNT_ERROR,
                                            ER_TOO_MANY_USER_CONNECTIONS,
                                            ER_USER_LIMIT_REACHED,
                                            ER_OUT_OF_RESOURCES,
                                            ER_OUTOFMEMORY,
                                            ER_DISK_FULL,
                                            ER_RECORD_FILE_FULL,
                                            CR_OUT_OF_MEMORY,
                                            CR_NET_PACKET_TOO_LARGE,
                                            ER_NET_PACKET_TOO_LARGE,
                                            ER_TOO_BIG_SELECT,
                                            ER_MAX_PREPARED_STMT_COUNT_REACHED,
                                            ER_OPTION_PREVENTS_STATEMENT};
  static constexpr unsigned kTimeout[] = {kMaxStatementTime, kMaxExecutionTime};
  static constexpr unsigned kAborted[] = {ER_QUERY_INTERRUPTED, ER_TABLE_DEF_CHANGED,
                                          ER_LOCK_DEADLOCK, ER_CHECKREAD, ER_NEED_REPREPARE};
  static constexpr unsigned kInvalid[] = {
      ER_PARSE_ERROR,    ER_BAD_FIELD_ERROR,        ER_SP_DOES_NOT_EXIST,
      ER_UNKNOWN_TABLE,  ER_INVALID_GROUP_FUNC_USE, ER_SUBQUERY_NO_1_ROW,
      ER_OPERAND_COLUMNS};
  static constexpr unsigned kDamaged[] = {
      ER_GET_ERRNO,         ER_NOT_KEYFILE,      ER_CRASHED_ON_USAGE,
      ER_CRASHED_ON_REPAIR, ER_NOT_FORM_FILE,    kNoSuchTableInEngine,
      ER_ERROR_ON_READ,     CR_MALFORMED_PACKET, ER_INDEX_CORRUPT};
  static constexpr unsigned kServerGone[] = {ER_SERVER_SHUTDOWN, kConnectionKilled,
                                             ER_LOCK_WAIT_TIMEOUT, ER_ABORTING_CONNECTION,
                                             ER_NEW_ABORTING_CONNECTION};
  if (Among(code, kDenied)) return absl::StatusCode::kPermissionDenied;
  if (Among(code, kNotFound)) return absl::StatusCode::kNotFound;
  if (Among(code, kExhausted)) return absl::StatusCode::kResourceExhausted;
  if (Among(code, kTimeout)) return absl::StatusCode::kDeadlineExceeded;
  if (Among(code, kAborted)) return absl::StatusCode::kAborted;
  if (Among(code, kInvalid)) return absl::StatusCode::kInvalidArgument;
  if (Among(code, kDamaged)) return absl::StatusCode::kDataLoss;
  if (Among(code, kServerGone) || code == 0) return absl::StatusCode::kUnavailable;
  constexpr unsigned kClientFirst = 2000, kClientEnd = 3000;
  if (code >= kClientFirst && code < kClientEnd) return absl::StatusCode::kUnavailable;
  if (code >= ER_NET_READ_ERROR_FROM_PIPE && code <= ER_NET_WRITE_INTERRUPTED) {
    return absl::StatusCode::kUnavailable;
  }
  return absl::StatusCode::kFailedPrecondition;
}

// The library is initialised once, before the first thread uses it.
bool InitialiseLibrary() {
  static const bool initialised = mysql_library_init(0, nullptr, nullptr) == 0;
  return initialised;
}

void SetOptions(MYSQL* connection, const MysqlOptions& options) {
  const unsigned timeout = options.patience_s.value_or(kConnectTimeoutSeconds);
  const unsigned no = 0;
  const my_bool off = 0, on = 1;
  mysql_options(connection, MYSQL_READ_DEFAULT_GROUP, "driftwood");
  mysql_options(connection, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
  mysql_options(connection, MYSQL_OPT_NONBLOCK, &kConnectStackBytes);
  if (options.patience_s) {
    mysql_options(connection, MYSQL_OPT_READ_TIMEOUT, &timeout);
    mysql_options(connection, MYSQL_OPT_WRITE_TIMEOUT, &timeout);
  }
  mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options(connection, MYSQL_OPT_MAX_ALLOWED_PACKET, &kPacketMax);
  // A server could ask for any file that we can read.
  mysql_options(connection, MYSQL_OPT_LOCAL_INFILE, &no);
  mysql_options(connection, MYSQL_OPT_RECONNECT, &off);
  mysql_options4(connection, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "driftwood");
  // "localhost" would else be the default socket, whatever the port.
  const unsigned tcp = MYSQL_PROTOCOL_TCP;
  if (options.port) mysql_options(connection, MYSQL_OPT_PROTOCOL, &tcp);
  if (options.require_tls) mysql_options(connection, MYSQL_OPT_SSL_ENFORCE, &on);
  if (options.verify_server) mysql_options(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
  if (options.tls_ca) mysql_options(connection, MYSQL_OPT_SSL_CA, options.tls_ca->c_str());
}

// A server that has gone away without a word is noticed.
void WatchSocket(MYSQL* connection) {
  const int socket = mysql_get_socket(connection);
  const int on = 1, idle_s = 30, interval_s = 10, count = 3, timeout_ms = 60000;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

// What has come of what the library waits for: a stop is a wait that took too long, so that the
// library goes its own way out.
int Await(MYSQL* connection, int wait, const merkle::StopFd& stop) {
  short events = 0;
  if ((wait & MYSQL_WAIT_READ) != 0) events |= POLLIN;
  if ((wait & MYSQL_WAIT_WRITE) != 0) events |= POLLOUT;
  if ((wait & MYSQL_WAIT_EXCEPT) != 0) events |= POLLPRI;
  const int socket = mysql_get_socket(connection);
  pollfd watched[] = {{socket, events, 0}, {stop.fd(), POLLIN, 0}};
  const bool has_end = (wait & MYSQL_WAIT_TIMEOUT) != 0;
  int ready = 0;
  do {
    ready =
        ::poll(watched, 2, has_end ? static_cast<int>(mysql_get_timeout_value_ms(connection)) : -1);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0 || watched[1].revents != 0) return MYSQL_WAIT_TIMEOUT;
  const short got = watched[0].revents;
  int came = 0;
  if ((got & (POLLIN | POLLHUP | POLLERR)) != 0) came |= wait & MYSQL_WAIT_READ;
  if ((got & (POLLOUT | POLLHUP | POLLERR)) != 0) came |= wait & MYSQL_WAIT_WRITE;
  if ((got & POLLPRI) != 0) came |= MYSQL_WAIT_EXCEPT;
  return came;
}

const char* OrNull(const std::optional<std::string>& text) {
  return text ? text->c_str() : nullptr;
}

}  // namespace

std::string MysqlQuoted(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') out += c;
    out += c;
  }
  return out + "`";
}

absl::StatusOr<std::unique_ptr<MysqlConnection>> MysqlConnection::Open(const MysqlOptions& options,
                                                                       std::stop_token stop) {
  if (!InitialiseLibrary()) return absl::InternalError("libmariadb can't be initialised");
  MYSQL* const raw = mysql_init(nullptr);
  if (raw == nullptr) return absl::ResourceExhaustedError("no memory for a connection");
  std::unique_ptr<MysqlConnection> connection(
      new MysqlConnection(raw, options.statement_timeout_s, std::move(stop)));
  SetOptions(raw, options);
  RETURN_IF_ERROR(connection->Connect(options));
  // The library goes on without TLS where the server has none, whatever it was told.
  if (options.require_tls && mysql_get_ssl_cipher(raw) == nullptr) {
    return absl::FailedPreconditionError("TLS is required, and the server does not offer it");
  }
  connection->session_ = mysql_thread_id(raw);
  WatchSocket(raw);
  RETURN_IF_ERROR(connection->line_.Follow(mysql_get_socket(raw)));
  RETURN_IF_ERROR(connection->SetUp());
  return connection;
}

// The library's way to connect that gives the wait to its caller.
absl::Status MysqlConnection::Connect(const MysqlOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<merkle::StopFd> stop, merkle::StopFd::Create(stop_));
  if (stop_.stop_requested()) return Error();
  MYSQL* connected = nullptr;
  int wait = mysql_real_connect_start(
      &connected, connection_, OrNull(options.host), OrNull(options.user), OrNull(options.password),
      options.database.c_str(), options.port.value_or(0), OrNull(options.socket), 0);
  while (wait != 0) {
    // Another address has another one. TLS waits for the server without giving that to us.
    (void)line_.Follow(mysql_get_socket(connection_));
    wait = mysql_real_connect_cont(&connected, connection_, Await(connection_, wait, *stop));
  }
  return connected == nullptr || stop_.stop_requested() ? Error() : absl::OkStatus();
}

MysqlConnection::~MysqlConnection() {
  line_.Release();
  mysql_close(connection_);
}

absl::Status MysqlConnection::SetUp() {
  // What an option file may have switched on: a new connection would have another snapshot.
  const my_bool off = 0;
  mysql_options(connection_, MYSQL_OPT_RECONNECT, &off);
  const std::string_view version = mysql_get_server_info(connection_);
  is_mariadb_ = version.find("MariaDB") != std::string_view::npos;
  is_open_ = true;
  RETURN_IF_ERROR(Run("SET sql_select_limit = 18446744073709551615"));  // it cuts SHOW too
  ASSIGN_OR_RETURN(const MysqlResult variables, Query(MysqlOptionalVariablesSql()));
  for (size_t i = 0; i < variables.rows(); ++i) optional_.insert(variables.Text(i, 0));
  return absl::OkStatus();
}

absl::Status MysqlConnection::Prepare() {
  mark_ = NewTransactionMark();
  RETURN_IF_ERROR(Run(MysqlSetSql(mark_, optional_, is_mariadb_, statement_timeout_s_)));
  return Run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
}

absl::Status MysqlConnection::Start(MysqlSnapshot snapshot) {
  return Run(snapshot == MysqlSnapshot::kAtOnce
                 ? "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
                 : "START TRANSACTION READ ONLY");
}

absl::StatusOr<std::string> MysqlConnection::ReadBack() {
  ASSIGN_OR_RETURN(const MysqlResult row, Query(MysqlReadBackSql(optional_, is_mariadb_)));
  return CheckMysqlReadBack(row, mark_, optional_, is_mariadb_);
}

absl::Status MysqlConnection::CheckBegun() {
  ASSIGN_OR_RETURN(begun_in_, ReadBack());
  return absl::OkStatus();
}

absl::Status MysqlConnection::CheckSession() {
  ASSIGN_OR_RETURN(const std::string now, ReadBack());
  if (now == begun_in_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "a proxy has given the transaction another session of the server (" + Printable(begun_in_) +
      ", then " + Printable(now) + "); connect to the server itself");
}

absl::Status MysqlConnection::Begin(MysqlSnapshot snapshot) {
  RETURN_IF_ERROR(Prepare());
  RETURN_IF_ERROR(Start(snapshot));
  return CheckBegun();
}

absl::Status MysqlConnection::Run(const std::string& sql) { return Query(sql).status(); }

absl::StatusOr<MysqlResult> MysqlConnection::Query(const std::string& sql) {
  if (mysql_real_query(connection_, sql.data(), sql.size()) != 0) return Error();
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(
      mysql_store_result(connection_), mysql_free_result);
  std::vector<MysqlResult::Row> rows;
  if (result == nullptr) {
    // A statement without a result; or a result that did not come.
    if (mysql_field_count(connection_) != 0) return Error();
    return MysqlResult(std::move(rows), {});
  }
  const unsigned columns = mysql_num_fields(result.get());
  const MYSQL_FIELD* const fields = mysql_fetch_fields(result.get());
  std::vector<std::string> names;
  for (unsigned i = 0; i < columns; ++i) names.emplace_back(fields[i].name, fields[i].name_length);
  while (const MYSQL_ROW values = mysql_fetch_row(result.get())) {
    const unsigned long* const lengths = mysql_fetch_lengths(result.get());
    MysqlResult::Row& row = rows.emplace_back(columns);
    for (unsigned i = 0; i < columns; ++i) {
      if (values[i] != nullptr) row[i].emplace(values[i], lengths[i]);
    }
  }
  return MysqlResult(std::move(rows), std::move(names));
}

absl::StatusOr<std::vector<std::string>> MysqlConnection::JsonColumns(const std::string& select) {
  if (mysql_real_query(connection_, select.data(), select.size()) != 0) return Error();
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(
      mysql_store_result(connection_), mysql_free_result);
  if (result == nullptr) return Error();
  std::vector<std::string> names;
  const MYSQL_FIELD* const fields = mysql_fetch_fields(result.get());
  for (unsigned i = 0; i < mysql_num_fields(result.get()); ++i) {
    MARIADB_CONST_STRING format{nullptr, 0};
    const bool has = mariadb_field_attr(&format, &fields[i], MARIADB_FIELD_ATTR_FORMAT_NAME) == 0;
    if (has && format.str != nullptr && std::string_view(format.str, format.length) == "json") {
      names.emplace_back(fields[i].name, fields[i].name_length);
    }
  }
  return names;
}

std::string MysqlConnection::Literal(const std::string& text) const {
  std::string escaped(text.size() * 2 + 1, '\0');
  escaped.resize(mysql_real_escape_string(connection_, escaped.data(), text.data(), text.size()));
  return "'" + escaped + "'";
}

absl::Status MysqlConnection::MakeError(unsigned code, const char* message) const {
  if (stop_.stop_requested()) return absl::CancelledError("cancelled while the server was asked");
  const std::string text =
      code == 0 || message == nullptr || *message == '\0'
          ? "the connection ended without a message (error " + std::to_string(code) + ")"
          : Printable(message);
  std::string hint;
  if (code == ER_ACCESS_DENIED_ERROR || code == kAccessDeniedNoPassword) {
    hint = "; the password is taken from the URL (USER:PASSWORD@HOST), MYSQL_PWD or an option file";
  }
  const std::string from = !is_open_ ? "" : is_mariadb_ ? "MariaDB: " : "MySQL: ";
  return {CodeOf(code), from + text + hint};
}

absl::Status MysqlConnection::Error() const {
  return MakeError(mysql_errno(connection_), mysql_error(connection_));
}

absl::Status MysqlConnection::Error(MYSQL_STMT* statement) const {
  const unsigned code = mysql_stmt_errno(statement);
  if (code == 0) return Error();
  return MakeError(code, mysql_stmt_error(statement));
}

void MysqlConnection::Interrupt() { line_.Cut(); }

}  // namespace driftwood::agent
