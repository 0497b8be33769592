#include "agent/source/load_gate.h"

#include <algorithm>
#include <charconv>
#include <stop_token>
#include <utility>
#include <vector>

#include "agent/source/forwarding_store.h"
#include "agent/source/messages.h"
#include "agent/source/store_options.h"
#include "agent/source/transient.h"
#include "merkle/mutex.h"
#include "merkle/os/stop.h"
#include "merkle/status_macros.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookEvery{1'000};

absl::Status NoLimits(std::string_view text, const std::string& why) {
  return absl::InvalidArgumentError("\"" + Printable(text) + "\" is no limit of load" + why +
                                    ": write running=20, lag=10s or running=20,lag=10s,hold=60s");
}

absl::Status ParseLimit(std::string_view part, std::string_view whole, bool* has_hold,
                        LoadLimits* limits) {
  const size_t equals = part.find('=');
  if (equals == std::string_view::npos) return NoLimits(whole, "");
  const std::string_view name = part.substr(0, equals);
  const std::string_view value = part.substr(equals + 1);
  const bool again = (name == "running" && limits->running) || (name == "lag" && limits->lag) ||
                     (name == "hold" && *has_hold);
  if (again) return NoLimits(whole, " (" + std::string(name) + " twice)");
  if (name == "running") {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size()) {
      return NoLimits(whole, " (\"" + Printable(value) + "\" is no number of queries)");
    }
    limits->running = number;
    return absl::OkStatus();
  }
  if (name != "lag" && name != "hold") {
    return NoLimits(whole, " (\"" + Printable(name) + "\" is not known)");
  }
  const absl::StatusOr<milliseconds> time = ParseTime(value);
  if (!time.ok()) return NoLimits(whole, " (" + std::string(time.status().message()) + ")");
  *has_hold = *has_hold || name == "hold";
  (name == "lag" ? limits->lag.emplace() : limits->hold) = *time;
  return absl::OkStatus();
}

std::string Seconds(milliseconds time) {
  std::string text = std::to_string(time.count() / 1000);
  const auto tenths = time.count() % 1000 / 100;
  if (tenths > 0) text += "." + std::to_string(tenths);
  return text + " s";
}

// "" if it is low.
std::string WhyTooHigh(const ServerLoad& load, const LoadLimits& limits) {
  std::string why;
  if (limits.running && load.running > *limits.running) {
    why = std::to_string(load.running) +
          (load.running == 1 ? " query of others runs" : " queries of others run") + " (limit " +
          std::to_string(*limits.running) + ")";
  }
  if (!limits.lag) return why;
  const std::string and_also = why.empty() ? "" : ", ";
  if (!load.lag_unknown.empty()) return why + and_also + load.lag_unknown;
  if (load.lag <= *limits.lag) return why;
  return why + and_also + "replication lags by " + Seconds(load.lag) + " (limit " +
         Seconds(*limits.lag) + ")";
}

// One call's view of its server's load.
class LoadGate {
 public:
  LoadGate(Store* store, LoadGateOptions options)
      : store_(store), options_(std::move(options)), patience_(options_.limits.hold) {}

  // For all lookups of the call together.
  absl::Status WaitBriefly() {
    if (patience_ <= milliseconds(0)) return absl::OkStatus();
    const steady_clock::time_point begin = options_.clock();
    const absl::Status status = Wait(patience_, call()).status();
    patience_ -= std::chrono::ceil<milliseconds>(options_.clock() - begin);
    return status;
  }

  // Waits until the load is low, or for so long. True if it is low. Cancelled with the call, or by
  // `stop`.
  absl::StatusOr<bool> Wait(std::optional<milliseconds> at_most, const std::stop_token& stop) {
    if (has_no_server_ || options_.clock() < next_look_) return true;
    const steady_clock::time_point begin = options_.clock();
    for (bool waited = false;; waited = true) {
      RETURN_IF_ERROR(CheckCancelled(stop));
      ASSIGN_OR_RETURN(const std::string why, Look());
      if (why.empty()) {
        if (waited) Say("");
        return true;
      }
      Say(why);
      const steady_clock::time_point now = options_.clock();
      if (at_most && now - begin >= *at_most) {
        Say("");
        return false;
      }
      const auto rest = at_most ? begin + *at_most - now : kLookEvery;
      RETURN_IF_ERROR(SleepUntil(now + std::min<steady_clock::duration>(rest, kLookEvery), stop));
    }
  }

  // Stopped with the call.
  std::stop_token call() const { return TokenOf(options_.cancellation); }

  const LoadLimits& limits() const { return options_.limits; }
  const std::string& why() const { return why_; }
  bool has_no_server() const { return has_no_server_; }

 private:
  absl::Status CheckCancelled(const std::stop_token& stop) const {
    if (!stop.stop_requested() && !IsCancelled(options_.cancellation)) return absl::OkStatus();
    return absl::CancelledError("cancelled while waiting for the server's load to fall");
  }

