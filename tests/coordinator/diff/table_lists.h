// Lists of tables, as agents give them, of two replicas.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "proto/contract/table_list.h"

namespace driftwood::coordinator {

inline const std::vector<std::string> kNames = {"left", "right"};

inline TableEntry Table(const std::string& name, std::vector<std::string> columns = {"id"},
                        const std::string& kind = "table") {
  return {name, kind, kind == "table", {columns[0]}, columns, "sqlite:x.db?table=" + name};
}

inline TableList Listing(std::vector<TableEntry> tables) {
  TableList listing;
  listing.tables = std::move(tables);
  return listing;
}

}  // namespace driftwood::coordinator
