// A table or view as information_schema describes it. Only this directory's files include it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/mysql/mysql_connection.h"
#include "agent/stores/mysql/mysql_types.h"

namespace driftwood::agent {

struct MysqlColumn {
  std::string name;
  std::string declared;       // "int(10) unsigned"
  std::string character_set;  // empty if it has none
  std::string collation;
  bool is_selectable = true;
  MysqlMapping mapping;

  friend bool operator==(const MysqlColumn& a, const MysqlColumn& b) {
    return a.name == b.name && a.declared == b.declared && a.character_set == b.character_set;
  }
};

struct MysqlTable {
  std::string database;
  std::string name;
  bool is_view = false;
  bool is_partitioned = false;
  std::string engine;  // empty for views
  std::optional<uint64_t> rows_estimate;
  std::vector<MysqlColumn> columns;
  // Primary key, else the smallest unique index over NOT NULL columns.
  std::vector<std::string> key;
  bool key_is_primary = false;
  // Empty if all that a scan reads belongs to one snapshot; else why not.
  std::string not_point_in_time;

  const MysqlColumn* Find(const std::string& column) const;
  std::string Quoted() const { return MysqlQuoted(database) + "." + MysqlQuoted(name); }
  std::string Display() const { return database + "." + name; }
};

// NotFound names what is there.
absl::StatusOr<MysqlTable> ReadMysqlTable(MysqlConnection& connection, const std::string& database,
                                          const std::string& name);

// Why what `where` leaves of the table is no consistent snapshot: it calls what moves (but for
// the clock of its statement) or stored functions, or reads tables without snapshots. Else empty.
absl::StatusOr<std::string> WhyMysqlFilterIsNotOnePoint(MysqlConnection& connection,
                                                        const MysqlTable& table,
                                                        const std::string& where);

// A column of a unique index.
struct MysqlIndexColumn {
  std::string index;
  std::string column;  // empty: an expression, which has no name
  bool is_nullable = false;
};

// Of the primary key, else of the smallest unique index over NOT NULL columns; empty without
// either. The columns of each index stand in its order, all of them.
std::vector<std::string> ChooseMysqlKey(const std::vector<MysqlIndexColumn>& columns,
                                        bool* is_primary);

// The engines whose tables one transaction sees as of one moment.
bool MysqlEngineHasSnapshots(const std::string& engine);

}  // namespace driftwood::agent
