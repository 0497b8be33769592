#include "agent/stores/asked/as_texts.h"

#include <span>
#include <utility>
#include <vector>

#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

SourceValue AsText(const SourceValue& value) {
  using Kind = SourceValue::Kind;
  if (value.kind == Kind::kNull) return value;
  if (value.kind == Kind::kBool) return SourceValue::Text(value.boolean ? "true" : "false");
  return SourceValue::Text(value.text);  // of a number, a string or what is nested
}

class TextSink final : public RowSink {
 public:
  explicit TextSink(RowSink* sink) : sink_(sink) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    texts_.clear();
    for (const SourceValue& value : row) texts_.push_back(AsText(value));
    return sink_->Row(texts_, origin);
  }

 private:
  RowSink* const sink_;
  std::vector<SourceValue> texts_;
};

class TextBatch final : public RowBatch {
 public:
  explicit TextBatch(std::unique_ptr<RowBatch> batch) : batch_(std::move(batch)) {}
  absl::Status Decode(RowSink& sink) override {
    TextSink texts(&sink);
    return batch_->Decode(texts);
  }
  size_t bytes() const override { return batch_->bytes(); }
  ScanPart part() const override { return batch_->part(); }

 private:
  const std::unique_ptr<RowBatch> batch_;
};

class TextScan final : public Scan {
 public:
  explicit TextScan(std::unique_ptr<Scan> scan) : scan_(std::move(scan)) {}
  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    ASSIGN_OR_RETURN(std::unique_ptr<RowBatch> batch, scan_->Next());
    if (batch != nullptr) batch = std::make_unique<TextBatch>(std::move(batch));
    return batch;
  }
  uint64_t Progress() const override { return scan_->Progress(); }
  absl::StatusOr<End> Finish() override { return scan_->Finish(); }
  void Interrupt() override { scan_->Interrupt(); }

 private:
  const std::unique_ptr<Scan> scan_;
};

}  // namespace

std::unique_ptr<Scan> AsTexts(std::unique_ptr<Scan> scan) {
  return std::make_unique<TextScan>(std::move(scan));
}

}  // namespace driftwood::agent
