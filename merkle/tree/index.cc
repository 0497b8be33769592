#include "merkle/tree/index.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "merkle/lmdb/lmdb_env.h"
#include "merkle/lmdb/lmdb_file_check.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/tree/index_snapshot.h"
#include "merkle/tree/index_verify.h"
#include "merkle/tree/node.h"
#include "merkle/tree/tree_update.h"

namespace driftwood::merkle {
namespace {

// Address space, not memory: room to grow, since the map can't be moved under open snapshots.
constexpr size_t kMapBytesMin = size_t{16} << 30;
constexpr size_t kMapGrowth = 4;
constexpr size_t kMapUnit = size_t{1} << 20;

size_t MapBytesFor(size_t file_bytes) {
  return std::max(kMapBytesMin, (file_bytes * kMapGrowth / kMapUnit + 1) * kMapUnit);
}

// The open file that holds the index's lock. A lock of the inode, not of the name: a new index may
// be renamed into place while this one is still being read.
class LockedFile {
 public:
  static absl::StatusOr<LockedFile> Open(const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
      const int error = errno;
      const std::string message =
          "cannot open index " + path.string() + ": " + std::strerror(error);
      if (error == ENOENT) return absl::NotFoundError(message);
      if (error == EACCES || error == EROFS) return absl::PermissionDeniedError(message);
      return absl::DataLossError(message);
    }
    LockedFile file(fd);
    struct stat info {};
    const bool known = fstat(fd, &info) == 0;
    if (!known || (info.st_uid != 0 && info.st_uid != geteuid()) ||
        (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      return absl::PermissionDeniedError("index " + path.string() +
                                         " is another user's, or others may write to it; build it "
                                         "anew");
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      return absl::UnavailableError("index " + path.string() + " is open already");
    }
    return file;
  }
  LockedFile(LockedFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  LockedFile& operator=(LockedFile&&) = delete;
  ~LockedFile() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  explicit LockedFile(int fd) : fd_(fd) {}
  int fd_;
};

absl::StatusOr<struct stat> StatOf(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return absl::InternalError(std::strerror(errno));
  return info;
}

// The other meta page's tree, if it can still be read, must be as old as that page says: else the
// page's transaction number is damaged and LMDB takes an older tree for the newest.
absl::Status CheckOtherRoot(const LmdbFile& file) {
  if (!file.other || file.other->first_key != kMetadataKey) return absl::OkStatus();
  const absl::StatusOr<Metadata> metadata = DecodeMetadata(file.other->first_value);
  if (!metadata.ok() || metadata->transaction == file.other->transaction) return absl::OkStatus();
  return absl::DataLossError("index file is damaged: a meta page claims transaction " +
                             std::to_string(file.other->transaction) + ", its tree is of " +
                             std::to_string(metadata->transaction));
}

// Whoever opens a snapshot believes that its root belongs to its source position.
absl::Status NotSigned() {
  return absl::DataLossError(
      "index is damaged, or forged: its metadata is not signed with the digest key; build it anew");
}

absl::Status CheckOptions(const Metadata& metadata, const IndexOptions& options) {
  const auto refuse = [](const std::string& what, const std::string& actual,
                         const std::string& expected) {
    return absl::FailedPreconditionError("index has another " + what + ": " + actual +
                                         ", expected " + expected + "; build it anew");
  };
  const auto describe = [](const TreeParams& params) {
    return "leaf_size " + std::to_string(params.leaf_size) + " and fanout " +
           std::to_string(params.fanout);
  };
  if (metadata.params != options.params) {
    return refuse("shape", describe(metadata.params), describe(options.params));
  }
  const std::string key_id = options.key.KeyId();
  if (metadata.key_id != key_id) {
    return refuse("digest key", ShortHex(metadata.key_id, 8), ShortHex(key_id, 8));
  }
  if (!metadata.IsSignedBy(options.key)) return NotSigned();
  if (metadata.fingerprint != options.fingerprint) {
    return refuse("fingerprint", ShortHex(metadata.fingerprint, 16),
                  ShortHex(options.fingerprint, 16));
  }
  return absl::OkStatus();
}

class LmdbIndex final : public Index {
 public:
  LmdbIndex(LockedFile file, std::unique_ptr<Environment> environment, const IndexOptions& options)
      : file_(std::move(file)),
        durable_(options.durable),
        key_(options.key),
        leveler_(options.key, options.params),
        environment_(std::move(environment)) {}

