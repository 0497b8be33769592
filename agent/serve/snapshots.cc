#include "agent/serve/snapshots.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {

// Destroyed from the bottom up: the session before the view before the index.
struct Snapshots::Snapshot {
  Snapshot(std::shared_ptr<const LiveIndex> its_index, std::unique_ptr<merkle::TreeView> its_view,
           const merkle::QueryLimits& limits)
      : index(std::move(its_index)), view(std::move(its_view)), session(view.get(), limits) {}

  // Protected by the mutex of Snapshots.
  std::chrono::steady_clock::time_point expires;
  size_t cell_bytes = 0;
  int uses = 0;  // queries that run or wait: the lease goes on from the end of the last

  const std::shared_ptr<const LiveIndex> index;
  const std::unique_ptr<merkle::TreeView> view;
  merkle::Mutex mutex;
  merkle::QuerySession session DRIFTWOOD_GUARDED_BY(mutex);
};

Snapshots::Snapshots(const SnapshotLimits& limits, Clock clock, uint64_t first_id)
    : limits_(limits), clock_(std::move(clock)), next_id_(first_id) {}

Snapshots::~Snapshots() = default;

Snapshots::Map Snapshots::TakeExpired() {
  const auto now = clock_();
  Map expired;
  for (auto it = open_.begin(); it != open_.end();) {
    const auto next = std::next(it);
    if (it->second->uses == 0 && it->second->expires <= now) expired.insert(open_.extract(it));
    it = next;
  }
  return expired;
}

absl::StatusOr<uint64_t> Snapshots::Open(std::shared_ptr<const LiveIndex> index,
                                         std::unique_ptr<merkle::TreeView> view) {
  auto snapshot = std::make_shared<Snapshot>(std::move(index), std::move(view), limits_.query);
  Map expired;
  merkle::MutexLock lock(&mutex_);
  expired = TakeExpired();
  if (open_.size() >= limits_.open_max) {
    return absl::ResourceExhaustedError("this agent has " + std::to_string(open_.size()) +
                                        " snapshots open, its limit; close one or try later");
  }
  snapshot->expires = clock_() + limits_.lease;
  const uint64_t id = next_id_++;
  open_.emplace(id, std::move(snapshot));
  return id;
}

absl::StatusOr<std::shared_ptr<Snapshots::Snapshot>> Snapshots::BeginUse(uint64_t id) {
  Map expired;
  merkle::MutexLock lock(&mutex_);
  expired = TakeExpired();
  const auto it = open_.find(id);
  if (it == open_.end()) {
    return absl::NotFoundError("no such snapshot: it was closed or its lease of " +
                               std::to_string(limits_.lease.count()) +
                               " ms is over; open a new one and start again from its root");
  }
  RETURN_IF_ERROR(CheckCells());
  ++it->second->uses;
  return it->second;
}

absl::Status Snapshots::CheckCells() const {
  size_t bytes = 0;
  for (const auto& [id, snapshot] : open_) bytes += snapshot->cell_bytes;
  if (bytes <= limits_.cell_bytes_max) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "the snapshots that are open keep cells of " + std::to_string(bytes) + " bytes, of at most " +
      std::to_string(limits_.cell_bytes_max) + "; close one or try later");
}

void Snapshots::EndUse(Snapshot* snapshot, size_t cell_bytes) {
  merkle::MutexLock lock(&mutex_);
  --snapshot->uses;
  snapshot->cell_bytes = cell_bytes;
  snapshot->expires = clock_() + limits_.lease;
}

absl::StatusOr<std::string> Snapshots::Query(uint64_t id, std::string_view questions,
                                             const std::function<bool()>& stopped) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Snapshot> snapshot, BeginUse(id));
  size_t cell_bytes = 0;
  const absl::Cleanup end_use = [&] { EndUse(snapshot.get(), cell_bytes); };  // whatever is thrown
  absl::StatusOr<std::string> answers = [&] {
    merkle::MutexLock lock(&snapshot->mutex);
    absl::StatusOr<std::string> answered = snapshot->session.Answer(questions, stopped);
    cell_bytes = snapshot->session.kept_bytes();
    return answered;
  }();
  if (!answers.ok()) return snapshot->index->Noted(answers.status());
  // A change that was missed before the contradiction may be missing in this snapshot too. Asked
  // last, so that no answer is given that was known to be in doubt.
  if (snapshot->index->contradicted()) return snapshot->index->Usable();
  return answers;
}

void Snapshots::Close(uint64_t id) {
  std::shared_ptr<Snapshot> closed;
  Map expired;
  merkle::MutexLock lock(&mutex_);
  expired = TakeExpired();
  const auto it = open_.find(id);
  if (it == open_.end()) return;
  closed = std::move(it->second);
  open_.erase(it);
}

void Snapshots::Sweep() {
  Map expired;
  merkle::MutexLock lock(&mutex_);
  expired = TakeExpired();
}

void Snapshots::CloseAll() {
  Map closed;
  merkle::MutexLock lock(&mutex_);
  closed.swap(open_);
}

size_t Snapshots::open_count() const {
  merkle::MutexLock lock(&mutex_);
  return open_.size();
}

}  // namespace driftwood::agent
