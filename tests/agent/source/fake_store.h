// A store in memory whose scans fail where they are told to. For tests.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/source/store.h"
#include "agent/source/transient.h"

namespace driftwood::agent {

struct FakeRow {
  std::string id;  // text: the column's agreed type reads it
  std::string value;
};

// What happens during its scans. Shared by them; set it before they start.
struct FakePlan {
  size_t batch_rows = 3;
  std::optional<size_t> next_fails_at;  // batch number
  int scans_lost = 0;                   // so many scans, the first ones, fail at their second batch
  std::optional<size_t> decode_fails_at;  // batch number
  std::function<void(size_t batch)> on_next;
  std::function<void()> on_decode;
  std::function<ScanPart(size_t batch)> part;  // empty: all are one
  size_t batch_bytes = 0;                      // what its batches say that they hold
  std::atomic<int> batches_alive = 0;
  std::string not_point_in_time;
  // What a look at its server's load gives; empty: it has no server.
  std::function<absl::StatusOr<ServerLoad>()> load;
  int scans_open = 0;
  int scans_started = 0;
};

class FakeBatch final : public RowBatch {
 public:
  FakeBatch(const std::vector<FakeRow>* rows, FakePlan* plan, std::vector<std::string> columns,
            size_t begin, size_t end, std::optional<std::string> error, ScanPart part)
      : rows_(rows),
        plan_(plan),
        columns_(std::move(columns)),
        begin_(begin),
        end_(end),
        error_(error),
        part_(part) {
    ++plan_->batches_alive;
  }
  ~FakeBatch() override { --plan_->batches_alive; }

  size_t bytes() const override { return plan_->batch_bytes; }
  ScanPart part() const override { return part_; }

  absl::Status Decode(RowSink& sink) override {
    if (plan_->on_decode) plan_->on_decode();
    std::vector<SourceValue> row(columns_.size());
    for (size_t i = begin_; i < end_; ++i) {
      for (size_t c = 0; c < columns_.size(); ++c) {
        row[c] = SourceValue::Text(columns_[c] == "id" ? (*rows_)[i].id : (*rows_)[i].value);
      }
      const absl::Status status = sink.Row(row, i);
      if (!status.ok()) return status;
    }
    return error_ ? absl::DataLossError(*error_) : absl::OkStatus();
  }

 private:
  const std::vector<FakeRow>* const rows_;
  FakePlan* const plan_;
  const std::vector<std::string> columns_;
  const size_t begin_;
  const size_t end_;
  const std::optional<std::string> error_;
  const ScanPart part_;
};

class FakeScan final : public Scan {
 public:
  FakeScan(const std::vector<FakeRow>* rows, FakePlan* plan, std::vector<std::string> columns)
      : rows_(rows), plan_(plan), columns_(std::move(columns)) {
    ++plan_->scans_open;
    ++plan_->scans_started;
  }
  ~FakeScan() override { --plan_->scans_open; }

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    const size_t number = batch_++;
    if (plan_->on_next) plan_->on_next(number);
    if (plan_->next_fails_at == number) {
      return absl::DataLossError("reading failed at batch " + std::to_string(number));
    }
    if (number == 1 && plan_->scans_started <= plan_->scans_lost) {
      return Transient(absl::AbortedError("the connection was lost"));
    }
    const size_t begin = at_;
    at_ = std::min(at_ + plan_->batch_rows, rows_->size());
    if (begin == at_) return std::unique_ptr<RowBatch>();
    std::optional<std::string> error;
    if (plan_->decode_fails_at && number >= *plan_->decode_fails_at) {
      error = "decoding failed at batch " + std::to_string(number);
    }
    return std::unique_ptr<RowBatch>(std::make_unique<FakeBatch>(
        rows_, plan_, columns_, begin, at_, error, plan_->part ? plan_->part(number) : ScanPart()));
  }
  uint64_t Progress() const override { return at_; }
  absl::StatusOr<End> Finish() override { return End{"position 1", plan_->not_point_in_time}; }

 private:
  const std::vector<FakeRow>* const rows_;
  FakePlan* const plan_;
  const std::vector<std::string> columns_;
  size_t at_ = 0;
  size_t batch_ = 0;
};

class FakeMeter final : public LoadMeter {
 public:
  explicit FakeMeter(const FakePlan* plan) : plan_(plan) {}
  absl::StatusOr<ServerLoad> Read() override { return plan_->load(); }

 private:
  const FakePlan* const plan_;
};

class FakeStore final : public Store {
 public:
  explicit FakeStore(std::vector<FakeRow> rows) : rows_(std::move(rows)) {}
  FakePlan plan;

  absl::StatusOr<SourceDescription> Describe() override {
    SourceDescription description;
    description.source = "fake:rows";
    description.columns.resize(2);
    description.columns[0].name = "id";
    description.columns[1].name = "value";
    description.key = {"id"};
    return description;
  }
  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    return std::unique_ptr<Scan>(std::make_unique<FakeScan>(&rows_, &plan, columns));
  }
  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    return position == "position 1";
  }
  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    return "line " + std::to_string(origin + 1);
  }
  void ShareRetries(std::shared_ptr<Retries> shared) override { retries = std::move(shared); }
  std::shared_ptr<Retries> retries;
  void TellKeysApart(KeyEncoders encoders_told) override { encoders = std::move(encoders_told); }
  KeyEncoders encoders;
  absl::StatusOr<std::unique_ptr<LoadMeter>> MeasureLoad(LoadParts) override {
    if (!plan.load) return absl::UnimplementedError("no server");
    return std::unique_ptr<LoadMeter>(std::make_unique<FakeMeter>(&plan));
  }

 private:
  const std::vector<FakeRow> rows_;
};

}  // namespace driftwood::agent