  absl::Status Apply(std::span<const Change> batch, std::string_view source_position) override {
    if (!durable_) {
      return absl::FailedPreconditionError("an index that is not kept takes no changes");
    }
    ASSIGN_OR_RETURN(const OrderedBatch ordered, InKeyOrder(batch));
    const MutexLock lock(&apply_mutex_);
    absl::Status status = ApplyOnce(ordered.changes, source_position);
    while (absl::IsOutOfRange(status)) {
      RETURN_IF_ERROR(Grow());
      status = ApplyOnce(ordered.changes, source_position);
    }
    return status;
  }

  absl::StatusOr<std::unique_ptr<IndexView>> Snapshot() const override {
    ASSIGN_OR_RETURN(std::unique_ptr<IndexSnapshot> snapshot, OpenSnapshot());
    return std::unique_ptr<IndexView>(std::move(snapshot));
  }

  absl::Status Verify() const override {
    ASSIGN_OR_RETURN(const std::unique_ptr<IndexSnapshot> snapshot, OpenSnapshot());
    return VerifyTree(*snapshot);
  }

  absl::StatusOr<Summary> Root() const override {
    ASSIGN_OR_RETURN(const std::unique_ptr<IndexSnapshot> snapshot, OpenSnapshot());
    return snapshot->metadata().root;
  }

  absl::StatusOr<std::string> source_position() const override {
    ASSIGN_OR_RETURN(const std::unique_ptr<IndexSnapshot> snapshot, OpenSnapshot());
    return snapshot->metadata().source_position;
  }

  absl::StatusOr<std::unique_ptr<IndexSnapshot>> OpenSnapshot() const {
    ASSIGN_OR_RETURN(std::unique_ptr<IndexSnapshot> snapshot, OpenUnsigned());
    if (!snapshot->metadata().IsSignedBy(key_)) return NotSigned();
    return snapshot;
  }

  // Whose signature has not been looked at.
  absl::StatusOr<std::unique_ptr<IndexSnapshot>> OpenUnsigned() const {
    std::optional<Transaction> transaction;
    {
      const MutexLock lock(&snapshots_mutex_);
      ASSIGN_OR_RETURN(transaction, environment_->BeginRead());
      ++snapshots_;
    }
    // Counts the snapshot until its transaction has ended.
    std::shared_ptr<void> lease(nullptr, [this](void*) {
      const MutexLock lock(&snapshots_mutex_);
      --snapshots_;
    });
    return IndexSnapshot::Open(std::move(lease), std::move(*transaction), leveler_);
  }

 private:
  // What a batch comes to: for each key its last digest, and what the first change says was before.
  struct OrderedBatch {
    std::vector<const Change*> changes;  // ascending keys; of the batch, or of `merged`
    std::deque<Change> merged;           // a deque, since its elements stay where they are
    absl::Status Append(const Change& next);
  };
  static absl::StatusOr<OrderedBatch> InKeyOrder(std::span<const Change> batch);
  absl::Status ApplyOnce(std::span<const Change* const> changes, std::string_view source_position);
  absl::Status Grow();

