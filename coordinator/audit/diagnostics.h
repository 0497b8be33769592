// What helps a reader of the report beyond the divergences themselves: where in the key space they
// lie, what they differ by, and why a store can't hold a key.
//
// Diagnostics: no verdict, count or status depends on any of it, so that each part may fail, and
// then is left out. Free of any transport. One thread; asks the replicas on threads of their own.
#pragma once

#include <string>
#include <vector>

#include "coordinator/audit/confirm/confirm.h"
#include "coordinator/audit/confirm/listing.h"
#include "coordinator/audit/live_reader.h"
#include "coordinator/audit/walked_audit.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

class Diagnostics {
 public:
  // All must outlive it; `confirmation` has taken its last reading.
  Diagnostics(const WalkedAudit& walked, const Confirmation& confirmation, LiveReader* reader)
      : walked_(walked), confirmation_(confirmation), reader_(*reader) {}

  // In which columns the changed records differ, as far as their reading said so.
  void CountColumns(Report* report);
  // Of a sample, evenly spread over all divergences within reach, what they differ by: as their
  // values say, or, where not all agents give values away, column tags.
  void Explain(Report* report);
  // In which parts of the key space the divergences lie, as the tree of the largest source cuts it.
  void Locate(Report* report);
  // Why keys are missing that a store can't hold: its collation takes them for others that it has.
  AlikeKeys FindAlike();

 private:
  void ExplainValues(const std::vector<std::string>& keys, Report* report);
  void ExplainTags(const std::vector<std::string>& keys, Report* report);
  // Those in which any of the records differs, most often first.
  std::vector<size_t> DifferingColumns(const std::vector<std::string>& keys) const;
  // Nobody is there any more who could answer, or who would read it.
  bool Over() const { return reader_.AnyLost() || walked_.interrupt->raised(); }

  const WalkedAudit& walked_;
  const Confirmation& confirmation_;
  LiveReader& reader_;
};

}  // namespace driftwood::coordinator
