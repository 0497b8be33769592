// Which tables of several databases are compared, and which options of columns are for which of
// them. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/diff/diff_options.h"
#include "coordinator/diff/letter_case.h"
#include "coordinator/diff/option_tables.h"
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

// "Album (album in right)": each table that not all replicas write alike.
std::vector<std::string> OtherCases(const std::vector<MatchedTable>& tables,
                                    const std::vector<std::string>& names);

// InvalidArgument for a name in --tables or --skip-tables that no replica has, if it `must_exist`.
// The selection lives as long as `listings`.
absl::StatusOr<TableSelection> SelectTables(const std::vector<TableList>& listings,
                                            const std::vector<std::string>& names,
                                            const DiffOptions& options, bool must_exist);

// "; right has 'ORDERS': letter case counts": what a replica without `table` has instead of it, if
// that looks like it. Else empty.
std::string OtherSpellings(const MatchedTable& table, const std::vector<TableList>& listings,
                           const std::vector<std::string>& names);

// --ignore, --types, --rule, --rename and --zone, of which each table gets those that name a column
// which it has.
class ColumnOptions {
 public:
  // InvalidArgument for one that no table has. `options` is known to be well-formed.
  static absl::StatusOr<ColumnOptions> Create(const DiffOptions& options,
                                              const std::vector<std::string>& names,
                                              const std::vector<MatchedTable>& tables);
  // Sets those of `table`, and leaves out all others. Adds a --rename for each column that a
  // replica writes in another letter case, unless --exact-names.
  void Apply(const MatchedTable& table, DiffOptions* options) const;

 private:
  struct Option {
    const ListOption* list;
    std::string item;  // as the list has it
    std::string column;
    std::string rename_to;          // --rename only
    std::optional<size_t> replica;  // --rename and --zone: whose column it is
  };

  ColumnOptions(const DiffOptions& options, const std::vector<std::string>& names);
  void Add(const ListOption& list, const DiffOptions& options,
           const std::vector<std::string>& names);
  // As the replica has them, or as the comparison does.
  static std::vector<std::string> Columns(const MatchedTable& table, size_t replica);
  // As the comparison calls the columns of one replica.
  std::vector<std::string> NamesIn(const MatchedTable& table, size_t replica) const;
  std::vector<std::string> NamesIn(const MatchedTable& table) const;
  // Of a replica's columns, those that the first one writes in another letter case.
  std::vector<CaseRename> RenamesIn(const MatchedTable& table, size_t replica) const;
  // Adds those renames, and has the options follow them.
  void ApplyByCase(const MatchedTable& table, DiffOptions* options) const;
  bool IsFor(const Option& option, const MatchedTable& table) const;

  const std::vector<std::string> names_;
  std::vector<Option> options_;
};

}  // namespace driftwood::coordinator
