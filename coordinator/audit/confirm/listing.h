// From a walk's result to the report's numbers and records. Pure.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/audit/confirm/confirm.h"
#include "coordinator/audit/confirm/version.h"
#include "coordinator/peer/peer.h"
#include "coordinator/report/report.h"
#include "coordinator/walk/walk_types.h"

namespace driftwood::coordinator {

// A divergence to be shown, with what the confirmation made of it.
struct ListedKey {
  const Divergence* found = nullptr;  // of the walk's result
  const States* states = nullptr;     // as last read: of the confirmation or the walk's result
  RecordStatus status = RecordStatus::kUnconfirmed;
  const std::vector<uint64_t>* copies = nullptr;         // of a multiset, as last read; null: never
  const std::vector<bool>* differs = nullptr;            // Candidate::differs; null: not known
  bool outside_filter = false;                           // Candidate::outside_filter
  const std::vector<Duplicate>* duplicates = nullptr;    // beside `states`; null: none
  const std::vector<ReportAbsence>* absences = nullptr;  // Confirmation::AbsencesOf()
};

// As reports have it: a multiset's key is the column '*'.
merkle::Schema ReportSchema(merkle::Schema schema);

// All of `record` but its values, over whatever it was, whose memory is used again. `source_names`:
// of all sources, within their replica; empty where no replica has several.
// `answers`: replicas that would have said if a record were more than gone.
void SetReportRecord(const ListedKey& listed, const merkle::Schema& schema,
                     const VersionMaker& versions, const std::vector<std::string>& source_names,
                     const std::vector<bool>& answers, ReportRecord* record);

// Fills report->presences, of what was re-read.
void CountPresences(const Confirmation& confirmation, const std::vector<bool>& answers,
                    Report* report);

// Fills `total`, `statuses`, `missing`, `changed` and `duplicate`: keys inside runs included,
// listed or not.
// An error is that of reading `result`: not all is counted then.
absl::Status CountDivergences(const WalkResult& result, const Confirmation& confirmation,
                              Report* report);

// Of each run of `result`, what became of its keys.
std::vector<StatusCounts> CountRuns(const WalkResult& result, const Confirmation& confirmation);

// Absent: it is in flight. Valid until the next Take(), and as long as `found`.
std::optional<ListedKey> ListedAs(const Divergence& found, const Confirmation& confirmation);

// By replica: the first `max` of them that it lacks.
absl::StatusOr<std::vector<std::vector<std::string>>> FirstMissing(const WalkResult& result,
                                                                   const Confirmation& confirmation,
                                                                   size_t replicas, size_t max);

// Empty if all keys that the walk found divergent are in the report's counts, once each: a check
// of our own arithmetic.
std::string CheckStatuses(const WalkResult& result, const Report& report);

// Empty unless multisets were found equal and yet differ in their numbers of records.
std::string CheckMultisets(const WalkResult& result, const Report& report);

// `roots` by replica. By replica: empty if its root count is what the walk's parts add up to; else
// what is wrong. A last check of our own arithmetic, independent of the walk's.
absl::StatusOr<std::vector<std::string>> CheckTotals(const WalkResult& result,
                                                     const std::vector<merkle::Summary>& roots);

// In which columns the changed records that were re-read differ. Absent: it is not known of any.
std::optional<ReportColumns> CountColumns(const Confirmation& confirmation, size_t columns);

// Of a multiset's divergences that were not re-read, the keys.
std::vector<std::string> KeysWithoutCopies(std::span<const ListedKey> listed);

// Fills the copies of `records`, which stand for `listed`: as last read, else from `indexed`, what
// the indexes that were compared say of KeysWithoutCopies(). `indexed` by replica.
void AddCopies(std::span<const ListedKey> listed, const Readings& indexed,
               std::span<ReportRecord> records);

// Sets values, and adds notes and, where the values say so, differing columns of `records`, which
// stand for `listed`. `found` and `replicas`, their names, by replica; a reading that failed has
// its note in every record. Nothing in `found`: no values were asked for, and none are there.
void AddValues(std::span<const ListedKey> listed, const Readings& found,
               const merkle::Schema& schema, const std::vector<std::string>& replicas,
               std::span<ReportRecord> records);

// By replica: keys that it lacks, and those that it holds in their place, taking both for equal.
using AlikeKeys = std::vector<std::map<std::string, std::string>>;

// Says so in the notes of `records`, which stand for `listed`, of `replicas`.
void AddAlike(std::span<const ListedKey> listed, const AlikeKeys& alike,
              const merkle::Schema& schema, const std::vector<std::string>& replicas,
              std::span<ReportRecord> records);
// Once for each of `replicas`.
std::vector<std::string> AlikeWarnings(const AlikeKeys& alike, const merkle::Schema& schema,
                                       const std::vector<std::string>& replicas);

}  // namespace driftwood::coordinator
