#include "agent/stores/postgresql/pg_connection.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <thread>

#include "agent/source/messages.h"
#include "agent/stores/postgresql/pg_connect.h"
#include "agent/stores/postgresql/pg_session.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr std::string_view kLimitExceeded = "54000";  // SQLSTATE

constexpr int kServerVersionMin = 120000;
constexpr std::chrono::seconds kCancelPatience{1};

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What the server refused a connection for is known to libpq by its message only (which may be in
// another language: then it is Unavailable).
absl::Status ConnectError(PGconn* connection) {
  std::string message = PgMessage(PQerrorMessage(connection));
  if (PQconnectionNeedsPassword(connection) != 0) {
    return absl::PermissionDeniedError(
        message + "; give it in PGPASSWORD, in ~/.pgpass or in the URL (USER:PASSWORD@HOST)");
  }
  const bool denied = PQconnectionUsedPassword(connection) != 0 && Contains(message, "password");
  if (denied || Contains(message, "authentication failed") || Contains(message, "pg_hba.conf") ||
      Contains(message, "permission denied for database") ||
      (Contains(message, "role \"") && Contains(message, "does not exist"))) {
    return absl::PermissionDeniedError(message);
  }
  if (Contains(message, "database \"") && Contains(message, "does not exist")) {
    return absl::NotFoundError(message);
  }
  if (Contains(message, "too many clients") || Contains(message, "connection slots") ||
      Contains(message, "too many connections")) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::UnavailableError(message);
}

absl::StatusCode CodeOf(std::string_view state) {
  const std::string_view state_class = state.substr(0, 2);
  if (state == "42501" || state_class == "28") return absl::StatusCode::kPermissionDenied;
  if (state == "42P01" || state == "3F000" || state == "3D000") return absl::StatusCode::kNotFound;
  if (state == "57014") return absl::StatusCode::kDeadlineExceeded;  // statement_timeout
  if (state == "55P03") return absl::StatusCode::kUnavailable;       // lock_timeout
  if (state_class == "40") return absl::StatusCode::kAborted;
  if (state_class == "42" || state_class == "22") return absl::StatusCode::kInvalidArgument;
  if (state_class == "53" || state_class == "54") return absl::StatusCode::kResourceExhausted;
  if (state_class == "XX" || state_class == "58") return absl::StatusCode::kDataLoss;
  if (state_class == "0A" || state_class == "55") return absl::StatusCode::kFailedPrecondition;
  return absl::StatusCode::kUnavailable;  // 08 connection, 57 shutdown, a cut line without a state
}

// Of connections with the same parameters.
std::string IdleKind(const PgParameters& parameters) {
  std::string kind = "postgresql";
  for (const auto& [name, value] : parameters) {
    kind += '\0' + name + '=' + std::to_string(value.size()) + ':' + value;
  }
  return kind;
}

void ClosePg(void* connection) { PQfinish(static_cast<PGconn*>(connection)); }

// One that is open still, as far as can be told without asking the server; null if there is none.
PGconn* TakeIdle(IdleConnections* idle, const std::string& kind) {
  for (;;) {
    IdleConnections::Connection taken = idle->Take(kind);
    auto* const connection = static_cast<PGconn*>(taken.get());
    if (connection == nullptr) return nullptr;
    // Nothing was asked: what the server says all the same is mostly that it ends the connection.
    pollfd line{PQsocket(connection), POLLIN, 0};
    if (::poll(&line, 1, 0) == 0) return static_cast<PGconn*>(taken.release());
  }
}

}  // namespace

std::string PgQuoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += c;
    out += c;
  }
  return out + "\"";
}

std::string PgMessage(std::string_view message) {
  std::string line;
  for (size_t begin = 0; begin < message.size();) {
    const size_t end = std::min(message.find('\n', begin), message.size());
    std::string_view part = message.substr(begin, end - begin);
    begin = end + 1;
    part.remove_prefix(std::min(part.find_first_not_of(" \t\r"), part.size()));
    for (const std::string_view word : {"ERROR:", "FATAL:"}) {
      if (part.starts_with(word)) part.remove_prefix(word.size());
    }
    part.remove_prefix(std::min(part.find_first_not_of(" \t\r"), part.size()));
    if (part.empty() || part.starts_with("LINE ") || part == "^") continue;
    line += (line.empty() ? "" : "; ") + std::string(part);
  }
  return line.empty() ? "PostgreSQL gave an error without a message" : Printable(line);
}

