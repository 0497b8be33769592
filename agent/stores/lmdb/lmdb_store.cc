#include "agent/stores/lmdb/lmdb_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

#include "agent/source/messages.h"
#include "agent/source/source_identity.h"
#include "agent/stores/lmdb/lmdb_snapshot.h"
#include "merkle/lmdb/lmdb_format.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using merkle::LmdbTree;

// Which of an entry's two parts a scan's columns are.
enum class Part : uint8_t { kKey, kValue };

class LmdbBatch final : public RowBatch {
 public:
  LmdbBatch(LmdbEntries::Block block, std::vector<Part> parts, uint64_t first)
      : block_(std::move(block)), parts_(std::move(parts)), first_(first) {}

  size_t bytes() const override { return block_.bytes; }
  absl::Status Decode(RowSink& sink) override {
    std::array<SourceValue, 2> row;
    uint64_t origin = first_;
    for (const LmdbEntries::Block::Entry& entry : block_.entries) {
      for (size_t i = 0; i < parts_.size(); ++i) {
        row[i] = SourceValue::Bytes(parts_[i] == Part::kKey ? entry.key : entry.value);
      }
      RETURN_IF_ERROR(sink.Row({row.data(), parts_.size()}, origin++));
    }
    return absl::OkStatus();
  }

 private:
  const LmdbEntries::Block block_;
  const std::vector<Part> parts_;
  const uint64_t first_;
};

// All entries of one database of one snapshot.
class LmdbScan final : public Scan {
 public:
  LmdbScan(std::unique_ptr<LmdbSnapshot> snapshot, const LmdbTree& tree, std::string database,
           std::vector<Part> parts)
      : snapshot_(std::move(snapshot)),
        tree_(tree),
        database_(std::move(database)),
        parts_(std::move(parts)),
        entries_(*snapshot_, tree_) {}

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    if (at_end_) return std::unique_ptr<RowBatch>();
    if (interrupted_) return absl::CancelledError("the scan was interrupted");
    const uint64_t first = entries_.read();
    ASSIGN_OR_RETURN(LmdbEntries::Block block, entries_.Next());
    at_end_ = block.entries.empty();
    if (at_end_) return std::unique_ptr<RowBatch>();
    // An entry that stands for a whole database must not pass as a record.
    for (const LmdbEntries::Block::Entry& entry : block.entries) {
      if (entry.is_tree) {
        return absl::FailedPreconditionError(snapshot_->path() + ": \"" + Printable(entry.key) +
                                             "\" is a named database; choose it with db=NAME");
      }
    }
    return std::make_unique<LmdbBatch>(std::move(block), parts_, first);
  }

  uint64_t Progress() const override { return entries_.read(); }

  absl::StatusOr<End> Finish() override {
    if (!at_end_) return absl::InternalError("the scan was not read to its end");
    Scan::End end;
    end.not_point_in_time = snapshot_->WhyNotOneState();
    if (end.not_point_in_time.empty() && !snapshot_->IsUnchanged()) {
      ASSIGN_OR_RETURN(end.not_point_in_time, CompareAgain());
    }
    if (end.not_point_in_time.empty()) end.position = snapshot_->Position(database_);
    return end;
  }

  void Interrupt() override { interrupted_ = true; }

 private:
  // The file was written meanwhile. Commits leave the pages of a snapshot as they are; a file that
  // is written over does not. So all that was read is read once more: if nothing differs, all of it
  // was there at once, when the first reading ended. Empty, or what was found.
  absl::StatusOr<std::string> CompareAgain() const {
    const std::string found = snapshot_->path() +
                              " was written over while it was read, and not by LMDB: pages that "
                              "belong to its snapshot changed";
    const absl::StatusOr<LmdbTree> tree = snapshot_->FindTree(database_);
    if (!tree.ok() || *tree != tree_) return found;
    LmdbEntries again(*snapshot_, tree_);
    for (;;) {
      if (interrupted_) return absl::CancelledError("the scan was interrupted");
      const absl::StatusOr<LmdbEntries::Block> block = again.Next();
      if (!block.ok()) return found;
      if (block->entries.empty()) return again.checksum() == entries_.checksum() ? "" : found;
    }
  }

  const std::unique_ptr<LmdbSnapshot> snapshot_;
  const LmdbTree tree_;
  const std::string database_;
  const std::vector<Part> parts_;
  LmdbEntries entries_;
  std::atomic<bool> interrupted_{false};
  bool at_end_ = false;
};

