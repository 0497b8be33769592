#include "coordinator/audit/record_lister.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "proto/contract/limits.h"

namespace driftwood::coordinator {

namespace {

// A file without lookup by key may be scanned for each batch, so batches are as long as they may
// be: they begin with as many keys as can have values of 16 KiB each within one call, and follow
// what the values turn out to take, with what else is held of a key that two replicas have.
constexpr size_t kFirstBatchKeys = kValuesBytesMax / (size_t{16} << 10);
constexpr size_t kBatchBytes = size_t{48} << 20;
constexpr size_t kKeyBytes = 500;

// What is made of records for the report takes many times what was read of them.
constexpr size_t kRecordsMadeAtOnce = 5000;

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
  bool told = false;
  while (true) {
    const absl::Status filled = Fill(&known);
    if (!filled.ok()) (void)IsKept(filled);
    RETURN_IF_ERROR(filled);
    if (pending_.empty() || BatchMax() == 0) break;
    if (!told && report_.values_shown) walked_.on_phase(AuditObserver::Phase::kReadingValues);
    told = true;
    if (!ListBatch(alike)) break;
  }
  if (spool_ != nullptr) (void)IsKept(spool_->Flush());
  return absl::OkStatus();
}

size_t RecordLister::BatchMax() const {
  const uint64_t listed = report_.listed();
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

bool RecordLister::ListBatch(const AlikeKeys& alike) {
  const Batch batch = Batch(pending_).first(std::min(pending_.size(), BatchMax()));
  Readings values;
  if (WantsValues()) {
    std::vector<std::string> keys;
    for (const Divergence& found : batch) keys.push_back(found.key);
    values = ReadValues(keys);
    if (values.empty()) return true;  // once more, with fewer
  }
  for (size_t begin = 0; begin < batch.size(); begin += kRecordsMadeAtOnce) {
    const Batch part = batch.subspan(begin, std::min(kRecordsMadeAtOnce, batch.size() - begin));
    if (!Keep(MakeRecords(part, values, alike))) return false;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(batch.size()));
  return true;
}

bool RecordLister::WantsValues() const {
  return report_.values_shown && report_.listed() < walked_.plan.values_read_max &&
         !walked_.interrupt->raised();
}

Readings RecordLister::ReadValues(const std::vector<std::string>& keys) {
  Readings values = reader_.Read(keys, /*with_values=*/true);
  bool was_cut = false;
  for (const auto& reading : values) {
    if (!reading.ok()) continue;
    value_bytes_ += ValueBytes(*reading);
    was_cut = was_cut || WasCut(*reading);
  }
  values_read_ += keys.size();
  const size_t each = kKeyBytes + value_bytes_ / values_read_;
  batch_max_ = std::clamp<size_t>(kBatchBytes / each, 1, kReadKeysMax);
  if (was_cut && keys.size() > 1) {
    batch_max_ = std::min(batch_max_, (keys.size() + 1) / 2);
    return {};
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].ok() || !unread_.insert(i).second) continue;
    report_.warnings.push_back(walked_.described[i].name + ": the values could not be read: " +
                               std::string(values[i].status().message()));
  }
  take_(keys, values);
  return ByReplica(std::move(values), walked_.sources);
}

std::vector<ReportRecord> RecordLister::MakeRecords(Batch batch, const Readings& values,
                                                    const AlikeKeys& alike) {
  std::vector<ListedKey> listed;
  for (const Divergence& found : batch) {
    std::optional<ListedKey> one = ListedAs(found, confirmation_);
    if (one) listed.push_back(*one);
  }
  std::vector<ReportRecord> records;
  for (const ListedKey& one : listed) {
    records.push_back(MakeReportRecord(one, walked_.schema(), versions_, walked_.source_names));
  }
  if (walked_.schema().multiset) AddCopies(listed, ReadCopies(listed), &records);
  if (!values.empty()) AddValues(listed, values, walked_.schema(), replicas_, &records);
  AddAlike(listed, alike, walked_.schema(), replicas_, &records);
  return records;
}

// Of what was not re-read, the indexes still know how many copies there were.
Readings RecordLister::ReadCopies(const std::vector<ListedKey>& listed) {
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

bool RecordLister::Keep(std::vector<ReportRecord> records) {
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
