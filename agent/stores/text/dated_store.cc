#include "agent/stores/text/dated_store.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "agent/stores/text/dated_path.h"
#include "agent/stores/text/file_snapshot.h"
#include "merkle/hash/digest.h"
#include "merkle/os/stop.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/text/shell_word.h"
#include "proto/contract/day.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr seconds kStill{5};     // a file that nobody wrote to for so long is whole
constexpr seconds kLook{1};      // between two looks at one that is not
constexpr seconds kWaitMax{60};  // for one
constexpr size_t kBlockBytes = size_t{1} << 20;
constexpr char kDate[] = "date";
constexpr char kSameAsBefore[] = "same-as-before";
constexpr char kAllow[] = "allow";

// Of one file, as it was read, and the store that reads it.
struct FileOfDay {
  Day day;
  std::string path;
  std::unique_ptr<const FileSnapshot> snapshot;  // of what the hash is of
  std::string sha256;
  // Why the hash may be of other bytes than a scan reads, though no change is seen. Empty: it is
  // not.
  std::string doubt;
  std::unique_ptr<Store> store;

  bool IsUnchanged() const { return doubt.empty() && snapshot->ChangeSinceOpen().empty(); }
};

// What proves the state of one file proves nothing of another's.
std::string PositionOf(const FileOfDay& file, const std::string& position) {
  if (position.empty()) return "";
  return "dated " + std::to_string(file.path.size()) + ":" + file.path + " " + position;
}

class DatedScan final : public Scan {
 public:
  DatedScan(std::shared_ptr<const FileOfDay> file, std::unique_ptr<Scan> scan)
      : file_(std::move(file)), scan_(std::move(scan)) {}

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override { return scan_->Next(); }
  bool BeginAt(uint64_t origin) override { return scan_->BeginAt(origin); }
  uint64_t Progress() const override { return scan_->Progress(); }
  void Interrupt() override { scan_->Interrupt(); }
  absl::StatusOr<End> Finish() override {
    ASSIGN_OR_RETURN(End end, scan_->Finish());
    if (end.not_point_in_time.empty()) end.not_point_in_time = file_->doubt;
    end.position = PositionOf(*file_, end.position);
    end.reread_position = PositionOf(*file_, end.reread_position);
    return end;
  }

 private:
  const std::shared_ptr<const FileOfDay> file_;  // first: the scan uses its store
  const std::unique_ptr<Scan> scan_;
};

class DatedStore final : public Store {
 public:
  DatedStore(StoreUrl url, DatedPath path, OpenOneFile open, DatedOptions options)
      : url_(std::move(url)),
        path_(std::move(path)),
        open_(std::move(open)),
        options_(std::move(options)),
        date_(*url_.Parameter(kDate)),
        allows_same_(url_.Parameter(kSameAsBefore).has_value()) {}

  void StopWith(std::stop_token stop) override {
    stop_ = std::move(stop);
    if (file_ != nullptr) file_->store->StopWith(stop_);
  }

