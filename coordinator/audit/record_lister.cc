#include "coordinator/audit/record_lister.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "proto/contract/limits.h"

namespace driftwood::coordinator {

namespace {

// A file without lookup by key is scanned for each batch, so batches are as long as they may be:
// they begin with as many keys as can have values of 16 KiB each within one call, and follow what
// the values turn out to take.
constexpr size_t kFirstBatchKeys = kValuesBytesMax / (size_t{16} << 10);
constexpr size_t kBatchValueBytes = size_t{32} << 20;

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

void RecordLister::Run(const AlikeKeys& alike) {
  const std::vector<const Divergence*>& known = confirmation_.known();
  if (report_.values_shown && walked_.plan.records_listed_max > 0 && !known.empty()) {
    walked_.on_phase(AuditObserver::Phase::kReadingValues);
  }
  for (size_t at = 0; at < known.size();) {
    size_t next = at;
    const Batch batch = NextBatch(known, &next);
    if (batch.empty()) break;
    Readings values;
    if (WantsValues()) {
      std::vector<std::string> keys;
      for (const Divergence* const found : batch) keys.push_back(found->key);
      values = ReadValues(keys);
      if (values.empty()) continue;
    }
    at = next;
    if (!Keep(MakeRecords(batch, std::move(values), alike))) break;
  }
  if (spool_ != nullptr) (void)IsKept(spool_->Flush());
}

RecordLister::Batch RecordLister::NextBatch(const std::vector<const Divergence*>& known,
                                            size_t* at) const {
  const uint64_t listed = report_.listed();
  const uint64_t of_values =
      WantsValues() ? walked_.plan.values_read_max - listed : AuditPlan::kAllRecords;
  const uint64_t max = std::min<uint64_t>(
      {batch_max_,
       walked_.plan.records_listed_max - std::min(walked_.plan.records_listed_max, listed),
       of_values});
  Batch batch;
  for (; *at < known.size() && batch.size() < max; ++*at) {
    if (ListedAs(*known[*at], confirmation_)) batch.push_back(known[*at]);
  }
  return batch;
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
  const size_t each = std::max<size_t>(value_bytes_ / values_read_, 1);
  batch_max_ = std::clamp<size_t>(kBatchValueBytes / each, 1, kReadKeysMax);
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

std::vector<ReportRecord> RecordLister::MakeRecords(const Batch& batch, Readings values,
                                                    const AlikeKeys& alike) {
  std::vector<ListedKey> listed;
  for (const Divergence* const found : batch) {
    std::optional<ListedKey> one = ListedAs(*found, confirmation_);
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
  report_.warnings.push_back("not all rows are listed: " + std::string(status.message()));
  return false;
}

}  // namespace driftwood::coordinator
