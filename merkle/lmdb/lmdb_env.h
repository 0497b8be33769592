// A thin RAII layer over LMDB: the only files of merkle that know it.
//
// Views of keys and values live until the next operation on the same cursor or, in a write
// transaction, until the next write; none outlives its transaction. An Environment may be shared by
// threads; a transaction and its cursors belong to one thread at a time, a write transaction to the
// thread that began it.
//
// Codes: DataLoss for what LMDB finds damaged, ResourceExhausted for a full disk or reader table,
// OutOfRange for a full map (Resize, then try again), PermissionDenied, NotFound, else Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct MDB_cursor;
struct MDB_env;
struct MDB_txn;

namespace driftwood::merkle {

class Transaction;

class Environment {
 public:
  enum class Mode : uint8_t {
    kDurable,      // default flags: every commit is synced before it returns
    kReading,      // no lock file: for a file to which nobody writes while it is open
    kBuild,        // NOSYNC, no lock file: for a file that nobody else sees until Sync()
    kBuildMapped,  // the same, written through the map: the file must hold all of it (fallocate)
  };

  // One file, which is created if it is absent or empty. `map_bytes`: a multiple of the page size.
  static absl::StatusOr<std::unique_ptr<Environment>> Open(const std::filesystem::path& path,
                                                           Mode mode, size_t map_bytes);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  absl::StatusOr<Transaction> BeginRead();
  absl::StatusOr<Transaction> BeginWrite();

  // No transaction may be open in this process.
  absl::Status Resize(size_t map_bytes);
  absl::Status Sync();
  size_t map_bytes() const;
  // Up to the end of the last page in use.
  size_t used_bytes() const;
  int fd() const;

 private:
  explicit Environment(MDB_env* env) : env_(env) {}
  MDB_env* const env_;
};

// Aborted unless committed.
class Transaction {
 public:
  Transaction(Transaction&& other) noexcept
      : txn_(std::exchange(other.txn_, nullptr)), dbi_(other.dbi_) {}
  Transaction& operator=(Transaction&& other) noexcept;
  ~Transaction() { Abort(); }

  absl::Status Commit();
  void Abort();
  // Of a write transaction: the one that it will have; of a read transaction: the last committed.
  uint64_t id() const;
  uint64_t entries() const;
  // NotFound if there is none.
  absl::StatusOr<std::string_view> Get(std::string_view key) const;
  absl::Status Put(std::string_view key, std::string_view value);

 private:
  friend class Environment;
  friend class Cursor;
  Transaction(MDB_txn* txn, unsigned dbi) : txn_(txn), dbi_(dbi) {}
  MDB_txn* txn_;
  unsigned dbi_;
};

// Must not outlive its transaction.
class Cursor {
 public:
  static absl::StatusOr<Cursor> Open(const Transaction& transaction);
  Cursor(Cursor&& other) noexcept
      : cursor_(std::exchange(other.cursor_, nullptr)), key_(other.key_), value_(other.value_) {}
  Cursor& operator=(Cursor&& other) noexcept;
  ~Cursor() { Close(); }
  // Before its transaction ends; harmless twice.
  void Close();

  // They return whether there is such an entry; if there is, key() and value() are it.
  absl::StatusOr<bool> First();
  absl::StatusOr<bool> Last();
  absl::StatusOr<bool> Next();
  absl::StatusOr<bool> Previous();
  absl::StatusOr<bool> Seek(std::string_view key);  // the first entry that is not before `key`

  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

  // Appends an entry after all others and returns its `value_bytes` bytes to be filled in.
  absl::StatusOr<char*> Append(std::string_view key, size_t value_bytes);
  absl::Status Put(std::string_view key, std::string_view value);
  // Replaces the value of the entry that the cursor stands on.
  absl::Status PutCurrent(std::string_view key, std::string_view value);
  absl::Status DeleteCurrent();

 private:
  explicit Cursor(MDB_cursor* cursor) : cursor_(cursor) {}
  absl::StatusOr<bool> Move(int operation, std::string_view key);
  MDB_cursor* cursor_;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace driftwood::merkle