  const LockedFile file_;
  const bool durable_;
  const DigestKey key_;
  const Leveler leveler_;
  const std::unique_ptr<Environment> environment_;  // synchronises itself
  Mutex apply_mutex_;
  mutable Mutex snapshots_mutex_;
  mutable size_t snapshots_ DRIFTWOOD_GUARDED_BY(snapshots_mutex_) = 0;
};

absl::Status LmdbIndex::OrderedBatch::Append(const Change& next) {
  if (changes.empty() || changes.back()->key != next.key) {
    changes.push_back(&next);
    return absl::OkStatus();
  }
  const Change& last = *changes.back();
  if (!next.before.Allows(last.digest)) return Contradiction(next, last.digest);
  if (next.before == last.before) {
    changes.back() = &next;
  } else {
    merged.push_back({next.key, next.digest, last.before});
    changes.back() = &merged.back();
  }
  return absl::OkStatus();
}

absl::StatusOr<LmdbIndex::OrderedBatch> LmdbIndex::InKeyOrder(std::span<const Change> batch) {
  // Sorted by the first eight bytes as a number; only where they are equal by the whole key.
  struct Entry {
    uint64_t window;
    const Change* change;
  };
  std::vector<Entry> entries;
  entries.reserve(batch.size());
  for (const Change& change : batch) {
    if (change.key.empty() || change.key.size() > kKeyBytesMax) {
      return absl::InvalidArgumentError("an encoded key has 1 to " + std::to_string(kKeyBytesMax) +
                                        " bytes, not " + std::to_string(change.key.size()));
    }
    uint64_t window = 0;
    std::memcpy(&window, change.key.data(), std::min(change.key.size(), sizeof window));
    entries.push_back({__builtin_bswap64(window), &change});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    if (a.window != b.window) return a.window < b.window;
    const int order = a.change->key.compare(b.change->key);
    return order != 0 ? order < 0 : a.change < b.change;  // equal keys in the batch's order
  });
  OrderedBatch ordered;
  ordered.changes.reserve(entries.size());
  for (const Entry& entry : entries) RETURN_IF_ERROR(ordered.Append(*entry.change));
  return ordered;
}

absl::Status LmdbIndex::ApplyOnce(std::span<const Change* const> changes,
                                  std::string_view source_position) {
  ASSIGN_OR_RETURN(Transaction transaction, environment_->BeginWrite());
  ASSIGN_OR_RETURN(const std::string_view value, transaction.Get(kMetadataKey));
  ASSIGN_OR_RETURN(Metadata metadata, DecodeMetadata(value));
  // It is signed anew below, and must not become true by that.
  if (!metadata.IsSignedBy(key_)) return NotSigned();
  {
    ASSIGN_OR_RETURN(TreeUpdate update, TreeUpdate::Open(transaction, leveler_));
    ASSIGN_OR_RETURN(const Summary delta, update.Run(changes));
    metadata.root += delta;
  }
  metadata.transaction = transaction.id();
  metadata.source_position = source_position;
  metadata.Sign(key_);
  RETURN_IF_ERROR(transaction.Put(kMetadataKey, EncodeMetadata(metadata)));
  return transaction.Commit();
}

absl::Status LmdbIndex::Grow() {
  const MutexLock lock(&snapshots_mutex_);
  if (snapshots_ > 0) {
    return absl::ResourceExhaustedError(
        "the index has outgrown its map of " + std::to_string(environment_->map_bytes()) +
        " bytes, which can't be moved while snapshots are open; close them and try again");
  }
  return environment_->Resize(environment_->map_bytes() * 2);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Index>> Index::Open(const std::filesystem::path& path,
                                                   const IndexOptions& options) {
  RETURN_IF_ERROR(options.params.Validate());
  ASSIGN_OR_RETURN(LockedFile file, LockedFile::Open(path));
  ASSIGN_OR_RETURN(const LmdbFile checked, CheckLmdbFile(file.fd()));
  RETURN_IF_ERROR(CheckOtherRoot(checked));

  // We hold the file's lock, so no environment of this inode is open and a lock file of that name
  // is a leftover, or belongs to an older file that had the same name. LMDB must not share it: it
  // would take over that file's transaction numbers.
  const std::filesystem::path lock_path = path.string() + "-lock";
  const auto mode = options.durable ? Environment::Mode::kDurable : Environment::Mode::kReading;
  if (options.durable) unlink(lock_path.c_str());
  ASSIGN_OR_RETURN(const struct stat info, StatOf(file.fd()));
  ASSIGN_OR_RETURN(auto environment,
                   Environment::Open(path, mode, MapBytesFor(static_cast<size_t>(info.st_size))));
  if (options.durable) unlink(lock_path.c_str());  // it stays open; nobody else may find it
  ASSIGN_OR_RETURN(const struct stat opened, StatOf(environment->fd()));
  if (opened.st_ino != info.st_ino || opened.st_dev != info.st_dev) {
    return absl::UnavailableError("index " + path.string() + " was replaced while it was opened");
  }

  auto index = std::make_unique<LmdbIndex>(std::move(file), std::move(environment), options);
  ASSIGN_OR_RETURN(const auto snapshot, index->OpenUnsigned());
  RETURN_IF_ERROR(CheckOptions(snapshot->metadata(), options));
  return std::unique_ptr<Index>(std::move(index));
}

}  // namespace driftwood::merkle
