// The records of a report: what is listed of the divergences, with their values, a batch at a time,
// so that however many there are, memory holds the walk's findings and one batch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "coordinator/audit/confirm/listing.h"
#include "coordinator/audit/live_reader.h"
#include "coordinator/audit/walked_audit.h"
#include "coordinator/report/report.h"
#include "coordinator/report/row_spool.h"
#include "merkle/os/threads.h"

namespace driftwood::coordinator {

// One thread; asks the replicas on threads of their own, for the next batch while rows are made of
// the one before. All that it is given must outlive it.
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
  // Some of the divergences, in their order, and what is read of them.
  struct Batch {
    std::vector<Divergence> found;
    std::vector<std::string> keys;  // theirs, if their values are read
    Readings values;                // by source; none if they are not read
    absl::Status unread;            // why all are unread, if they are
    double asked_at = 0;            // seconds
    merkle::ThreadGroup reading;    // fills `values`; last, since it must end first
  };

  absl::Status ListAll(KnownDivergences* known, const AlikeKeys& alike);
  // The next batch, whose values are being read from now on. Null: there is none.
  absl::StatusOr<std::unique_ptr<Batch>> Ask(KnownDivergences* known);
  // Reads as many of the next ones as a batch has.
  absl::Status Fill(KnownDivergences* known);
  // How many keys the next batch may have.
  size_t BatchMax() const;
  // Those listed and those that are about to be.
  uint64_t Listed() const { return report_.listed() + coming_; }
  // The values of all of them, by replica, once they have been read; none if none are asked for.
  // Absent: they were too long together, so all of the batch is pending again, and batch_max_ less.
  std::optional<Readings> TakeValues(Batch* batch);
  // True: it is too long, and batch_max_ less now. Else that fits what values turn out to take.
  bool AdaptBatches(const Batch& batch);
  // After the rows of a batch whose values were there at `read_at` (seconds).
  void DecideOverlap(const Batch& batch, double read_at);
  // False: no more is to be listed.
  bool ListRecords(std::span<const ListedKey> listed, const Readings& values,
                   const AlikeKeys& alike, const Readings& copies);
  bool WantsValues() const;
  std::vector<ListedKey> ListedOf(const Batch& batch) const;
  Readings ReadCopies(std::span<const ListedKey> listed);
  // False: there is no room.
  bool Keep(std::span<ReportRecord> records);
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
  bool overlaps_ = true;             // the next batch is read while rows are made of one
  std::vector<Divergence> pending_;  // of the walk's result, and in no batch yet
  bool told_ = false;                // the observer, of the phase
  uint64_t coming_ = 0;              // records of the batch of which rows are made
  std::vector<ReportRecord> made_;   // some of them, in the same memory again and again
  size_t values_read_ = 0;           // keys, those of batches that were too long included
  size_t value_bytes_ = 0;           // of them
  std::shared_ptr<RowSpool> spool_;  // report_.more_records
  std::set<size_t> unread_;          // sources whose failure was told
};

}  // namespace driftwood::coordinator
