// The records of a report: what is listed of the divergences, with their values, a batch at a time,
// so that however many there are, memory holds the walk's findings and one batch.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "coordinator/audit/confirm/listing.h"
#include "coordinator/audit/live_reader.h"
#include "coordinator/audit/walked_audit.h"
#include "coordinator/report/report.h"
#include "coordinator/report/row_spool.h"

namespace driftwood::coordinator {

// One thread; asks the replicas on threads of their own. All that it is given must outlive it.
class RecordLister {
 public:
  // Judges what was read of keys (ascending), which changes the confirmation.
  using TakeReadings = std::function<void(const std::vector<std::string>&, const Readings&)>;

  RecordLister(const WalkedAudit& walked, const Confirmation& confirmation, LiveReader* reader,
               TakeReadings take, Report* report);

  // Fills report->records and more_records, and the warnings with what could not be read or kept.
  // The values that are shown are of the last reading, which judges the records that it is of. What
  // is in flight by then is not listed. An error is that of reading what the walk found: not all of
  // it is listed then.
  absl::Status Run(const AlikeKeys& alike);

 private:
  using Batch = std::span<const Divergence>;

  // Reads as many of the next ones as a batch has.
  absl::Status Fill(KnownDivergences* known);
  // How many keys the next batch may have.
  size_t BatchMax() const;
  // False: no more is to be listed.
  bool ListBatch(const AlikeKeys& alike);
  bool WantsValues() const;
  // By replica; empty: it was too long, and batch_max_ is less now.
  Readings ReadValues(const std::vector<std::string>& keys);
  std::vector<ReportRecord> MakeRecords(Batch batch, const Readings& values,
                                        const AlikeKeys& alike);
  Readings ReadCopies(const std::vector<ListedKey>& listed);
  // False: there is no room.
  bool Keep(std::vector<ReportRecord> records);
  absl::Status Spool(const ReportRecord& record);
  // Else says that not all are listed.
  bool IsKept(const absl::Status& status);

  const WalkedAudit& walked_;
  const Confirmation& confirmation_;
  LiveReader& reader_;
  const TakeReadings take_;
  Report& report_;
  const std::vector<std::string> replicas_;
  const VersionMaker versions_;
  size_t batch_max_;                 // keys
  std::vector<Divergence> pending_;  // read, and not listed yet
  size_t values_read_ = 0;           // keys, those of batches that were too long included
  size_t value_bytes_ = 0;           // of them
  std::shared_ptr<RowSpool> spool_;  // report_.more_records
  std::set<size_t> unread_;          // sources whose failure was told
};

}  // namespace driftwood::coordinator
