#include "merkle/lmdb/lmdb_env.h"

#include <lmdb.h>

#include <cerrno>
#include <string>

#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

constexpr unsigned kReadersMax = 1024;
constexpr MDB_dbi kMainDbi = 1;  // the unnamed database
constexpr mdb_mode_t kFileMode = 0600;

absl::StatusCode CodeOf(int rc) {
  switch (rc) {
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_PANIC:
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_BAD_TXN:
    case MDB_INCOMPATIBLE:
    case EIO:
      return absl::StatusCode::kDataLoss;
    case MDB_MAP_FULL:
      return absl::StatusCode::kOutOfRange;
    case MDB_READERS_FULL:
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOENT:
      return absl::StatusCode::kNotFound;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status Check(int rc, const char* what) {
  if (rc == MDB_SUCCESS) return absl::OkStatus();
  return absl::Status(CodeOf(rc), std::string("index file: ") + what + ": " + mdb_strerror(rc));
}

MDB_val ToVal(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB only reads it
}

std::string_view ToView(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

unsigned FlagsOf(Environment::Mode mode) {
  // MDB_NOTLS: a read transaction may move between threads.
  constexpr unsigned kAlways = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
  constexpr unsigned kBuild = kAlways | MDB_NOLOCK | MDB_NOSYNC;
  switch (mode) {
    case Environment::Mode::kDurable:
      return kAlways;
    case Environment::Mode::kReading:
      return kAlways | MDB_RDONLY | MDB_NOLOCK;
    case Environment::Mode::kBuild:
      return kBuild;
    case Environment::Mode::kBuildMapped:
      return kBuild | MDB_WRITEMAP;
  }
  return kAlways;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Environment>> Environment::Open(const std::filesystem::path& path,
                                                               Mode mode, size_t map_bytes) {
  MDB_env* env = nullptr;
  RETURN_IF_ERROR(Check(mdb_env_create(&env), "create"));
  std::unique_ptr<Environment> environment(new Environment(env));
  RETURN_IF_ERROR(Check(mdb_env_set_mapsize(env, map_bytes), "map size"));
  RETURN_IF_ERROR(Check(mdb_env_set_maxreaders(env, kReadersMax), "readers"));
  RETURN_IF_ERROR(Check(mdb_env_open(env, path.c_str(), FlagsOf(mode), kFileMode), "open"));
  // Once, before there are threads: it sets how keys are compared. The handle is a constant.
  MDB_txn* txn = nullptr;
  RETURN_IF_ERROR(Check(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn), "begin reading"));
  MDB_dbi dbi = 0;
  const int rc = mdb_dbi_open(txn, nullptr, 0, &dbi);
  mdb_txn_abort(txn);
  RETURN_IF_ERROR(Check(rc, "open the unnamed database"));
  return environment;
}

Environment::~Environment() { mdb_env_close(env_); }

absl::StatusOr<Transaction> Environment::BeginRead() {
  MDB_txn* txn = nullptr;
  RETURN_IF_ERROR(Check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn), "begin reading"));
  return Transaction(txn, kMainDbi);
}

absl::StatusOr<Transaction> Environment::BeginWrite() {
  MDB_txn* txn = nullptr;
  RETURN_IF_ERROR(Check(mdb_txn_begin(env_, nullptr, 0, &txn), "begin writing"));
  return Transaction(txn, kMainDbi);
}

absl::Status Environment::Resize(size_t map_bytes) {
  return Check(mdb_env_set_mapsize(env_, map_bytes), "grow");
}

absl::Status Environment::Sync() { return Check(mdb_env_sync(env_, 1), "sync"); }

size_t Environment::map_bytes() const {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  return info.me_mapsize;
}

size_t Environment::used_bytes() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  return (info.me_last_pgno + 1) * stat.ms_psize;
}

int Environment::fd() const {
  mdb_filehandle_t fd = -1;
  mdb_env_get_fd(env_, &fd);
  return fd;
}

