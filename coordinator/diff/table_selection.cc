#include "coordinator/diff/table_selection.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "coordinator/diff/diff_plan.h"
#include "merkle/record/rule.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

using Names = std::vector<std::string>;

bool Contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What tables are matched by: their names, or those in lower case where no replica has two of them.
std::map<std::string, std::string> MatchingNames(const std::vector<TableList>& listings,
                                                 bool exact) {
  std::map<std::string, Names> by_folded;
  std::set<std::string> ambiguous;
  for (const TableList& listing : listings) {
    std::set<std::string> seen;
    for (const TableEntry& table : listing.tables) {
      const std::string folded = Lowercase(table.name);
      by_folded[folded].push_back(table.name);
      if (!seen.insert(folded).second) ambiguous.insert(folded);
    }
  }
  std::map<std::string, std::string> matching;
  for (const auto& [folded, names] : by_folded) {
    const bool by_case = exact || ambiguous.contains(folded);
    for (const std::string& name : names) matching[name] = by_case ? name : names.front();
  }
  return matching;
}

std::map<std::string, MatchedTable> MatchTables(const std::vector<TableList>& listings,
                                                bool exact) {
  const std::map<std::string, std::string> matching = MatchingNames(listings, exact);
  std::map<std::string, MatchedTable> matched;
  for (size_t i = 0; i < listings.size(); ++i) {
    for (const TableEntry& table : listings[i].tables) {
      MatchedTable& match = matched[matching.at(table.name)];
      match.name = matching.at(table.name);
      match.entries.resize(listings.size());
      match.entries[i] = &table;
    }
  }
  return matched;
}

// "view in left and right"; empty if it is a table anywhere.
std::string WhyNoTable(const MatchedTable& table, const Names& names) {
  std::map<std::string, Names> kinds;
  for (size_t i = 0; i < names.size(); ++i) {
    if (table.entries[i] == nullptr) continue;
    if (table.entries[i]->is_table) return "";
    kinds[table.entries[i]->kind].push_back(names[i]);
  }
  std::string why;
  for (const auto& [kind, having] : kinds) {
    why += (why.empty() ? "" : ", ") + kind + " in " + JoinAnd(having);
  }
  return why;
}

absl::StatusOr<Names> TableNames(const char* option, const Names& lists,
                                 const std::map<std::string, MatchedTable>& matched,
                                 bool must_exist) {
  ASSIGN_OR_RETURN(Names wanted, NameList(option, "TABLE,TABLE,…", lists));
  Names known;
  for (const auto& [name, table] : matched) known.push_back(name);
  for (const std::string& name : wanted) {
    if (!must_exist || matched.contains(name)) continue;
    return absl::InvalidArgumentError(std::string(option) + ": no replica has a table '" + name +
                                      "'" + DidYouMean(name, known));
  }
  return wanted;
}

// The column that an item of --ignore, --types, --rule, --rename or --zone is about.
std::string ColumnOf(const ListOption& option, const std::string& item) {
  static constexpr std::string_view kIgnore = ":ignore";
  if (option.values == &DiffOptions::types) return item.substr(0, item.rfind('='));
  if (option.values == &DiffOptions::rules) {
    if (item.size() > kIgnore.size() && item.ends_with(kIgnore)) {
      return item.substr(0, item.size() - kIgnore.size());
    }
    const absl::StatusOr<merkle::ColumnRule> rule = merkle::ParseColumnRule(item);
    return rule.ok() ? rule->column : item;
  }
  return item;
}

}  // namespace

std::vector<size_t> MatchedTable::MissingIn() const {
  std::vector<size_t> missing;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i] == nullptr) missing.push_back(i);
  }
  return missing;
}

bool MatchedTable::HasKey() const {
  return std::any_of(entries.begin(), entries.end(), [](const TableEntry* entry) {
    return entry != nullptr && !entry->key.empty();
  });
}

