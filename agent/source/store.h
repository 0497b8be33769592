// What a store must be able to do: describe itself, scan all records of one snapshot, and prove
// whether it has changed since. Implementations live in agent/stores/<store>/, each behind a
// factory that takes a parsed StoreUrl.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/key_encoder.h"
#include "agent/source/retries.h"
#include "agent/source/source_value.h"
#include "proto/contract/presence.h"
#include "proto/contract/source.h"

namespace driftwood::agent {

// Takes rows from a batch. `row` has a value for each column of the scan's plan, in its order.
// `origin` says where the row stands (a file's byte offset, a row number): Store::DescribeOrigin.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual absl::Status Row(std::span<const SourceValue> row, uint64_t origin) = 0;
};

// Scans that read parts of their source side by side number them from 0 in the source's order, in
// which they may be more useful than as they come. A part's own batches come in its order, and the
// last of them, which may have no rows, ends it.
struct ScanPart {
  uint64_t number = 0;
  bool ends = false;
};

// Some rows, not decoded yet. Decode() is called once, on any thread; it may be costly.
class RowBatch {
 public:
  virtual ~RowBatch() = default;
  virtual absl::Status Decode(RowSink& sink) = 0;
  // About how much memory it holds; 0 where its rows lie elsewhere.
  virtual size_t bytes() const { return 0; }
  virtual ScanPart part() const { return {}; }
};

// What a source said of one of the keys that it was asked for.
struct NotGiven {
  size_t key = 0;  // its place among them
  Presence presence = Presence::kUnknown;
  std::string why{};  // in the source's words
};

// One scan of one snapshot. Next() and Finish() are called by one thread at a time (any thread,
// under the caller's lock) and should be cheap: the work belongs into RowBatch::Decode(). Only
// Interrupt() may be called beside them. Who has a large batch and calls Next() again holds two: a
// scan that reads ahead waits with what follows a large one until it is asked for it.
class Scan {
 public:
  virtual ~Scan() = default;
  // The next batch, in the source's order (of parts read side by side: as they come); null at the
  // end of data. An error is never an end.
  virtual absl::StatusOr<std::unique_ptr<RowBatch>> Next() = 0;
  // Before the first Next(), where a scan of the same state had a row at `origin`: that row and
  // what follows it come first then, and what precedes it last. At any other origin the scan may
  // fail, or give rows that are none. False: it can't, and rows come as they always do.
  virtual bool BeginAt(uint64_t origin) {
    (void)origin;
    return false;
  }
  // Bytes (or rows, where bytes are unknown) read so far, in the unit of the description.
  virtual uint64_t Progress() const = 0;

  struct End {
    // A text that proves which state of the source was read, for Store::IsUnchanged(); empty if
    // there is no such proof.
    std::string position;
    // Empty if all that was read is one consistent snapshot; else why not ("orders.csv changed
    // while it was read: size 100 -> 120").
    std::string not_point_in_time;
    // Of a lookup: keys whose records it did not give, of which the source says more than that they
    // are gone, or does not know it.
    std::vector<NotGiven> not_given{};
    // Of a lookup: the source was heard on each key, so that one without a row is proven to be
    // gone. Else it may have been overlooked.
    bool has_all_answers = false;
    // A position where the source changed so lately that it would say too little to who finds it
    // later, or in another process. It says enough to who made this scan and reads some of it
    // again, as if the scan went on. Empty if there is none, or `position` does as well.
    std::string reread_position{};
  };
  // After the last batch.
  virtual absl::StatusOr<End> Finish() = 0;

  // Any thread, at any time, once or more often, without waiting for anything: Next(), also one
  // that waits for the source now, soon returns Cancelled (or the error that came before). Scans
  // that never wait for long leave it out: who calls Next() looks at its own cancellation too.
  virtual void Interrupt() {}
};

// What a server does besides answering us.
struct ServerLoad {
  uint64_t running = 0;             // queries that run now, without those of this program
  std::chrono::milliseconds lag{};  // of replication
  // Why the lag is not known ("replication has stopped"): it may be any. Empty if it is.
  std::string lag_unknown;
};

