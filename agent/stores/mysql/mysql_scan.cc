#include "agent/stores/mysql/mysql_scan.h"

#include <deque>
#include <system_error>
#include <thread>

#include "agent/stores/mysql/mysql_statement.h"
#include "agent/transient.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr size_t kQueuedBytesMax = size_t{8} << 20;

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

class MysqlScan final : public Scan {
 public:
  MysqlScan(MysqlScanPlan plan, Forms forms)
      : plan_(std::move(plan)), forms_(std::make_shared<const Forms>(std::move(forms))) {}

  ~MysqlScan() override {
    {
      merkle::MutexLock lock(&mutex_);
      stopped_ = true;
      room_.SignalAll();
    }
    // A reader that waits for its server waits no longer.
    for (const auto& connection : plan_.readers) connection->Interrupt();
    for (std::thread& thread : threads_) thread.join();
  }

  absl::Status Start() {
    for (const auto& connection : plan_.readers) {
      {
        merkle::MutexLock lock(&mutex_);
        ++running_;
      }
      try {
        threads_.emplace_back([this, c = connection.get()] { Read(*c); });
      } catch (const std::system_error& error) {
        return absl::ResourceExhaustedError(std::string("no thread: ") + error.what());
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    merkle::MutexLock lock(&mutex_);
    while (error_.ok() && queue_.empty() && running_ > 0) ready_.Wait(&mutex_);
    if (!error_.ok()) return error_;
    if (queue_.empty()) {
      at_end_ = true;
      return std::unique_ptr<RowBatch>();
    }
    std::unique_ptr<MysqlBatch> batch = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= batch->bytes();
    room_.SignalAll();
    batch->set_first(rows_);
    rows_ += batch->rows();
    return std::unique_ptr<RowBatch>(std::move(batch));
  }

  uint64_t Progress() const override {
    merkle::MutexLock lock(&mutex_);
    return rows_;
  }

  absl::StatusOr<End> Finish() override {
    merkle::MutexLock lock(&mutex_);
    if (!at_end_) return absl::InternalError("the scan was not read to its end");
    return End{"", plan_.not_point_in_time};
  }

 private:
  // A reader's thread.
  void Read(MysqlConnection& connection) {
    mysql_thread_init();
    const absl::Status status = ReadStatements(connection);
    {
      merkle::MutexLock lock(&mutex_);
      if (!status.ok() && error_.ok()) error_ = MysqlScanError(status);
      --running_;
      ready_.SignalAll();
      room_.SignalAll();
    }
    mysql_thread_end();
  }

  absl::Status ReadStatements(MysqlConnection& connection) {
    for (;;) {
      size_t next = 0;
      {
        merkle::MutexLock lock(&mutex_);
        if (stopped_ || !error_.ok()) return absl::CancelledError("the scan was cancelled");
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
      batch->Add(statement.nulls(), statement.values());
      if (!batch->Full()) continue;
      RETURN_IF_ERROR(Deliver(std::move(batch)));
      batch = std::make_unique<MysqlBatch>(forms_);
    }
    return batch->rows() == 0 ? absl::OkStatus() : Deliver(std::move(batch));
  }

  // Waits afterwards, so that nothing is read that has no room yet.
  absl::Status Deliver(std::unique_ptr<MysqlBatch> batch) {
    merkle::MutexLock lock(&mutex_);
    queued_bytes_ += batch->bytes();
    queue_.push_back(std::move(batch));
    ready_.SignalAll();
    while (!stopped_ && error_.ok() && queued_bytes_ >= kQueuedBytesMax) room_.Wait(&mutex_);
    if (stopped_ || !error_.ok()) return absl::CancelledError("the scan was cancelled");
    return absl::OkStatus();
  }

  // Constant after construction; each connection is used by its reader only.
  const MysqlScanPlan plan_;
  const std::shared_ptr<const Forms> forms_;
  std::vector<std::thread> threads_;

  mutable merkle::Mutex mutex_;
  merkle::CondVar ready_;
  merkle::CondVar room_;
  std::deque<std::unique_ptr<MysqlBatch>> queue_ DRIFTWOOD_GUARDED_BY(mutex_);
  size_t queued_bytes_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  size_t next_statement_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  absl::Status error_ DRIFTWOOD_GUARDED_BY(mutex_);
  size_t running_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  uint64_t rows_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  bool at_end_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  bool stopped_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
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
