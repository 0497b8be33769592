#include "agent/stores/sql/sql_table.h"

#include <algorithm>
#include <utility>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

std::string Unmapped(const SqlTable& table, const SourceColumn& column, const std::string& cast) {
  const std::string name = Printable(column.name);
  return "column " + name + " of " + Printable(table.display) + " has the type " +
         Printable(column.declared) + ", which has no mapping: leave it out with --ignore " + name +
         ", or compare a view that casts it, as in " + cast;
}

}  // namespace

absl::StatusOr<std::string> SqlTableName(const StoreUrl& url) {
  if (std::optional<std::string> table = url.Parameter("table")) return *std::move(table);
  return absl::InvalidArgumentError(url.ToString() + " names no table: add ?table=NAME");
}

absl::StatusOr<SourceDescription> DescribeSqlTable(const StoreUrl& url, const SqlFilter& filter,
                                                   SqlTable table) {
  SourceDescription description;
  description.source = url.ToString();
  description.live = true;
  std::vector<std::string> names;
  for (const SourceColumn& column : table.columns) {
    names.push_back(column.name);
    const auto unmapped = table.unmapped.find(column.name);
    if (unmapped == table.unmapped.end()) continue;
    description.warnings.push_back(Unmapped(table, column, unmapped->second));
  }
  description.columns = std::move(table.columns);
  description.key = std::move(table.key);
  if (url.Parameter("key")) {
    description.key = url.List("key");
    RETURN_IF_ERROR(CheckKeyColumns(url.ToString(), names, description.key));
  }
  description.filter = filter.Shown();
  if (description.filter.empty()) {
    description.records_estimate = table.rows_estimate;
  }
  return description;
}

absl::Status CheckSqlColumns(const SqlTable& table, const std::vector<std::string>& columns) {
  for (const std::string& name : columns) {
    const auto column =
        std::find_if(table.columns.begin(), table.columns.end(),
                     [&](const SourceColumn& candidate) { return candidate.name == name; });
    if (column == table.columns.end()) {
      return absl::InvalidArgumentError(Printable(table.display) + " has no column \"" +
                                        Printable(name) + "\"");
    }
    const auto unmapped = table.unmapped.find(name);
    if (unmapped == table.unmapped.end()) continue;
    return absl::FailedPreconditionError(Unmapped(table, *column, unmapped->second));
  }
  return absl::OkStatus();
}

absl::Status NoSuchSqlTable(const std::string& database, const std::string& wanted,
                            const std::vector<std::string>& names, const std::string& limit) {
  const std::optional<std::string> nearest = NearestName(wanted, names);
  return absl::NotFoundError(
      database + " has no table \"" + Printable(wanted) + "\"" + limit +
      (nearest ? "; did you mean \"" + Printable(*nearest) + "\"?" : std::string()) +
      " (it has: " + ListNames(names) + ")");
}

}  // namespace driftwood::agent
