#include "agent/stores/lmdb/lmdb_store.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/lmdb/lmdb_environment.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr size_t kBatchRows = 2048;
constexpr size_t kBatchBytes = size_t{4} << 20;

struct Entry {
  std::string_view key;
  std::string_view value;
};

std::string_view View(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

// Which of an entry's two parts a scan's columns are.
enum class Part : uint8_t { kKey, kValue };

class LmdbBatch final : public RowBatch {
 public:
  LmdbBatch(const std::vector<Part>* parts, uint64_t first) : parts_(parts), first_(first) {
    entries_.reserve(kBatchRows);
  }

  void Add(const Entry& entry) {
    entries_.push_back(entry);
    row_bytes_max_ = std::max(row_bytes_max_, entry.key.size() + entry.value.size());
  }
  size_t rows() const { return entries_.size(); }

  size_t row_bytes_max() const override { return row_bytes_max_; }
  absl::Status Decode(RowSink& sink) override {
    std::array<SourceValue, 2> row;
    uint64_t origin = first_;
    for (const Entry& entry : entries_) {
      for (size_t i = 0; i < parts_->size(); ++i) {
        row[i] = SourceValue::Bytes((*parts_)[i] == Part::kKey ? entry.key : entry.value);
      }
      RETURN_IF_ERROR(sink.Row({row.data(), parts_->size()}, origin++));
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<Part>* const parts_;  // the scan's
  const uint64_t first_;
  std::vector<Entry> entries_;
  size_t row_bytes_max_ = 0;
};

// What a scan's proof is made of.
struct Position {
  uint64_t transaction = 0;
  struct stat file {};

  std::string ToString(const std::string& database) const {
    const auto time = [](const timespec& t) {
      return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
    };
    return "lmdb transaction " + std::to_string(transaction) + " file " +
           std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino) + " size " +
           std::to_string(file.st_size) + " modified " + time(file.st_mtim) + " changed " +
           time(file.st_ctim) + " db " + database;
  }
};

absl::StatusOr<Position> CurrentPosition(const LmdbEnvironment& environment) {
  Position position;
  ASSIGN_OR_RETURN(position.file, environment.Stat());
  ASSIGN_OR_RETURN(position.transaction, environment.LastTransaction());
  return position;
}

// All entries of one database under one read transaction.
class LmdbScan final : public Scan {
 public:
  LmdbScan(std::shared_ptr<LmdbEnvironment> environment,
           std::unique_ptr<LmdbTransaction> transaction, std::string database,
           std::vector<Part> parts)
      : environment_(std::move(environment)),
        transaction_(std::move(transaction)),
        database_(std::move(database)),
        parts_(std::move(parts)) {}

  ~LmdbScan() override {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }

  absl::Status Start(MDB_dbi dbi) {
    MDB_stat stat{};
    int rc = mdb_stat(transaction_->get(), dbi, &stat);
    if (rc == 0) rc = mdb_cursor_open(transaction_->get(), dbi, &cursor_);
    if (rc != 0) return LmdbError(environment_->path(), "can't be read", rc);
    entries_ = stat.ms_entries;
    ASSIGN_OR_RETURN(start_.file, environment_->Stat());
    start_.transaction = transaction_->id();
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    if (at_end_) return std::unique_ptr<RowBatch>();
    auto batch = std::make_unique<LmdbBatch>(&parts_, read_);
    size_t bytes = 0;
    MDB_val key{};
    MDB_val value{};
    while (batch->rows() < kBatchRows && bytes < kBatchBytes) {
      const int rc = mdb_cursor_get(cursor_, &key, &value, MDB_NEXT);
      if (rc == MDB_NOTFOUND) {
        RETURN_IF_ERROR(End());
        break;
      }
      if (rc != 0) return LmdbError(environment_->path(), "can't be read", rc);
      RETURN_IF_ERROR(CheckEntry(View(key), View(value)));
      batch->Add({View(key), View(value)});
      bytes += key.mv_size + value.mv_size;
      ++read_;
    }
    if (batch->rows() == 0) return std::unique_ptr<RowBatch>();
    return std::unique_ptr<RowBatch>(std::move(batch));
  }

  uint64_t Progress() const override { return read_; }

  absl::StatusOr<End> Finish() override {
    if (!at_end_) return absl::InternalError("the scan was not read to its end");
    ASSIGN_OR_RETURN(const Position now, CurrentPosition(*environment_));
    Scan::End end;
    // A writer that uses the lock file saw this reader and left it its pages.
    if (now.transaction != start_.transaction &&
        (environment_->unlocked() || !environment_->Begin().ok())) {
      end.not_point_in_time =
          environment_->path() + " was written while it was read, and not under its lock file";
    }
    // A file that was written since, by a commit or past LMDB, is proof of nothing.
    if (now.ToString(database_) == start_.ToString(database_)) {
      end.position = start_.ToString(database_);
    }
    return end;
  }

 private:
  // An entry that stands for a whole database must not pass as a record.
  absl::Status CheckEntry(std::string_view key, std::string_view value) {
    if (!database_.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool is_database, environment_->IsDatabase(key, value));
    if (!is_database) return absl::OkStatus();
    return absl::FailedPreconditionError(environment_->path() + ": \"" + Printable(key) +
                                         "\" is a named database; choose it with db=NAME");
  }

  absl::Status End() {
    if (read_ != entries_) {
      return absl::DataLossError(environment_->path() + " is damaged: the database has " +
                                 std::to_string(entries_) + " entries and the scan found " +
                                 std::to_string(read_));
    }
    at_end_ = true;
    return absl::OkStatus();
  }

  const std::shared_ptr<LmdbEnvironment> environment_;
  const std::unique_ptr<LmdbTransaction> transaction_;
  const std::string database_;
  const std::vector<Part> parts_;
  MDB_cursor* cursor_ = nullptr;
  uint64_t entries_ = 0;  // as the database counts them
  Position start_;
  uint64_t read_ = 0;
  bool at_end_ = false;
};

// The entries found by key, as one batch.
class LmdbLookup final : public Scan {
 public:
  LmdbLookup(std::unique_ptr<LmdbTransaction> transaction, std::vector<Part> parts)
      : transaction_(std::move(transaction)), parts_(std::move(parts)) {
    batch_ = std::make_unique<LmdbBatch>(&parts_, 0);
  }

  void Add(const Entry& entry) { batch_->Add(entry); }

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    return std::unique_ptr<RowBatch>(std::move(batch_));
  }
  uint64_t Progress() const override { return 0; }
  absl::StatusOr<End> Finish() override { return End{}; }

 private:
  const std::unique_ptr<LmdbTransaction> transaction_;
  const std::vector<Part> parts_;
  std::unique_ptr<LmdbBatch> batch_;
};

class LmdbStore final : public Store {
 public:
  explicit LmdbStore(const StoreUrl& url)
      : url_(url), database_(url.Parameter("db").value_or("")) {}

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(const std::shared_ptr<LmdbEnvironment> environment, Environment());
    ASSIGN_OR_RETURN(const MDB_dbi dbi, OpenDatabase(*environment));
    ASSIGN_OR_RETURN(const std::unique_ptr<LmdbTransaction> transaction, Begin(*environment));
    MDB_stat stat{};
    const int rc = mdb_stat(transaction->get(), dbi, &stat);
    if (rc != 0) return LmdbError(url_.path, "can't be examined", rc);
    SourceDescription description;
    description.source = url_.ToString();
    for (const char* name : {"key", "value"}) {
      description.columns.push_back(
          {name, TypeKnowledge::kTyped, merkle::ColumnType::kBytes, "bytes"});
    }
    description.key = {"key"};
    description.always_keyed = true;
    description.records_estimate = stat.ms_entries;
    if (environment->unlocked()) {
      description.warnings.push_back(Printable(url_.path) +
                                     ": the lock file can't be used, so it is read without");
    }
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    ASSIGN_OR_RETURN(std::vector<Part> parts, PartsOf(columns));
    ASSIGN_OR_RETURN(const std::shared_ptr<LmdbEnvironment> environment, Environment());
    ASSIGN_OR_RETURN(const MDB_dbi dbi, OpenDatabase(*environment));
    ASSIGN_OR_RETURN(std::unique_ptr<LmdbTransaction> transaction, Begin(*environment));
    auto scan = std::make_unique<LmdbScan>(environment, std::move(transaction), database_,
                                           std::move(parts));
    RETURN_IF_ERROR(scan->Start(dbi));
    return std::unique_ptr<Scan>(std::move(scan));
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    if (position.empty()) return false;
    ASSIGN_OR_RETURN(const std::shared_ptr<LmdbEnvironment> environment, Environment());
    ASSIGN_OR_RETURN(const Position now, CurrentPosition(*environment));
    return now.ToString(database_) == position;
  }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    return "entry " + std::to_string(origin + 1);
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    const absl::Status unable = absl::UnimplementedError("only raw keys can be looked up");
    if (key != std::vector<std::string>{"key"}) return unable;
    for (const std::vector<SourceValue>& wanted : keys) {
      if (wanted.size() != 1 || wanted[0].kind != SourceValue::Kind::kBytes) return unable;
    }
    ASSIGN_OR_RETURN(std::vector<Part> parts, PartsOf(columns));
    ASSIGN_OR_RETURN(const std::shared_ptr<LmdbEnvironment> environment, Environment());
    ASSIGN_OR_RETURN(const MDB_dbi dbi, OpenDatabase(*environment));
    ASSIGN_OR_RETURN(std::unique_ptr<LmdbTransaction> transaction, Begin(*environment));
    MDB_txn* const txn = transaction->get();
    auto lookup = std::make_unique<LmdbLookup>(std::move(transaction), std::move(parts));
    for (const std::vector<SourceValue>& wanted : keys) {
      const std::string_view bytes = wanted[0].text;
      MDB_val name{bytes.size(), const_cast<char*>(bytes.data())};
      MDB_val value{};
      ASSIGN_OR_RETURN(const std::optional<std::string_view> stored,
                       StoredKey(txn, dbi, &name, &value));
      if (stored) lookup->Add({*stored, View(value)});
    }
    return std::unique_ptr<Scan>(std::move(lookup));
  }

 private:
  // The database's own copy of a key, which lives as long as the transaction.
  absl::StatusOr<std::optional<std::string_view>> StoredKey(MDB_txn* txn, MDB_dbi dbi, MDB_val* key,
                                                            MDB_val* value) {
    unsigned flags = 0;
    mdb_dbi_flags(txn, dbi, &flags);
    const bool wrong_size =
        key->mv_size == 0 || ((flags & MDB_INTEGERKEY) != 0 && key->mv_size != sizeof(size_t) &&
                              key->mv_size != sizeof(unsigned));
    if (wrong_size) return std::optional<std::string_view>();
    MDB_cursor* cursor = nullptr;
    int rc = mdb_cursor_open(txn, dbi, &cursor);
    if (rc != 0) return LmdbError(url_.path, "can't be read", rc);
    rc = mdb_cursor_get(cursor, key, value, MDB_SET_KEY);
    mdb_cursor_close(cursor);
    if (rc == MDB_NOTFOUND || rc == MDB_BAD_VALSIZE) return std::optional<std::string_view>();
    if (rc != 0) return LmdbError(url_.path, "can't be read", rc);
    return std::optional<std::string_view>(View(*key));
  }

  absl::StatusOr<std::vector<Part>> PartsOf(const std::vector<std::string>& columns) const {
    std::vector<Part> parts;
    for (const std::string& column : columns) {
      if (column != "key" && column != "value") {
        return absl::InvalidArgumentError(url_.ToString() + " has no column \"" +
                                          Printable(column) + "\" (it has: key, value)");
      }
      parts.push_back(column == "key" ? Part::kKey : Part::kValue);
    }
    if (parts.size() > 2) return absl::InvalidArgumentError("a column is asked for twice");
    return parts;
  }

  // The environment of the file that the path names now.
  absl::StatusOr<std::shared_ptr<LmdbEnvironment>> Environment() {
    ASSIGN_OR_RETURN(std::shared_ptr<LmdbEnvironment> environment,
                     LmdbEnvironment::Acquire(url_.path));
    merkle::MutexLock lock(&mutex_);
    environment_ = environment;
    return environment;
  }

  // A snapshot that has the database.
  absl::StatusOr<std::unique_ptr<LmdbTransaction>> Begin(LmdbEnvironment& environment) const {
    ASSIGN_OR_RETURN(std::unique_ptr<LmdbTransaction> transaction, environment.Begin());
    const absl::Status there = environment.CheckDatabase(*transaction, database_);
    if (!there.ok()) return WithNames(environment, there);
    return transaction;
  }

  // Names the databases that there are, where this one isn't.
  static absl::Status WithNames(LmdbEnvironment& environment, const absl::Status& status) {
    if (!absl::IsNotFound(status)) return status;
    ASSIGN_OR_RETURN(const std::vector<std::string> names, environment.DatabaseNames());
    return absl::NotFoundError(std::string(status.message()) + " (it has: " + ListNames(names) +
                               ")");
  }

  // FailedPrecondition for what can't be read as records.
  absl::StatusOr<MDB_dbi> OpenDatabase(LmdbEnvironment& environment) {
    absl::StatusOr<MDB_dbi> dbi = environment.Open(database_);
    if (!dbi.ok()) return WithNames(environment, dbi.status());
    ASSIGN_OR_RETURN(const std::unique_ptr<LmdbTransaction> transaction, environment.Begin());
    unsigned flags = 0;
    const int rc = mdb_dbi_flags(transaction->get(), *dbi, &flags);
    if (rc != 0) return LmdbError(url_.path, "can't be examined", rc);
    if ((flags & MDB_DUPSORT) != 0) {
      return absl::FailedPreconditionError(
          Printable(url_.path) + ": " +
          (database_.empty() ? std::string("the unnamed database")
                             : "database \"" + Printable(database_) + "\"") +
          " holds duplicates (DUPSORT), several values under one key; it can't be compared");
    }
    if (!database_.empty()) return dbi;
    ASSIGN_OR_RETURN(const std::vector<std::string> names, environment.DatabaseNames());
    if (names.empty()) return dbi;
    return absl::FailedPreconditionError(Printable(url_.path) +
                                         " holds named databases; choose one with db=NAME (" +
                                         ListNames(names) + ")");
  }

  const StoreUrl url_;
  const std::string database_;
  merkle::Mutex mutex_;
  // Keeps it open between the calls.
  std::shared_ptr<LmdbEnvironment> environment_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenLmdbStore(const StoreUrl& url) {
  RETURN_IF_ERROR(url.OnlyKnows({"db"}));
  return std::unique_ptr<Store>(std::make_unique<LmdbStore>(url));
}

}  // namespace driftwood::agent
