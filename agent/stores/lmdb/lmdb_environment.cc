#include "agent/stores/lmdb/lmdb_environment.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr MDB_dbi kDatabasesMax = 256;
constexpr size_t kNamesLookedFor = 100'000;  // entries of the unnamed database
constexpr size_t kNamesListed = 100;
constexpr int kBeginsMax = 1000;  // of a transaction beside which commits fall

using FileId = std::pair<dev_t, ino_t>;

// The environments of this process. The one place with a state of the whole process, since LMDB's
// rule is one for the whole process: POSIX locks belong to it and not to a file descriptor.
struct Registry {
  merkle::Mutex mutex;
  merkle::CondVar closed;
  // An entry whose pointer is gone is being opened or closed.
  std::map<FileId, std::weak_ptr<LmdbEnvironment>> environments DRIFTWOOD_GUARDED_BY(mutex);
};

Registry& OpenEnvironments() {
  static Registry* const registry = new Registry;  // never destroyed: no order at exit to get wrong
  return *registry;
}

// What LMDB keeps as the value of a named database's entry (struct MDB_db of mdb.c, 0.9).
struct DatabaseRecord {
  uint32_t pad;
  uint16_t flags;
  uint16_t depth;
  size_t branch_pages;
  size_t leaf_pages;
  size_t overflow_pages;
  size_t entries;
  size_t root;
};

int NewestTransaction(MDB_env* env, uint64_t* newest) {
  MDB_envinfo info{};
  const int rc = mdb_env_info(env, &info);
  *newest = info.me_last_txnid;
  return rc;
}

// Begins to read the newest transaction of the file. LMDB takes its number from the lock file, and
// by that number one of the file's two roots. A lock file that is another file's (of the one that
// was renamed away and is still open somewhere), or that the writer doesn't use, so gives an older
// root, whose pages may have been written over. Success with a null `txn`: that is the case.
int BeginNewest(MDB_env* env, MDB_txn** txn) {
  *txn = nullptr;
  for (int i = 0; i < kBeginsMax; ++i) {
    uint64_t before = 0;
    uint64_t after = 0;
    int rc = NewestTransaction(env, &before);
    if (rc == 0) rc = mdb_txn_begin(env, nullptr, MDB_RDONLY, txn);
    if (rc != 0) return rc;
    rc = NewestTransaction(env, &after);
    const uint64_t begun = mdb_txn_id(*txn);
    if (rc == 0 && before <= begun && begun <= after) return 0;
    mdb_txn_abort(*txn);
    *txn = nullptr;
    if (rc != 0) return rc;
    std::this_thread::yield();  // a commit writes its root before its number
  }
  return 0;
}

bool HasNewest(MDB_env* env) {
  MDB_txn* txn = nullptr;
  const int rc = BeginNewest(env, &txn);
  const bool is_newest = rc != 0 || txn != nullptr;  // other errors come again and are returned
  if (txn != nullptr) mdb_txn_abort(txn);
  return is_newest;
}

}  // namespace

// The right to have a file's environment open.
class LmdbRegistration {
 public:
  // Waits while another one of the file is being opened or closed. The open environment, if there
  // is one; else null and a registration.
  static std::shared_ptr<LmdbEnvironment> FindOrBegin(
      const FileId& id, std::unique_ptr<LmdbRegistration>* registration) {
    Registry& registry = OpenEnvironments();
    merkle::MutexLock lock(&registry.mutex);
    for (;;) {
      const auto [entry, inserted] = registry.environments.try_emplace(id);
      if (inserted) {
        registration->reset(new LmdbRegistration(id));
        return nullptr;
      }
      if (std::shared_ptr<LmdbEnvironment> open = entry->second.lock()) return open;
      registry.closed.Wait(&registry.mutex);
    }
  }

  ~LmdbRegistration() {
    Registry& registry = OpenEnvironments();
    merkle::MutexLock lock(&registry.mutex);
    registry.environments.erase(id_);
    registry.closed.SignalAll();
  }
  LmdbRegistration(const LmdbRegistration&) = delete;
  LmdbRegistration& operator=(const LmdbRegistration&) = delete;