Transaction& Transaction::operator=(Transaction&& other) noexcept {
  if (this != &other) {
    Abort();
    txn_ = std::exchange(other.txn_, nullptr);
    dbi_ = other.dbi_;
  }
  return *this;
}

absl::Status Transaction::Commit() {
  return Check(mdb_txn_commit(std::exchange(txn_, nullptr)), "commit");
}

void Transaction::Abort() {
  if (txn_ != nullptr) mdb_txn_abort(std::exchange(txn_, nullptr));
}

uint64_t Transaction::id() const { return mdb_txn_id(txn_); }

uint64_t Transaction::entries() const {
  MDB_stat stat{};
  mdb_stat(txn_, dbi_, &stat);
  return stat.ms_entries;
}

absl::StatusOr<std::string_view> Transaction::Get(std::string_view key) const {
  MDB_val k = ToVal(key);
  MDB_val v{};
  const int rc = mdb_get(txn_, dbi_, &k, &v);
  if (rc == MDB_NOTFOUND) return absl::NotFoundError("index file: no such entry");
  RETURN_IF_ERROR(Check(rc, "get"));
  return ToView(v);
}

absl::Status Transaction::Put(std::string_view key, std::string_view value) {
  MDB_val k = ToVal(key);
  MDB_val v = ToVal(value);
  return Check(mdb_put(txn_, dbi_, &k, &v, 0), "put");
}

absl::StatusOr<Cursor> Cursor::Open(const Transaction& transaction) {
  MDB_cursor* cursor = nullptr;
  RETURN_IF_ERROR(Check(mdb_cursor_open(transaction.txn_, transaction.dbi_, &cursor), "cursor"));
  return Cursor(cursor);
}

Cursor& Cursor::operator=(Cursor&& other) noexcept {
  if (this != &other) {
    Close();
    cursor_ = std::exchange(other.cursor_, nullptr);
    key_ = other.key_;
    value_ = other.value_;
  }
  return *this;
}

void Cursor::Close() {
  if (cursor_ != nullptr) mdb_cursor_close(std::exchange(cursor_, nullptr));
}

absl::StatusOr<bool> Cursor::Move(int operation, std::string_view key) {
  MDB_val k = ToVal(key);
  MDB_val v{};
  const int rc = mdb_cursor_get(cursor_, &k, &v, static_cast<MDB_cursor_op>(operation));
  if (rc == MDB_NOTFOUND) return false;
  RETURN_IF_ERROR(Check(rc, "read"));
  key_ = ToView(k);
  value_ = ToView(v);
  return true;
}

absl::StatusOr<bool> Cursor::First() { return Move(MDB_FIRST, {}); }
absl::StatusOr<bool> Cursor::Last() { return Move(MDB_LAST, {}); }
absl::StatusOr<bool> Cursor::Next() { return Move(MDB_NEXT, {}); }
absl::StatusOr<bool> Cursor::Previous() { return Move(MDB_PREV, {}); }
absl::StatusOr<bool> Cursor::Seek(std::string_view key) { return Move(MDB_SET_RANGE, key); }

absl::StatusOr<char*> Cursor::Append(std::string_view key, size_t value_bytes) {
  MDB_val k = ToVal(key);
  MDB_val v{value_bytes, nullptr};
  RETURN_IF_ERROR(Check(mdb_cursor_put(cursor_, &k, &v, MDB_APPEND | MDB_RESERVE), "append"));
  return static_cast<char*>(v.mv_data);
}

absl::Status Cursor::Put(std::string_view key, std::string_view value) {
  MDB_val k = ToVal(key);
  MDB_val v = ToVal(value);
  return Check(mdb_cursor_put(cursor_, &k, &v, 0), "write");
}

absl::Status Cursor::PutCurrent(std::string_view key, std::string_view value) {
  MDB_val k = ToVal(key);
  MDB_val v = ToVal(value);
  return Check(mdb_cursor_put(cursor_, &k, &v, MDB_CURRENT), "write");
}

absl::Status Cursor::DeleteCurrent() { return Check(mdb_cursor_del(cursor_, 0), "delete"); }

}  // namespace driftwood::merkle
