#include "agent/stores/mysql/mysql_scan.h"

#include "agent/source/transient.h"
#include "agent/stores/mysql/mysql_load.h"
#include "agent/stores/mysql/mysql_session.h"
#include "agent/stores/mysql/mysql_statement.h"
#include "agent/stores/sql/batch_queue.h"
#include "merkle/mutex.h"
#include "merkle/os/threads.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// For each answer of a server that is told that a statement has ended.
constexpr unsigned kEndPatienceSeconds = 3;

using Forms = std::vector<MysqlColumnForm>;

// How the statement's values are read as the table's columns. Aborted if they can't: the table has
// changed since its description was read.
absl::StatusOr<Forms> FormsOf(const std::vector<MysqlForm>& wanted,
                              const MysqlStatement& statement) {
  const absl::Status changed = absl::AbortedError("the table's columns have changed just now");
  const std::vector<MysqlWire>& wires = statement.wires();
  Forms forms;
  size_t value = 0;
  for (MysqlForm form : wanted) {
    if (value >= wires.size() || !MysqlWireFits(form, wires[value])) return changed;
    if (form == MysqlForm::kInteger && statement.is_unsigned()[value]) form = MysqlForm::kUnsigned;
    if (form == MysqlForm::kUnsigned && !statement.is_unsigned()[value]) form = MysqlForm::kInteger;
    const unsigned bits = form == MysqlForm::kBit ? statement.lengths()[value] : 0;
    forms.push_back({form, wires[value++], bits});
    if (!IsConverted(form)) continue;
    if (value >= wires.size() || wires[value++] != MysqlWire::kBytes) return changed;
  }
  if (value != wires.size()) return changed;
  return forms;
}

// The server would notice only when it has something to send that nobody reads any more. Its
// process list says whether the session is ours: a connection may lead to another server.
void EndStatement(MysqlOptions options, unsigned long session) {
  options.patience_s = kEndPatienceSeconds;
  const absl::StatusOr<std::unique_ptr<MysqlConnection>> connection =
      MysqlConnection::Open(options);
  if (!connection.ok() || !(*connection)->Begin().ok()) return;
  const std::string id = std::to_string(session);
  const std::string ours = (*connection)->Literal(std::string(kMysqlSelect) + "%");
  const absl::StatusOr<MysqlResult> found =
      (*connection)
          ->Query("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = " + id +
                  " AND INFO LIKE " + ours);
  if (!found.ok() || found->rows() != 1) return;
  (void)(*connection)->Run("KILL QUERY " + id);  // it may have come to its end by itself
}

class MysqlScan final : public Scan {
 public:
  MysqlScan(MysqlScanPlan plan, Forms forms)
      : plan_(std::move(plan)),
        reader_count_(plan_.readers.size()),
        forms_(std::make_shared<const Forms>(std::move(forms))),
        readers_(std::move(plan_.readers)) {}

  ~MysqlScan() override {
    MysqlScan::Interrupt();
    threads_.Join().IgnoreError();  // the queue has what went wrong
  }