  void Publish(const std::shared_ptr<LmdbEnvironment>& environment) const {
    Registry& registry = OpenEnvironments();
    merkle::MutexLock lock(&registry.mutex);
    registry.environments[id_] = environment;
    registry.closed.SignalAll();
  }

 private:
  explicit LmdbRegistration(const FileId& id) : id_(id) {}
  const FileId id_;
};

absl::Status LmdbError(const std::string& path, const std::string& what, int rc) {
  const std::string message = Printable(path) + ": " + what + ": " + mdb_strerror(rc);
  switch (rc) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case MDB_INVALID:
      return absl::InvalidArgumentError(Printable(path) + " is not an LMDB file");
    case MDB_VERSION_MISMATCH:
      return absl::FailedPreconditionError(message);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
      return absl::DataLossError(message);
    case MDB_READERS_FULL:
      return absl::ResourceExhaustedError(message);
    case MDB_MAP_RESIZED:
      return absl::UnavailableError(message + "; try again");
    default:
      return absl::InternalError(message);
  }
}

LmdbTransaction::~LmdbTransaction() {
  merkle::MutexLock lock(&environment_->mutex_);
  mdb_txn_abort(txn_);
  --environment_->transactions_;
}

absl::StatusOr<std::shared_ptr<LmdbEnvironment>> LmdbEnvironment::Acquire(const std::string& path) {
  std::string file = path;
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    return LmdbError(path, "can't be opened", errno);
  }
  const bool is_folder = S_ISDIR(found.st_mode);
  if (is_folder) {
    file = (std::filesystem::path(path) / "data.mdb").string();
    if (::stat(file.c_str(), &found) != 0) {
      if (errno == ENOENT) {
        return absl::NotFoundError(Printable(path) + ": the directory has no data.mdb");
      }
      return LmdbError(file, "can't be opened", errno);
    }
  }
  if (!S_ISREG(found.st_mode)) {
    return absl::InvalidArgumentError(Printable(file) + " is not a regular file");
  }
  if (found.st_size == 0) {
    return absl::InvalidArgumentError(Printable(file) + " is empty, not an LMDB file");
  }
  std::unique_ptr<LmdbRegistration> registration;
  const FileId id{found.st_dev, found.st_ino};
  if (auto open = LmdbRegistration::FindOrBegin(id, &registration)) return open;
  ASSIGN_OR_RETURN(std::shared_ptr<LmdbEnvironment> opened,
                   OpenNew(std::move(registration), path, is_folder));
  ASSIGN_OR_RETURN(const struct stat opened_stat, opened->Stat());
  if (FileId{opened_stat.st_dev, opened_stat.st_ino} != id) {
    return absl::UnavailableError(Printable(file) + " is being replaced; try again");
  }
  RETURN_IF_ERROR(opened->CheckSize());
  opened->registration_->Publish(opened);
  return opened;
}

LmdbEnvironment::LmdbEnvironment(std::unique_ptr<LmdbRegistration> registration, std::string path,
                                 MDB_env* env, bool unlocked)
    : registration_(std::move(registration)),
      path_(std::move(path)),
      env_(env),
      unlocked_(unlocked) {}

// Opens it without locks, and closes it.
static absl::Status CheckFormat(const std::string& path, unsigned flags) {
  MDB_env* env = nullptr;
  int rc = mdb_env_create(&env);
  if (rc == 0) rc = mdb_env_open(env, path.c_str(), flags | MDB_NOLOCK, 0600);
  mdb_env_close(env);
  return rc == 0 ? absl::OkStatus() : LmdbError(path, "can't be opened", rc);
}

