#include "coordinator/diff/table_selection.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "coordinator/diff/diff_plan.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/name_pattern.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

using Names = std::vector<std::string>;

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

// --tables or --skip-tables. Letter case does not count where only one table could be meant.
class ChosenTables {
 public:
  // InvalidArgument for an empty name and, if it `must_exist`, for one that no replica has or that
  // could be of several tables.
  static absl::StatusOr<ChosenTables> Create(const char* option, const Names& lists,
                                             const std::map<std::string, MatchedTable>& matched,
                                             bool exact, bool must_exist) {
    ChosenTables result;
    for (const auto& [name, table] : matched) result.by_folded_[Lowercase(name)].push_back(name);
    result.exact_ = exact;
    ASSIGN_OR_RETURN(const Names texts, NameList(option, "TABLE,TABLE,…", lists));
    for (const std::string& text : texts) {
      const Chosen& chosen =
          result.chosen_.emplace_back(Chosen{NamePattern(text), NamePattern(Lowercase(text))});
      const bool any = std::any_of(matched.begin(), matched.end(), [&](const auto& table) {
        return result.Chooses(chosen, table.first);
      });
      if (must_exist && !any) return result.NoTable(option, chosen.pattern);
    }
    return result;
  }

  bool empty() const { return chosen_.empty(); }
  bool Choose(const std::string& name) const {
    return std::any_of(chosen_.begin(), chosen_.end(),
                       [&](const Chosen& chosen) { return Chooses(chosen, name); });
  }
  // By its name, not as one of several.
  bool Name(const std::string& name) const {
    return std::any_of(chosen_.begin(), chosen_.end(), [&](const Chosen& chosen) {
      return chosen.pattern.is_plain() && Chooses(chosen, name);
    });
  }

 private:
  struct Chosen {
    NamePattern pattern;
    NamePattern folded;
  };

  bool Chooses(const Chosen& chosen, const std::string& name) const {
    if (chosen.pattern.Matches(name)) return true;
    const std::string folded = Lowercase(name);
    return !exact_ && by_folded_.at(folded).size() == 1 && chosen.folded.Matches(folded);
  }

  absl::Status NoTable(const char* option, const NamePattern& pattern) const {
    const auto same = by_folded_.find(Lowercase(pattern.plain()));
    if (pattern.is_plain() && !exact_ && same != by_folded_.end()) {
      return absl::InvalidArgumentError(std::string(option) + ": '" + pattern.plain() +
                                        "' may be one of the tables " + JoinQuoted(same->second) +
                                        "; name it in its own letter case");
    }
    Names known;
    for (const auto& [folded, names] : by_folded_) {
      known.insert(known.end(), names.begin(), names.end());
    }
    std::sort(known.begin(), known.end());
    std::string near = DidYouMean(pattern.plain(), known);
    if (near.empty() && !pattern.is_plain()) near = "; there are " + JoinNames(known);
    return absl::InvalidArgumentError(
        std::string(option) + ": " +
        (pattern.is_plain() ? "no replica has a table '" + pattern.plain() + "'"
                            : "no replica has a table that '" + pattern.text() + "' matches") +
        near);
  }

  std::vector<Chosen> chosen_;
  std::map<std::string, Names> by_folded_;  // of the matched tables
  bool exact_ = false;
};

// Of one replica: the new names of tables, by their places.
using NewNames = std::map<size_t, std::string>;

