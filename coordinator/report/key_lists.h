// The keys of the records that differ, as files for other programs: csv-raw with the key columns
// and a header.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/report/database_report.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// Makes `directory`, which is empty or not there, with a file for each kind and side:
// "only_in_left.csv" and "only_in_right.csv", "changed.csv", and "duplicate.csv" if a replica has
// several sources. Of more than two replicas also "only_in_left+right.csv" for each set of those
// that have a key; "in_none.csv" if such a one was there last.
//
// All that differs stands in one of them, or nothing is written: FailedPrecondition, with the
// reason, if the report has no whole list.
absl::Status WriteKeyLists(const Report& report, const std::string& directory);

// A directory in it for each table that was wholly compared, under its SafeName().
absl::Status WriteKeyLists(const DatabaseReport& report, const std::string& directory);
// The other tables.
std::vector<std::string> TablesWithoutKeyLists(const DatabaseReport& report);

// A file name for a table's: what is no ASCII letter, digit, '-', '_' or '.' behind another
// character is %XX. One that is long is cut, with '%t' and `number`, which no other table has.
std::string SafeName(const std::string& table, size_t number);

}  // namespace driftwood::coordinator
