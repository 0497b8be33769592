#include "coordinator/audit/diagnostics/remedy.h"

#include <cstdlib>
#include <utility>

#include "merkle/record/reading.h"
#include "merkle/text/display.h"
#include "merkle/text/shell_word.h"

namespace driftwood::coordinator {
namespace {

std::string ZoneText(int64_t minutes) {
  if (minutes == 0) return "UTC";
  const int64_t size = std::llabs(minutes);
  std::string text = (minutes < 0 ? "UTC-" : "UTC+") + std::to_string(size / 60);
  if (size % 60 != 0) text += (size % 60 < 10 ? ":0" : ":") + std::to_string(size % 60);
  return text;
}

std::string OfTable(const std::string& table, const std::string& column) {
  return table.empty() ? column : table + "." + column;
}

}  // namespace

std::string TypesOption(const merkle::Column& column, std::string_view type,
                        const std::string& table) {
  if (merkle::ColumnTypeText(column) == type) return "";
  return "--types " + ShellWord(ListItem(OfTable(table, column.name)) + "=" + std::string(type));
}

std::string ZoneOption(const std::vector<std::pair<std::string, int64_t>>& zones,
                       const std::string& column, const std::string& table) {
  std::string list;
  for (const auto& [replica, minutes] : zones) {
    list += (list.empty() ? "" : ",") + replica + ":" + ListItem(OfTable(table, column)) + "=" +
            ZoneText(minutes);
  }
  return "--zone " + ShellWord(list);
}

std::string UrlOption(std::string_view parameter, const std::string& replica) {
  return std::string(parameter) + " in the URL of " + replica;
}

std::string Both(const std::string& a, const std::string& b) {
  return a.empty() ? b : b.empty() ? a : a + " and " + b;
}

}  // namespace driftwood::coordinator
