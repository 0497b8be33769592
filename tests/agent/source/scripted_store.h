// A store in memory whose every behaviour a test decides: rows, proofs, errors, and what happens
// while it is scanned. It also counts what it was asked for.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "merkle/check.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"
#include "merkle/record/encoding.h"
#include "merkle/record/schema.h"

namespace driftwood::agent {

// Shared between the store, which the service owns, and the test.
class ScriptedSource {
 public:
  // Each write is a new state of the source.
  void Put(int64_t id, const std::string& note) {
    std::lock_guard lock(mutex_);
    rows_[id] = note;
    ++version_;
  }
  void Delete(int64_t id) {
    std::lock_guard lock(mutex_);
    rows_.erase(id);
    ++version_;
  }

  // Set before the call that they are about.
  std::shared_ptr<ScriptedSource> unfiltered;  // null: it can't be read so
  bool gives_proof = true;
  bool changed_lately = false;  // then the proof is for rereading only
  bool endless = false;         // a scan never comes to its end
  std::string source = "scripted:rows";
  std::string note_column = "note";  // what Describe() calls it
  std::vector<std::string> key = {"id"};
  std::optional<DatedFile> dated_file;
  absl::Status describe_error;  // of Describe()
  absl::Status scan_error;      // comes in place of the end of data
  absl::Status begin_error;     // comes in place of a scan's first rows
  std::string not_point_in_time;
  std::function<void()> on_next;  // at each Scan::Next()

  int scans() const { return scans_; }

 private:
  friend class ScriptedStore;
  friend class ScriptedScan;

  std::mutex mutex_;
  std::map<int64_t, std::string> rows_;
  uint64_t version_ = 1;
  std::atomic<int> scans_{0};
};

class ScriptedBatch final : public RowBatch {
 public:
  ScriptedBatch(std::vector<std::string> columns, std::vector<std::pair<int64_t, std::string>> rows)
      : columns_(std::move(columns)), rows_(std::move(rows)) {}
  absl::Status Decode(RowSink& sink) override {
    for (const auto& [id, note] : rows_) {
      std::vector<SourceValue> row;
      for (const std::string& column : columns_) {
        row.push_back(column == "id" ? SourceValue::Int64(id) : SourceValue::Text(note));
      }
      const absl::Status status = sink.Row(row, static_cast<uint64_t>(id));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<std::string> columns_;
  const std::vector<std::pair<int64_t, std::string>> rows_;
};

class ScriptedScan final : public Scan {
 public:
  ScriptedScan(std::shared_ptr<ScriptedSource> source, std::vector<std::string> columns)
      : source_(std::move(source)), columns_(std::move(columns)) {
    std::lock_guard lock(source_->mutex_);
    rows_.assign(source_->rows_.begin(), source_->rows_.end());
    version_ = source_->version_;
    ++source_->scans_;
  }

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    if (source_->on_next) source_->on_next();
    if (!source_->begin_error.ok()) return source_->begin_error;
    std::vector<std::pair<int64_t, std::string>> rows;
    while (rows.size() < 100 && given_ < rows_.size()) rows.push_back(rows_[given_++]);
    if (rows.empty() && source_->endless) rows.emplace_back(1'000'000 + extra_++, "more");
    if (!rows.empty()) return std::make_unique<ScriptedBatch>(columns_, std::move(rows));
    if (!source_->scan_error.ok()) return source_->scan_error;
    return nullptr;
  }
  uint64_t Progress() const override { return given_; }
  absl::StatusOr<End> Finish() override {
    End end;
    if (source_->gives_proof) {
      (source_->changed_lately ? end.reread_position : end.position) =
          "v" + std::to_string(version_);
    }
    end.not_point_in_time = source_->not_point_in_time;
    return end;
  }

 private:
  const std::shared_ptr<ScriptedSource> source_;
  const std::vector<std::string> columns_;
  std::vector<std::pair<int64_t, std::string>> rows_;
  uint64_t version_ = 0;
  size_t given_ = 0;
  int64_t extra_ = 0;
};

class ScriptedStore final : public Store {
 public:
  explicit ScriptedStore(std::shared_ptr<ScriptedSource> source) : source_(std::move(source)) {}

  absl::StatusOr<SourceDescription> Describe() override {
    if (!source_->describe_error.ok()) return source_->describe_error;
    SourceDescription description;
    description.source = source_->source;
    description.columns = {
        {"id", TypeKnowledge::kTyped, merkle::ColumnType::kInteger, "INT"},
        {source_->note_column, TypeKnowledge::kTextual, merkle::ColumnType::kText, ""}};
    description.key = source_->key;
    description.dated_file = source_->dated_file;
    description.records_estimate = 7;
    description.warnings = {"it is scripted"};
    return description;
  }
  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    for (const std::string& column : columns) {
      if (column != "id" && column != "note") {
        return absl::FailedPreconditionError("no column " + column);
      }
    }
    return std::make_unique<ScriptedScan>(source_, columns);
  }
  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    std::lock_guard lock(source_->mutex_);
    return source_->gives_proof && position == "v" + std::to_string(source_->version_);
  }
  // The same rows again; `unfiltered` of the source stands for what there is without its filter.
  absl::StatusOr<std::unique_ptr<Store>> WithoutFilter() override {
    if (source_->unfiltered == nullptr) return absl::UnimplementedError("it has no filter");
    return std::unique_ptr<Store>(std::make_unique<ScriptedStore>(source_->unfiltered));
  }
  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    return "row " + std::to_string(origin);
  }

 private:
  const std::shared_ptr<ScriptedSource> source_;
};

inline merkle::DigestKey TestKey() {
  return *merkle::DigestKey::FromBytes("0123456789abcdef0123456789abcdef");
}

inline merkle::Agreement ScriptedAgreement() {
  merkle::Agreement agreement;
  agreement.schema.key = {{"id", merkle::ColumnType::kInteger}};
  agreement.schema.values = {{"note", merkle::ColumnType::kText}};
  agreement.key_id = TestKey().KeyId();
  return agreement;
}

// The key and the digest of one of its records under that agreement.
inline std::string ScriptedKey(int64_t id) {
  std::string key;
  merkle::AppendInteger(id, merkle::Place::kKeyLast, &key);
  return key;
}

inline merkle::Digest ScriptedDigest(int64_t id, const std::string& note) {
  merkle::RecordHasher hasher(TestKey());
  std::string value;
  merkle::AppendText(note, merkle::Place::kValue, &value);
  return hasher.Hash(ScriptedKey(id), value);
}

}  // namespace driftwood::agent
