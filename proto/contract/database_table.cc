#include "proto/contract/database_table.h"

#include <algorithm>
#include <vector>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/percent.h"

namespace driftwood {
namespace {

// What would be read as something else, here, in a URL or in a shell.
constexpr std::string_view kEscaped = "%&?,:@/=# ";

struct TableParameter {
  const char* name;
  std::string DatabaseTable::*value;
};
constexpr TableParameter kParameters[] = {{"table", &DatabaseTable::table},
                                          {"rename", &DatabaseTable::rename},
                                          {"zone", &DatabaseTable::zone}};

// What was asked for is not quoted: it may be a mistyped secret.
absl::Status Malformed(const std::string& why) {
  return absl::InvalidArgumentError(why +
                                    "; a table of a database is named as in "
                                    "shop?table=orders");
}

absl::Status TakeParameter(std::string_view pair, DatabaseTable* table) {
  const size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return Malformed("a parameter has no value");
  const std::string name(pair.substr(0, equals));
  const auto* const known =
      std::find_if(std::begin(kParameters), std::end(kParameters),
                   [&](const TableParameter& candidate) { return name == candidate.name; });
  if (known == std::end(kParameters)) {
    return Malformed("unknown parameter '" + Printable(name) + "'" +
                     DidYouMean(name, {"table", "rename", "zone"}));
  }
  const std::string_view value = pair.substr(equals + 1);
  if (value.empty()) return Malformed("parameter '" + name + "' has no value");
  if (!PercentIsWellFormed(value) || value.find('?') != std::string_view::npos) {
    return Malformed("parameter '" + name + "': write '%' as %25 and '?' as %3F");
  }
  std::string& target = table->*known->value;
  if (!target.empty()) return Malformed("parameter '" + name + "' is given twice");
  target = value;
  return absl::OkStatus();
}

}  // namespace

bool NamesTable(std::string_view dataset) { return dataset.find('?') != std::string_view::npos; }

std::string DatasetOf(const DatabaseTable& table) {
  std::string text = table.database + "?table=" + PercentEncode(table.table, kEscaped);
  if (!table.rename.empty()) text += "&rename=" + table.rename;
  if (!table.zone.empty()) text += "&zone=" + table.zone;
  return text;
}

absl::StatusOr<DatabaseTable> ParseDatabaseTable(std::string_view dataset) {
  const size_t mark = dataset.find('?');
  DatabaseTable table;
  table.database = dataset.substr(0, mark);
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : dataset.substr(mark + 1);
  for (size_t begin = 0; begin <= query.size();) {
    const size_t end = std::min(query.find('&', begin), query.size());
    RETURN_IF_ERROR(TakeParameter(query.substr(begin, end - begin), &table));
    begin = end + 1;
  }
  if (table.table.empty()) return Malformed("no table is named");
  table.table = PercentDecode(table.table);
  return table;
}

}  // namespace driftwood
