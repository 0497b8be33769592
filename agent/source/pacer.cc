#include "agent/source/pacer.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "agent/source/forwarding_store.h"
#include "agent/source/messages.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

absl::Status NoRate(std::string_view text) {
  return absl::InvalidArgumentError("\"" + Printable(text) +
                                    "\" is no rate: write 50000rows, 20MB or 50000rows,20MB (each "
                                    "a second)");
}

absl::Status ParsePart(std::string_view part, std::string_view whole, Rate* rate) {
  constexpr std::pair<std::string_view, uint64_t> kUnits[] = {{"B", 1},
                                                              {"kB", 1'000},
                                                              {"MB", 1'000'000},
                                                              {"GB", 1'000'000'000},
                                                              {"KiB", 1ull << 10},
                                                              {"MiB", 1ull << 20},
                                                              {"GiB", 1ull << 30}};
  constexpr uint64_t kNumberMax = 1'000'000'000;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
  std::string_view unit(end, static_cast<size_t>(part.data() + part.size() - end));
  if (unit.ends_with("/s")) unit.remove_suffix(2);
  if (error != std::errc() || number == 0 || number > kNumberMax) return NoRate(whole);
  if (unit == "rows" && rate->rows_per_second == 0) {
    rate->rows_per_second = number;
    return absl::OkStatus();
  }
  for (const auto& [name, factor] : kUnits) {
    if (name != unit || rate->bytes_per_second != 0) continue;
    rate->bytes_per_second = number * factor;
    return absl::OkStatus();
  }
  return NoRate(whole);
}

nanoseconds Cost(uint64_t amount, uint64_t per_second) {
  if (per_second == 0) return nanoseconds(0);
  const double seconds = static_cast<double>(amount) / static_cast<double>(per_second);
  return nanoseconds(static_cast<int64_t>(seconds * 1e9));
}

// Counts what passes.
class CountingSink final : public RowSink {
 public:
  explicit CountingSink(RowSink* to) : to_(to) {}

  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    ++rows_;
    for (const SourceValue& value : row) {
      bytes_ += value.text.data() == nullptr ? sizeof value.int64 : value.text.size();
    }
    return to_->Row(row, origin);
  }
  uint64_t rows() const { return rows_; }
  uint64_t bytes() const { return bytes_; }

 private:
  RowSink* const to_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

class PacedBatch final : public RowBatch {
 public:
  PacedBatch(std::unique_ptr<RowBatch> batch, std::shared_ptr<Pacer> pacer)
      : batch_(std::move(batch)), pacer_(std::move(pacer)) {}

  absl::Status Decode(RowSink& sink) override {
    CountingSink counting(&sink);
    absl::Status status = batch_->Decode(counting);
    pacer_->Spend(counting.rows(), counting.bytes());
    return status;
  }
  size_t bytes() const override { return batch_->bytes(); }
  ScanPart part() const override { return batch_->part(); }

 private:
  const std::unique_ptr<RowBatch> batch_;
  const std::shared_ptr<Pacer> pacer_;
};

class PacedScan final : public Scan {
 public:
  PacedScan(std::unique_ptr<Scan> scan, std::shared_ptr<Pacer> pacer)
      : scan_(std::move(scan)), pacer_(std::move(pacer)) {}

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    RETURN_IF_ERROR(pacer_->WaitUntilPaid(&interrupted_));
    ASSIGN_OR_RETURN(std::unique_ptr<RowBatch> batch, scan_->Next());
    if (batch == nullptr) return batch;
    return std::unique_ptr<RowBatch>(std::make_unique<PacedBatch>(std::move(batch), pacer_));
  }
  bool BeginAt(uint64_t origin) override { return scan_->BeginAt(origin); }
  uint64_t Progress() const override { return scan_->Progress(); }
  absl::StatusOr<End> Finish() override { return scan_->Finish(); }
  void Interrupt() override {
    interrupted_ = true;
    pacer_->Wake();
    scan_->Interrupt();
  }

 private:
  const std::unique_ptr<Scan> scan_;
  const std::shared_ptr<Pacer> pacer_;
  std::atomic<bool> interrupted_{false};
};

class PacedStore final : public ForwardingStore {
 public:
  PacedStore(std::unique_ptr<Store> store, std::shared_ptr<Pacer> pacer)
      : ForwardingStore(std::move(store)), pacer_(std::move(pacer)) {}

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    return Paced(store_->StartScan(columns));
  }
  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    return Paced(store_->Lookup(columns, key, keys));
  }
  absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    return Paced(store_->LookupAlike(columns, key, keys));
  }

  absl::StatusOr<std::unique_ptr<Store>> WithoutFilter() override {
    return Paced(store_->WithoutFilter());
  }
  absl::StatusOr<std::unique_ptr<Store>> Only(Presence presence) override {
    return Paced(store_->Only(presence));
  }

 private:
  absl::StatusOr<std::unique_ptr<Store>> Paced(absl::StatusOr<std::unique_ptr<Store>> store) const {
    RETURN_IF_ERROR(store.status());
    return std::unique_ptr<Store>(std::make_unique<PacedStore>(*std::move(store), pacer_));
  }
  absl::StatusOr<std::unique_ptr<Scan>> Paced(absl::StatusOr<std::unique_ptr<Scan>> scan) const {
    RETURN_IF_ERROR(scan.status());
    return std::unique_ptr<Scan>(std::make_unique<PacedScan>(*std::move(scan), pacer_));
  }

  const std::shared_ptr<Pacer> pacer_;
};

}  // namespace

absl::StatusOr<Rate> ParseRate(std::string_view text) {
  Rate rate;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    RETURN_IF_ERROR(ParsePart(rest.substr(0, comma), text, &rate));
    if (comma == std::string_view::npos) return rate;
    rest.remove_prefix(comma + 1);
  }
}

Pacer::Pacer(Rate rate, merkle::Clock clock)
    : rate_(rate), clock_(std::move(clock)), paid_(clock_()) {}

void Pacer::Spend(uint64_t rows, uint64_t bytes) {
  constexpr auto kUnusedMax = std::chrono::seconds(1);
  merkle::MutexLock lock(&mutex_);
  paid_ = std::max(paid_, clock_() - kUnusedMax) +
          std::max(Cost(rows, rate_.rows_per_second), Cost(bytes, rate_.bytes_per_second));
}

nanoseconds Pacer::Debt() const {
  merkle::MutexLock lock(&mutex_);
  return std::max(nanoseconds(0), nanoseconds(paid_ - clock_()));
}

absl::Status Pacer::WaitUntilPaid(const std::atomic<bool>* interrupted) {
  merkle::MutexLock lock(&mutex_);
  while (!stopped_ && (interrupted == nullptr || !*interrupted)) {
    const auto debt = paid_ - clock_();
    if (debt <= nanoseconds(0)) return absl::OkStatus();
    wake_.WaitUntil(&mutex_, steady_clock::now() + debt);
  }
  return absl::CancelledError("the scan was cancelled");
}

void Pacer::Wake() {
  merkle::MutexLock lock(&mutex_);
  wake_.SignalAll();
}

void Pacer::Stop() {
  merkle::MutexLock lock(&mutex_);
  stopped_ = true;
  wake_.SignalAll();
}

std::unique_ptr<Store> MakePacedStore(std::unique_ptr<Store> store, std::shared_ptr<Pacer> pacer) {
  return std::make_unique<PacedStore>(std::move(store), std::move(pacer));
}

}  // namespace driftwood::agent