absl::StatusOr<std::unique_ptr<PgConnection>> PgConnection::Open(
    const PgParameters& parameters, std::chrono::milliseconds statement_timeout,
    std::stop_token stop, std::shared_ptr<IdleConnections> idle) {
  if (stop.stop_requested()) return absl::CancelledError("cancelled while connecting");
  const std::string kind = idle == nullptr ? "" : IdleKind(parameters);
  PGconn* raw = idle == nullptr ? nullptr : TakeIdle(idle.get(), kind);
  if (raw == nullptr) {
    ASSIGN_OR_RETURN(raw, ConnectPg(parameters, stop));
  }
  std::unique_ptr<PgConnection> connection(
      new PgConnection(raw, statement_timeout, std::move(stop)));
  if (PQstatus(raw) != CONNECTION_OK) {
    const absl::Status failed = ConnectError(raw);
    // Those that are kept may be the ones that the server has no place for any more.
    if (idle != nullptr && absl::IsResourceExhausted(failed)) idle->Clear();
    return failed;
  }
  // The server's notices are nothing that stderr should have.
  PQsetNoticeReceiver(
      raw, [](void*, const PGresult*) {}, nullptr);
  connection->cancel_.reset(PQgetCancel(raw), PQfreeCancel);
  RETURN_IF_ERROR(connection->line_.Follow(PQsocket(raw)));
  RETURN_IF_ERROR(connection->CheckServer());
  connection->idle_ = std::move(idle);
  connection->kind_ = kind;
  return connection;
}

// Whatever it set, it set for its transaction.
bool PgConnection::IsReusable() {
  const PGTransactionStatusType status = PQtransactionStatus(connection_);
  if (status == PQTRANS_INTRANS || status == PQTRANS_INERROR) (void)Run("ROLLBACK");
  return PQtransactionStatus(connection_) == PQTRANS_IDLE && !stop_.stop_requested();
}

PgConnection::~PgConnection() {
  // A server that computes or waits for a lock does not look at the line.
  if (stop_.stop_requested()) Cancel();
  const bool is_reusable = idle_ != nullptr && IsReusable();
  line_.Release();
  if (is_reusable) {
    idle_->Give(std::move(kind_), {connection_, ClosePg});
  } else {
    PQfinish(connection_);
  }
}

absl::Status PgConnection::CheckServer() const {
  if (server_version() < kServerVersionMin) {
    return absl::FailedPreconditionError("the server is PostgreSQL " +
                                         std::to_string(server_version() / 10000) +
                                         "; 12 or later is needed");
  }
  const char* const integers = PQparameterStatus(connection_, "integer_datetimes");
  if (integers == nullptr || std::string_view(integers) != "on") {
    return absl::FailedPreconditionError("the server keeps times as floating-point numbers");
  }
  return absl::OkStatus();
}

std::string PgConnection::AnotherBegin() {
  mark_ = NewTransactionMark();
  return "ROLLBACK; " + PgBeginSql({}, mark_, statement_timeout_, server_version());
}

absl::Status PgConnection::TakeReadBack(const PgResult& row) {
  ASSIGN_OR_RETURN(session_, CheckPgReadBack(row, mark_));
  return absl::OkStatus();
}

absl::Status PgConnection::CheckReadBack(const PgResult& row) const {
  ASSIGN_OR_RETURN(const PgSession now, CheckPgReadBack(row, mark_));
  return CheckSamePgSession(session_, now);
}

