#include "agent/index/index_run.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "agent/index/row_encoder.h"
#include "merkle/hash/batch_hasher.h"
#include "merkle/status_macros.h"
#include "merkle/tree/multiset.h"

namespace driftwood::agent {
namespace {

// Chunks on their way.
uint64_t ChunksMax(int threads) { return 4 * static_cast<uint64_t>(threads); }

// Of all batches that are being hashed, but for one that alone is larger. Usual ones, of 1 MiB, do
// not come near it.
size_t HashedBytesMax(int threads, const IndexerOptions& options) {
  const size_t usual = std::max(size_t{32} << 20, static_cast<size_t>(threads) * (size_t{2} << 20));
  return std::min(usual, options.sort_memory_bytes);
}

// Of chunks that wait for their turn. The builder's sorter has no memory of its own as long as
// there are any.
size_t WaitingBytesMax(const IndexerOptions& options) { return options.sort_memory_bytes / 2; }

int ThreadCount(int wanted) {
  if (wanted > 0) return wanted;
  // Looked up in a file.
  static const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return cores;
}

}  // namespace

class IndexRun::HashingSink final : public RowSink {
 public:
  HashingSink(const merkle::Agreement& agreement, const merkle::DigestKey& key)
      : multiset_(agreement.schema.multiset),
        encoder_(agreement.schema, agreement.rules, key),
        hasher_(key) {}

  void Into(Chunk* chunk) { chunk_ = chunk; }
  const Unparsed& unparsed() const { return encoder_.unparsed_columns(); }
  // Of the row that Row() refused.
  std::optional<uint64_t> refused_origin() const { return refused_origin_; }

  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    absl::Status taken = encoder_.EncodeForBatch(row, &hasher_);
    if (taken.ok()) taken = TakeKey();
    if (!taken.ok()) {
      refused_origin_ = origin;
      return taken;
    }
    hasher_.Add(encoder_.key(), encoder_.value(), &chunk_->digests);
    return absl::OkStatus();
  }

  // After the batch's last row.
  void Finish() {
    hasher_.Flush(&chunk_->digests);
    if (!multiset_) return;
    chunk_->key_bytes.clear();
    for (const merkle::Digest& digest : chunk_->digests) {
      const size_t before = chunk_->keys.size();
      merkle::AppendMultisetKey(digest, &chunk_->keys);
      chunk_->key_bytes.push_back(static_cast<uint32_t>(chunk_->keys.size() - before));
    }
    std::fill(chunk_->digests.begin(), chunk_->digests.end(), merkle::Digest());
  }

 private:
  absl::Status TakeKey() {
    const std::string_view key = encoder_.key();
    if (key.size() > merkle::kKeyBytesMax) {
      return absl::InvalidArgumentError("a record's key has " + std::to_string(key.size()) +
                                        " bytes, the longest possible has " +
                                        std::to_string(merkle::kKeyBytesMax));
    }
    chunk_->keys.append(key);
    chunk_->key_bytes.push_back(static_cast<uint32_t>(key.size()));
    return absl::OkStatus();
  }

  const bool multiset_;  // records have no key: their digests are
  RowEncoder encoder_;
  merkle::BatchHasher hasher_;
  Chunk* chunk_ = nullptr;
  std::optional<uint64_t> refused_origin_;
};

IndexRun::IndexRun(Scan* scan, merkle::IndexBuilder* builder, const merkle::Agreement& agreement,
                   const IndexerOptions& options)
    : scan_(scan),
      builder_(builder),
      order_(WaitingBytesMax(options)),
      agreement_(agreement),
      options_(options),
      threads_(ThreadCount(options.threads)),
      unparsed_(agreement.schema) {}

absl::Status IndexRun::Run() {
  const InterruptOnCancel interrupt(options_.cancellation, scan_);
  {
    merkle::ThreadGroup others;
    WorkGuarded(&others).IgnoreError();  // Fail() has it
  }

  {
    merkle::MutexLock read_lock(&reader_mutex_);
    merkle::MutexLock lock(&mutex_);
    if (!error_.ok()) return error_;
    if (!at_end_ || batches_added_ != batches_read_ || !ready_.empty()) {
      return absl::InternalError("the scan gave " + std::to_string(batches_read_) +
                                 " batches and " + std::to_string(batches_added_) +
                                 " of them were indexed");
    }
  }
  return AddRest();
}

