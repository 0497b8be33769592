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
// In bytes: a plan for any parameters takes each list for a short one.
constexpr size_t kPreparedParameterMax = 1024;

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

void ClosePg(void* line) { delete static_cast<PgLine*>(line); }

// One that is open still, as far as can be told without asking the server; null if there is none.
std::unique_ptr<PgLine> TakeIdle(IdleConnections* idle, const std::string& kind) {
  for (;;) {
    IdleConnections::Connection taken = idle->Take(kind);
    auto* const line = static_cast<PgLine*>(taken.get());
    if (line == nullptr) return nullptr;
    // Nothing was asked: what the server says all the same is mostly that it ends the connection.
    pollfd watched{PQsocket(line->connection), POLLIN, 0};
    if (::poll(&watched, 1, 0) == 0) {
      taken.release();
      return std::unique_ptr<PgLine>(line);
    }
  }
}

std::vector<const char*> Values(const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  return values;
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
  std::unique_ptr<PgLine> line = idle == nullptr ? nullptr : TakeIdle(idle.get(), kind);
  if (line == nullptr) {
    ASSIGN_OR_RETURN(PGconn* const raw, ConnectPg(parameters, stop));
    line = std::make_unique<PgLine>(raw);
  }
  PGconn* const raw = line->connection;
  std::unique_ptr<PgConnection> connection(
      new PgConnection(std::move(line), statement_timeout, std::move(stop)));
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
  RETURN_IF_ERROR(connection->cut_.Follow(PQsocket(raw)));
  RETURN_IF_ERROR(connection->CheckServer());
  connection->idle_ = std::move(idle);
  connection->kind_ = kind;
  return connection;
}

// Whatever it set, it set for its transaction. What was prepared may not be ours any more where
// code of others ran last: then a new process is as good.
bool PgConnection::IsReusable() {
  if (line_->is_doubtful && !line_->prepared.empty()) return false;
  const PGTransactionStatusType status = PQtransactionStatus(get());
  if (status == PQTRANS_INTRANS || status == PQTRANS_INERROR) (void)Run("ROLLBACK");
  line_->is_doubtful = false;
  return PQtransactionStatus(get()) == PQTRANS_IDLE && !stop_.stop_requested();
}

PgConnection::~PgConnection() {
  // A server that computes or waits for a lock does not look at the line.
  if (stop_.stop_requested()) Cancel();
  const bool is_reusable = idle_ != nullptr && IsReusable();
  cut_.Release();
  if (is_reusable) idle_->Give(std::move(kind_), {line_.release(), ClosePg});
}

absl::Status PgConnection::CheckServer() const {
  if (server_version() < kServerVersionMin) {
    return absl::FailedPreconditionError("the server is PostgreSQL " +
                                         std::to_string(server_version() / 10000) +
                                         "; 12 or later is needed");
  }
  const char* const integers = PQparameterStatus(get(), "integer_datetimes");
  if (integers == nullptr || std::string_view(integers) != "on") {
    return absl::FailedPreconditionError("the server keeps times as floating-point numbers");
  }
  return absl::OkStatus();
}

absl::Status PgConnection::Begin(const PgBeginning& beginning) {
  return Begin(beginning, [this] { return WaitForInput(); });
}

absl::Status PgConnection::Begin(const PgBeginning& beginning, PgWait wait) {
  mark_ = NewTransactionMark();
  const bool in_another = PQtransactionStatus(get()) != PQTRANS_IDLE;
  const std::string sql = (in_another ? "ROLLBACK; " : "") +
                          PgBeginSql(beginning, mark_, statement_timeout_, server_version());
  if (PQsendQuery(get(), sql.c_str()) != 1) return Error(nullptr);
  PgResult nothing(nullptr);
  RETURN_IF_ERROR(Finish(wait, &nothing));
  // In a message of its own, since a pooler may lead each to another server. Whether this one still
  // leads to the process that has prepared the question is known once it is answered; one that
  // doesn't know it is asked in full.
  static const std::string& kReadBack = *new std::string(PgReadBackSql());
  const bool is_prepared = UsesPrepared();
  const absl::StatusOr<PgResult> row = Ask(kReadBack, {}, wait);
  if (!row.ok() && is_prepared && PQtransactionStatus(get()) == PQTRANS_INERROR) {
    return Begin(beginning, wait);
  }
  RETURN_IF_ERROR(row.status());
  ASSIGN_OR_RETURN(session_, CheckPgReadBack(*row, mark_));
  line_->pid = session_.pid;
  return absl::OkStatus();
}

absl::Status PgConnection::ReadBack() {
  return ReadBack([this] { return WaitForInput(); });
}

