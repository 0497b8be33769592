#include "coordinator/diff/table_options.h"

#include <algorithm>
#include <iterator>
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

// The column that an item of --columns, --ignore, --types or --rule is about: it begins with it.
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

bool MapsColumns(const ListOption& list) {
  return list.values == &DiffOptions::renames || list.values == &DiffOptions::zones;
}

const Names kNoKey = {"*"};

const ListOption& OptionOf(Names DiffOptions::*values) {
  return *std::find_if(kListOptions.begin(), kListOptions.end(),
                       [&](const ListOption& list) { return list.values == values; });
}

}  // namespace

absl::Status CheckTableOptions(const DiffOptions& options) {
  for (const std::string& column : JoinLists(options.columns)) {
    if (column.find('.') != std::string::npos) continue;
    return absl::InvalidArgumentError(
        "--columns is for one table: with --all name that too, as in --columns TABLE." + column +
        ", or say what to leave out, with --ignore");
  }
  for (const std::string& value : options.key) {
    if (SplitList(value) == kNoKey || value.find(':') != std::string::npos) continue;
    return absl::InvalidArgumentError(
        "--key is for one table: with --all each table is compared by its own key; name the table "
        "too, as in --key TABLE:" +
        value + ", and with --key '*' those that have none are compared as multisets");
  }
  return absl::OkStatus();
}

TableOptions::TableOptions(const Names& names, const std::vector<MatchedTable>& tables, bool exact)
    : names_(names), tables_(tables), exact_(exact) {
  for (const MatchedTable& table : tables_) table_names_.insert(table.name);
}

TableOptions::Option TableOptions::Parse(const ListOption& list, const std::string& item) const {
  Option option{&list, item, ColumnOf(list, item), "", std::nullopt, std::nullopt};
  if (!MapsColumns(list)) return option;
  const size_t colon = item.find(':');
  const size_t equals = item.find('=', colon);
  const auto replica = std::find(names_.begin(), names_.end(), item.substr(0, colon));
  option.replica = static_cast<size_t>(std::distance(names_.begin(), replica));
  option.column = item.substr(colon + 1, equals - colon - 1);
  if (list.values == &DiffOptions::renames) option.rename_to = item.substr(equals + 1);
  return option;
}

const MatchedTable* TableOptions::FindTable(const std::string& name) const {
  const std::string known = exact_ ? name : NameUnderRenames(name, {}, table_names_);
  const auto found = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const MatchedTable& table) { return table.name == known; });
  return found == tables_.end() ? nullptr : &*found;
}

Names TableOptions::Columns(const MatchedTable& table, size_t replica) {
  const TableEntry* const entry = table.entries[replica];
  return entry == nullptr ? Names() : entry->columns;
}

Names TableOptions::NamesIn(const MatchedTable& table, size_t replica) const {
  Names columns = Columns(table, replica);
  for (std::string& column : columns) {
    for (const Option& option : options_) {
      if (option.replica != replica || option.rename_to.empty() || option.column != column ||
          (option.table && *option.table != table.name) || IsReplaced(option, table)) {
        continue;
      }
      column = option.rename_to;
      break;
    }
  }
  return columns;
}

Names TableOptions::NamesIn(const MatchedTable& table) const {
  Names all;
  for (size_t i = 0; i < table.entries.size(); ++i) {
    const Names columns = NamesIn(table, i);
    all.insert(all.end(), columns.begin(), columns.end());
  }
  return all;
}

void TableOptions::NameColumns() {
  for (const MatchedTable& table : tables_) {
    ColumnNames& columns = columns_[table.name];
    for (size_t i = 0; i < table.entries.size(); ++i) {
      columns.renames.push_back(exact_ ? std::vector<CaseRename>() : RenamesIn(table, i));
      const std::vector<CaseRename>& renames = columns.renames.back();
      for (const std::string& name : NamesIn(table, i)) {
        columns.known.insert(NameUnderRenames(name, renames, {}));
      }
      columns.all_renames.insert(columns.all_renames.end(), renames.begin(), renames.end());
    }
  }
}

std::string TableOptions::ColumnNamed(const std::string& column, const MatchedTable& table) const {
  const ColumnNames& columns = columns_.at(table.name);
  return exact_ ? column : NameUnderRenames(column, columns.all_renames, columns.known);
}

bool TableOptions::HasColumn(const Option& option, const MatchedTable& table) const {
  if (option.replica) return Contains(Columns(table, *option.replica), option.column);
  return columns_.at(table.name).known.contains(ColumnNamed(option.column, table));
}

