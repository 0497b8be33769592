// One LMDB environment, opened for reading, and its read transactions. Only this folder's files
// include it.
#pragma once

#include <lmdb.h>
#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/mutex.h"

namespace driftwood::agent {

// `rc` of an LMDB call on `path` as a status.
absl::Status LmdbError(const std::string& path, const std::string& what, int rc);

class LmdbEnvironment;
class LmdbRegistration;

// A read transaction: one snapshot. Not bound to a thread; one thread at a time.
class LmdbTransaction {
 public:
  ~LmdbTransaction();
  LmdbTransaction(const LmdbTransaction&) = delete;
  LmdbTransaction& operator=(const LmdbTransaction&) = delete;

  MDB_txn* get() const { return txn_; }
  uint64_t id() const { return mdb_txn_id(txn_); }

 private:
  friend class LmdbEnvironment;
  LmdbTransaction(std::shared_ptr<LmdbEnvironment> environment, MDB_txn* txn)
      : environment_(std::move(environment)), txn_(txn) {}

  const std::shared_ptr<LmdbEnvironment> environment_;
  MDB_txn* const txn_;
};

// Thread-safe. LMDB allows one environment per file in a process (closing a second one would give
// away the first one's locks), whoever opens it: so Acquire() hands out the one that is open
// already.
class LmdbEnvironment : public std::enable_shared_from_this<LmdbEnvironment> {
 public:
  // `path`: a folder with data.mdb, or a file. NotFound, PermissionDenied, DataLoss (damaged or
  // truncated), InvalidArgument (no LMDB file).
  static absl::StatusOr<std::shared_ptr<LmdbEnvironment>> Acquire(const std::string& path);
  ~LmdbEnvironment();
  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;

  const std::string& path() const { return path_; }
  // True if a reader can't register, since the folder does not let it, or the lock file is another
  // file's: writers don't see us, and may overwrite pages that a long read still needs.
  bool unlocked() const { return unlocked_; }

  // FailedPrecondition: what can be read is not the newest transaction, since a writer doesn't use
  // the lock file.
  absl::StatusOr<std::unique_ptr<LmdbTransaction>> Begin();
  // The last transaction that was committed, by whichever process.
  absl::StatusOr<uint64_t> LastTransaction() const;
  absl::StatusOr<struct stat> Stat() const;

  // The handle of a database; the unnamed one for the empty name. NotFound if there is no such
  // database.
  absl::StatusOr<MDB_dbi> Open(const std::string& name);
  // NotFound if a transaction has no database of that name. A handle outlives its database, and
  // LMDB reads one that was dropped as an empty one.
  absl::Status CheckDatabase(const LmdbTransaction& transaction, const std::string& name);
  // Whether an entry of the unnamed database is a named database and no record. Cheap for most.
  absl::StatusOr<bool> IsDatabase(std::string_view key, std::string_view value);
  // The named databases among the first entries of the unnamed one.
  absl::StatusOr<std::vector<std::string>> DatabaseNames();

 private:
  friend class LmdbTransaction;
  LmdbEnvironment(std::unique_ptr<LmdbRegistration> registration, std::string path, MDB_env* env,
                  bool unlocked);
  static absl::StatusOr<std::shared_ptr<LmdbEnvironment>> OpenNew(
      std::unique_ptr<LmdbRegistration> registration, const std::string& path, bool is_folder);
  absl::StatusOr<std::unique_ptr<LmdbTransaction>> BeginLocked() DRIFTWOOD_REQUIRES(mutex_);
  absl::Status CheckSize() const;
  absl::Status NoDatabase(const std::string& name) const;
  absl::StatusOr<bool> ProbeDatabase(const std::string& name) DRIFTWOOD_EXCLUDES(mutex_);

  const std::unique_ptr<LmdbRegistration> registration_;  // ends after the environment is closed
  const std::string path_;
  MDB_env* const env_;
  const bool unlocked_;

  merkle::Mutex mutex_;
  int transactions_ DRIFTWOOD_GUARDED_BY(mutex_) = 0;
  std::map<std::string, MDB_dbi> databases_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::agent
