#include "proto/contract/table_list.h"

#include <cstdio>
#include <string_view>

#include "merkle/text/display.h"

namespace driftwood::agent {
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

}  // namespace

absl::Status CheckDatabaseUrl(const StoreUrl& url) {
  for (const char* const name : {"table", "where", "key", "rename", "zone"}) {
    if (!url.parameters.contains(name)) continue;
    return absl::InvalidArgumentError("store URL \"" + Printable(url.ToString()) + "\": " + name +
                                      "= belongs to one table; a database is wanted here, "
                                      "without it");
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
         ",\"source\":" + Quoted(list.source) + ",\"folds_names\":" + Bool(list.folds_names) +
         ",\"warnings\":" + QuotedList(list.warnings) + "}\n";
}

}  // namespace driftwood::agent