absl::StatusOr<std::shared_ptr<LmdbEnvironment>> LmdbEnvironment::OpenNew(
    std::unique_ptr<LmdbRegistration> registration, const std::string& path, bool is_folder) {
  const unsigned flags =
      MDB_RDONLY | MDB_NOTLS | (is_folder ? 0u : static_cast<unsigned>(MDB_NOSUBDIR));
  // LMDB makes the lock file before it looks at the data: what is no LMDB file must not get one.
  RETURN_IF_ERROR(CheckFormat(path, flags));
  for (const unsigned lock_flag : {0u, static_cast<unsigned>(MDB_NOLOCK)}) {
    MDB_env* env = nullptr;
    int rc = mdb_env_create(&env);
    if (rc != 0) return LmdbError(path, "can't be opened", rc);
    mdb_env_set_maxdbs(env, kDatabasesMax);
    rc = mdb_env_open(env, path.c_str(), flags | lock_flag, 0600);
    const bool lock_is_stale = rc == 0 && lock_flag == 0 && !HasNewest(env);
    if (rc == 0 && !lock_is_stale) {
      return std::shared_ptr<LmdbEnvironment>(
          new LmdbEnvironment(std::move(registration), path, env, lock_flag != 0));
    }
    mdb_env_close(env);
    // The lock file can't be opened for writing, or is another file's. Without it we can still
    // read, and Scan::Finish() then looks whether a writer was at work.
    if (lock_is_stale || (lock_flag == 0 && (rc == EACCES || rc == EPERM || rc == EROFS))) continue;
    return LmdbError(path, "can't be opened", rc);
  }
  return absl::InternalError(Printable(path) + " can't be opened");
}

LmdbEnvironment::~LmdbEnvironment() { mdb_env_close(env_); }

absl::Status LmdbEnvironment::CheckSize() const {
  MDB_envinfo info{};
  MDB_stat pages{};
  int rc = mdb_env_info(env_, &info);
  if (rc == 0) rc = mdb_env_stat(env_, &pages);
  if (rc != 0) return LmdbError(path_, "can't be examined", rc);
  ASSIGN_OR_RETURN(const struct stat now, Stat());
  const uint64_t wanted = (uint64_t{info.me_last_pgno} + 1) * pages.ms_psize;
  if (static_cast<uint64_t>(now.st_size) >= wanted) return absl::OkStatus();
  return absl::DataLossError(Printable(path_) + " is truncated: it has " +
                             std::to_string(now.st_size) + " bytes and its pages need " +
                             std::to_string(wanted));
}

absl::StatusOr<struct stat> LmdbEnvironment::Stat() const {
  int fd = -1;
  const int rc = mdb_env_get_fd(env_, &fd);
  if (rc != 0) return LmdbError(path_, "can't be examined", rc);
  struct stat result {};
  if (::fstat(fd, &result) != 0) return LmdbError(path_, "can't be examined", errno);
  return result;
}

absl::StatusOr<uint64_t> LmdbEnvironment::LastTransaction() const {
  uint64_t newest = 0;
  const int rc = NewestTransaction(env_, &newest);
  if (rc != 0) return LmdbError(path_, "can't be examined", rc);
  return newest;
}

absl::StatusOr<std::unique_ptr<LmdbTransaction>> LmdbEnvironment::Begin() {
  merkle::MutexLock lock(&mutex_);
  return BeginLocked();
}

absl::StatusOr<std::unique_ptr<LmdbTransaction>> LmdbEnvironment::BeginLocked() {
  RETURN_IF_ERROR(CheckSize());
  MDB_txn* txn = nullptr;
  int rc = BeginNewest(env_, &txn);
  if (rc == MDB_MAP_RESIZED && transactions_ == 0) {
    // Another process made the map larger: take its size. Allowed only without transactions.
    rc = mdb_env_set_mapsize(env_, 0);
    if (rc == 0) rc = BeginNewest(env_, &txn);
  }
  if (rc != 0) return LmdbError(path_, "no read transaction", rc);
  if (txn == nullptr) {
    return absl::FailedPreconditionError(
        Printable(path_) +
        " is written without its lock file, so what a reader sees is not what was written; close "
        "all that has it open, and let its writer use locks");
  }
  ++transactions_;
  return std::unique_ptr<LmdbTransaction>(new LmdbTransaction(shared_from_this(), txn));
}

