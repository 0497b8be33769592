// Which tables of several databases are compared, and what they are called. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/diff/diff_options.h"
#include "coordinator/report/database_report.h"
#include "proto/contract/table_list.h"

namespace driftwood::coordinator {

// A table by its name, and what each replica has of that name: null if it has none. The name is the
// first replica's that has it; others may write it in another letter case.
struct MatchedTable {
  std::string name;
  std::vector<const TableEntry*> entries;

  std::vector<size_t> MissingIn() const;
  bool HasKey() const;  // on any side: it then serves for all
};

struct TableSelection {
  std::vector<MatchedTable> tables;   // to be compared, by name
  std::vector<SkippedTable> skipped;  // not to be: the user said so, or they are no tables
};

// Where some of the listings have the tables of several schemas, those of the others are called as
// they would be there.
void QualifyAlike(std::vector<TableList>* listings);

// --rename-table: tables of some replicas get other names. InvalidArgument for one that can't be
// read, has several meanings, or makes two tables one, and, if it `must_exist`, for a table that is
// not there.
absl::Status RenameTables(const DiffOptions& options, const std::vector<std::string>& names,
                          bool must_exist, std::vector<TableList>* listings);

// "Album (album in right)": each table that not all replicas write alike.
std::vector<std::string> OtherCases(const std::vector<MatchedTable>& tables,
                                    const std::vector<std::string>& names);

// By --tables and --skip-tables, whose names may be patterns (merkle/text/name_pattern.h). What is
// no table on any side is selected only by its very name. InvalidArgument for a name that no
// replica has and a pattern that matches none, if they `must_exist`. The selection lives as long as
// `listings`.
absl::StatusOr<TableSelection> SelectTables(const std::vector<TableList>& listings,
                                            const std::vector<std::string>& names,
                                            const DiffOptions& options, bool must_exist);

// "; right has 'ORDERS': letter case counts": what a replica without `table` has instead of it, if
// that looks like it. Else empty.
std::string OtherSpellings(const MatchedTable& table, const std::vector<TableList>& listings,
                           const std::vector<std::string>& names);

}  // namespace driftwood::coordinator
