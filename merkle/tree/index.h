// The agent's persistent hash tree of one shard: one LMDB environment in one file.
//
// An index can always be rebuilt from its store, so damage is detected and refused (DataLoss),
// never repaired by guessing. docs/tree.md has the shape, the storage format and the
// invariants.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"
#include "merkle/tree/change.h"
#include "merkle/tree/index_view.h"

namespace driftwood::merkle {

struct IndexOptions {
  DigestKey key;  // for the seeds of the levels; its KeyId() is kept in the file, never the key
  TreeParams params;
  // What the digests in the index mean, opaque here: the dataset's fingerprint. An index of another
  // fingerprint is refused.
  std::string fingerprint;
  // Bound of the buffers that sort input which is not in key order.
  size_t sort_memory_bytes = size_t{64} << 20;
  // The builder counts: a key is added as often as its record is there, without a digest, and the
  // index has it once (merkle/tree/multiset.h). The fingerprint is another for it.
  bool multiset = false;
  // Whether it is to outlive its process. False where its directory is removed anyhow: nothing
  // waits for the disk then, and it takes no changes.
  bool durable = true;
};

// Longest encoded key that an index takes.
inline constexpr size_t kKeyBytesMax = size_t{1} << 20;

// Bulk load: build aside, sync, rename into place. Input in key order streams straight through; if
// it is not in order, it is sorted externally in bounded memory (temporary files beside `path`).
// Not thread-safe. Destroyed before Finish(), it removes what it made and leaves `path` as it was.
class IndexBuilder {
 public:
  static absl::StatusOr<std::unique_ptr<IndexBuilder>> Create(const std::filesystem::path& path,
                                                              const IndexOptions& options);
  virtual ~IndexBuilder() = default;

  // Any order. InvalidArgument for an empty key or one over kKeyBytesMax; AlreadyExists for a key
  // added before, here or from Finish(), whichever notices: DuplicateKeyOf() then has the key. Of a
  // multiset, equal keys are counted, and `digest` is not looked at.
  virtual absl::Status Add(std::string_view key, const Digest& digest) = 0;

  // Whether each key so far came behind all before it, which is cheaper. Once it is false, the
  // order of those to come is all the same.
  virtual bool in_order() const = 0;

  // In place when this returns OK, and durable, if the options want it so. `source_position` is
  // kept as it is and given back by Index::source_position(). Returns the root summary.
  virtual absl::StatusOr<Summary> Finish(std::string_view source_position) = 0;
};

// The encoded key that an AlreadyExists from IndexBuilder is about; empty if it is about none.
std::optional<std::string> DuplicateKeyOf(const absl::Status& status);

// Thread-safe: Apply() calls are serialised, snapshots may be taken and used meanwhile.
class Index {
 public:
  // NotFound: no file. FailedPrecondition: another format version, parameters, key or fingerprint
  // (the message says which, what is there and what was expected). DataLoss: damaged or truncated.
  // Unavailable: it is open already, here or in another process. Before LMDB sees the file, all
  // that LMDB would follow blindly is checked, so that damage can't take the process with it.
  static absl::StatusOr<std::unique_ptr<Index>> Open(const std::filesystem::path& path,
                                                     const IndexOptions& options);
  virtual ~Index() = default;

  // One durable transaction; `source_position` is stored in it. The batch is ordered: the last
  // operation on a key wins; deleting an absent key does nothing, unless the change says that it
  // was there. After an error the index is as it was: InvalidArgument (a key), FailedPrecondition
  // (it is not durable; a change contradicts what its key held, in the index or by the changes
  // before it in the batch: ContradictedKeyOf()), DataLoss, ResourceExhausted (disk full, or the
  // file has outgrown its address space while snapshots are open).
  virtual absl::Status Apply(std::span<const Change> batch, std::string_view source_position) = 0;

  // A consistent view; it pins pages of the file, so keep it for a walk and no longer. Must not
  // outlive the index. DataLoss if the top level does not add up to the stored root, or if root and
  // source position are not signed as belonging together.
  virtual absl::StatusOr<std::unique_ptr<IndexView>> Snapshot() const = 0;

  // Every invariant, from the records up. DataLoss names the first one broken and where.
  virtual absl::Status Verify() const = 0;

  virtual absl::StatusOr<Summary> Root() const = 0;
  virtual absl::StatusOr<std::string> source_position() const = 0;
};

}  // namespace driftwood::merkle
