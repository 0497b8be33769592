// A Peer over records in memory, with a fault for each of its calls.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/peer/peer.h"
#include "merkle/query/query.h"
#include "merkle/record/encoding.h"
#include "merkle/record/rule.h"
#include "tests/testing/memory_tree.h"

namespace driftwood::coordinator {

// Records: id -> name, both sides of the schema (id integer, name text).
class FakePeer final : public Peer {
 public:
  using Rows = std::map<int64_t, std::string>;

  explicit FakePeer(Rows rows, merkle::DigestKey key = TestKey()) : key_(key) {
    description.source = "fake:";
    description.columns = {{"id", TypeKnowledge::kTyped, merkle::ColumnType::kInteger, ""},
                           {"name", TypeKnowledge::kTyped, merkle::ColumnType::kText, ""}};
    description.key = {"id"};
    description.key_id = key.KeyId();
    description.keyed = key.keyed();
    description.values_allowed = true;
    SetRows(std::move(rows));
  }

  static merkle::DigestKey TestKey() { return *merkle::DigestKey::FromBytes(std::string(32, 'k')); }
  static std::string Key(int64_t id) {
    std::string key;
    merkle::AppendInteger(id, merkle::Place::kKeyLast, &key);
    return key;
  }

  void SetRows(Rows rows) { rows_ = std::move(rows); }

  // The next call of that name fails with this, or every one ("describe", "prepare", "open",
  // "query", "read", "tags").
  std::map<std::string, absl::Status> fail_once;
  std::map<std::string, absl::Status> fail_always;
  std::function<void()> before_query;             // called before each answer
  std::function<std::string(std::string)> twist;  // changes each answer
  // Changes the answers of each round.
  std::function<void(const std::vector<merkle::Question>&, std::vector<merkle::Answer>*)> lie;
  std::function<void()> before_read;  // called before each ReadRecords()
  std::function<void(std::vector<FoundRecord>*)> twist_read;
  // Column tags, as an agent of today has them; without, as one that knows nothing of them.
  bool gives_tags = false;
  std::function<void(std::vector<FoundRecord>*)> twist_tags;
  // What there is without description.filter; absent: it can't be read so. "unfiltered" fails too.
  std::optional<Rows> unfiltered;
  bool hang_in_prepare = false;  // until Cancel()
  std::string not_point_in_time;
  uint64_t unparsed = 0;
  DatasetDescription description;
  std::vector<bool> prepared_with_force;
  std::atomic<int> queries{0};
  std::atomic<int> opened{0};
  std::atomic<int> reads{0};
  std::atomic<size_t> keys_read{0};
  std::atomic<int> closed{0};
  std::function<void(merkle::Agreement*)> change_agreement;

  absl::StatusOr<DatasetDescription> Describe() override {
    if (const absl::Status fault = Fault("describe"); !fault.ok()) return fault;
    return description;
  }

  absl::StatusOr<PrepareResult> Prepare(const merkle::Agreement&, bool force,
                                        const ProgressCallback& on_progress) override {
    prepared_with_force.push_back(force);
    on_progress({rows_.size() / 2, rows_.size() / 2});
    if (hang_in_prepare) {
      std::unique_lock lock(mutex_);
      EXPECT_TRUE(changed_.wait_for(lock, std::chrono::minutes(1), [this] { return cancelled(); }));
    }
    if (const absl::Status fault = Fault("prepare"); !fault.ok()) return fault;
    merkle::RecordHasher hasher(key_);
    tree_ = std::make_unique<merkle::MemoryTree>(key_, merkle::TreeParams{});
    for (const auto& [id, name] : rows_) tree_->Put(Key(id), hasher.Hash(Key(id), Value(name)));
    PrepareResult prepared;
    prepared.root = tree_->root();
    prepared.unparsed = unparsed;
    prepared.not_point_in_time = not_point_in_time;
    return prepared;
  }

  absl::StatusOr<OpenedSnapshot> OpenSnapshot(const merkle::Agreement& agreement) override {
    if (const absl::Status fault = Fault("open"); !fault.ok()) return fault;
    ++opened;
    session_ = std::make_unique<merkle::QuerySession>(tree_.get(), merkle::QueryLimits());
    OpenedSnapshot snapshot;
    snapshot.root = tree_->root();
    snapshot.agreement = agreement;
    if (change_agreement) change_agreement(&snapshot.agreement);
    snapshot.unparsed = unparsed;
    snapshot.not_point_in_time = not_point_in_time;
    return snapshot;
  }