absl::StatusOr<MDB_dbi> LmdbEnvironment::Open(const std::string& name) {
  // A handle belongs to the process once its transaction is committed, and must not be opened by
  // two transactions at once: hence the mutex.
  merkle::MutexLock lock(&mutex_);
  const auto found = databases_.find(name);
  if (found != databases_.end()) return found->second;
  MDB_txn* txn = nullptr;
  int rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (rc != 0) return LmdbError(path_, "no read transaction", rc);
  MDB_dbi dbi = 0;
  rc = mdb_dbi_open(txn, name.empty() ? nullptr : name.c_str(), 0, &dbi);
  if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE) {
    mdb_txn_abort(txn);
    return NoDatabase(name);
  }
  if (rc != 0) {
    mdb_txn_abort(txn);
    return LmdbError(path_, "database \"" + Printable(name) + "\" can't be opened", rc);
  }
  rc = mdb_txn_commit(txn);
  if (rc != 0) return LmdbError(path_, "database \"" + Printable(name) + "\"", rc);
  databases_.emplace(name, dbi);
  return dbi;
}

absl::Status LmdbEnvironment::CheckDatabase(const LmdbTransaction& transaction,
                                            const std::string& name) {
  if (name.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const MDB_dbi unnamed, Open(""));
  MDB_val key{name.size(), const_cast<char*>(name.data())};
  MDB_val record{};
  const int rc = mdb_get(transaction.get(), unnamed, &key, &record);
  if (rc == MDB_NOTFOUND) return NoDatabase(name);
  return rc == 0 ? absl::OkStatus() : LmdbError(path_, "can't be read", rc);
}

absl::Status LmdbEnvironment::NoDatabase(const std::string& name) const {
  return absl::NotFoundError(Printable(path_) + " has no database \"" + Printable(name) + "\"");
}

absl::StatusOr<bool> LmdbEnvironment::ProbeDatabase(const std::string& name) {
  merkle::MutexLock lock(&mutex_);
  if (databases_.count(name) > 0) return true;
  MDB_txn* txn = nullptr;
  int rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (rc != 0) return LmdbError(path_, "no read transaction", rc);
  MDB_dbi dbi = 0;
  rc = mdb_dbi_open(txn, name.c_str(), 0, &dbi);
  mdb_txn_abort(txn);  // and with it the handle
  if (rc == 0) return true;
  if (rc == MDB_INCOMPATIBLE || rc == MDB_NOTFOUND) return false;
  return LmdbError(path_, "entry \"" + Printable(name) + "\" can't be examined", rc);
}

absl::StatusOr<bool> LmdbEnvironment::IsDatabase(std::string_view key, std::string_view value) {
  // LMDB has no call that tells; opening it does, but is too slow for every record. So first what
  // every named database's entry looks like.
  if (value.size() != sizeof(DatabaseRecord) || key.find('\0') != std::string_view::npos) {
    return false;
  }
  DatabaseRecord record;
  std::memcpy(&record, value.data(), sizeof(record));
  constexpr uint16_t kKnownFlags = MDB_REVERSEKEY | MDB_DUPSORT | MDB_INTEGERKEY | MDB_DUPFIXED |
                                   MDB_INTEGERDUP | MDB_REVERSEDUP;
  constexpr uint16_t kDepthMax = 32;
  if ((record.flags & ~kKnownFlags) != 0 || record.depth > kDepthMax) return false;
  return ProbeDatabase(std::string(key));
}

absl::StatusOr<std::vector<std::string>> LmdbEnvironment::DatabaseNames() {
  ASSIGN_OR_RETURN(const MDB_dbi dbi, Open(""));
  ASSIGN_OR_RETURN(const std::unique_ptr<LmdbTransaction> transaction, Begin());
  MDB_cursor* cursor = nullptr;
  int rc = mdb_cursor_open(transaction->get(), dbi, &cursor);
  if (rc != 0) return LmdbError(path_, "can't be read", rc);
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> owner(cursor, mdb_cursor_close);
  std::vector<std::string> names;
  MDB_val key{};
  MDB_val value{};
  for (size_t i = 0; i < kNamesLookedFor && names.size() < kNamesListed; ++i) {
    rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    if (rc == MDB_NOTFOUND) break;
    if (rc != 0) return LmdbError(path_, "can't be read", rc);
    const std::string_view name(static_cast<const char*>(key.mv_data), key.mv_size);
    ASSIGN_OR_RETURN(const bool is_database,
                     IsDatabase(name, {static_cast<const char*>(value.mv_data), value.mv_size}));
    if (is_database) names.emplace_back(name);
  }
  return names;
}

}  // namespace driftwood::agent