absl::Status IndexRun::AddRest() {
  std::vector<std::unique_ptr<Chunk>> rest;
  order_.GiveUp(&rest);
  RETURN_IF_ERROR(AddChunks(std::move(rest)));
  if (records_added_ == records()) return absl::OkStatus();
  return absl::InternalError("the scan gave " + std::to_string(records()) + " records and " +
                             std::to_string(records_added_) + " of them were indexed");
}

uint64_t IndexRun::records() const {
  merkle::MutexLock lock(&mutex_);
  return records_;
}

std::optional<uint64_t> IndexRun::refused_origin() const {
  merkle::MutexLock lock(&mutex_);
  return refused_origin_;
}

Unparsed IndexRun::unparsed() const {
  merkle::MutexLock lock(&mutex_);
  return unparsed_;
}

// What is thrown ends the run, as all errors do: the others must not wait for what this one held.
absl::Status IndexRun::WorkGuarded(merkle::ThreadGroup* others) {
  absl::Status status = merkle::Guarded([this, others] {
    Work(others);
    return absl::OkStatus();
  });
  if (!status.ok()) Fail(std::numeric_limits<uint64_t>::max(), status);
  return status;
}

// A table of one batch needs none.
void IndexRun::StartOthers(merkle::ThreadGroup* others) {
  for (int i = 1; i < threads_; ++i) {
    if (!others->Start([this] { return WorkGuarded(nullptr); }))
      break;  // those that there are do it
  }
}

void IndexRun::Work(merkle::ThreadGroup* others) {
  HashingSink sink(agreement_, options_.key);
  for (;;) {
    Ticket ticket = TakeBatch();
    if (ticket.batch == nullptr) break;
    if (others != nullptr && ticket.sequence == 1) StartOthers(others);
    std::unique_ptr<Chunk> chunk = EmptyChunk();
    chunk->progress = ticket.progress;
    chunk->part = ticket.batch->part();
    sink.Into(chunk.get());
    absl::Status decoded = ticket.batch->Decode(sink);
    if (!decoded.ok()) {
      Fail(ticket.sequence, std::move(decoded), sink.refused_origin());
      break;
    }
    sink.Finish();
    ticket.batch.reset();
    FreeBytes(ticket.bytes);
    Deliver(ticket.sequence, std::move(chunk));
  }
  merkle::MutexLock lock(&mutex_);
  unparsed_.Add(sink.unparsed());
}

bool IndexRun::IsCancelled() const { return agent::IsCancelled(options_.cancellation); }

bool IndexRun::ReserveRoom() {
  const uint64_t chunks_max = ChunksMax(threads_);
  merkle::MutexLock lock(&mutex_);
  while (!stopped_ && batches_reserved_ - batches_added_ >= chunks_max) room_.Wait(&mutex_);
  if (stopped_) return false;
  ++batches_reserved_;
  return true;
}

IndexRun::Ticket IndexRun::TakeBatch() {
  if (!ReserveRoom()) return {};
  if (IsCancelled()) {
    Fail(std::numeric_limits<uint64_t>::max(), absl::CancelledError("the scan was cancelled"));
    return {};
  }
  Ticket ticket;
  absl::Status error;
  {
    merkle::MutexLock lock(&reader_mutex_);
    if (at_end_) return {};
    if (!WaitForBytes()) return {};
    absl::StatusOr<std::unique_ptr<RowBatch>> next = scan_->Next();
    ticket.sequence = batches_read_;
    if (!next.ok()) {
      error = next.status();
    } else if (*next == nullptr) {
      at_end_ = true;
    } else {
      ++batches_read_;
      ticket.batch = *std::move(next);
      ticket.progress = scan_->Progress();
      ticket.bytes = ticket.batch->bytes();
      ReserveBytes(ticket.bytes);
    }
  }
  if (!error.ok()) Fail(ticket.sequence, std::move(error));
  return ticket;
}

bool IndexRun::WaitForBytes() {
  const size_t bytes_max = HashedBytesMax(threads_, options_);
  merkle::MutexLock lock(&mutex_);
  while (!stopped_ && bytes_hashed_ >= bytes_max) bytes_freed_.Wait(&mutex_);
  return !stopped_;
}