  // Why the load is too high, "" if it isn't.
  absl::StatusOr<std::string> Look() {
    if (meter_ == nullptr) {
      absl::StatusOr<std::unique_ptr<LoadMeter>> meter = store_->MeasureLoad(
          {options_.limits.running.has_value(), options_.limits.lag.has_value()});
      has_no_server_ = absl::IsUnimplemented(meter.status());
      if (has_no_server_) return std::string();
      RETURN_IF_ERROR(meter.status());
      meter_ = *std::move(meter);
    }
    ASSIGN_OR_RETURN(const ServerLoad load, meter_->Read());
    std::string why = WhyTooHigh(load, options_.limits);
    if (why.empty()) next_look_ = options_.clock() + kLookEvery;
    return why;
  }

  void Say(const std::string& why) {
    if (!why.empty()) why_ = why;
    if (options_.on_wait) options_.on_wait(why);
  }

  absl::Status SleepUntil(steady_clock::time_point end, const std::stop_token& stop) {
    for (;;) {
      RETURN_IF_ERROR(CheckCancelled(stop));
      const steady_clock::duration rest = end - options_.clock();
      if (rest <= steady_clock::duration::zero()) return absl::OkStatus();
      if (options_.sleep) {
        options_.sleep(rest, stop);
      } else {
        merkle::SleepUntil(steady_clock::now() + rest, stop);
      }
    }
  }

  Store* const store_;
  LoadGateOptions options_;
  std::unique_ptr<LoadMeter> meter_;
  bool has_no_server_ = false;
  steady_clock::time_point next_look_ = steady_clock::time_point::min();
  milliseconds patience_;
  std::string why_;  // the last one
};

absl::Status NoLoadAnyMore(const absl::Status& status) {
  if (absl::IsCancelled(status)) return status;
  const absl::Status told = Reworded(
      status, "the server's load can't be read any more: " + std::string(status.message()));
  return BeforeRows(WithFault(told, Fault::kSource));  // it may have room again
}

class GatedScan final : public Scan {
 public:
  GatedScan(std::unique_ptr<Scan> scan, std::shared_ptr<LoadGate> gate)
      : gate_(std::move(gate)),
        stop_with_call_(gate_->call(), [this] { stop_.request_stop(); }),
        scan_(std::move(scan)) {}

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    Scan* const scan = TheScan();
    if (scan == nullptr) return GivenBack();
    const absl::StatusOr<bool> low = gate_->Wait(gate_->limits().hold, stop_.get_token());
    if (!low.ok()) return NoLoadAnyMore(low.status());
    if (*low) return scan->Next();
    progress_ = scan->Progress();
    GiveBack();
    return GivenBack();
  }
  uint64_t Progress() const override {
    const Scan* const scan = TheScan();
    return scan == nullptr ? progress_ : scan->Progress();
  }
  absl::StatusOr<End> Finish() override {
    Scan* const scan = TheScan();
    if (scan == nullptr) return GivenBack();
    return scan->Finish();
  }
  void Interrupt() override {
    stop_.request_stop();
    merkle::MutexLock lock(&mutex_);
    if (scan_ != nullptr) scan_->Interrupt();
  }

 private:
  // Only the thread that reads gives it back.
  Scan* TheScan() const {
    merkle::MutexLock lock(&mutex_);
    return scan_.get();
  }
  void GiveBack() {
    std::unique_ptr<Scan> scan;  // its end may take a while
    merkle::MutexLock lock(&mutex_);
    scan = std::move(scan_);
  }
  absl::Status GivenBack() const {
    return Transient(
        absl::AbortedError("the snapshot was given back, since the scan was paused for " +
                           Seconds(gate_->limits().hold) + " and still " + gate_->why()));
  }

  const std::shared_ptr<LoadGate> gate_;
  uint64_t progress_ = 0;
  std::stop_source stop_;
  const std::stop_callback<std::function<void()>> stop_with_call_;

  mutable merkle::Mutex mutex_;
  std::unique_ptr<Scan> scan_
      DRIFTWOOD_GUARDED_BY(mutex_);  // null once its snapshot was given back
};

class GatedStore final : public ForwardingStore {
 public:
  GatedStore(Store* store, LoadGateOptions options)
      : ForwardingStore(store), gate_(std::make_shared<LoadGate>(store, std::move(options))) {}

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    RETURN_IF_ERROR(BeforeRows(gate_->Wait(std::nullopt, gate_->call()).status()));
    ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan, store_->StartScan(columns));
    if (gate_->has_no_server()) return scan;
    return std::unique_ptr<Scan>(std::make_unique<GatedScan>(std::move(scan), gate_));
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    RETURN_IF_ERROR(BeforeRows(gate_->WaitBriefly()));
    return store_->Lookup(columns, key, keys);
  }
  absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    RETURN_IF_ERROR(BeforeRows(gate_->WaitBriefly()));
    return store_->LookupAlike(columns, key, keys);
  }

 private:
  const std::shared_ptr<LoadGate> gate_;
};

}  // namespace

absl::StatusOr<LoadLimits> ParseLoadLimits(std::string_view text) {
  LoadLimits limits;
  bool has_hold = false;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    RETURN_IF_ERROR(ParseLimit(rest.substr(0, comma), text, &has_hold, &limits));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (!limits.running && !limits.lag) return NoLimits(text, " (neither running nor lag)");
  return limits;
}

std::unique_ptr<Store> MakeGatedStore(Store* store, LoadGateOptions options) {
  return std::make_unique<GatedStore>(store, std::move(options));
}

}  // namespace driftwood::agent
