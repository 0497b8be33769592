#include "agent/stores/sqlite/sqlite_store.h"

#include <stop_token>
#include <utility>

#include "agent/source/file_watch.h"
#include "agent/source/messages.h"
#include "agent/source/source_identity.h"
#include "agent/stores/sqlite/sqlite_position.h"
#include "agent/stores/sqlite/sqlite_scan.h"
#include "agent/stores/sqlite/sqlite_table.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/text/percent.h"

namespace driftwood::agent {
namespace {

SourceColumn AsSourceColumn(const SqliteColumn& column) {
  if (column.declared.empty()) {
    return {column.name, TypeKnowledge::kDynamic, merkle::ColumnType::kDynamic, ""};
  }
  const std::optional<merkle::ColumnType> type = TypeOfDeclared(column.declared);
  if (!type) {
    return {column.name, TypeKnowledge::kDynamic, merkle::ColumnType::kDynamic, column.declared};
  }
  return {column.name, TypeKnowledge::kTyped, *type, column.declared};
}

// ANY is what STRICT tables call a column without a type.
bool IsUnknownType(const SourceColumn& column) {
  return column.knowledge == TypeKnowledge::kDynamic && !column.declared.empty() &&
         column.declared != "ANY";
}

class SqliteStore final : public Store {
 public:
  SqliteStore(const StoreUrl& url, std::shared_ptr<IdleConnections> idle)
      : url_(url), table_(url.Parameter("table")), readers_(std::move(idle), url.path) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::StatusOr<SourceDescription> Describe() override {
    glance_ = FileGlance(url_.path);
    return Explained(DescribeNow());
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    return Explained(Start(columns, nullptr, {}));
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    const absl::Status unable = absl::UnimplementedError("only integer keys can be looked up");
    if (key.size() != 1) return unable;
    std::vector<int64_t> wanted;
    for (const std::vector<SourceValue>& values : keys) {
      if (values.size() != 1 || values[0].kind != SourceValue::Kind::kInt64) return unable;
      wanted.push_back(values[0].int64);
    }
    return Explained(Start(columns, &key[0], std::move(wanted)));
  }

  absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    std::string where;
    for (const std::vector<SourceValue>& values : keys) {
      where += where.empty() ? "" : " OR ";
      for (size_t i = 0; i < key.size(); ++i) {
        ASSIGN_OR_RETURN(const std::string literal, Literal(values[i]));
        where += (i == 0 ? "(" : " AND ") + QuotedName(key[i]) + " = " + literal;
      }
      where += ")";
    }
    merkle::LinkedStop stop(stop_);
    ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> connection, Connect(stop.token()));
    RETURN_IF_ERROR(connection->BeginSnapshot());
    ASSIGN_OR_RETURN(const SqliteTable table, ReadTable(*connection));
    ASSIGN_OR_RETURN(SqliteQuery query, QueryFor(*connection, table, columns, nullptr));
    // Here an index will do, and each column's own collation.
    const std::string no_index = " NOT INDEXED";
    if (query.sql.ends_with(no_index)) query.sql.erase(query.sql.size() - no_index.size());
    query.sql += " WHERE " + (where.empty() ? "FALSE" : where);
    return StartSqliteScan({std::move(connection), nullptr}, readers_, std::move(stop),
                           std::move(query));
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    if (position.empty()) return false;
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> connection, Connect());
    RETURN_IF_ERROR(connection->BeginSnapshot());
    ASSIGN_OR_RETURN(const SqliteTable table, ReadTable(*connection));
    ASSIGN_OR_RETURN(const std::string now, SqlitePosition(*connection));
    return PositionOf(now, table) == position;
  }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> connection, Connect());
    ASSIGN_OR_RETURN(const SqliteTable table, ReadTable(*connection));
    if (table.rowid_name.empty()) return "row " + std::to_string(origin + 1);
    return "rowid " + std::to_string(static_cast<int64_t>(origin));
  }

 private:
  // What fails because the file was overwritten since it was described says so.
  template <typename Result>
  absl::StatusOr<Result> Explained(absl::StatusOr<Result> result) const {
    if (result.ok() || absl::IsUnimplemented(result.status())) return result;
    return glance_.Explain(result.status(), stop_);
  }

  absl::StatusOr<SourceDescription> DescribeNow() {
    if (std::optional<SqliteReader> kept = readers_.Take(stop_)) {
      absl::StatusOr<SourceDescription> description = Describe(*kept->connection);
      readers_.Give(*std::move(kept));
      return description;
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> connection, Connect());
    RETURN_IF_ERROR(connection->BeginSnapshot());
    return Describe(*connection);
  }

  absl::StatusOr<SourceDescription> Describe(const SqliteConnection& connection) const {
    ASSIGN_OR_RETURN(const SqliteTable table, ReadTable(connection));
    SourceDescription description;
    description.source = url_.ToString();
    std::vector<std::string> names;
    for (const SqliteColumn& column : table.columns) {
      names.push_back(column.name);
      description.columns.push_back(AsSourceColumn(column));
      if (!IsUnknownType(description.columns.back())) continue;
      description.warnings.push_back(
          "column " + Printable(column.name) + " of " + Printable(table.name) +
          " has the declared type " + Printable(column.declared) +
          ", which is not known: its values are compared as they are (choose a type with --types "
          "or leave it out with --ignore)");
    }
    description.key = table.key;
    if (url_.Parameter("key")) {
      description.key = url_.List("key");
      RETURN_IF_ERROR(CheckKeyColumns(url_.ToString(), names, description.key));
    }
    ASSIGN_OR_RETURN(description.records_estimate, EstimateRecords(connection, table));
    description.identity = FileIdentity(url_.path, table.name);
    return description;
  }

  // Of what keys mostly are.
  static absl::StatusOr<std::string> Literal(const SourceValue& value) {
    if (value.kind == SourceValue::Kind::kInt64) return std::to_string(value.int64);
    if (value.kind != SourceValue::Kind::kText) {
      return absl::UnimplementedError("only texts and integers are looked up so");
    }
    return "CAST(x'" + Hex(value.text) + "' AS TEXT)";
  }

  absl::StatusOr<std::unique_ptr<SqliteConnection>> Connect() const { return Connect(stop_); }
  absl::StatusOr<std::unique_ptr<SqliteConnection>> Connect(std::stop_token stop) const {
    return SqliteConnection::Open(url_.path, std::move(stop));
  }

  // With its snapshot; and the snapshot's position, empty if it can't be proven.
  absl::StatusOr<SqliteReader> Begin(const std::stop_token& stop, std::string* position) const {
    if (std::optional<SqliteReader> kept = readers_.Take(stop)) {
      ASSIGN_OR_RETURN(*position, SqlitePosition(*kept->connection));
      return *std::move(kept);
    }
    // Kept until the connection that reads has its snapshot.
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> locked, Connect());
    RETURN_IF_ERROR(locked->BeginSnapshot());
    SqliteReader reader;
    ASSIGN_OR_RETURN(reader.watch, SqliteWatch::Begin(*locked, stop_));
    ASSIGN_OR_RETURN(reader.connection, Connect(stop));
    const absl::StatusOr<std::string> before = SqlitePosition(*reader.connection);
    RETURN_IF_ERROR(reader.connection->BeginSnapshot());
    // Of a database that was replaced meanwhile, SQLite reads the old file with the new one's log.
    ASSIGN_OR_RETURN(const std::string after, SqlitePosition(*reader.connection));
    // A snapshot that a commit fell beside can't be told from its neighbours.
    if (before.ok() && *before == after) *position = after;
    return reader;
  }

  absl::StatusOr<SqliteTable> ReadTable(const SqliteConnection& connection) const {
    if (table_) return ReadSqliteTable(connection, *table_);
    ASSIGN_OR_RETURN(const std::vector<std::string> names, SqliteTableNames(connection));
    const std::string advice = url_.ToString() + " names no table: add ?table=";
    if (names.size() == 1) {
      return absl::InvalidArgumentError(advice + PercentEncode(Printable(names[0]), "%&?,") +
                                        ", its only one");
    }
    return absl::InvalidArgumentError(advice + "NAME, or compare all with --all (" +
                                      Printable(url_.path) + " has: " + ListNames(names) + ")");
  }

  static std::string PositionOf(const std::string& position, const SqliteTable& table) {
    return position + " table " + table.name;
  }

  // Cheap, and no less than there are for tables that only grow.
  static absl::StatusOr<std::optional<uint64_t>> EstimateRecords(const SqliteConnection& connection,
                                                                 const SqliteTable& table) {
    std::optional<uint64_t> estimate;
    if (table.rowid_name.empty()) return estimate;
    ASSIGN_OR_RETURN(
        SqliteStatement statement,
        connection.Prepare("SELECT max(" + table.rowid_name + ") FROM " + QuotedName(table.name)));
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (row && statement.Int(0) >= 0) estimate = static_cast<uint64_t>(statement.Int(0));
    return estimate;
  }

  absl::StatusOr<SqliteQuery> QueryFor(const SqliteConnection& connection, const SqliteTable& table,
                                       const std::vector<std::string>& columns,
                                       const std::string* key) const {
    SqliteQuery query;
    std::string list;
    for (const std::string& column : columns) {
      if (!table.HasColumn(column)) {
        return absl::InvalidArgumentError(Printable(table.name) + " has no column \"" +
                                          Printable(column) + "\"");
      }
      list += (list.empty() ? "" : ", ") + QuotedName(column);
    }
    query.columns = columns.size();
    query.display = (table.is_view ? "the view " : "the table ") + Printable(table.name);
    // A result has a limit of columns; only origins want the rowid.
    const auto columns_max =
        static_cast<size_t>(sqlite3_limit(connection.get(), SQLITE_LIMIT_COLUMN, -1));
    query.has_rowid = !table.rowid_name.empty() && columns.size() < columns_max;
    if (query.has_rowid) list += (list.empty() ? "" : ", ") + table.rowid_name;
    query.sql = "SELECT " + list + " FROM main." + QuotedName(table.name);
    // The table itself is read, never an index that might lack what the table has.
    if (!table.is_view && !table.is_virtual) query.sql += " NOT INDEXED";
    if (key != nullptr) {
      query.by_key = true;
      query.sql += " WHERE " + QuotedName(*key) + " = ?";
    }
    return query;
  }

  // Unimplemented if `key` is given and is no INTEGER PRIMARY KEY.
  absl::StatusOr<std::unique_ptr<Scan>> Start(const std::vector<std::string>& columns,
                                              const std::string* key, std::vector<int64_t> keys) {
    merkle::LinkedStop stop(stop_);
    std::string position;
    ASSIGN_OR_RETURN(SqliteReader reader, Begin(stop.token(), &position));
    ASSIGN_OR_RETURN(const SqliteTable table, ReadTable(*reader.connection));
    if (key != nullptr && !table.IsRowidAlias(*key)) {
      return absl::UnimplementedError(Printable(*key) + " is no integer primary key");
    }
    ASSIGN_OR_RETURN(SqliteQuery query, QueryFor(*reader.connection, table, columns, key));
    query.keys = std::move(keys);
    // What a view or a virtual table shows need not depend on the file alone: on the clock, say.
    if (!position.empty() && !table.is_view && !table.is_virtual) {
      query.position = PositionOf(position, table);
    }
    return StartSqliteScan(std::move(reader), readers_, std::move(stop), std::move(query));
  }

  const StoreUrl url_;
  const std::optional<std::string> table_;
  const SqliteReaders readers_;
  std::stop_token stop_;
  FileGlance glance_{url_.path};  // since it was described
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const StoreUrl& url,
                                                       std::shared_ptr<IdleConnections> idle) {
  RETURN_IF_ERROR(url.OnlyKnows({"table", "key"}));
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(url, std::move(idle)));
}

}  // namespace driftwood::agent
