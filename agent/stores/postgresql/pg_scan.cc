#include "agent/stores/postgresql/pg_scan.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>

#include "agent/source/transient.h"
#include "agent/stores/postgresql/pg_rows.h"
#include "agent/stores/postgresql/pg_session.h"
#include "agent/stores/sql/batch_queue.h"
#include "merkle/os/threads.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// A row that has not come whole after so many reads may be a large one.
constexpr int kReadsOfLargeRow = 32;

class PgScan final : public Scan {
 public:
  PgScan(std::vector<std::unique_ptr<PgConnection>> connections,
         std::vector<std::string> statements, std::vector<PgForm> forms, PgScanProof proof,
         std::string not_point_in_time, int wake)
      : connections_(std::move(connections)),
        statements_(std::move(statements)),
        forms_(std::make_shared<const std::vector<PgForm>>(std::move(forms))),
        proof_(std::move(proof)),
        wake_(wake),
        readers_left_(connections_.size()),
        not_point_in_time_(std::move(not_point_in_time)) {}

  ~PgScan() override {
    PgScan::Interrupt();
    readers_.Join().IgnoreError();  // the queue has what went wrong
    ::close(wake_);
  }

  absl::Status Start() {
    for (std::unique_ptr<PgConnection>& connection : connections_) {
      queue_.AddReader();
      const bool started = readers_.Start([this, &connection] {
        Read(&connection);
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
    return End{"", not_point_in_time_};
  }

  void Interrupt() override {
    queue_.Stop();
    // Readable from now on for all readers: none reads it.
    const uint64_t one = 1;
    while (::write(wake_, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

 private:
  // A reader's thread.
  void Read(std::unique_ptr<PgConnection>* connection) {
    const absl::Status status =
        merkle::Guarded([this, connection] { return ReadStatements(**connection); });
    queue_.EndReader(status);
    if (!absl::IsCancelled(status)) return;
    // Left in the middle. A server that computes would notice only when it has something to send;
    // one that sends does not listen.
    (*connection)->Cancel();
    connection->reset();
  }

  // One after the other, whichever no reader has taken yet.
  absl::Status ReadStatements(PgConnection& connection) {
    for (bool is_first = true;; is_first = false) {
      RETURN_IF_ERROR(queue_.CheckWanted());
      const size_t number = next_statement_++;
      if (number >= statements_.size()) return WhileScanning(ProveRead(connection, is_first));
      const absl::Status begun = BeginCopy(connection, statements_[number]);
      if (!begun.ok()) return is_first ? BeforeRows(begun) : WhileScanning(begun);
      RETURN_IF_ERROR(WhileScanning(ReadCopy(connection, number)));
    }
  }

  absl::Status BeginCopy(PgConnection& connection, const std::string& statement) {
    connection.Doubt();
    if (PQsendQuery(connection.get(), statement.c_str()) != 1) return connection.Error(nullptr);
    return AwaitCopy(connection);
  }

  // The server's word that rows follow comes with the first of them, however long they take.
  absl::Status AwaitCopy(PgConnection& connection) {
    while (PQisBusy(connection.get()) != 0) RETURN_IF_ERROR(WaitForInput(connection));
    const PgResult result(PQgetResult(connection.get()));
    if (PQresultStatus(result.get()) == PGRES_COPY_OUT) return absl::OkStatus();
    return connection.Error(result.get());
  }

  // Until the server has confirmed that this was all of that statement.
  absl::Status ReadCopy(PgConnection& connection, size_t number) {
    auto batch = std::make_unique<PgBatch>(forms_);
    uint64_t rows = 0;
    bool header_seen = false;
    bool trailer_seen = false;
    int reads = 0;  // since the last row
    bool has_turn = false;
    for (;;) {
      // Before it is copied.
      if (reads == kReadsOfLargeRow && !has_turn) {
        RETURN_IF_ERROR(queue_.TakeTurn());
        has_turn = true;
      }
      char* buffer = nullptr;
      const int size = PQgetCopyData(connection.get(), &buffer, 1);
      if (size == 0) {
        RETURN_IF_ERROR(WaitForInput(connection));
        ++reads;
        continue;
      }
      if (size < 0) break;
      reads = 0;
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
        RETURN_IF_ERROR(Deliver(std::move(batch), {number, false}));
        batch = std::make_unique<PgBatch>(forms_);
      }
      if (is_large) {
        RETURN_IF_ERROR(Deliver(std::make_unique<PgBatch>(forms_, std::move(owner), message),
                                {number, false}, has_turn));
      } else if (has_turn) {
        queue_.GiveTurn();
      }
      has_turn = false;
    }
    if (has_turn) queue_.GiveTurn();
    RETURN_IF_ERROR(ConfirmEnd(connection, rows, trailer_seen));
    if (statements_.size() == 1 && batch->rows() == 0) return absl::OkStatus();
    return Deliver(std::move(batch), {number, true});
  }

  absl::Status Deliver(std::unique_ptr<PgBatch> batch, const ScanPart& part,
                       bool has_turn = false) {
    batch->set_part(part);
    return queue_.Deliver(std::move(batch), has_turn);
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

  // That this reader's statements have read what they were to, under the settings that it began
  // with; and after the last reader, that the catalogue is still what it was.
  absl::Status ProveRead(PgConnection& connection, bool has_read_nothing) {
    const auto wait = [&] { return WaitForInput(connection); };
    const auto ask = [&](const std::string& sql, const std::vector<std::string>& parameters) {
      return connection.Ask(sql, parameters, wait);
    };
    if (!has_read_nothing) {
      RETURN_IF_ERROR(connection.ReadBack(wait));
      ASSIGN_OR_RETURN(const PgRelations read, ReadPgRelations(ask, proof_.display));
      RETURN_IF_ERROR(CheckRelations(read));
    }
    if (--readers_left_ > 0) return absl::OkStatus();
    // All COPYs were planned before this snapshot, so that it has what they have met.
    const PgSession before = connection.session();
    RETURN_IF_ERROR(connection.Begin({}, wait));
    RETURN_IF_ERROR(CheckSamePgServer(before, connection.session()));
    ASSIGN_OR_RETURN(const PgWitness after,
                     ReadPgWitness(ask, connection, proof_.relations, proof_.may_call_functions));
    return ComparePgWitnesses(proof_.witness, after, proof_.display);
  }

  absl::Status CheckRelations(const PgRelations& read) {
    if (read == proof_.relations) return absl::OkStatus();
    const bool only_more =
        std::includes(read.begin(), read.end(), proof_.relations.begin(), proof_.relations.end());
    if (only_more && proof_.may_call_functions) {
      // They are of the snapshot; but which tables the functions' names have meant is not known.
      not_point_in_time_ = proof_.display +
                           " calls functions that read other tables, which may have been replaced "
                           "while it was read";
      return absl::OkStatus();
    }
    return absl::AbortedError(proof_.display +
                              " changed while it was read (another table has its name, or its "
                              "partitions or children are others); try again");
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

  std::vector<std::unique_ptr<PgConnection>> connections_;  // each its reader's
  // Constant after construction.
  const std::vector<std::string> statements_;
  const std::shared_ptr<const std::vector<PgForm>> forms_;
  const PgScanProof proof_;
  const int wake_;
  merkle::ThreadGroup readers_;

  std::atomic<size_t> readers_left_;  // that have not proven yet what they have read
  std::string not_point_in_time_;     // changed by the one reader of a scan that has but one
  std::atomic<size_t> next_statement_ = 0;
  BatchQueue queue_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Scan>> StartPgScan(
    std::vector<std::unique_ptr<PgConnection>> connections, std::vector<std::string> statements,
    std::vector<PgForm> forms, PgScanProof proof, std::string not_point_in_time) {
  const int wake = ::eventfd(0, EFD_CLOEXEC);
  if (wake < 0) return absl::ResourceExhaustedError("no file descriptor for a scan");
  auto scan =
      std::make_unique<PgScan>(std::move(connections), std::move(statements), std::move(forms),
                               std::move(proof), std::move(not_point_in_time), wake);
  RETURN_IF_ERROR(scan->Start());
  return std::unique_ptr<Scan>(std::move(scan));
}

}  // namespace driftwood::agent
