#include "agent/stores/postgresql/pg_scan.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <deque>
#include <system_error>
#include <thread>

#include "agent/stores/postgresql/pg_rows.h"
#include "agent/transient.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr size_t kQueuedBytesMax = size_t{8} << 20;

// What goes wrong once rows flow is not what the user wrote, nor has the agent gone or been too
// slow: nothing was proven, no more.
absl::Status WhileScanning(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return Transient(absl::AbortedError(status.message()));
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return absl::AbortedError(status.message());
    default:
      return status;
  }
}

class PgScan final : public Scan {
 public:
  PgScan(std::vector<std::unique_ptr<PgConnection>> connections, std::vector<PgForm> forms,
         std::string not_point_in_time, int wake)
      : connections_(std::move(connections)),
        forms_(std::make_shared<const std::vector<PgForm>>(std::move(forms))),
        not_point_in_time_(std::move(not_point_in_time)),
        wake_(wake) {}

  ~PgScan() override {
    const uint64_t one = 1;
    // Readable from now on for all readers: none reads it.
    while (::write(wake_, &one, sizeof one) < 0 && errno == EINTR) {
    }
    {
      merkle::MutexLock lock(&mutex_);
      stopped_ = true;
      room_.SignalAll();
      // The server would notice only when it has something to send.
      if (running_ > 0) {
        for (const auto& connection : connections_) connection->Cancel();
      }
    }
    for (std::thread& thread : readers_) thread.join();
    ::close(wake_);
  }

  absl::Status Start() {
    for (const auto& connection : connections_) {
      {
        merkle::MutexLock lock(&mutex_);
        ++running_;
      }
      try {
        readers_.emplace_back([this, c = connection.get()] { Read(*c); });
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
    std::unique_ptr<PgBatch> batch = std::move(queue_.front());
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
    return End{"", not_point_in_time_};
  }

 private:
  // A reader's thread.
  void Read(PgConnection& connection) {
    absl::Status status = ReadCopy(connection);
    merkle::MutexLock lock(&mutex_);
    if (!status.ok() && error_.ok()) error_ = WhileScanning(status);
    --running_;
    ready_.SignalAll();
    room_.SignalAll();
  }

  // Until the server has confirmed that this was all.
  absl::Status ReadCopy(PgConnection& connection) {
    auto batch = std::make_unique<PgBatch>(forms_);
    uint64_t rows = 0;
    bool header_seen = false;
    bool trailer_seen = false;
    for (;;) {
      char* buffer = nullptr;
      const int size = PQgetCopyData(connection.get(), &buffer, 1);
      if (size == 0) {
        RETURN_IF_ERROR(WaitForInput(connection));
        continue;
      }
      if (size < 0) break;
      PgBatch::Buffer owner(buffer, PQfreemem);
      std::string_view message(buffer, static_cast<size_t>(size));
      if (!header_seen) RETURN_IF_ERROR(TakeCopyHeader(&message));
      header_seen = true;
      if (message.empty()) continue;
      if (trailer_seen) return absl::DataLossError("PostgreSQL sent rows after their end");
      if (IsCopyTrailer(message)) {
        trailer_seen = true;
        continue;
      }
      ++rows;
      const bool is_large = message.size() >= PgBatch::kLargeRowBytes;
      if (!is_large) batch->Add(message);
      if (batch->Full() || (is_large && batch->rows() > 0)) {
        RETURN_IF_ERROR(Deliver(std::move(batch)));
        batch = std::make_unique<PgBatch>(forms_);
      }
      if (is_large) {
        RETURN_IF_ERROR(Deliver(std::make_unique<PgBatch>(forms_, std::move(owner), message)));
      }
    }
    RETURN_IF_ERROR(ConfirmEnd(connection, rows, trailer_seen));
    return batch->rows() == 0 ? absl::OkStatus() : Deliver(std::move(batch));
  }

  absl::Status ConfirmEnd(PgConnection& connection, uint64_t rows, bool trailer_seen) {
    bool confirmed = false;
    for (;;) {
      while (PQisBusy(connection.get()) != 0) RETURN_IF_ERROR(WaitForInput(connection));
      const PgResult result(PQgetResult(connection.get()));
      if (result.get() == nullptr) break;
      if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return connection.Error(result.get());
      const std::string_view count = PQcmdTuples(result.get());
      uint64_t said = 0;
      const auto parsed = std::from_chars(count.data(), count.data() + count.size(), said);
      if (parsed.ec != std::errc() || said != rows) {
        return absl::DataLossError("PostgreSQL says that it sent " + std::string(count) +
                                   " rows, and " + std::to_string(rows) + " came");
      }
      confirmed = true;
    }
    if (!confirmed || !trailer_seen) {
      return absl::UnavailableError("PostgreSQL ended the rows without saying that they are all");
    }
    return absl::OkStatus();
  }

  absl::Status WaitForInput(PgConnection& connection) {
    pollfd watched[] = {{PQsocket(connection.get()), POLLIN, 0}, {wake_, POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) {
      return absl::InternalError("can't wait for PostgreSQL");
    }
    if (watched[1].revents != 0) return absl::CancelledError("the scan was cancelled");
    if (PQconsumeInput(connection.get()) == 0) return connection.Error(nullptr);
    return absl::OkStatus();
  }

  // Waits afterwards, so that nothing is read that has no room yet.
  absl::Status Deliver(std::unique_ptr<PgBatch> batch) {
    merkle::MutexLock lock(&mutex_);
    queued_bytes_ += batch->bytes();
    queue_.push_back(std::move(batch));
    ready_.SignalAll();
    while (!stopped_ && error_.ok() && queued_bytes_ >= kQueuedBytesMax) room_.Wait(&mutex_);
    if (stopped_ || !error_.ok()) return absl::CancelledError("the scan was cancelled");
    return absl::OkStatus();
  }

  // Constant after construction; each connection is used by its reader only.
  const std::vector<std::unique_ptr<PgConnection>> connections_;
  const std::shared_ptr<const std::vector<PgForm>> forms_;
  const std::string not_point_in_time_;
  const int wake_;
  std::vector<std::thread> readers_;

  mutable merkle::Mutex mutex_;
  merkle::CondVar ready_;
  merkle::CondVar room_;
  std::deque<std::unique_ptr<PgBatch>> queue_ DRIFTWOOD_GUARDED_BY(mutex_);
  size_t queued_bytes_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  absl::Status error_ DRIFTWOOD_GUARDED_BY(mutex_);
  size_t running_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  uint64_t rows_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  bool at_end_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  bool stopped_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Scan>> StartPgScan(
    std::vector<std::unique_ptr<PgConnection>> connections, std::vector<PgForm> forms,
    std::string not_point_in_time) {
  const int wake = ::eventfd(0, EFD_CLOEXEC);
  if (wake < 0) return absl::ResourceExhaustedError("no file descriptor for a scan");
  auto scan = std::make_unique<PgScan>(std::move(connections), std::move(forms),
                                       std::move(not_point_in_time), wake);
  RETURN_IF_ERROR(scan->Start());
  return std::unique_ptr<Scan>(std::move(scan));
}

}  // namespace driftwood::agent
