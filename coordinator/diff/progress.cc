#include "coordinator/diff/progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include "coordinator/report/report_origin.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr double kLineSeconds = 60;

// "1.2 M", "450 k", "17"
std::string ShortNumber(double number) {
  char buffer[32];
  if (number >= 1e6) {
    std::snprintf(buffer, sizeof buffer, "%.1f M", number / 1e6);
  } else if (number >= 1e4) {
    std::snprintf(buffer, sizeof buffer, "%.0f k", number / 1e3);
  } else {
    std::snprintf(buffer, sizeof buffer, "%.0f", number);
  }
  return buffer;
}

std::string Duration(double seconds) {
  char buffer[32];
  const auto whole = static_cast<long>(std::min(std::ceil(seconds), 359999.0));
  if (whole >= 3600) {
    std::snprintf(buffer, sizeof buffer, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  } else {
    std::snprintf(buffer, sizeof buffer, "%ld:%02ld", whole / 60, whole % 60);
  }
  return buffer;
}

}  // namespace

std::optional<ProgressForm> ProgressFromName(std::string_view name) {
  const auto found = std::find(ProgressNames().begin(), ProgressNames().end(), name);
  if (found == ProgressNames().end()) return std::nullopt;
  return static_cast<ProgressForm>(found - ProgressNames().begin());
}

const std::vector<std::string>& ProgressNames() {
  static const std::vector<std::string> names = {"terminal", "lines", "off"};
  return names;
}

Progress::Progress(std::vector<std::string> names, Options options) : options_(std::move(options)) {
  for (std::string& name : names) {
    ReplicaState replica;
    replica.name = std::move(name);
    replicas_.push_back(std::move(replica));
  }
}

Progress::~Progress() {
  merkle::MutexLock lock(&mutex_);
  Clear();
  LetOthersBeSeen();
}

bool Progress::IsSeen() const {
  if (options_.seen == nullptr) return true;
  const Progress* seen = nullptr;
  return options_.seen->compare_exchange_strong(seen, this) || seen == this;
}

void Progress::LetOthersBeSeen() const {
  if (options_.seen == nullptr) return;
  const Progress* self = this;
  options_.seen->compare_exchange_strong(self, nullptr);
}

void Progress::OnPhase(Phase phase) {
  merkle::MutexLock lock(&mutex_);
  phase_ = phase;
  phase_start_ = options_.now_seconds();
  phase == Phase::kDone ? Clear() : Draw(/*now=*/true);
  if (phase == Phase::kConfirming) LetOthersBeSeen();  // it may be in a pause
}

void Progress::OnDescribed(size_t replica, const DatasetDescription& description) {
  merkle::MutexLock lock(&mutex_);
  replicas_[replica].goal = description.bytes ? description.bytes : description.records_estimate;
}

void Progress::OnIndexing(size_t replica, const PrepareProgress& progress) {
  merkle::MutexLock lock(&mutex_);
  replicas_[replica].progress = progress;
  Draw(/*now=*/false);
}

void Progress::OnIndexed(size_t replica, uint64_t records) {
  merkle::MutexLock lock(&mutex_);
  replicas_[replica].progress.records = records;
  replicas_[replica].done = true;
  Draw(/*now=*/true);
}

void Progress::OnRound(uint32_t round) {
  merkle::MutexLock lock(&mutex_);
  round_ = round;
  Draw(/*now=*/false);
}

void Progress::Draw(bool now) {
  if (!IsSeen()) return;
  if (options_.form == ProgressForm::kLines) return Log();
  const double time = options_.now_seconds();
  if (!now && time - last_drawn_ < kRedrawSeconds) return;
  last_drawn_ = time;
  std::string line = options_.label + Line(time);
  // A line that wraps could not be rewritten. Names and numbers are ASCII.
  const size_t columns = options_.columns();
  if (columns > 1 && line.size() >= columns) line.resize(columns - 1);
  options_.write("\r\x1b[K" + line);
  visible_ = true;
}

// A run of less than a minute says nothing.
void Progress::Log() {
  const double time = options_.now_seconds();
  if (time - *options_.last_line < kLineSeconds) return;
  *options_.last_line = time;
  options_.write(UtcText(options_.wall_clock()) + " driftwood: " + options_.label + Line(time) +
                 "\n");
}

void Progress::Clear() {
  if (visible_) options_.write("\r\x1b[K");
  visible_ = false;
}

std::string Progress::Line(double now) const {
  switch (phase_) {
    case Phase::kDescribing:
      return "reading schemas";
    case Phase::kComparing:
      return round_ == 0 ? "comparing" : "comparing: round " + std::to_string(round_);
    case Phase::kConfirming:
      return "re-reading the rows that differ";
    case Phase::kReadingValues:
      return "reading values";
    case Phase::kIndexing:
    case Phase::kDone:
      break;
  }
  const std::string line = Indexing(now - phase_start_, /*brief=*/false);
  const bool fits = options_.form == ProgressForm::kLines ||
                    options_.label.size() + line.size() < options_.columns();
  return fits ? line : Indexing(now - phase_start_, /*brief=*/true);
}

std::string Progress::Indexing(double elapsed, bool brief) const {
  std::string line = "indexing";
  for (size_t i = 0; i < replicas_.size(); ++i) {
    line += (i == 0 ? ": " : " | ") + ReplicaText(replicas_[i], elapsed, brief);
  }
  return line;
}

std::string Progress::ReplicaText(const ReplicaState& replica, double elapsed, bool brief) {
  const double records = static_cast<double>(replica.progress.records);
  if (brief && replica.done) return replica.name + " done";
  if (brief && !replica.progress.waiting.empty()) return replica.name + " waits";
  if (brief && replica.goal.value_or(0) == 0) return replica.name + " " + ShortNumber(records);
  if (replica.done) return replica.name + " " + ShortNumber(records) + " records, done";
  if (!replica.progress.waiting.empty()) {
    return replica.name + " waits: " + EscapeForDisplay(replica.progress.waiting);
  }
  std::string text = replica.name + " " + ShortNumber(records) + " records";
  if (elapsed > 0.3) text += ", " + ShortNumber(records / elapsed) + "/s";
  if (replica.goal.value_or(0) == 0) return text;
  if (brief) text = replica.name;
  const double share = std::min(
      1.0, static_cast<double>(replica.progress.progress) / static_cast<double>(*replica.goal));
  text += (brief ? " " : ", ") + std::to_string(static_cast<int>(share * 100)) + "%";
  if (share >= 1 && !brief) text += ", sorting and storing";
  if (elapsed > 1 && share > 0.01 && share < 1) {
    text += (brief ? " " : ", ETA ") + Duration(elapsed * (1 - share) / share);
  }
  return text;
}

}  // namespace driftwood::coordinator