absl::Status PgConnection::ReadBack(PgWait wait) {
  const std::string sql =
      std::string(kPgUsualPlans) + "; " + kPgOwnPath + "; " + PgReadBackSql(/*prepared=*/true);
  if (PQsendQuery(get(), sql.c_str()) != 1) return Error(nullptr);
  ASSIGN_OR_RETURN(const PgResult row, Answer(wait));
  ASSIGN_OR_RETURN(const PgSession now, CheckPgReadBack(row, mark_));
  RETURN_IF_ERROR(CheckSamePgSession(session_, now));
  ASSIGN_OR_RETURN(const int64_t prepared, row.Int(0, PQnfields(row.get()) - 1));
  if (prepared == static_cast<int64_t>(line_->prepared.size())) line_->is_doubtful = false;
  return absl::OkStatus();
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
  const PgResult result(PQexec(get(), sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return absl::OkStatus();
  return Error(result.get());
}

absl::StatusOr<PgResult> PgConnection::QueryUnder(const std::string& path, const std::string& sql) {
  const std::string all = "SET LOCAL search_path = " + path + "; " + sql + "; " + kPgOwnPath;
  if (PQsendQuery(get(), all.c_str()) != 1) return Error(nullptr);
  return Answer([this] { return WaitForInput(); });
}

absl::StatusOr<PgResult> PgConnection::Query(const std::string& sql,
                                             const std::vector<std::string>& parameters) {
  PgResult result(PQexecParams(get(), sql.c_str(), static_cast<int>(parameters.size()), nullptr,
                               Values(parameters).data(), nullptr, nullptr, 0));
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return Error(result.get());
  return result;
}

bool PgConnection::UsesPrepared() const {
  return !line_->is_doubtful && line_->pid == std::to_string(PQbackendPID(get()));
}

absl::StatusOr<std::string> PgConnection::Prepare(const std::string& sql, PgWait wait) {
  const auto found = line_->prepared.find(sql);
  if (found != line_->prepared.end()) return found->second;
  std::string name = "driftwood_" + std::to_string(line_->prepared.size() + 1);
  if (PQsendPrepare(get(), name.c_str(), sql.c_str(), 0, nullptr) != 1) return Error(nullptr);
  PgResult nothing(nullptr);
  RETURN_IF_ERROR(Finish(wait, &nothing));
  line_->prepared.emplace(sql, name);
  return name;
}

absl::StatusOr<PgResult> PgConnection::Ask(const std::string& sql,
                                           const std::vector<std::string>& parameters) {
  return Ask(sql, parameters, [this] { return WaitForInput(); });
}

absl::StatusOr<PgResult> PgConnection::Ask(const std::string& sql,
                                           const std::vector<std::string>& parameters,
                                           PgWait wait) {
  const auto count = static_cast<int>(parameters.size());
  const std::vector<const char*> values = Values(parameters);
  const bool is_long = std::any_of(parameters.begin(), parameters.end(), [](const auto& each) {
    return each.size() > kPreparedParameterMax;
  });
  if (is_long || !UsesPrepared()) {
    const int sent =
        PQsendQueryParams(get(), sql.c_str(), count, nullptr, values.data(), nullptr, nullptr, 0);
    return sent == 1 ? Answer(wait) : Error(nullptr);
  }
  ASSIGN_OR_RETURN(const std::string name, Prepare(sql, wait));
  const int sent =
      PQsendQueryPrepared(get(), name.c_str(), count, values.data(), nullptr, nullptr, 0);
  absl::StatusOr<PgResult> rows = sent == 1 ? Answer(wait) : Error(nullptr);
  // Perhaps the server has no statement of that name any more.
  if (!rows.ok()) Doubt();
  return rows;
}

absl::Status PgConnection::WaitForInput() {
  pollfd watched{PQsocket(get()), POLLIN, 0};
  if (::poll(&watched, 1, -1) < 0 && errno != EINTR) {
    return absl::InternalError("can't wait for PostgreSQL");
  }
  return PQconsumeInput(get()) == 0 ? Error(nullptr) : absl::OkStatus();
}

absl::Status PgConnection::Finish(PgWait wait, PgResult* rows) {
  absl::Status failed;
  for (;;) {
    while (PQisBusy(get()) != 0) RETURN_IF_ERROR(wait());
    PgResult result(PQgetResult(get()));
    if (result.get() == nullptr) return failed;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_TUPLES_OK) {
      *rows = std::move(result);
    } else if (status != PGRES_COMMAND_OK && failed.ok()) {
      failed = Error(result.get());
    }
  }
}

absl::StatusOr<PgResult> PgConnection::Answer(PgWait wait) {
  PgResult rows(nullptr);
  RETURN_IF_ERROR(Finish(wait, &rows));
  if (rows.get() == nullptr) return absl::InternalError("PostgreSQL gave no rows");
  return rows;
}

absl::Status PgConnection::Error(const PGresult* result) const {
  if (stop_.stop_requested()) return absl::CancelledError("cancelled while PostgreSQL was asked");
  const char* const state =
      result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* const primary =
      result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  std::string message = PgMessage(primary != nullptr ? primary : PQerrorMessage(get()));
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
  const char* const encoding = PQparameterStatus(get(), "server_encoding");
  return encoding != nullptr &&
         (std::string_view(encoding) == "UTF8" || std::string_view(encoding) == "SQL_ASCII");
}

absl::StatusOr<std::string> PgConnection::Literal(const std::string& text) const {
  char* const escaped = PQescapeLiteral(get(), text.data(), text.size());
  if (escaped == nullptr) return absl::InvalidArgumentError("a text that is not UTF-8");
  std::string literal = escaped;
  PQfreemem(escaped);
  return literal;
}

}  // namespace driftwood::agent