  void TellKeysApart(KeyEncoders encoders) override {
    encoders_ = std::move(encoders);
    if (file_ != nullptr) file_->store->TellKeysApart(encoders_);
  }

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(const auto chosen, Choose());
    const auto& [day, path] = chosen;
    const bool is_known = file_ != nullptr && file_->path == path && file_->IsUnchanged();
    std::shared_ptr<FileOfDay> file = file_;
    if (!is_known) {
      ASSIGN_OR_RETURN(file, ReadOnceStill(day, path));
    }
    ASSIGN_OR_RETURN(SourceDescription description, file->store->Describe());
    RETURN_IF_ERROR(CheckIsUnchanged(*file));
    if (!allows_same_ && !is_known && description.records_estimate != 0) {
      RETURN_IF_ERROR(CheckIsNew(*file));
    }
    file_ = std::move(file);
    description.source = url_.ToString();
    description.dated_file = DatedFile{DayText(file_->day), file_->path, file_->sha256};
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    if (file_ == nullptr) RETURN_IF_ERROR(Describe().status());
    return OfFile(file_->store->StartScan(columns));
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    if (file_ == nullptr) RETURN_IF_ERROR(Describe().status());
    return OfFile(file_->store->Lookup(columns, key, keys));
  }

  absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    if (file_ == nullptr) RETURN_IF_ERROR(Describe().status());
    return OfFile(file_->store->LookupAlike(columns, key, keys));
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    if (file_ == nullptr || !file_->IsUnchanged()) return false;
    const std::string before = PositionOf(*file_, " ");
    const std::string_view prefix = std::string_view(before).substr(0, before.size() - 1);
    if (!position.starts_with(prefix)) return false;
    return file_->store->IsUnchanged(position.substr(prefix.size()));
  }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    if (file_ == nullptr) RETURN_IF_ERROR(Describe().status());
    return file_->store->DescribeOrigin(origin);
  }

 private:
  // A scan that has begun sees each change from then on by itself.
  absl::StatusOr<std::unique_ptr<Scan>> OfFile(absl::StatusOr<std::unique_ptr<Scan>> begun) const {
    ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan, std::move(begun));
    RETURN_IF_ERROR(CheckIsUnchanged(*file_));
    return std::make_unique<DatedScan>(file_, std::move(scan));
  }

  Day DayBy(std::string_view date) const {
    const Day today = LocalDay(std::chrono::floor<seconds>(
        std::chrono::sys_time<nanoseconds>(nanoseconds(options_.clock()))));
    return date == "yesterday" ? DayBefore(today) : today;
  }

  absl::StatusOr<std::pair<Day, std::string>> Choose() const {
    if (date_ == "latest") {
      ASSIGN_OR_RETURN(const auto files, path_.Files());
      if (!files.empty()) return Newest(files.rbegin()->first, files.rbegin()->second);
      return absl::NotFoundError("no file for any day: " + Printable(url_.path) +
                                 " is missed; name the place where the files come");
    }
    const std::optional<Day> given = ParseDay(date_);
    const Day day = given ? *given : DayBy(date_);
    const std::string path = path_.Of(day);
    // A file that can't be read is not missed.
    const absl::Status there = FileWatch::StateOf(path, FileWatch::Access::kIdentity).status();
    if (!absl::IsNotFound(there)) return std::pair(day, path);
    return Missed(day, path);
  }

  static absl::StatusOr<std::pair<Day, std::string>> Newest(const Day& day,
                                                            const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return std::pair(day, path);
    return absl::FailedPreconditionError(
        "the newest file, of " + DayText(day) + ", is none that can be read: " + Printable(path) +
        " is a link to nothing, or no file; to compare another day write it, as in "
        "date=2026-11-28");
  }

  absl::Status Missed(const Day& day, const std::string& path) const {
    const auto files = path_.Files();
    std::string newest = "there is none of any other day";
    if (!files.ok()) {
      newest = std::string(files.status().message());
    } else if (!files->empty()) {
      newest = "the newest there is of " + DayText(files->rbegin()->first);
    }
    return absl::NotFoundError("no file for " + DayText(day) + ": " + Printable(path) +
                               " is missed (" + newest + ")");
  }

  // Waits for it to be whole.
  absl::StatusOr<std::shared_ptr<FileOfDay>> ReadOnceStill(const Day& day,
                                                           const std::string& path) const {
    std::optional<FileState> seen;
    int64_t quiet_since = 0;
    for (nanoseconds waited{0};;) {
      ASSIGN_OR_RETURN(const FileState state,
                       FileWatch::StateOf(path, FileWatch::Access::kIdentity));
      const int64_t now = options_.clock();
      // A time in the future is another clock's: what counts is that it stands still.
      if (!seen) quiet_since = std::min(state.modified_ns, now);
      if (seen && state != *seen) quiet_since = now;
      seen = state;
      const nanoseconds left = kStill - nanoseconds(now - quiet_since);
      if (left <= nanoseconds(0)) {
        absl::StatusOr<std::shared_ptr<FileOfDay>> file = Read(day, path);
        const bool changed = file.ok() ? !(*file)->snapshot->ChangeSinceOpen().empty()
                                       : absl::IsAborted(file.status());  // cut while it was read
        if (!changed) return file;
      }
      if (waited >= kWaitMax) return StillWritten(path);
      const milliseconds pause = std::chrono::ceil<milliseconds>(
          left > nanoseconds(0) ? std::min<nanoseconds>(left, kLook) : nanoseconds(kLook));
      if (Wait(pause)) {
        return absl::CancelledError("cancelled while waiting for " + Printable(path) +
                                    " to be whole");
      }
      waited += pause;
    }
  }

  static absl::Status StillWritten(const std::string& path) {
    return absl::FailedPreconditionError(
        Printable(path) + " is still being written: it changed again and again for " +
        std::to_string(kWaitMax.count()) + " seconds; compare again when it is whole");
  }

  bool Wait(milliseconds pause) const {
    if (options_.wait) return options_.wait(pause, stop_);
    return merkle::SleepUntil(std::chrono::steady_clock::now() + pause, stop_);
  }

  absl::StatusOr<std::shared_ptr<FileOfDay>> Read(const Day& day, const std::string& path) const {
    auto file = std::make_shared<FileOfDay>();
    file->day = day;
    file->path = path;
    ASSIGN_OR_RETURN(file->snapshot, FileSnapshot::Open(path, options_.clock, stop_));
    ASSIGN_OR_RETURN(file->sha256, HashOf(*file->snapshot));
    file->doubt = file->snapshot->Finish("").not_point_in_time;
    StoreUrl url = url_.Without(kDate).Without(kSameAsBefore);
    url.path = path;
    ASSIGN_OR_RETURN(file->store, open_(url));
    file->store->StopWith(stop_);
    if (encoders_) file->store->TellKeysApart(encoders_);
    return file;
  }

  static absl::StatusOr<std::string> HashOf(const FileSnapshot& file) {
    std::vector<char> block(kBlockBytes);
    merkle::Sha256Hasher hasher;
    for (uint64_t at = 0; at < file.size(); at += block.size()) {
      block.resize(static_cast<size_t>(std::min<uint64_t>(kBlockBytes, file.size() - at)));
      RETURN_IF_ERROR(file.ReadAt(at, block));
      hasher.Add({block.data(), block.size()});
    }
    return Hex(hasher.Finish());
  }

  static absl::Status CheckIsUnchanged(const FileOfDay& file) {
    const std::string change = file.snapshot->ChangeSinceOpen();
    if (change.empty()) return absl::OkStatus();
    return absl::AbortedError(Printable(file.path) + " changed while it was compared: " + change +
                              "; compare it again when nothing writes to it");
  }

  absl::Status CheckIsNew(const FileOfDay& file) const {
    const auto before = FileBefore(file.day);
    const absl::StatusOr<bool> same =
        before.ok() ? HasSameBytes(file, *before) : absl::StatusOr<bool>(before.status());
    if (absl::IsCancelled(same.status()) || (same.ok() && !*same)) return same.status();
    const std::string allowed = ShellWord(url_.With(kSameAsBefore, kAllow).ToString());
    if (same.ok()) {
      return absl::FailedPreconditionError(
          Printable(file.path) + " holds the same bytes as " + Printable(*before) +
          ", the file before it: the old file has come under a new name; if that is right, write " +
          allowed);
    }
    return absl::Status(same.status().code(),
                        "it can't be told whether " + Printable(file.path) +
                            " is new, since the file before it can't be read (" +
                            std::string(same.status().message()) +
                            "); if it need not be told, write " + allowed);
  }

  // The path of the next older one; empty: there is none.
  absl::StatusOr<std::string> FileBefore(const Day& day) const {
    ASSIGN_OR_RETURN(const auto files, path_.Files());
    std::error_code ignored;
    for (auto at = files.lower_bound(day); at != files.begin();) {
      --at;
      if (std::filesystem::is_regular_file(at->second, ignored)) return at->second;
    }
    return std::string();
  }

  absl::StatusOr<bool> HasSameBytes(const FileOfDay& file, const std::string& path) const {
    if (path.empty()) return false;
    ASSIGN_OR_RETURN(const auto snapshot, FileSnapshot::Open(path, options_.clock, stop_));
    if (snapshot->size() != file.snapshot->size()) return false;
    ASSIGN_OR_RETURN(const std::string sha256, HashOf(*snapshot));
    return sha256 == file.sha256;
  }

  const StoreUrl url_;
  const DatedPath path_;
  const OpenOneFile open_;
  const DatedOptions options_;
  const std::string date_;
  const bool allows_same_;
  std::stop_token stop_;
  KeyEncoders encoders_;
  std::shared_ptr<FileOfDay> file_;  // of the last Describe()
};