absl::Status PgConnection::Begin(const PgBeginning& beginning) {
  mark_ = NewTransactionMark();
  const bool in_another = PQtransactionStatus(connection_) != PQTRANS_IDLE;
  RETURN_IF_ERROR(Run((in_another ? "ROLLBACK; " : "") +
                      PgBeginSql(beginning, mark_, statement_timeout_, server_version())));
  ASSIGN_OR_RETURN(const PgResult row, Query(PgReadBackSql()));
  return TakeReadBack(row);
}

// libpq waits for the server's answer, and would wait for ever for one that is stopped: so a thread
// does, which is left alone after a second.
void PgConnection::Cancel() {
  struct Asked {
    merkle::Mutex mutex;
    merkle::CondVar answered;
    bool done DRIFTWOOD_GUARDED_BY(mutex) = false;
  };
  const std::shared_ptr<PGcancel> cancel = std::exchange(cancel_, nullptr);
  if (cancel == nullptr) return;
  const auto asked = std::make_shared<Asked>();
  const auto ask = [asked, cancel] {
    char error[256];
    PQcancel(cancel.get(), error, sizeof error);
    merkle::MutexLock lock(&asked->mutex);
    asked->done = true;
    asked->answered.SignalAll();
  };
  try {
    std::thread(ask).detach();
  } catch (const std::system_error&) {
    return;  // no more threads
  }
  const auto end = std::chrono::steady_clock::now() + kCancelPatience;
  merkle::MutexLock lock(&asked->mutex);
  while (!asked->done && std::chrono::steady_clock::now() < end) {
    asked->answered.WaitUntil(&asked->mutex, end);
  }
}

absl::Status PgConnection::Run(const std::string& sql) {
  const PgResult result(PQexec(connection_, sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return absl::OkStatus();
  return Error(result.get());
}

absl::StatusOr<PgResult> PgConnection::QueryUnder(const std::string& path, const std::string& sql) {
  const std::string all = "SET LOCAL search_path = " + path + "; " + sql + "; " + kPgOwnPath;
  if (PQsendQuery(connection_, all.c_str()) != 1) return Error(nullptr);
  absl::StatusOr<PgResult> rows = absl::InternalError("PostgreSQL gave no rows");
  absl::Status failed;
  for (;;) {
    PgResult result(PQgetResult(connection_));
    if (result.get() == nullptr) break;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_TUPLES_OK) {
      rows = std::move(result);
    } else if (status != PGRES_COMMAND_OK && failed.ok()) {
      failed = Error(result.get());
    }
  }
  RETURN_IF_ERROR(failed);
  return rows;
}

absl::StatusOr<PgResult> PgConnection::Query(const std::string& sql,
                                             const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  PgResult result(PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                               values.data(), nullptr, nullptr, 0));
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return Error(result.get());
  return result;
}

absl::Status PgConnection::Error(const PGresult* result) const {
  if (stop_.stop_requested()) return absl::CancelledError("cancelled while PostgreSQL was asked");
  const char* const state =
      result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* const primary =
      result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  std::string message = PgMessage(primary != nullptr ? primary : PQerrorMessage(connection_));
  const char* const hint =
      result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
  if (hint != nullptr) message += "; " + PgMessage(hint);
  // "out of memory", whatever there is of it.
  if (state != nullptr && std::string_view(state) == kLimitExceeded) {
    const char* const detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    if (detail != nullptr) message += ": " + PgMessage(detail);
    message +=
        " (it can't send a row of more than 1 GB: leave a column out with --ignore, or compare a "
        "view that cuts it)";
  }
  return {CodeOf(state == nullptr ? "" : state), "PostgreSQL: " + message};
}

bool PgConnection::has_utf8_texts() const {
  const char* const encoding = PQparameterStatus(connection_, "server_encoding");
  return encoding != nullptr &&
         (std::string_view(encoding) == "UTF8" || std::string_view(encoding) == "SQL_ASCII");
}

absl::StatusOr<std::string> PgConnection::Literal(const std::string& text) const {
  char* const escaped = PQescapeLiteral(connection_, text.data(), text.size());
  if (escaped == nullptr) return absl::InvalidArgumentError("a text that is not UTF-8");
  std::string literal = escaped;
  PQfreemem(escaped);
  return literal;
}

}  // namespace driftwood::agent