bool TableOptions::IsReplaced(const Option& option, const MatchedTable& table) const {
  if (option.table) return false;
  return std::any_of(options_.begin(), options_.end(), [&](const Option& other) {
    return other.table == table.name && other.list == option.list &&
           other.replica == option.replica &&
           (option.replica ? other.column == option.column
                           : ColumnNamed(other.column, table) == ColumnNamed(option.column, table));
  });
}

bool TableOptions::IsFor(const Option& option, const MatchedTable& table) const {
  if (option.table) return *option.table == table.name;
  return HasColumn(option, table) && !IsReplaced(option, table);
}

absl::Status TableOptions::NoColumn(const Option& option) const {
  std::set<std::string> known;
  for (const MatchedTable& table : tables_) {
    const Names columns = option.replica ? Columns(table, *option.replica) : NamesIn(table);
    for (const std::string& column : columns) known.insert(table.name + "." + column);
    known.insert(columns.begin(), columns.end());
  }
  return absl::InvalidArgumentError(std::string(option.list->name) + ": no table" +
                                    (option.replica ? " of " + names_[*option.replica] : "") +
                                    " has a column '" + option.column + "'" +
                                    DidYouMean(option.column, {known.begin(), known.end()}));
}

// As typed: a column of all tables that have it, or TABLE.COLUMN.
absl::Status TableOptions::Add(const Option& option) {
  std::vector<Option> readings;
  Names texts;
  const bool for_all = option.list->of_columns;
  if (for_all) {
    const auto having = std::find_if(tables_.begin(), tables_.end(),
                                     [&](const MatchedTable& t) { return HasColumn(option, t); });
    if (having != tables_.end()) {
      readings.push_back(option);
      texts.push_back("the column '" + option.column + "' of '" + having->name + "'");
    }
  }
  for (size_t dot = option.column.find('.'); dot != std::string::npos;
       dot = option.column.find('.', dot + 1)) {
    Option reading = option;
    reading.table = option.column.substr(0, dot);
    reading.column = option.column.substr(dot + 1);
    const MatchedTable* const table = FindTable(*reading.table);
    if (table == nullptr || !HasColumn(reading, *table)) continue;
    reading.table = table->name;
    const size_t column_at = MapsColumns(*option.list) ? option.item.find(':') + 1 : 0;
    reading.item.erase(column_at, dot + 1);
    texts.push_back("the column '" + reading.column + "' of '" + *reading.table + "'");
    readings.push_back(std::move(reading));
  }
  if (readings.empty()) return NoColumn(option);
  if (readings.size() > 1) {
    return absl::InvalidArgumentError(
        std::string(option.list->name) + ": '" + option.column + "' may be " + JoinNames(texts) +
        "; a configuration file tells them apart, in its [dataset.NAME.table.TABLE]");
  }
  options_.push_back(std::move(readings.front()));
  return absl::OkStatus();
}

absl::Status TableOptions::AddOf(const std::string& name, const ListOption& list,
                                 const std::string& item) {
  const MatchedTable* const table = FindTable(name);
  if (table == nullptr) {
    Names known;
    for (const MatchedTable& each : tables_) known.push_back(each.name);
    return absl::InvalidArgumentError("options of table '" + name + "': no such table is compared" +
                                      DidYouMean(name, known));
  }
  Option option = Parse(list, item);
  option.table = table->name;
  if (!HasColumn(option, *table)) {
    return absl::InvalidArgumentError(std::string(list.name) + ": table '" + table->name +
                                      "' has no column '" + option.column + "'" +
                                      DidYouMean(option.column, NamesIn(*table)));
  }
  if (list.values != &DiffOptions::key) options_.push_back(std::move(option));
  return absl::OkStatus();
}

absl::Status TableOptions::SetKey(const MatchedTable& table, const Names& columns) {
  Names list;
  for (const std::string& column : columns) list.push_back(ListItem(ColumnNamed(column, table)));
  if (keys_.emplace(table.name, std::move(list)).second) return absl::OkStatus();
  return absl::InvalidArgumentError("--key names table '" + table.name + "' twice");
}