// `renamed` is TABLE=NAME of `item`. Names may have a '=' of their own: what exists decides, first
// in its own letter case.
absl::Status RenameTable(const std::string& item, const std::string& renamed, bool must_exist,
                         bool exact, const TableList& listing, NewNames* new_names) {
  Names known;
  for (const TableEntry& table : listing.tables) known.push_back(table.name);
  const auto readings = [&](const auto& spelt) {
    std::vector<size_t> found;
    for (size_t i = 0; i < known.size(); ++i) {
      const bool is_other = renamed.size() > known[i].size() + 1;
      if (is_other && spelt(renamed).starts_with(spelt(known[i] + "="))) found.push_back(i);
    }
    return found;
  };
  std::vector<size_t> found = readings([](const std::string& name) { return name; });
  if (found.empty() && !exact) found = readings(Lowercase);
  if (found.size() > 1) {
    return absl::InvalidArgumentError("--rename-table '" + item + "': it could be '" +
                                      known[found[0]] + "' or '" + known[found[1]] +
                                      "' that is renamed");
  }
  if (found.empty()) {
    if (!must_exist) return absl::OkStatus();
    const std::string table = renamed.substr(0, renamed.find('='));
    return absl::InvalidArgumentError("--rename-table '" + item + "': there is no table '" + table +
                                      "' in that replica" + DidYouMean(table, known));
  }
  const std::string& table = known[found[0]];
  if (new_names->emplace(found[0], renamed.substr(table.size() + 1)).second) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("--rename-table names table '" + table + "' twice");
}

// Two tables of one name would be compared as one.
absl::Status TakeNewNames(const std::string& replica, const NewNames& new_names,
                          TableList* listing) {
  for (const auto& [i, name] : new_names) listing->tables[i].name = name;
  for (const auto& [i, name] : new_names) {
    const auto same =
        std::count_if(listing->tables.begin(), listing->tables.end(),
                      [&name = name](const TableEntry& table) { return table.name == name; });
    if (same < 2) continue;
    return absl::InvalidArgumentError("--rename-table: " + replica + " then has two tables '" +
                                      name + "'; rename the other one too");
  }
  return absl::OkStatus();
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

absl::Status RenameTables(const DiffOptions& options, const Names& names, bool must_exist,
                          std::vector<TableList>* listings) {
  ASSIGN_OR_RETURN(const Names items,
                   NameList("--rename-table", "REPLICA:TABLE=NAME,…", options.table_renames));
  std::vector<NewNames> new_names(names.size());
  for (const std::string& item : items) {
    const size_t colon = item.find(':');
    if (colon == std::string::npos || item.find('=', colon) == std::string::npos ||
        item.ends_with('=')) {
      return absl::InvalidArgumentError("--rename-table '" + item +
                                        "': expected REPLICA:TABLE=NAME");
    }
    const std::string replica = item.substr(0, colon);
    const auto found = std::find(names.begin(), names.end(), replica);
    if (found == names.end()) {
      return absl::InvalidArgumentError("--rename-table '" + item + "': there is no replica '" +
                                        replica + "'" + DidYouMean(replica, names) +
                                        "; there are " + JoinAnd(names));
    }
    const auto i = static_cast<size_t>(found - names.begin());
    RETURN_IF_ERROR(RenameTable(item, item.substr(colon + 1), must_exist, options.exact_names,
                                (*listings)[i], &new_names[i]));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    RETURN_IF_ERROR(TakeNewNames(names[i], new_names[i], &(*listings)[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<TableSelection> SelectTables(const std::vector<TableList>& listings,
                                            const std::vector<std::string>& names,
                                            const DiffOptions& options, bool must_exist) {
  const std::map<std::string, MatchedTable> matched = MatchTables(listings, options.exact_names);
  ASSIGN_OR_RETURN(
      const ChosenTables only,
      ChosenTables::Create("--tables", options.tables, matched, options.exact_names, must_exist));
  ASSIGN_OR_RETURN(const ChosenTables skip,
                   ChosenTables::Create("--skip-tables", options.skip_tables, matched,
                                        options.exact_names, must_exist));
  TableSelection selection;
  for (const auto& [name, table] : matched) {
    if (skip.Choose(name) && only.Name(name)) {
      return absl::InvalidArgumentError("--tables and --skip-tables both name '" + name + "'");
    }
    const std::string why = WhyNoTable(table, names);
    if (skip.Choose(name)) {
      selection.skipped.push_back({name, "--skip-tables"});
    } else if (!only.empty() && !only.Choose(name)) {
      selection.skipped.push_back({name, "not among --tables"});
    } else if (!why.empty() && !only.Name(name)) {
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

}  // namespace driftwood::coordinator
