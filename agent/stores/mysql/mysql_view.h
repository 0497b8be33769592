// Which tables a view reads, from its definition as the server keeps it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace driftwood::agent {

struct MysqlViewSources {
  // Database and name. May hold too much (an alias that looks like a database), never too little.
  std::vector<std::pair<std::string, std::string>> tables;
  // Stored functions, or what can't be read: what they may read is not known.
  bool has_unknown = false;
};

// `definition` is information_schema.VIEWS.VIEW_DEFINITION: all names quoted, tables with their
// database.
MysqlViewSources SourcesOfMysqlView(std::string_view definition);

}  // namespace driftwood::agent