absl::Status CheckDate(const std::string& date) {
  if (date == "latest" || date == "today" || date == "yesterday" || ParseDay(date)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "date=" + Printable(date) +
      ": write a day that there is, as in date=2026-11-28, or latest, today or yesterday");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenDated(const StoreUrl& url, OpenOneFile open,
                                                 DatedOptions options) {
  const std::optional<std::string> date = url.Parameter(kDate);
  const std::optional<std::string> same = url.Parameter(kSameAsBefore);
  if (!DatedPath::IsDated(url.path)) {
    if (!date && !same) return open(url);
    return absl::InvalidArgumentError(
        std::string(date ? kDate : kSameAsBefore) + "= in the URL of " + Printable(url.path) +
        " is for files that come each day: write {date} where the day stands in their names, as "
        "in 'csv:settlement-{date}.csv?date=latest'");
  }
  if (!date) {
    return absl::InvalidArgumentError(
        "{date} in " + Printable(url.path) +
        " stands for a day, and its URL does not say which: write " +
        ShellWord(url.With(kDate, "latest").ToString()) +
        ", or date=today, date=yesterday or a day, as in date=2026-11-28");
  }
  RETURN_IF_ERROR(CheckDate(*date));
  if (same && *same != kAllow) {
    return absl::InvalidArgumentError("same-as-before=" + Printable(*same) +
                                      ": write allow, or leave it out");
  }
  ASSIGN_OR_RETURN(DatedPath path, DatedPath::Parse(url.path));
  // What else is wrong with it is said now.
  RETURN_IF_ERROR(open(url.Without(kDate).Without(kSameAsBefore)).status());
  return std::make_unique<DatedStore>(url, std::move(path), std::move(open), std::move(options));
}

}  // namespace driftwood::agent