  absl::StatusOr<std::string> Query(std::string_view questions) override {
    if (before_query) before_query();
    if (const absl::Status fault = Fault("query"); !fault.ok()) return fault;
    ++queries;
    absl::StatusOr<std::string> answer = session_->Answer(questions);
    if (answer.ok() && twist) return twist(*answer);
    if (answer.ok() && lie) {
      const auto asked = merkle::DecodeQuestions(questions, merkle::QueryLimits());
      auto answers = merkle::DecodeAnswers(*asked, *answer);
      lie(*asked, &*answers);
      return merkle::EncodeAnswers(*asked, *answers);
    }
    return answer;
  }

  absl::StatusOr<std::vector<FoundRecord>> ReadRecords(const merkle::Agreement&,
                                                       const std::vector<std::string>& keys,
                                                       bool with_values) override {
    ++reads;
    keys_read += keys.size();
    if (before_read) before_read();
    if (const absl::Status fault = Fault("read"); !fault.ok()) return fault;
    std::vector<FoundRecord> records = Find(rows_, keys, with_values);
    if (twist_read) twist_read(&records);
    return records;
  }

  absl::StatusOr<std::vector<FoundRecord>> ReadUnfiltered(
      const merkle::Agreement&, const std::vector<std::string>& keys) override {
    if (const absl::Status fault = Fault("unfiltered"); !fault.ok()) return fault;
    if (!unfiltered) return absl::UnimplementedError("it can't be read without its filter");
    return Find(*unfiltered, keys, /*with_values=*/false);
  }

  // "tags" fails this alone.
  absl::StatusOr<std::vector<FoundRecord>> ReadTagged(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys,
      const std::vector<std::string>& rules) override {
    if (const absl::Status fault = Fault("tags"); !fault.ok()) return fault;
    auto records = ReadRecords(agreement, keys, /*with_values=*/true);
    if (!records.ok()) return records;
    merkle::ColumnHasher hasher(key_);
    for (FoundRecord& record : *records) {
      const std::string value = std::exchange(record.value, "");
      if (!gives_tags) continue;
      hasher.AppendTag(record.key, "name", value, &record.column_tags);
      for (const std::string& rule : rules) {
        merkle::Value under = merkle::DecodeValues(value, 1)->front();
        merkle::ApplyRule(merkle::ParseColumnRule(rule)->rule, &under);
        std::string encoding;
        merkle::AppendValue(under, merkle::Place::kValue, &encoding);
        hasher.AppendTag(record.key, "name", encoding, &record.rule_tags);
      }
    }
    if (twist_tags) twist_tags(&*records);
    return records;
  }

  absl::StatusOr<std::vector<FoundRecord>> ReadIndexed(const merkle::Agreement&,
                                                       const std::vector<std::string>&) override {
    return absl::UnimplementedError("its records have keys");
  }

  void CloseSnapshot() override { ++closed; }
  void Cancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }
  bool cancelled() const { return cancelled_; }

 private:
  static std::string Value(const std::string& name) {
    std::string value;
    merkle::AppendText(name, merkle::Place::kValue, &value);
    return value;
  }

  std::vector<FoundRecord> Find(const Rows& rows, const std::vector<std::string>& keys,
                                bool with_values) const {
    merkle::RecordHasher hasher(key_);
    std::vector<FoundRecord> records;
    for (const auto& [id, name] : rows) {
      const std::string key = Key(id);
      if (!std::binary_search(keys.begin(), keys.end(), key)) continue;
      records.push_back({key, hasher.Hash(key, Value(name)), with_values ? Value(name) : ""});
    }
    return records;
  }

  absl::Status Fault(const std::string& call) {
    if (cancelled_) return absl::CancelledError("cancelled");
    if (const auto once = fail_once.find(call); once != fail_once.end()) {
      const absl::Status status = once->second;
      fail_once.erase(once);
      return status;
    }
    const auto always = fail_always.find(call);
    return always == fail_always.end() ? absl::OkStatus() : always->second;
  }

  const merkle::DigestKey key_;
  Rows rows_;
  std::unique_ptr<merkle::MemoryTree> tree_;
  std::unique_ptr<merkle::QuerySession> session_;
  std::mutex mutex_;  // for `changed_`: what was cancelled
  std::condition_variable changed_;
  std::atomic<bool> cancelled_{false};
};

inline FakePeer::Rows ManyRows(int64_t count) {
  FakePeer::Rows rows;
  for (int64_t id = 1; id <= count; ++id) rows[id] = "name " + std::to_string(id);
  return rows;
}

inline std::vector<Peer*> Pointers(const std::vector<std::unique_ptr<FakePeer>>& peers) {
  std::vector<Peer*> pointers;
  for (const auto& peer : peers) pointers.push_back(peer.get());
  return pointers;
}

}  // namespace driftwood::coordinator
