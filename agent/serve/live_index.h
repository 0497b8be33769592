// An index that may move while it is served, and on the strength of what it stands for its source:
// one writer, many snapshots, each with its own root and freshness.
//
// Invariant: records, root and freshness change together, in one durable transaction, and are
// signed together. So no snapshot has the root of one state and the freshness of another, also
// after a crash.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/index/indexed_state.h"
#include "merkle/hash/digest.h"
#include "merkle/mutex.h"
#include "merkle/record/agreement.h"
#include "merkle/tree/index.h"
#include "proto/contract/freshness.h"

namespace driftwood::agent {

// One state of the index, which does not move. It must not outlive the index.
struct LiveSnapshot {
  std::unique_ptr<merkle::TreeView> view;
  merkle::Summary root;
  uint64_t records = 0;  // copies too
  IndexedState state;
};

class LiveIndex {
 public:
  // `durable`: merkle::IndexOptions. Errors as merkle::Index::Open(); also DataLoss: what it stands
  // for can't be read.
  static absl::StatusOr<std::unique_ptr<LiveIndex>> Open(const std::filesystem::path& path,
                                                         const merkle::DigestKey& key,
                                                         const merkle::Agreement& agreement,
                                                         bool durable = true);
  LiveIndex(const LiveIndex&) = delete;
  LiveIndex& operator=(const LiveIndex&) = delete;

  // Makes `changes`, after which the index stands for what `freshness` says; durable when it
  // returns OK. After an error it is as it was. FailedPrecondition: a change contradicts what its
  // key held (merkle::Before), now or earlier, which the index remembers and is served no more; or
  // it is of a multiset, whose copy counts no change tells. Else as merkle::Index::Apply().
  absl::Status Apply(std::span<const merkle::Change> changes, const Freshness& freshness)
      DRIFTWOOD_EXCLUDES(writer_mutex_, mutex_);

  // The source still was in the state of `position` at some moment after `time`. In memory only:
  // another process has to prove it again.
  void Prove(std::string_view position, WallTime time) DRIFTWOOD_EXCLUDES(mutex_);

  // DataLoss: damaged, or contradicted. Keep it for a walk and no longer.
  absl::StatusOr<LiveSnapshot> Snapshot() const DRIFTWOOD_EXCLUDES(mutex_);
  // Every invariant, from the records up.
  absl::Status Verify() const;

  // DataLoss for what is served no more, also by snapshots that are open; else OK.
  absl::Status Usable() const DRIFTWOOD_EXCLUDES(mutex_);
  std::optional<ContradictedKey> contradicted() const DRIFTWOOD_EXCLUDES(mutex_);
  // Set by whoever meets damage in it: it is opened no more.
  bool damaged() const { return damaged_; }
  // `status`, of something that was read from it: remembered if it is damage.
  absl::Status Noted(absl::Status status) const;

  const merkle::Agreement& agreement() const { return agreement_; }
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  struct Proof {
    std::string position;
    WallTime time;
  };

  LiveIndex(std::unique_ptr<merkle::Index> index, merkle::Agreement agreement);
  absl::StatusOr<LiveSnapshot> OpenSnapshot() const;
  absl::StatusOr<IndexedState> State() const;
  absl::Status Contradict(ContradictedKey contradicted, const absl::Status& status)
      DRIFTWOOD_REQUIRES(writer_mutex_) DRIFTWOOD_EXCLUDES(mutex_);

  const std::unique_ptr<merkle::Index> index_;  // synchronises itself
  const merkle::Agreement agreement_;
  const std::string fingerprint_;
  mutable std::atomic<bool> damaged_{false};

  merkle::Mutex writer_mutex_;  // taken before mutex_
  mutable merkle::Mutex mutex_;
  std::optional<ContradictedKey> contradicted_ DRIFTWOOD_GUARDED_BY(mutex_);
  std::optional<Proof> proof_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::agent