// The entries found by key, as one batch.
class LmdbLookup final : public Scan {
 public:
  LmdbLookup(std::vector<LmdbSnapshot::Entry> found, std::vector<Part> parts)
      : found_(std::move(found)), parts_(std::move(parts)) {}

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    if (at_end_) return std::unique_ptr<RowBatch>();
    at_end_ = true;
    LmdbEntries::Block block;
    for (const LmdbSnapshot::Entry& entry : found_) {
      block.entries.push_back({entry.key, entry.value});
      block.bytes += entry.key.size() + entry.value.size();
    }
    return std::make_unique<LmdbBatch>(std::move(block), parts_, 0);
  }
  uint64_t Progress() const override { return 0; }
  absl::StatusOr<End> Finish() override { return End{}; }

 private:
  const std::vector<LmdbSnapshot::Entry> found_;
  const std::vector<Part> parts_;
  bool at_end_ = false;
};

class LmdbStore final : public Store {
 public:
  explicit LmdbStore(const StoreUrl& url)
      : url_(url), database_(url.Parameter("db").value_or("")) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(const std::unique_ptr<LmdbSnapshot> snapshot,
                     LmdbSnapshot::Open(url_.path, stop_));
    ASSIGN_OR_RETURN(const LmdbTree tree, TreeOf(*snapshot));
    SourceDescription description;
    description.source = url_.ToString();
    for (const char* name : {"key", "value"}) {
      description.columns.push_back(
          {name, TypeKnowledge::kTyped, merkle::ColumnType::kBytes, "bytes"});
    }
    description.key = {"key"};
    description.always_keyed = true;
    description.records_estimate = tree.entries;
    description.identity = FileIdentity(snapshot->file().device, snapshot->file().inode, database_);
    if (!snapshot->why_unlocked().empty()) {
      description.warnings.push_back(
          Printable(url_.path) + ": the lock file can't be used (" + snapshot->why_unlocked() +
          "), so it is read without: its writers don't know of this reader");
    }
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    ASSIGN_OR_RETURN(std::vector<Part> parts, PartsOf(columns));
    ASSIGN_OR_RETURN(std::unique_ptr<LmdbSnapshot> snapshot, LmdbSnapshot::Open(url_.path, stop_));
    ASSIGN_OR_RETURN(const LmdbTree tree, TreeOf(*snapshot));
    return std::make_unique<LmdbScan>(std::move(snapshot), tree, database_, std::move(parts));
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    return LmdbSnapshot::IsAtPosition(url_.path, database_, position);
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
    ASSIGN_OR_RETURN(const std::unique_ptr<LmdbSnapshot> snapshot,
                     LmdbSnapshot::Open(url_.path, stop_));
    ASSIGN_OR_RETURN(const LmdbTree tree, TreeOf(*snapshot));
    std::vector<LmdbSnapshot::Entry> found;
    for (const std::vector<SourceValue>& wanted : keys) {
      if (stop_.stop_requested()) return absl::CancelledError("cancelled while looking keys up");
      ASSIGN_OR_RETURN(std::optional<LmdbSnapshot::Entry> entry,
                       snapshot->Find(tree, wanted[0].text));
      if (entry && !entry->is_tree) found.push_back(*std::move(entry));
    }
    return std::make_unique<LmdbLookup>(std::move(found), std::move(parts));
  }

 private:
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

  // FailedPrecondition for what can't be read as records.
  absl::StatusOr<LmdbTree> TreeOf(const LmdbSnapshot& snapshot) const {
    ASSIGN_OR_RETURN(const LmdbTree tree, snapshot.FindTree(database_));
    if (!database_.empty()) return tree;
    ASSIGN_OR_RETURN(const std::vector<std::string> names, snapshot.TreeNames());
    if (names.empty()) return tree;
    return absl::FailedPreconditionError(Printable(url_.path) +
                                         " holds named databases; choose one with db=NAME (" +
                                         ListNames(names) + ")");
  }

  const StoreUrl url_;
  const std::string database_;
  std::stop_token stop_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenLmdbStore(const StoreUrl& url) {
  RETURN_IF_ERROR(url.OnlyKnows({"db"}));
  return std::unique_ptr<Store>(std::make_unique<LmdbStore>(url));
}

}  // namespace driftwood::agent
