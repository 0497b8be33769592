// The threads of one index build: batches from one reader, decoded, encoded and hashed on all
// cores, added to the builder in the reader's order. Internal to agent/index/indexer.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/index/indexer_options.h"
#include "agent/index/part_order.h"
#include "agent/index/unparsed.h"
#include "agent/source/store.h"
#include "merkle/mutex.h"
#include "merkle/os/threads.h"
#include "merkle/record/agreement.h"
#include "merkle/tree/index.h"

namespace driftwood::agent {

// Every worker reads, hashes and adds: whoever is free takes the next batch, and whoever delivers
// the chunk that the builder waits for adds it, with all that follow it. So no core is left to a
// thread that mostly waits, and input in key order streams through the builder unsorted: also that
// of parts read side by side, whose chunks wait for their turn as long as that keeps the order. The
// chunks between reader and builder are bounded in number, and the batches that are being hashed in
// bytes: rows too large for that are hashed one at a time, and nothing is read meanwhile.
//
// Run() is called once. What the workers share is protected by the two mutexes; `reader_mutex_` is
// never taken with `mutex_` held.
class IndexRun {
 public:
  IndexRun(Scan* scan, merkle::IndexBuilder* builder, const merkle::Agreement& agreement,
           const IndexerOptions& options);
  IndexRun(const IndexRun&) = delete;
  IndexRun& operator=(const IndexRun&) = delete;

  // OK only if the scan came to its end and every row of it was added. Otherwise the error that
  // comes first in the order of the scan. No thread is left behind.
  absl::Status Run();

  // After Run().
  uint64_t records() const DRIFTWOOD_EXCLUDES(mutex_);
  Unparsed unparsed() const DRIFTWOOD_EXCLUDES(mutex_);
  // After an error that one row is the reason of: where it stands (Store::DescribeOrigin).
  std::optional<uint64_t> refused_origin() const DRIFTWOOD_EXCLUDES(mutex_);

 private:
  class HashingSink;
  // A batch's records, hashed: their keys one after another.
  struct Chunk {
    uint64_t progress = 0;  // Scan::Progress() behind the batch
    ScanPart part;
    std::string keys;
    std::vector<uint32_t> key_bytes;
    std::vector<merkle::Digest> digests;  // of a multiset: zeros, its keys say all
  };
  struct Ticket {
    std::unique_ptr<RowBatch> batch;  // null: nothing more to do
    uint64_t sequence = 0;
    uint64_t progress = 0;
    size_t bytes = 0;  // RowBatch::bytes()
  };

  // `others`: where the other threads are started once there is work for them; null in those.
  absl::Status WorkGuarded(merkle::ThreadGroup* others) DRIFTWOOD_EXCLUDES(mutex_, reader_mutex_);
  void Work(merkle::ThreadGroup* others) DRIFTWOOD_EXCLUDES(mutex_, reader_mutex_);
  void StartOthers(merkle::ThreadGroup* others);
  bool ReserveRoom() DRIFTWOOD_EXCLUDES(mutex_);
  Ticket TakeBatch() DRIFTWOOD_EXCLUDES(mutex_, reader_mutex_);
  // Waits until a batch may be read at all: not while one is hashed that takes all room. False once
  // the run has stopped.
  bool WaitForBytes() DRIFTWOOD_EXCLUDES(mutex_);
  // Waits until a batch of that size may be hashed beside the others. The caller holds the reader:
  // nobody reads another batch before this one has its place.
  void ReserveBytes(size_t bytes) DRIFTWOOD_EXCLUDES(mutex_);
  void FreeBytes(size_t bytes) DRIFTWOOD_EXCLUDES(mutex_);
  std::unique_ptr<Chunk> EmptyChunk() DRIFTWOOD_EXCLUDES(mutex_);
  // Takes the chunk for whoever adds, or adds it, with all that follow it and are there.
  void Deliver(uint64_t sequence, std::unique_ptr<Chunk> chunk) DRIFTWOOD_EXCLUDES(mutex_);
  struct NextChunk {
    std::unique_ptr<Chunk> chunk;
    uint64_t sequence = 0;
    uint64_t records = 0;  // so far, with it
  };
  // False: it is not there yet, and nobody adds now.
  bool TakeNext(NextChunk* next) DRIFTWOOD_EXCLUDES(mutex_);
  // The chunk, or those that its place in the order lets go; AddRest() adds what is held at the
  // end.
  absl::Status AddInOrder(std::unique_ptr<Chunk> chunk) DRIFTWOOD_EXCLUDES(mutex_);
  absl::Status AddChunks(std::vector<std::unique_ptr<Chunk>> chunks) DRIFTWOOD_EXCLUDES(mutex_);
  absl::Status AddRest() DRIFTWOOD_EXCLUDES(mutex_);
  absl::Status AddChunk(const Chunk& chunk);
  void Recycle(std::unique_ptr<Chunk> chunk) DRIFTWOOD_EXCLUDES(mutex_);
  // Stops the run. Of several errors the one with the lowest sequence stays.
  void Fail(uint64_t sequence, absl::Status status,
            std::optional<uint64_t> refused_origin = std::nullopt) DRIFTWOOD_EXCLUDES(mutex_);
  bool IsCancelled() const;

  Scan* const scan_;
  // These are touched only by the worker that is adding, and at the end.
  merkle::IndexBuilder* const builder_;
  PartOrder<std::unique_ptr<Chunk>> order_;
  uint64_t records_added_ = 0;

  const merkle::Agreement& agreement_;
  const IndexerOptions& options_;
  const int threads_;

  merkle::Mutex reader_mutex_;
  bool at_end_ DRIFTWOOD_GUARDED_BY(reader_mutex_) = false;
  uint64_t batches_read_ DRIFTWOOD_GUARDED_BY(reader_mutex_) = 0;

  mutable merkle::Mutex mutex_;
  merkle::CondVar room_;         // a chunk was added, or the run has stopped
  merkle::CondVar bytes_freed_;  // or the run has stopped
  size_t bytes_hashed_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;  // of batches that workers hold now
  bool stopped_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  absl::Status error_ DRIFTWOOD_GUARDED_BY(mutex_);
  uint64_t error_sequence_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> refused_origin_ DRIFTWOOD_GUARDED_BY(mutex_);
  uint64_t batches_reserved_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  uint64_t batches_added_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  bool adding_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  std::map<uint64_t, std::unique_ptr<Chunk>> ready_ DRIFTWOOD_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Chunk>> spare_ DRIFTWOOD_GUARDED_BY(mutex_);
  uint64_t records_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  Unparsed unparsed_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::agent