absl::StatusOr<TableSelection> SelectTables(const std::vector<TableList>& listings,
                                            const std::vector<std::string>& names,
                                            const DiffOptions& options, bool must_exist) {
  const std::map<std::string, MatchedTable> matched = MatchTables(listings, options.exact_names);
  ASSIGN_OR_RETURN(const Names only, TableNames("--tables", options.tables, matched, must_exist));
  ASSIGN_OR_RETURN(const Names skip,
                   TableNames("--skip-tables", options.skip_tables, matched, must_exist));
  TableSelection selection;
  for (const auto& [name, table] : matched) {
    if (Contains(skip, name) && Contains(only, name)) {
      return absl::InvalidArgumentError("--tables and --skip-tables both name '" + name + "'");
    }
    const std::string why = WhyNoTable(table, names);
    if (Contains(skip, name)) {
      selection.skipped.push_back({name, "--skip-tables"});
    } else if (!only.empty() && !Contains(only, name)) {
      selection.skipped.push_back({name, "not among --tables"});
    } else if (!why.empty() && only.empty()) {
      selection.skipped.push_back({name, why});
    } else {
      selection.tables.push_back(table);
    }
  }
  return selection;
}

void QualifyAlike(std::vector<TableList>* listings) {
  const bool any = std::any_of(listings->begin(), listings->end(),
                               [](const TableList& listing) { return listing.qualified; });
  if (!any) return;
  for (TableList& listing : *listings) {
    if (listing.qualified) continue;
    for (TableEntry& table : listing.tables) {
      if (table.name.find('.') == std::string::npos) continue;
      std::string quoted = "\"";
      for (const char c : table.name) quoted += c == '"' ? "\"\"" : std::string(1, c);
      table.name = quoted + "\"";
    }
  }
}

Names OtherCases(const std::vector<MatchedTable>& tables, const Names& names) {
  Names texts;
  for (const MatchedTable& table : tables) {
    Names others;
    for (size_t i = 0; i < names.size(); ++i) {
      const TableEntry* const entry = table.entries[i];
      if (entry != nullptr && entry->name != table.name) {
        others.push_back(entry->name + " in " + names[i]);
      }
    }
    if (!others.empty()) texts.push_back(table.name + " (" + JoinNames(others) + ")");
  }
  return texts;
}

std::string OtherSpellings(const MatchedTable& table, const std::vector<TableList>& listings,
                           const std::vector<std::string>& names) {
  std::string text;
  for (const size_t i : table.MissingIn()) {
    for (const TableEntry& other : listings[i].tables) {
      if (Lowercase(other.name) != Lowercase(table.name)) continue;
      text += "; " + names[i] + " has '" + other.name + "': letter case counts";
      if (listings[i].folds_names) {
        text += ", and its server keeps all names in lower case (lower_case_table_names)";
      }
    }
  }
  return text;
}

ColumnOptions::ColumnOptions(const DiffOptions& options, const Names& names) : names_(names) {
  for (const ListOption& list : kListOptions) {
    if (list.of_columns) Add(list, options, names);
  }
}

void ColumnOptions::Add(const ListOption& list, const DiffOptions& options, const Names& names) {
  const bool maps = list.values == &DiffOptions::renames || list.values == &DiffOptions::zones;
  for (const std::string& item : JoinLists(options.*list.values)) {
    Option option{&list, item, ColumnOf(list, item), "", std::nullopt};
    if (maps) {
      const size_t colon = item.find(':');
      const size_t equals = item.find('=', colon);
      const auto replica = std::find(names.begin(), names.end(), item.substr(0, colon));
      option.replica = static_cast<size_t>(std::distance(names.begin(), replica));
      option.column = item.substr(colon + 1, equals - colon - 1);
      if (list.values == &DiffOptions::renames) option.rename_to = item.substr(equals + 1);
    }
    options_.push_back(std::move(option));
  }
}