  absl::Status Start() {
    for (size_t reader = 0; reader < reader_count_; ++reader) {
      queue_.AddReader();
      const bool started = threads_.Start([this, reader] {
        Read(reader);
        return absl::OkStatus();
      });
      if (!started) return absl::ResourceExhaustedError("the system has no more threads");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override { return queue_.Take(); }
  uint64_t Progress() const override { return queue_.rows_taken(); }

  absl::StatusOr<End> Finish() override {
    if (!queue_.at_end()) return absl::InternalError("the scan was not read to its end");
    merkle::MutexLock lock(&mutex_);
    return End{"", lost_.empty() ? plan_.not_point_in_time : lost_};
  }

  void Interrupt() override {
    queue_.Stop();
    merkle::MutexLock lock(&mutex_);
    for (const auto& connection : readers_) connection->Interrupt();
  }

 private:
  // A reader's thread.
  void Read(size_t reader) {
    mysql_thread_init();
    const absl::Status status = merkle::Guarded([this, reader] { return ReadStatements(reader); });
    const bool left_early = !status.ok() && !queue_.CheckWanted().ok();
    queue_.EndReader(WhileScanning(status));
    if (left_early) EndStatement(plan_.options, ConnectionOf(reader).session());
    mysql_thread_end();
  }

  absl::Status ReadStatements(size_t reader) {
    for (;;) {
      RETURN_IF_ERROR(queue_.CheckWanted());
      size_t next = 0;
      {
        merkle::MutexLock lock(&mutex_);
        next = next_statement_;
        if (next < plan_.statements.size()) ++next_statement_;
      }
      if (next == plan_.statements.size()) return ProveRead(reader);
      RETURN_IF_ERROR(ReadStatement(reader, next));
    }
  }

  // That this reader has read in one session, set as it began; and after the last of them, that the
  // table was kept as it is all the time.
  absl::Status ProveRead(size_t reader) {
    RETURN_IF_ERROR(ConnectionOf(reader).CheckSession());
    {
      merkle::MutexLock lock(&mutex_);
      // What was read of several snapshots is not taken for one.
      if (++readers_proven_ < reader_count_ || !lost_.empty()) return absl::OkStatus();
    }
    return plan_.guard == nullptr ? absl::OkStatus() : plan_.guard->CheckSession();
  }

  // All its rows, from one connection after another if need be. What was read of a batch that was
  // not delivered is re-read.
  absl::Status ReadStatement(size_t reader, size_t number) {
    std::string sql = plan_.statements[number];
    std::string last_key;  // of the rows that were delivered
    for (;;) {
      const absl::Status status = ReadRows(ConnectionOf(reader), sql, number, &last_key);
      if (status.ok() || !plan_.resume || !IsTransient(WhileScanning(status))) return status;
      RETURN_IF_ERROR(queue_.CheckWanted());
      RETURN_IF_ERROR(Reconnect(reader, status));
      if (!last_key.empty()) sql = plan_.resume->rest(number, last_key);
    }
  }

  // After the last try: what it was lost by.
  absl::Status Reconnect(size_t reader, absl::Status lost) {
    const uint64_t rows = queue_.rows_delivered();
    for (;;) {
      const std::optional<std::chrono::milliseconds> pause = plan_.resume->retries->Next();
      if (!pause) return lost;
      RETURN_IF_ERROR(queue_.Pause(*pause));
      const absl::Status status = ConnectAgain(reader);
      if (status.ok()) break;
      if (absl::IsResourceExhausted(status)) continue;  // perhaps by the connection that was lost
      if (!IsTransient(WhileScanning(status))) return status;
      lost = status;
    }
    merkle::MutexLock lock(&mutex_);
    if (lost_.empty()) {
      lost_ = "the connection to " + plan_.resume->table + " was lost after " +
              std::to_string(rows) + " rows, and the rest was read from another snapshot";
    }
    return absl::OkStatus();
  }

  absl::Status ConnectAgain(size_t reader) {
    ASSIGN_OR_RETURN(std::unique_ptr<MysqlConnection> connection,
                     MysqlConnection::Open(plan_.options, plan_.stop));
    MysqlConnection& fresh = *connection;
    {
      merkle::MutexLock lock(&mutex_);
      RETURN_IF_ERROR(queue_.CheckWanted());  // else Interrupt() may have been there before
      readers_[reader].swap(connection);
    }
    return plan_.resume->begin(fresh);
  }

  MysqlConnection& ConnectionOf(size_t reader) {
    merkle::MutexLock lock(&mutex_);
    return *readers_[reader];
  }

  absl::Status ReadRows(MysqlConnection& connection, const std::string& sql, size_t number,
                        std::string* last_key) {
    ASSIGN_OR_RETURN(const std::unique_ptr<MysqlStatement> statement,
                     MysqlStatement::Prepare(connection, sql));
    absl::Status status = ReadResult(*statement, number, last_key);
    if (status.ok() && statement->has_warnings()) {
      ASSIGN_OR_RETURN(const MysqlResult warnings, connection.Query("SHOW WARNINGS"));
      return CheckMysqlWarnings(warnings);
    }
    // Else closing the statement would read the rest.
    if (!status.ok()) connection.Interrupt();
    return status;
  }

  // Until the server has said that this was all.
  absl::Status ReadResult(MysqlStatement& statement, size_t number, std::string* last_key) {
    ASSIGN_OR_RETURN(const Forms forms, FormsOf(plan_.forms, statement));
    for (size_t i = 0; i < forms.size(); ++i) {
      if (forms[i] != (*forms_)[i]) {
        return absl::AbortedError("the table's columns have changed just now");
      }
    }
    RETURN_IF_ERROR(statement.Execute());
    auto batch = std::make_unique<MysqlBatch>(forms_);
    for (;;) {
      ASSIGN_OR_RETURN(const bool is_row, statement.Fetch());
      if (!is_row) break;
      const size_t bytes = statement.nulls().size() + statement.values().size();
      const bool is_large = bytes >= MysqlBatch::kLargeRowBytes;
      if (!is_large) batch->Add(statement.nulls(), statement.values());
      if (batch->Full() || (is_large && batch->rows() > 0)) {
        RETURN_IF_ERROR(Deliver(std::move(batch), {number, false}, last_key));
        batch = std::make_unique<MysqlBatch>(forms_);
      }
      if (is_large) RETURN_IF_ERROR(DeliverLarge(statement, bytes, number, last_key));
    }
    if (plan_.statements.size() == 1 && batch->rows() == 0) return absl::OkStatus();
    return Deliver(std::move(batch), {number, true}, last_key);
  }

  // The current row, alone. The library keeps it until the next is fetched.
  absl::Status DeliverLarge(const MysqlStatement& statement, size_t bytes, size_t number,
                            std::string* last_key) {
    const bool needs_turn = bytes >= BatchQueue::kBytesMax;
    if (needs_turn) RETURN_IF_ERROR(queue_.TakeTurn());
    auto batch = std::make_unique<MysqlBatch>(forms_);
    batch->Reserve(bytes);
    batch->Add(statement.nulls(), statement.values());
    return Deliver(std::move(batch), {number, false}, last_key, needs_turn);
  }

  absl::Status Deliver(std::unique_ptr<MysqlBatch> batch, const ScanPart& part,
                       std::string* last_key, bool has_turn = false) {
    batch->set_part(part);
    if (plan_.resume && batch->rows() > 0) {
      ASSIGN_OR_RETURN(*last_key, batch->LastInteger(plan_.resume->key_column));
    }
    return queue_.Deliver(std::move(batch), has_turn);
  }

  // Constant after construction.
  MysqlScanPlan plan_;  // its readers are below
  const size_t reader_count_;
  const std::shared_ptr<const Forms> forms_;
  merkle::ThreadGroup threads_;

  BatchQueue queue_;

  merkle::Mutex mutex_;
  // Each is used, and replaced, by its reader only.
  std::vector<std::unique_ptr<MysqlConnection>> readers_ DRIFTWOOD_GUARDED_BY(mutex_);
  size_t next_statement_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  size_t readers_proven_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  std::string lost_ DRIFTWOOD_GUARDED_BY(mutex_);  // Scan::End::not_point_in_time
};

}  // namespace

absl::StatusOr<std::unique_ptr<Scan>> StartMysqlScan(MysqlScanPlan plan) {
  // What is wrong with the statement shows before the scan begins.
  Forms forms;
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<MysqlStatement> statement,
                     MysqlStatement::Prepare(*plan.readers[0], plan.statements[0]));
    ASSIGN_OR_RETURN(forms, FormsOf(plan.forms, *statement));
  }
  auto scan = std::make_unique<MysqlScan>(std::move(plan), std::move(forms));
  RETURN_IF_ERROR(scan->Start());
  return std::unique_ptr<Scan>(std::move(scan));
}

}  // namespace driftwood::agent
