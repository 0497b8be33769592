#include "agent/stores/mysql/mysql_scan.h"

#include <system_error>
#include <thread>

#include "agent/batch_queue.h"
#include "agent/stores/mysql/mysql_load.h"
#include "agent/stores/mysql/mysql_statement.h"
#include "agent/transient.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using Forms = std::vector<MysqlColumnForm>;

// What goes wrong once rows flow is not what the user wrote: nothing was proven, no more.
absl::Status MysqlScanError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
      return absl::AbortedError(status.message());
    default:
      return MysqlServerError(status);
  }
}

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
    forms.push_back({form, wires[value++]});
    if (form != MysqlForm::kConvertedText) continue;
    if (value >= wires.size() || wires[value++] != MysqlWire::kBytes) return changed;
  }
  if (value != wires.size()) return changed;
  return forms;
}

// The server would notice only when it has something to send that nobody reads any more. Its
// process list says whether the session is ours: a connection may lead to another server.
void EndStatement(const MysqlOptions& options, unsigned long session) {
  const absl::StatusOr<std::unique_ptr<MysqlConnection>> connection =
      MysqlConnection::Open(options);
  if (!connection.ok()) return;
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
      : plan_(std::move(plan)), forms_(std::make_shared<const Forms>(std::move(forms))) {}

  ~MysqlScan() override {
    MysqlScan::Interrupt();
    for (std::thread& thread : threads_) thread.join();
  }

  absl::Status Start() {
    for (const auto& connection : plan_.readers) {
      queue_.AddReader();
      try {
        threads_.emplace_back([this, c = connection.get()] { Read(*c); });
      } catch (const std::system_error& error) {
        return absl::ResourceExhaustedError(std::string("no thread: ") + error.what());
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override { return queue_.Take(); }
  uint64_t Progress() const override { return queue_.rows_taken(); }

  absl::StatusOr<End> Finish() override {
    if (!queue_.at_end()) return absl::InternalError("the scan was not read to its end");
    return End{"", plan_.not_point_in_time};
  }

  void Interrupt() override {
    queue_.Stop();
    for (const auto& connection : plan_.readers) connection->Interrupt();
  }

 private:
  // A reader's thread.
  void Read(MysqlConnection& connection) {
    mysql_thread_init();
    const absl::Status status = ReadStatements(connection);
    const bool left_early = !status.ok() && !queue_.CheckWanted().ok();
    queue_.EndReader(MysqlScanError(status));
    if (left_early) EndStatement(plan_.options, connection.session());
    mysql_thread_end();
  }

  absl::Status ReadStatements(MysqlConnection& connection) {
    for (;;) {
      RETURN_IF_ERROR(queue_.CheckWanted());
      size_t next = 0;
      {
        merkle::MutexLock lock(&mutex_);
        if (next_statement_ == plan_.statements.size()) return absl::OkStatus();
        next = next_statement_++;
      }
      ASSIGN_OR_RETURN(const std::unique_ptr<MysqlStatement> statement,
                       MysqlStatement::Prepare(connection, plan_.statements[next]));
      const absl::Status status = ReadRows(*statement);
      if (status.ok()) continue;
      connection.Interrupt();  // else closing the statement would read the rest
      return status;
    }
  }

  // Until the server has said that this was all.
  absl::Status ReadRows(MysqlStatement& statement) {
    ASSIGN_OR_RETURN(const Forms forms, FormsOf(plan_.forms, statement));
    for (size_t i = 0; i < forms.size(); ++i) {
      if (forms[i].form != (*forms_)[i].form || forms[i].wire != (*forms_)[i].wire) {
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
        RETURN_IF_ERROR(queue_.Deliver(std::move(batch)));
        batch = std::make_unique<MysqlBatch>(forms_);
      }
      if (is_large) RETURN_IF_ERROR(DeliverLarge(statement, bytes));
    }
    return batch->rows() == 0 ? absl::OkStatus() : queue_.Deliver(std::move(batch));
  }

  // The current row, alone. The library keeps it until the next is fetched.
  absl::Status DeliverLarge(const MysqlStatement& statement, size_t bytes) {
    const bool needs_turn = bytes >= BatchQueue::kBytesMax;
    if (needs_turn) RETURN_IF_ERROR(queue_.TakeTurn());
    auto batch = std::make_unique<MysqlBatch>(forms_);
    batch->Reserve(bytes);
    batch->Add(statement.nulls(), statement.values());
    return queue_.Deliver(std::move(batch), needs_turn);
  }

  // Constant after construction; each connection is used by its reader only.
  const MysqlScanPlan plan_;
  const std::shared_ptr<const Forms> forms_;
  std::vector<std::thread> threads_;

  BatchQueue queue_;

  merkle::Mutex mutex_;
  size_t next_statement_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::Status MysqlServerError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return Transient(absl::AbortedError(status.message()));
    case absl::StatusCode::kDeadlineExceeded:
      return absl::AbortedError(status.message());
    default:
      return status;
  }
}

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
