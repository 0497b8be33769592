// With --all: which options of columns are for which tables. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/diff/diff_options.h"
#include "coordinator/diff/letter_case.h"
#include "coordinator/diff/option_tables.h"
#include "coordinator/diff/table_selection.h"

namespace driftwood::coordinator {

// InvalidArgument for what can be for one comparison only, whatever tables there are: --columns
// without a table, --key without one but for '*'.
absl::Status CheckTableOptions(const DiffOptions& options);

// --ignore, --types, --rule, --rename and --zone, of which each table gets those that name a column
// which it has; and what names a table too: TABLE.COLUMN in these and in --columns, and --key
// TABLE:a,b. Names may have dots and colons of their own: what exists decides, and where that
// leaves two readings it is refused. What is said of a column of one table takes the place of what
// the same option says of that column in all tables. Letter case does not count in the names of
// tables and columns where only one could be meant, unless --exact-names; --rename and --zone name
// a column as the store does.
class TableOptions {
 public:
  // InvalidArgument for an item that means no table's column, or could mean two things. `options`
  // is known to be well-formed.
  static absl::StatusOr<TableOptions> Create(const DiffOptions& options,
                                             const std::vector<std::string>& names,
                                             const std::vector<MatchedTable>& tables);
  // Sets those of `table`, and leaves out all others. Adds a --rename for each column that a
  // replica writes in another letter case, unless --exact-names. --key stays '*' only where the
  // table has none.
  void Apply(const MatchedTable& table, DiffOptions* options) const;

 private:
  struct Option {
    const ListOption* list;
    std::string item;  // as the list has it, without the table
    std::string column;
    std::string rename_to;             // --rename only
    std::optional<size_t> replica;     // --rename and --zone: whose column it is
    std::optional<std::string> table;  // absent: of all that have the column
  };

  // What the columns of a table are called in its comparison.
  struct ColumnNames {
    std::vector<std::vector<CaseRename>> renames;  // by replica: what the first writes otherwise
    std::vector<CaseRename> all_renames;
    std::set<std::string> known;  // of all replicas, under them
  };

  TableOptions(const std::vector<std::string>& names, const std::vector<MatchedTable>& tables,
               bool exact);
  void NameColumns();
  Option Parse(const ListOption& list, const std::string& item) const;
  absl::Status AddAll(const DiffOptions& options, bool renames);
  absl::Status Add(const Option& option);
  absl::Status AddOf(const std::string& table, const ListOption& list, const std::string& item);
  absl::Status AddKey(const std::string& value);
  absl::Status SetKey(const MatchedTable& table, const std::vector<std::string>& columns);
  absl::Status NoColumn(const Option& option) const;
  const MatchedTable* FindTable(const std::string& name) const;
  // As the replica has them, or as the comparison does.
  static std::vector<std::string> Columns(const MatchedTable& table, size_t replica);
  // As the comparison calls the columns of one replica.
  std::vector<std::string> NamesIn(const MatchedTable& table, size_t replica) const;
  std::vector<std::string> NamesIn(const MatchedTable& table) const;
  // Of a replica's columns, those that the first one writes in another letter case.
  std::vector<CaseRename> RenamesIn(const MatchedTable& table, size_t replica) const;
  // The column of `table` that `column` means; itself if it means none.
  std::string ColumnNamed(const std::string& column, const MatchedTable& table) const;
  bool HasColumn(const Option& option, const MatchedTable& table) const;
  bool IsFor(const Option& option, const MatchedTable& table) const;
  bool IsReplaced(const Option& option, const MatchedTable& table) const;

  const std::vector<std::string> names_;
  const std::vector<MatchedTable> tables_;
  std::vector<Option> options_;
  const bool exact_;
  std::set<std::string> table_names_;
  std::map<std::string, ColumnNames> columns_;            // by table, once all --rename are known
  std::map<std::string, std::vector<std::string>> keys_;  // lists, by table
};

}  // namespace driftwood::coordinator
