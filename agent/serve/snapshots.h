// The open snapshots of an agent. Each is leased: it ends `lease` after its last use, since an open
// snapshot keeps pages of its index from being reused, and the coordinator that opened it may be
// gone.
//
// Thread-safe. Queries of different snapshots run side by side, those of one snapshot in turn.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/serve/live_index.h"
#include "merkle/mutex.h"
#include "merkle/os/clock.h"
#include "merkle/query/query.h"
#include "merkle/tree/tree_view.h"

namespace driftwood::agent {

using merkle::Clock;

struct SnapshotLimits {
  size_t open_max = 16;
  std::chrono::milliseconds lease{60'000};
  merkle::QueryLimits query;
  // Cells that all open snapshots keep for their walks' next batches. Over it a query is
  // ResourceExhausted; each may have added what `query` allows by then.
  size_t cell_bytes_max = size_t{256} << 20;
};

class Snapshots {
 public:
  // Ids count up from `first_id`. Make it random, so that the id of a snapshot of an earlier agent
  // is not taken for one of this agent's.
  Snapshots(const SnapshotLimits& limits, Clock clock, uint64_t first_id);
  ~Snapshots();

  // Returns its id. ResourceExhausted: too many are open.
  absl::StatusOr<uint64_t> Open(std::shared_ptr<const LiveIndex> index,
                                std::unique_ptr<merkle::TreeView> view);
  // One packed batch (merkle/query/query.h). NotFound: never opened, closed or expired.
  // ResourceExhausted: a limit of what is kept.
  // InvalidArgument for a malformed batch, which leaves the snapshot as it was. DataLoss: the index
  // is damaged (which it remembers), or was contradicted, since this snapshot was opened too.
  absl::StatusOr<std::string> Query(uint64_t id, std::string_view questions,
                                    const std::function<bool()>& stopped = {});
  // Closing what isn't open does nothing.
  void Close(uint64_t id);
  // Ends those whose lease is over. Every call above does it too; for agents that nobody calls.
  void Sweep();
  void CloseAll();

  size_t open_count() const;

 private:
  struct Snapshot;
  using Map = std::map<uint64_t, std::shared_ptr<Snapshot>>;

  // Moves the expired ones out, so that they are destroyed without the mutex.
  Map TakeExpired() DRIFTWOOD_REQUIRES(mutex_);
  absl::StatusOr<std::shared_ptr<Snapshot>> BeginUse(uint64_t id);
  absl::Status CheckCells() const DRIFTWOOD_REQUIRES(mutex_);
  void EndUse(Snapshot* snapshot, size_t cell_bytes);

  const SnapshotLimits limits_;
  const Clock clock_;

  mutable merkle::Mutex mutex_;
  uint64_t next_id_ DRIFTWOOD_GUARDED_BY(mutex_);
  Map open_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::agent