// Which parts of it are asked for; each may need a privilege.
struct LoadParts {
  bool running = false;
  bool lag = false;
};

// Looks at the load of one server, on a connection of its own. One thread at a time.
class LoadMeter {
 public:
  virtual ~LoadMeter() = default;
  // The parts that were asked for. Errors as of a store; in seconds at most.
  virtual absl::StatusOr<ServerLoad> Read() = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // From now on what connects, waits for a lock or reads ends soon with Cancelled once `stop` is
  // requested, by any thread: for the call that uses the store next. Scans, load meters and stores
  // that were made before keep the token that they have. Not while another method runs.
  virtual void StopWith(std::stop_token stop) { (void)stop; }

  // Before StartScan() and Lookup(), by who compares: how the comparison that they are for tells
  // keys apart. Holds until it is called again. Most stores have each record in one place, and need
  // not know.
  virtual void TellKeysApart(KeyEncoders encoders) { (void)encoders; }

  // Errors: NotFound (no such file, table, database), InvalidArgument (malformed source, with file,
  // line and column), FailedPrecondition (can't be compared, says why and what to do),
  // PermissionDenied; from a scan also Aborted (the source changed while it was read: nothing that
  // the user wrote is wrong) and DataLoss (it can't be read). Each message is one clear line.
  virtual absl::StatusOr<SourceDescription> Describe() = 0;

  // Scans `columns` (names of the description). The store must outlive the scan. Several scans may
  // be open at once.
  virtual absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) = 0;

  // True only on proof that the source still is in the state that `position` stands for. Doubt is
  // false.
  virtual absl::StatusOr<bool> IsUnchanged(std::string_view position) = 0;

  // Where a row stands, for people: "line 17", "rowid 3". May be slow.
  virtual absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) = 0;

  // Rows whose key columns (names in `key`) may equal one of `keys`, in batches: a superset of the
  // asked for is fine, since the caller encodes each row's key and keeps exact matches only. A row
  // that is left out counts as gone, and makes a divergence look settled: where the source may hold
  // an equal key in another form ('007', '1.50', an upper-case uuid), look it up in a way that
  // finds every form, or don't (a decimal, a uuid and JSON come as such, never as texts). Whatever
  // filters a scan filters this too. Unimplemented where the store has no such lookup: the caller
  // then scans. `keys` (columns in the order of `key`) and the texts in them live only until this
  // returns.
  virtual absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) {
    (void)columns, (void)key, (void)keys;
    return absl::UnimplementedError("this store has no lookup by key");
  }

  // Rows whose key columns are equal to one of `keys` as the source itself compares them, under its
  // collation: what Lookup() finds, for most. Diagnostics hang on it, and nothing else.
  virtual absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) {
    return Lookup(columns, key, keys);
  }

  // The same source without what filters its scans, for what is gone from under the filter: it may
  // only have left it. Unimplemented where the store has no filter, or can't do without.
  virtual absl::StatusOr<std::unique_ptr<Store>> WithoutFilter() {
    return absl::UnimplementedError("this store can't be read without its filter");
  }

  // The same source with the rows alone that it calls kMoved, or kSoftDeleted: its own scans have
  // none of them. Unimplemented where nothing says so of a row.
  virtual absl::StatusOr<std::unique_ptr<Store>> Only(Presence presence) {
    return absl::UnimplementedError("nothing says of a row that it is " +
                                    std::string(PresenceName(presence)));
  }

  // Before the first scan: how often scans that lose their server may go on by themselves, where
  // the store can read the rest alone. Their end then says that they are no consistent snapshot.
  // Without it, and without such a store, a scan that loses its server fails.
  virtual void ShareRetries(std::shared_ptr<Retries> retries) { (void)retries; }

  // PermissionDenied (now or when it is read, with what to grant) if the user may not see all of
  // it; Unimplemented for what has no server.
  virtual absl::StatusOr<std::unique_ptr<LoadMeter>> MeasureLoad(LoadParts parts) {
    (void)parts;
    return absl::UnimplementedError("this store has no server");
  }
};

}  // namespace driftwood::agent