Names ColumnOptions::Columns(const MatchedTable& table, size_t replica) {
  const TableEntry* const entry = table.entries[replica];
  return entry == nullptr ? Names() : entry->columns;
}

Names ColumnOptions::NamesIn(const MatchedTable& table, size_t replica) const {
  Names columns = Columns(table, replica);
  for (std::string& column : columns) {
    for (const Option& option : options_) {
      if (option.replica == replica && !option.rename_to.empty() && option.column == column) {
        column = option.rename_to;
        break;
      }
    }
  }
  return columns;
}

Names ColumnOptions::NamesIn(const MatchedTable& table) const {
  Names all;
  for (size_t i = 0; i < table.entries.size(); ++i) {
    const Names columns = NamesIn(table, i);
    all.insert(all.end(), columns.begin(), columns.end());
  }
  return all;
}

std::vector<CaseRename> ColumnOptions::RenamesIn(const MatchedTable& table, size_t replica) const {
  if (replica == 0) return {};
  const Names columns = Columns(table, replica);
  std::vector<CaseRename> renames = RenamesByCase(NamesIn(table, 0), NamesIn(table, replica));
  // Those that are renamed already are as their user said.
  std::erase_if(renames, [&](const CaseRename& rename) { return !Contains(columns, rename.from); });
  return renames;
}

void ColumnOptions::ApplyByCase(const MatchedTable& table, DiffOptions* options) const {
  std::vector<CaseRename> all;
  std::set<std::string> known;
  for (size_t i = 0; i < table.entries.size(); ++i) {
    const std::vector<CaseRename> renames = RenamesIn(table, i);
    for (const std::string& name : NamesIn(table, i)) {
      known.insert(NameUnderRenames(name, renames, {}));
    }
    for (const CaseRename& rename : renames) {
      options->renames.push_back(ListItem(names_[i] + ":" + rename.from + "=" + rename.to));
      all.push_back(rename);
    }
  }
  // Options call columns as any replica does.
  for (const Option& option : options_) {
    if (option.replica || !IsFor(option, table)) continue;
    const std::string name = NameUnderRenames(option.column, all, known);
    for (std::string& item : options->*option.list->values) {
      if (item == ListItem(option.item)) {
        item = ListItem(name + option.item.substr(option.column.size()));
      }
    }
  }
}

bool ColumnOptions::IsFor(const Option& option, const MatchedTable& table) const {
  return Contains(option.replica ? Columns(table, *option.replica) : NamesIn(table), option.column);
}

absl::StatusOr<ColumnOptions> ColumnOptions::Create(const DiffOptions& options, const Names& names,
                                                    const std::vector<MatchedTable>& tables) {
  ColumnOptions result(options, names);
  for (const Option& option : result.options_) {
    const bool used = std::any_of(tables.begin(), tables.end(), [&](const MatchedTable& table) {
      return result.IsFor(option, table);
    });
    if (used) continue;
    std::set<std::string> known;
    for (const MatchedTable& table : tables) {
      const Names columns =
          option.replica ? Columns(table, *option.replica) : result.NamesIn(table);
      known.insert(columns.begin(), columns.end());
    }
    return absl::InvalidArgumentError(std::string(option.list->name) + ": no table" +
                                      (option.replica ? " of " + names[*option.replica] : "") +
                                      " has a column '" + option.column + "'" +
                                      DidYouMean(option.column, {known.begin(), known.end()}));
  }
  return result;
}

void ColumnOptions::Apply(const MatchedTable& table, DiffOptions* options) const {
  for (const ListOption& list : kListOptions) {
    if (list.of_columns) (options->*list.values).clear();
  }
  for (const Option& option : options_) {
    if (IsFor(option, table)) (options->*option.list->values).push_back(ListItem(option.item));
  }
  if (!options->exact_names) ApplyByCase(table, options);
}

}  // namespace driftwood::coordinator
