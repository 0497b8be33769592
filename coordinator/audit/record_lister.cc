#include "coordinator/audit/record_lister.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "proto/contract/limits.h"

namespace driftwood::coordinator {

namespace {

// A file without lookup by key may be scanned for each batch, so batches are as long as they may
// be. Where one is read while rows are made of another, reading is not what takes long, and they
// are shorter. They begin with as many keys as can have values of 16 KiB each within one call, and
// follow what the values turn out to take, with what else is held of a key that two replicas have.
constexpr size_t kFirstBatchKeys = kValuesBytesMax / (size_t{16} << 10);
constexpr size_t kBatchBytes = size_t{48} << 20;
constexpr size_t kOverlappingBatchBytes = kBatchBytes / 4;
constexpr size_t kKeyBytes = 500;

// What is made of records for the report takes many times what was read of them: so many of them
// that they stay in the processor's cache.
constexpr size_t kRecordsMadeAtOnce = 500;

// A store that is scanned as a whole for each batch, however short, is better read in fewer and
// longer ones, one at a time: if reading them takes so many times as long as making their rows. One
// alone may have met a busy machine.
constexpr double kReadingIsLong = 4;
constexpr int kLongReadings = 3;

size_t ValueBytes(const std::vector<FoundRecord>& records) {
  size_t bytes = 0;
  for (const FoundRecord& record : records) bytes += record.value.size();
  return bytes;
}

// Values were left out since those before them are so long: the agent stops within the longest
// value of its limit.
bool WasCut(const std::vector<FoundRecord>& records) {
  const bool any = std::any_of(records.begin(), records.end(),
                               [](const FoundRecord& record) { return record.value_too_long; });
  return any && ValueBytes(records) + kValueBytesMax > kValuesBytesMax;
}

}  // namespace

RecordLister::RecordLister(const WalkedAudit& walked, const Confirmation& confirmation,
                           LiveReader* reader, TakeReadings take, Report* report)
    : walked_(walked),
      confirmation_(confirmation),
      reader_(*reader),
      take_(std::move(take)),
      report_(*report),
      replicas_(report->ReplicaNames()),
      versions_(walked.options.salt),
      batch_max_(kFirstBatchKeys) {}

absl::Status RecordLister::Run(const AlikeKeys& alike) {
  KnownDivergences known(walked_.result);
  const absl::Status listed = ListAll(&known, alike);
  if (!listed.ok()) (void)IsKept(listed);
  RETURN_IF_ERROR(listed);
  if (spool_ != nullptr) (void)IsKept(spool_->Flush());
  return absl::OkStatus();
}

absl::Status RecordLister::ListAll(KnownDivergences* known, const AlikeKeys& alike) {
  ASSIGN_OR_RETURN(std::unique_ptr<Batch> batch, Ask(known));
  while (batch != nullptr) {
    const std::optional<Readings> values = TakeValues(batch.get());
    if (!values) {
      ASSIGN_OR_RETURN(batch, Ask(known));
      continue;
    }
    const double read_at = walked_.options.now_seconds();
    const std::vector<ListedKey> listed = ListedOf(*batch);
    const Readings copies = ReadCopies(listed);
    coming_ = listed.size();
    absl::StatusOr<std::unique_ptr<Batch>> next = std::unique_ptr<Batch>();
    const bool overlaps = overlaps_;
    if (overlaps) next = Ask(known);
    const bool is_room = ListRecords(listed, *values, alike, copies);
    coming_ = 0;
    if (!is_room) return absl::OkStatus();
    DecideOverlap(*batch, read_at);
    if (!overlaps) next = Ask(known);
    RETURN_IF_ERROR(next.status());
    batch = *std::move(next);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RecordLister::Batch>> RecordLister::Ask(KnownDivergences* known) {
  RETURN_IF_ERROR(Fill(known));
  const size_t size = std::min(pending_.size(), BatchMax());
  if (size == 0) return std::unique_ptr<Batch>();
  if (!told_ && report_.values_shown) walked_.on_phase(AuditObserver::Phase::kReadingValues);
  told_ = true;
  auto batch = std::make_unique<Batch>();
  const auto end = pending_.begin() + static_cast<ptrdiff_t>(size);
  batch->found.assign(std::move_iterator(pending_.begin()), std::move_iterator(end));
  pending_.erase(pending_.begin(), end);
  if (!WantsValues()) return batch;
  batch->keys.reserve(size);
  for (const Divergence& found : batch->found) batch->keys.push_back(found.key);
  batch->asked_at = walked_.options.now_seconds();
  const auto read = [this, asked = batch.get()] {
    asked->values = reader_.Read(asked->keys, /*with_values=*/true);
    return absl::OkStatus();
  };
  if (!batch->reading.Start(read)) batch->unread = merkle::Guarded(read);
  return batch;
}

size_t RecordLister::BatchMax() const {
  const uint64_t listed = Listed();
  const uint64_t of_values =
      WantsValues() ? walked_.plan.values_read_max - listed : AuditPlan::kAllRecords;
  const uint64_t left =
      walked_.plan.records_listed_max - std::min(walked_.plan.records_listed_max, listed);
  return static_cast<size_t>(std::min<uint64_t>({batch_max_, left, of_values}));
}

absl::Status RecordLister::Fill(KnownDivergences* known) {
  const size_t max = BatchMax();
  pending_.reserve(max);
  while (pending_.size() < max) {
    ASSIGN_OR_RETURN(const bool more, known->Advance());
    if (!more) break;
    if (ListedAs(known->divergence(), confirmation_)) pending_.push_back(known->divergence());
  }
  return absl::OkStatus();
}

bool RecordLister::WantsValues() const {
  return report_.values_shown && Listed() < walked_.plan.values_read_max &&
         !walked_.interrupt->raised();
}

std::optional<Readings> RecordLister::TakeValues(Batch* batch) {
  const absl::Status read = batch->reading.Join();
  if (batch->keys.empty()) return Readings();
  const absl::Status& unread = read.ok() ? batch->unread : read;
  if (!unread.ok()) batch->values.assign(reader_.count(), unread);
  if (AdaptBatches(*batch)) {
    pending_.insert(pending_.begin(), std::move_iterator(batch->found.begin()),
                    std::move_iterator(batch->found.end()));
    return std::nullopt;
  }
  for (size_t i = 0; i < batch->values.size(); ++i) {
    const absl::Status& status = batch->values[i].status();
    if (status.ok() || !unread_.insert(i).second) continue;
    report_.warnings.push_back(walked_.described[i].name +
                               ": the values could not be read: " + std::string(status.message()));
  }
  take_(batch->keys, batch->values);
  return ByReplica(std::move(batch->values), walked_.sources);
}

bool RecordLister::AdaptBatches(const Batch& batch) {
  bool was_cut = false;
  for (const auto& reading : batch.values) {
    if (!reading.ok()) continue;
    value_bytes_ += ValueBytes(*reading);
    was_cut = was_cut || WasCut(*reading);
  }
  values_read_ += batch.keys.size();
  const size_t each = kKeyBytes + value_bytes_ / values_read_;
  const size_t bytes = overlaps_ ? kOverlappingBatchBytes : kBatchBytes;
  batch_max_ = std::clamp<size_t>(bytes / each, 1, kReadKeysMax);
  if (!was_cut || batch.keys.size() < 2) return false;
  batch_max_ = std::min(batch_max_, (batch.keys.size() + 1) / 2);
  return true;
}

void RecordLister::DecideOverlap(const Batch& batch, double read_at) {
  if (batch.keys.empty() || batch.keys.size() < batch_max_ / 2) return;  // it says too little
  const double read_seconds = read_at - batch.asked_at;
  const double made_seconds = walked_.options.now_seconds() - read_at;
  long_readings_ = read_seconds > kReadingIsLong * made_seconds ? long_readings_ + 1 : 0;
  if (long_readings_ == kLongReadings) overlaps_ = false;
}

std::vector<ListedKey> RecordLister::ListedOf(const Batch& batch) const {
  std::vector<ListedKey> listed;
  listed.reserve(batch.found.size());
  for (const Divergence& found : batch.found) {
    const std::optional<ListedKey> one = ListedAs(found, confirmation_);
    if (one) listed.push_back(*one);
  }
  return listed;
}

bool RecordLister::ListRecords(std::span<const ListedKey> listed, const Readings& values,
                               const AlikeKeys& alike, const Readings& copies) {
  const std::vector<bool> answers = walked_.AnswersByReplica();
  made_.resize(std::max(made_.size(), std::min(listed.size(), kRecordsMadeAtOnce)));
  while (!listed.empty()) {
    const auto part = listed.first(std::min(listed.size(), kRecordsMadeAtOnce));
    const auto records = std::span(made_).first(part.size());
    for (size_t i = 0; i < part.size(); ++i) {
      SetReportRecord(part[i], walked_.schema(), versions_, walked_.source_names, answers,
                      &records[i]);
    }
    if (walked_.schema().multiset) AddCopies(part, copies, records);
    AddValues(part, values, walked_.schema(), replicas_, records);
    AddAlike(part, alike, walked_.schema(), replicas_, records);
    if (!Keep(records)) return false;
    listed = listed.subspan(part.size());
  }
  return true;
}

// Of what was not re-read, the indexes still know how many copies there were.
Readings RecordLister::ReadCopies(std::span<const ListedKey> listed) {
  if (!walked_.schema().multiset) return {};
  const std::vector<std::string> keys = KeysWithoutCopies(listed);
  Readings indexed(reader_.count());
  if (!keys.empty() && !walked_.interrupt->raised()) {
    reader_.AskEach([&](size_t i, Peer& peer) {
      indexed[i] = peer.ReadIndexed(walked_.agreement, keys);
      return absl::OkStatus();
    });
  }
  return ByReplica(std::move(indexed), walked_.sources);
}

bool RecordLister::Keep(std::span<ReportRecord> records) {
  for (ReportRecord& record : records) {
    if (spool_ == nullptr && report_.records.size() < walked_.options.records_held_max) {
      report_.records.push_back(std::move(record));
    } else if (!IsKept(Spool(record))) {
      return false;
    }
  }
  return true;
}

absl::Status RecordLister::Spool(const ReportRecord& record) {
  if (spool_ == nullptr) {
    ASSIGN_OR_RETURN(
        spool_, RowSpool::Create(walked_.options.records_folder, walked_.schema().key_columns(),
                                 walked_.schema().values.size()));
    report_.more_records = spool_;
  }
  return spool_->Add(record);
}

bool RecordLister::IsKept(const absl::Status& status) {
  if (status.ok()) return true;
  report_.listing = status;
  report_.warnings.push_back("not all rows are listed: " + std::string(status.message()));
  return false;
}

}  // namespace driftwood::coordinator