void IndexRun::ReserveBytes(size_t bytes) {
  const size_t bytes_max = HashedBytesMax(threads_, options_);
  merkle::MutexLock lock(&mutex_);
  while (!stopped_ && bytes_hashed_ > 0 && bytes_hashed_ + bytes > bytes_max) {
    bytes_freed_.Wait(&mutex_);
  }
  bytes_hashed_ += bytes;
}

void IndexRun::FreeBytes(size_t bytes) {
  merkle::MutexLock lock(&mutex_);
  bytes_hashed_ -= bytes;
  bytes_freed_.SignalAll();
}

std::unique_ptr<IndexRun::Chunk> IndexRun::EmptyChunk() {
  merkle::MutexLock lock(&mutex_);
  if (spare_.empty()) return std::make_unique<Chunk>();
  std::unique_ptr<Chunk> chunk = std::move(spare_.back());
  spare_.pop_back();
  return chunk;
}

void IndexRun::Deliver(uint64_t sequence, std::unique_ptr<Chunk> chunk) {
  {
    merkle::MutexLock lock(&mutex_);
    ready_.emplace(sequence, std::move(chunk));
    if (adding_) return;
    adding_ = true;
  }
  for (NextChunk next; TakeNext(&next);) {
    const uint64_t progress = next.chunk->progress;
    absl::Status added = AddInOrder(std::move(next.chunk));
    if (!added.ok()) {
      Fail(next.sequence, std::move(added));
    } else if (options_.on_progress) {
      options_.on_progress(next.records, progress);
    }
    merkle::MutexLock lock(&mutex_);
    ++batches_added_;
    room_.Signal();
  }
}

bool IndexRun::TakeNext(NextChunk* next) {
  merkle::MutexLock lock(&mutex_);
  if (stopped_ || ready_.empty() || ready_.begin()->first != batches_added_) {
    adding_ = false;
    return false;
  }
  next->chunk = std::move(ready_.begin()->second);
  ready_.erase(ready_.begin());
  next->sequence = batches_added_;
  records_ += next->chunk->digests.size();
  next->records = records_;
  return true;
}

absl::Status IndexRun::AddInOrder(std::unique_ptr<Chunk> chunk) {
  const ScanPart part = chunk->part;
  const size_t bytes = chunk->keys.capacity() + chunk->key_bytes.capacity() * sizeof(uint32_t) +
                       chunk->digests.capacity() * sizeof(merkle::Digest);
  std::vector<std::unique_ptr<Chunk>> chunks;
  order_.Put(std::move(chunk), part, bytes, &chunks);
  RETURN_IF_ERROR(AddChunks(std::move(chunks)));
  if (order_.given_up() || builder_->in_order()) return absl::OkStatus();
  std::vector<std::unique_ptr<Chunk>> rest;
  order_.GiveUp(&rest);
  return AddChunks(std::move(rest));
}

absl::Status IndexRun::AddChunks(std::vector<std::unique_ptr<Chunk>> chunks) {
  for (std::unique_ptr<Chunk>& chunk : chunks) {
    RETURN_IF_ERROR(AddChunk(*chunk));
    records_added_ += chunk->digests.size();
    Recycle(std::move(chunk));
  }
  return absl::OkStatus();
}

void IndexRun::Recycle(std::unique_ptr<Chunk> chunk) {
  chunk->keys.clear();
  chunk->key_bytes.clear();
  chunk->digests.clear();
  merkle::MutexLock lock(&mutex_);
  if (spare_.size() < ChunksMax(threads_)) spare_.push_back(std::move(chunk));
}

absl::Status IndexRun::AddChunk(const Chunk& chunk) {
  const char* key = chunk.keys.data();
  for (size_t i = 0; i < chunk.digests.size(); ++i) {
    absl::Status added = builder_->Add({key, chunk.key_bytes[i]}, chunk.digests[i]);
    if (!added.ok()) return added;
    key += chunk.key_bytes[i];
  }
  return absl::OkStatus();
}

void IndexRun::Fail(uint64_t sequence, absl::Status status,
                    std::optional<uint64_t> refused_origin) {
  merkle::MutexLock lock(&mutex_);
  if (error_.ok() || sequence < error_sequence_) {
    error_ = std::move(status);
    error_sequence_ = sequence;
    refused_origin_ = refused_origin;
  }
  stopped_ = true;
  room_.SignalAll();
  bytes_freed_.SignalAll();
}

}  // namespace driftwood::agent
