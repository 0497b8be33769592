// A table or view of a server, as far as it makes no difference whose server it is: what is
// described of it, and what is said where it can't be read. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/sql/sql_filter.h"
#include "proto/contract/source.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

struct SqlTable {
  std::string display;  // "shop.orders"
  std::vector<SourceColumn> columns;
  // The columns whose type has no mapping, and what a view could select in their place, as it is
  // shown: "ST_AsText(area)".
  std::map<std::string, std::string> unmapped{};
  std::vector<std::string> key;
  std::optional<uint64_t> rows_estimate;
};

// The URL's ?table=. InvalidArgument without it.
absl::StatusOr<std::string> SqlTableName(const StoreUrl& url);

// Of a scan under `filter`, with the key that the URL names. InvalidArgument for a key
// of other columns. Each column without a mapping is a warning.
absl::StatusOr<SourceDescription> DescribeSqlTable(const StoreUrl& url, const SqlFilter& filter,
                                                   SqlTable table);

// That a scan can select `columns`: InvalidArgument if the table lacks one, FailedPrecondition if
// its type has no mapping.
absl::Status CheckSqlColumns(const SqlTable& table, const std::vector<std::string>& columns);

// NotFound, with the nearest of `names` and all of them: DATABASE has no table "NAME"; did you …
// `limit` says which tables those are: " that this user may see".
absl::Status NoSuchSqlTable(const std::string& database, const std::string& wanted,
                            const std::vector<std::string>& names, const std::string& limit = "");

}  // namespace driftwood::agent
