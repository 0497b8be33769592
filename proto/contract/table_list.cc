#include "proto/contract/table_list.h"

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood {
namespace {

// What is no UTF-8 stays so, and the reader refuses it: another name would be another table's.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string QuotedList(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() == 1 ? "" : ",") + Quoted(text);
  return out + "]";
}

const char* Bool(bool value) { return value ? "true" : "false"; }

using Json = nlohmann::json;

absl::Status Malformed(const std::string& why) {
  return absl::DataLossError("its agent's list of tables can't be read: " + why +
                             "; run the same version of both programs");
}

// A member of the type asked for; nothing if there is none.
template <typename T>
std::optional<T> Member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::nullopt;
  if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    if (!found->is_array()) return std::nullopt;
    std::vector<std::string> texts;
    for (const Json& item : *found) {
      if (!item.is_string()) return std::nullopt;
      texts.push_back(item.get<std::string>());
    }
    return texts;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return std::nullopt;
    return found->get<std::string>();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!found->is_boolean()) return std::nullopt;
    return found->get<bool>();
  } else {
    if (!found->is_number_unsigned()) return std::nullopt;
    return found->get<uint64_t>();
  }
}

using Strings = std::vector<std::string>;

absl::StatusOr<TableEntry> TableOf(const Json& line) {
  const auto name = Member<std::string>(line, "table");
  const auto kind = Member<std::string>(line, "kind");
  const auto is_table = Member<bool>(line, "is_table");
  auto key = Member<Strings>(line, "key");
  auto columns = Member<Strings>(line, "columns");
  const auto url = Member<std::string>(line, "url");
  if (!name || !kind || !is_table || !key || !columns || !url) {
    return Malformed("a table without one of its members");
  }
  return TableEntry{*name, *kind, *is_table, *std::move(key), *std::move(columns), *url};
}

absl::Status TakeEnd(const Json& line, TableList* list) {
  const auto count = Member<uint64_t>(line, "tables");
  const auto source = Member<std::string>(line, "source");
  const auto scope = Member<std::string>(line, "scope");
  const auto qualified = Member<bool>(line, "qualified");
  const auto folds_names = Member<bool>(line, "folds_names");
  auto warnings = Member<Strings>(line, "warnings");
  const auto identity = Member<std::string>(line, "identity");
  if (!count || !source || !scope || !qualified || !folds_names || !warnings || !identity) {
    return Malformed("its end lacks one of its members");
  }
  RETURN_IF_ERROR(CheckIsWhole(*list, *count));
  list->source = *source;
  list->scope = *scope;
  list->qualified = *qualified;
  list->folds_names = *folds_names;
  list->warnings = *std::move(warnings);
  list->identity = *identity;
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckDatabaseUrl(const StoreUrl& url) {
  for (const char* const name : {"table", "where", "moved", "deleted", "key", "rename", "zone"}) {
    if (!url.parameters.contains(name)) continue;
    return absl::InvalidArgumentError("store URL \"" + Printable(url.ToString()) + "\": " + name +
                                      "= belongs to one table; a database is expected here, "
                                      "without it");
  }
  return absl::OkStatus();
}

absl::Status CheckIsWhole(const TableList& list, uint64_t count) {
  if (count != list.tables.size()) {
    return Malformed("it has " + std::to_string(list.tables.size()) + " tables and says " +
                     std::to_string(count));
  }
  std::set<std::string_view> names;
  for (const TableEntry& table : list.tables) {
    if (!names.insert(table.name).second) return Malformed("table '" + table.name + "' twice");
  }
  return absl::OkStatus();
}

std::string TableListText(const TableList& list) {
  std::string text;
  for (const TableEntry& table : list.tables) {
    text += "{\"table\":" + Quoted(table.name) + ",\"kind\":" + Quoted(table.kind) +
            ",\"is_table\":" + Bool(table.is_table) + ",\"key\":" + QuotedList(table.key) +
            ",\"columns\":" + QuotedList(table.columns) + ",\"url\":" + Quoted(table.url) + "}\n";
  }
  return text + "{\"tables\":" + std::to_string(list.tables.size()) +
         ",\"source\":" + Quoted(list.source) + ",\"scope\":" + Quoted(list.scope) +
         ",\"qualified\":" + Bool(list.qualified) + ",\"folds_names\":" + Bool(list.folds_names) +
         ",\"warnings\":" + QuotedList(list.warnings) + ",\"identity\":" + Quoted(list.identity) +
         "}\n";
}

absl::StatusOr<TableList> ParseTableList(std::string_view text) {
  TableList list;
  bool ended = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return Malformed("its last line is cut off");
    const Json line = Json::parse(text.substr(0, end), nullptr, /*allow_exceptions=*/false);
    text.remove_prefix(end + 1);
    if (ended) return Malformed("lines after its end");
    if (!line.is_object()) {
      return Malformed("a line is no JSON object (a name that is not UTF-8 can't be compared)");
    }
    if (!line.contains("table")) {
      RETURN_IF_ERROR(TakeEnd(line, &list));
      ended = true;
      continue;
    }
    ASSIGN_OR_RETURN(TableEntry table, TableOf(line));
    list.tables.push_back(std::move(table));
  }
  if (!ended) return Malformed("its end is missing");
  return list;
}

}  // namespace driftwood