// TABLE:a,b.
absl::Status TableOptions::AddKey(const std::string& value) {
  const Names items = SplitList(value);
  if (items == kNoKey) return absl::OkStatus();
  const std::string& first = items.front();
  const MatchedTable* found = nullptr;
  Names columns;
  std::string why;
  for (size_t colon = first.find(':'); colon != std::string::npos;
       colon = first.find(':', colon + 1)) {
    const MatchedTable* const table = FindTable(first.substr(0, colon));
    if (table == nullptr) continue;
    Names key = items;
    key[0] = first.substr(colon + 1);
    const std::set<std::string>& known = columns_.at(table->name).known;
    const auto missing = std::find_if(key.begin(), key.end(), [&](const std::string& column) {
      return !known.contains(ColumnNamed(column, *table));
    });
    if (missing != key.end() && key != kNoKey) {
      why = "table '" + table->name + "' has no column '" + *missing + "'" +
            DidYouMean(*missing, NamesIn(*table));
      continue;
    }
    if (found != nullptr) {
      return absl::InvalidArgumentError("--key '" + value + "' may be of table '" + found->name +
                                        "' or '" + table->name +
                                        "'; a configuration file tells them apart");
    }
    found = table;
    columns = std::move(key);
  }
  if (found != nullptr) return SetKey(*found, columns);
  if (why.empty()) {
    Names known;
    for (const MatchedTable& table : tables_) known.push_back(table.name);
    const std::string name = first.substr(0, first.find(':'));
    why = "no table '" + name + "' is compared" + DidYouMean(name, known);
  }
  return absl::InvalidArgumentError("--key '" + value + "': " + why);
}

// What columns are called is known once the `renames` are.
absl::Status TableOptions::AddAll(const DiffOptions& options, bool renames) {
  for (const ListOption& list : kListOptions) {
    const bool wanted = list.of_columns || list.values == &DiffOptions::columns;
    if (!wanted || (list.values == &DiffOptions::renames) != renames) continue;
    for (const std::string& item : JoinLists(options.*list.values)) {
      RETURN_IF_ERROR(Add(Parse(list, item)));
    }
  }
  std::map<const MatchedTable*, Names> keys;
  for (const TableItem& item : options.table_items) {
    if ((item.list == &DiffOptions::renames) != renames) continue;
    for (const std::string& one : SplitList(item.item)) {
      if (const MatchedTable* const table = FindTable(item.table);
          item.list == &DiffOptions::key && table != nullptr) {
        keys[table].push_back(one);
        if (one == kNoKey[0]) continue;
      }
      RETURN_IF_ERROR(AddOf(item.table, OptionOf(item.list), one));
    }
  }
  for (const auto& [table, columns] : keys) RETURN_IF_ERROR(SetKey(*table, columns));
  return absl::OkStatus();
}

absl::StatusOr<TableOptions> TableOptions::Create(const DiffOptions& options, const Names& names,
                                                  const std::vector<MatchedTable>& tables) {
  TableOptions result(names, tables, options.exact_names);
  RETURN_IF_ERROR(result.AddAll(options, /*renames=*/true));
  result.NameColumns();
  RETURN_IF_ERROR(result.AddAll(options, /*renames=*/false));
  for (const std::string& value : options.key) RETURN_IF_ERROR(result.AddKey(value));
  return result;
}

std::vector<CaseRename> TableOptions::RenamesIn(const MatchedTable& table, size_t replica) const {
  if (replica == 0) return {};
  const Names columns = Columns(table, replica);
  std::vector<CaseRename> renames = RenamesByCase(NamesIn(table, 0), NamesIn(table, replica));
  // Those that are renamed already are as their user said.
  std::erase_if(renames, [&](const CaseRename& rename) { return !Contains(columns, rename.from); });
  return renames;
}

void TableOptions::Apply(const MatchedTable& table, DiffOptions* options) const {
  const bool multisets = std::any_of(options->key.begin(), options->key.end(),
                                     [](const std::string& v) { return SplitList(v) == kNoKey; });
  for (const ListOption& list : kListOptions) {
    if (list.of_columns) (options->*list.values).clear();
  }
  options->columns.clear();
  options->key.clear();
  options->table_items.clear();
  for (const Option& option : options_) {
    if (!IsFor(option, table)) continue;
    const std::string item = option.replica ? option.item
                                            : ColumnNamed(option.column, table) +
                                                  option.item.substr(option.column.size());
    (options->*option.list->values).push_back(ListItem(item));
  }
  if (const auto key = keys_.find(table.name); key != keys_.end()) {
    options->key = key->second;
  } else if (!table.HasKey() && multisets) {
    options->key = kNoKey;
  }
  const ColumnNames& columns = columns_.at(table.name);
  for (size_t i = 0; i < columns.renames.size(); ++i) {
    for (const CaseRename& rename : columns.renames[i]) {
      options->renames.push_back(ListItem(names_[i] + ":" + rename.from + "=" + rename.to));
    }
  }
}

}  // namespace driftwood::coordinator
