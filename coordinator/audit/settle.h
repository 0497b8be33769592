// What becomes of a walk's divergences once it is over: they are re-read from the live stores
// (coordinator/audit/confirm/confirm.h), counted and listed, with their values if asked for. Free
// of any transport.
//
// Whatever fails leaves a divergence divergent. Diagnostics (coordinator/audit/diagnostics.h) are
// asked for in between, and nothing here depends on it.
//
// One thread; asks the replicas on threads of their own.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/audit/confirm/confirm.h"
#include "coordinator/audit/confirm/listing.h"
#include "coordinator/audit/live_reader.h"
#include "coordinator/audit/walked_audit.h"
#include "coordinator/report/report.h"
#include "coordinator/walk/walk_types.h"

namespace driftwood::coordinator {

class Settlement {
 public:
  Settlement(const WalkedAudit& walked, LiveReader* reader, Report* report);

  // Fills the report's counts, records, runs, gaps and diagnostics, and what it says of the
  // reading.
  void Run();

  // After Run().
  const Confirmation& confirmation() const { return confirmation_; }

 private:
  void Confirm();
  // Whether which columns differ is asked for too.
  bool WantsTags() const;
  size_t BatchKeys() const;
  void TellFiltered();
  // Why a source could not be re-read is something that another try does not change.
  bool AnyRefused() const;
  void Pause();
  void Pass(const std::vector<std::string>& keys);
  // Judges `keys` (ascending) by what was read of them.
  void Take(const std::vector<std::string>& keys, const Readings& readings);
  void List();
  // Where `read` says that what the walk found could not be read back, nothing is proven.
  void AddGapUnless(const absl::Status& read);
  void ListRuns();
  void ListGaps();
  void WarnOfUnconfirmed();
  void WarnOfTags();

  ReportKey MakeKey(const std::string& encoded) const {
    return MakeReportKey(encoded, walked_.schema().key_columns());
  }
  const std::string& NameOf(size_t source) const { return walked_.described[source].name; }

  const WalkedAudit& walked_;
  LiveReader& reader_;
  Report& report_;
  std::vector<bool> filtered_;                    // by source: it has a filter
  Confirmation confirmation_;                     // of walked_.result
  std::map<size_t, absl::Status> reread_errors_;  // by source: the last one
};

}  // namespace driftwood::coordinator
