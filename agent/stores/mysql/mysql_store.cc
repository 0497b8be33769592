#include "agent/stores/mysql/mysql_store.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <stop_token>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/mysql/mysql_connection.h"
#include "agent/stores/mysql/mysql_identity.h"
#include "agent/stores/mysql/mysql_load.h"
#include "agent/stores/mysql/mysql_lookup.h"
#include "agent/stores/mysql/mysql_scan.h"
#include "agent/stores/mysql/mysql_snapshot.h"
#include "agent/stores/mysql/mysql_table.h"
#include "agent/stores/mysql/mysql_url.h"
#include "agent/stores/sql/described_columns.h"
#include "agent/stores/sql/sql_filter.h"
#include "agent/stores/sql/sql_table.h"
#include "merkle/status_macros.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {
namespace {

constexpr uint64_t kConnectionsMax = 64;
// So that one range with most of the rows does not leave the other connections idle.
constexpr size_t kRangesPerConnection = 8;
// Of a lookup's condition; beyond it a scan is no slower.
constexpr size_t kLookupBytesMax = size_t{8} << 20;

class MysqlStore final : public Store {
 public:
  MysqlStore(StoreUrl url, MysqlOptions options, size_t connections)
      : url_(std::move(url)),
        options_(std::move(options)),
        connections_(connections),
        filter_(SqlFilter::Of(url_)),
        where_(filter_.Condition()) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::StatusOr<SourceDescription> Describe() override {
    absl::StatusOr<SourceDescription> description = DescribeTable();
    if (description.ok()) return description;
    // Nothing was compared yet: the access to the data is what has to change.
    return WithDefaultFault(description.status(), Fault::kUser);
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    return described_.Explain(ScanTable(columns));
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    return described_.Explain(ScanKeys(columns, key, keys));
  }

  absl::StatusOr<std::unique_ptr<Store>> WithoutFilter() override { return With({}); }

  absl::StatusOr<std::unique_ptr<Store>> Only(Presence presence) override {
    const std::optional<SqlFilter> filter = filter_.Only(presence);
    return filter ? With(*filter) : Store::Only(presence);
  }

  // InnoDB keeps no count of its changes that a user may read for one table.
  absl::StatusOr<bool> IsUnchanged(std::string_view /*position*/) override { return false; }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    return "row " + std::to_string(origin + 1) + " of the scan";
  }

  void ShareRetries(std::shared_ptr<Retries> retries) override { retries_ = std::move(retries); }

  absl::StatusOr<std::unique_ptr<LoadMeter>> MeasureLoad(LoadParts parts) override {
    return MakeMysqlLoadMeter(options_, parts, stop_);
  }

 private:
  // The same table under another filter.
  std::unique_ptr<Store> With(const SqlFilter& filter) const {
    auto store = std::make_unique<MysqlStore>(url_, options_, connections_);
    store->filter_ = filter;
    store->where_ = filter.Condition();
    store->stop_ = stop_;
    return store;
  }

  absl::StatusOr<std::unique_ptr<Scan>> ScanTable(const std::vector<std::string>& columns) const {
    MysqlScanPlan plan;
    plan.options = options_;
    plan.stop = stop_;
    std::unique_ptr<MysqlConnection> guard;
    ASSIGN_OR_RETURN(const MysqlTable table, BeginAndRead(&guard));
    RETURN_IF_ERROR(described_.Check(table.Display(), columns, ColumnsOf(table)));
    ASSIGN_OR_RETURN(const std::string list, SelectList(table, columns, &plan.forms));
    plan.not_point_in_time = table.not_point_in_time;
    const std::string select = kMysqlSelect + ("SQL_NO_CACHE " + list) + " FROM " + table.Quoted();
    if (connections_ > 1 && !where_ && HasMysqlRanges(table)) {
      ASSIGN_OR_RETURN(plan.readers, OpenOneMysqlSnapshot(options_, connections_, stop_));
    }
    std::vector<MysqlRange> ranges(1);
    if (plan.readers.empty()) {
      plan.readers.push_back(std::move(guard));
    } else {
      plan.guard = std::move(guard);
      ASSIGN_OR_RETURN(
          ranges, MysqlRanges(*plan.readers[0], table, plan.readers.size() * kRangesPerConnection));
    }
    const std::optional<size_t> key_column = ResumeColumn(table, columns);
    const auto statement = [=, this](const MysqlRange& range) {
      return select + Restriction(table, range, key_column.has_value());
    };
    for (const MysqlRange& range : ranges) plan.statements.push_back(statement(range));
    if (key_column) {
      const auto rest = [=](size_t number, const std::string& key) {
        return statement({"> " + key, ranges[number].upper});
      };
      plan.resume = MysqlResume{
          retries_,
          [this, table](MysqlConnection& connection) { return Rejoin(connection, table); },
          *key_column, rest, Printable(table.Display())};
    }
    return StartMysqlScan(std::move(plan));
  }

  // The column in whose order the table is read so that a scan can go on behind a row: a primary
  // key that is an integer, if it is among the columns. Partitions would have to be merged into
  // that order, which costs the server a third more.
  std::optional<size_t> ResumeColumn(const MysqlTable& table,
                                     const std::vector<std::string>& columns) const {
    if (retries_ == nullptr || where_ || !HasMysqlRanges(table) || table.key.size() != 1 ||
        table.is_partitioned) {
      return std::nullopt;
    }
    const auto found = std::find(columns.begin(), columns.end(), table.key[0]);
    if (found == columns.end()) return std::nullopt;
    return static_cast<size_t>(found - columns.begin());
  }

  // What follows "SELECT … FROM table".
  std::string Restriction(const MysqlTable& table, const MysqlRange& range,
                          bool in_key_order) const {
    if (where_) return " WHERE (" + *where_ + "\n)";
    if (table.is_view) return "";
    const std::string key = table.key.empty() ? "" : MysqlQuoted(table.key[0]);
    const std::string condition = range.Condition(key);
    // Never an index that might lack some of the rows; the primary key is the table itself.
    if (condition.empty() && !in_key_order) return " USE INDEX ()";
    return " FORCE INDEX (PRIMARY)" + (condition.empty() ? "" : " WHERE " + condition) +
           (in_key_order ? " ORDER BY " + key : "");
  }

  // Locks the table again for a scan that goes on, if it is still the same.
  absl::Status Rejoin(MysqlConnection& connection, const MysqlTable& before) const {
    ASSIGN_OR_RETURN(const MysqlTable table, Begin(connection));
    if (table.columns == before.columns && table.key == before.key &&
        table.key_is_primary == before.key_is_primary && table.engine == before.engine) {
      return absl::OkStatus();
    }
    return absl::AbortedError(Printable(table.Display()) +
                              " was altered while the connection to it was lost");
  }

  absl::StatusOr<std::unique_ptr<Scan>> ScanKeys(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) const {
    MysqlScanPlan plan;
    plan.options = options_;
    plan.stop = stop_;
    plan.readers.resize(1);
    ASSIGN_OR_RETURN(const MysqlTable table, BeginAndRead(&plan.readers[0]));
    RETURN_IF_ERROR(described_.Check(table.Display(), columns, ColumnsOf(table)));
    ASSIGN_OR_RETURN(const MysqlResult packet,
                     plan.readers[0]->Query("SELECT @@max_allowed_packet"));
    const size_t bytes_max =
        static_cast<size_t>(std::strtoull(packet.Text(0, 0).c_str(), nullptr, 10)) / 2;
    std::optional<std::string> condition = MysqlLookupCondition(table, key, keys);
    if (!condition || condition->size() > std::min(bytes_max, kLookupBytesMax)) {
      return absl::UnimplementedError(
          "only numbers, texts and bytes can be looked up, and not too many of them");
    }
    if (where_) condition = "(" + *where_ + "\n) AND " + *condition;
    ASSIGN_OR_RETURN(const std::string list, SelectList(table, columns, &plan.forms));
    plan.statements = {kMysqlSelect + list + " FROM " + table.Quoted() + " WHERE " + *condition};
    plan.not_point_in_time = table.not_point_in_time;
    return StartMysqlScan(std::move(plan));
  }

  absl::StatusOr<SourceDescription> DescribeTable() {
    ASSIGN_OR_RETURN(const std::string name, SqlTableName(url_));
    ASSIGN_OR_RETURN(const std::unique_ptr<MysqlConnection> connection,
                     MysqlConnection::Open(options_, stop_));
    RETURN_IF_ERROR(connection->Begin());
    ASSIGN_OR_RETURN(const MysqlTable table, ReadTable(*connection, name));
    described_.Remember(ColumnsOf(table));
    ASSIGN_OR_RETURN(SourceDescription description, DescribeSqlTable(url_, filter_, Sql(table)));
    // The server lists only columns on which its user has a privilege.
    const absl::Status all = connection->Run("SELECT * FROM " + table.Quoted() + " LIMIT 0");
    if (!all.ok() && !absl::IsPermissionDenied(all)) return all;
    description.hides_columns = !all.ok();
    if (!table.not_point_in_time.empty()) {
      description.warnings.push_back(table.not_point_in_time);
    }
    ASSIGN_OR_RETURN(
        description.identity,
        MysqlIdentity(*connection, {"table", table.database, table.name, where_.value_or("")}));
    return description;
  }

  // Texts are read by their character set too.
  static DescribedColumns::Columns ColumnsOf(const MysqlTable& table) {
    DescribedColumns::Columns columns;
    for (const MysqlColumn& column : table.columns) {
      columns[column.name] =
          column.declared + (column.character_set.empty() ? "" : " " + column.character_set);
    }
    return columns;
  }

  // The table as it is described, and will be until the connection's transaction ends: using it
  // locks it against being altered, dropped or truncated. The snapshot of the transaction, or of
  // others, begins only after that, so it can't be older than the table.
  absl::StatusOr<MysqlTable> BeginAndRead(std::unique_ptr<MysqlConnection>* connection) const {
    RETURN_IF_ERROR(SqlTableName(url_).status());
    ASSIGN_OR_RETURN(*connection, MysqlConnection::Open(options_, stop_));
    return Begin(**connection);
  }
  absl::StatusOr<MysqlTable> Begin(MysqlConnection& connection) const {
    ASSIGN_OR_RETURN(const std::string name, SqlTableName(url_));
    RETURN_IF_ERROR(connection.Begin());
    const std::string quoted = MysqlQuoted(options_.database) + "." + MysqlQuoted(name);
    RETURN_IF_ERROR(connection.Run("SELECT 1 FROM " + quoted + " LIMIT 0"));
    return ReadTable(connection, name);
  }
  absl::StatusOr<MysqlTable> ReadTable(MysqlConnection& connection, const std::string& name) const {
    ASSIGN_OR_RETURN(MysqlTable table, ReadMysqlTable(connection, options_.database, name));
    if (!where_ || !table.not_point_in_time.empty()) return table;
    ASSIGN_OR_RETURN(table.not_point_in_time,
                     WhyMysqlFilterIsNotOnePoint(connection, table, *where_));
    return table;
  }

  static SqlTable Sql(const MysqlTable& table) {
    SqlTable sql{table.Display(), {}, {}, table.key, table.rows_estimate};
    for (const MysqlColumn& column : table.columns) {
      sql.columns.push_back({column.name, TypeKnowledge::kTyped, column.mapping.type,
                             column.declared, "", merkle::ColumnType::kDynamic,
                             column.mapping.reading});
      if (column.mapping.form != MysqlForm::kUnmapped) continue;
      const bool is_vector = column.declared == "vector" || column.declared.starts_with("vector(");
      sql.unmapped[column.name] =
          (is_vector ? "VEC_ToText(" : "ST_AsText(") + Printable(column.name) + ")";
    }
    return sql;
  }

  static absl::StatusOr<std::string> SelectList(const MysqlTable& table,
                                                const std::vector<std::string>& columns,
                                                std::vector<MysqlForm>* forms) {
    RETURN_IF_ERROR(CheckSqlColumns(Sql(table), columns));
    std::string list;
    for (const std::string& name : columns) {
      const MysqlColumn& column = *table.Find(name);
      const MysqlForm form = column.mapping.form;
      list += (list.empty() ? "" : ", ") +
              MysqlSelectItem(form, column.character_set, MysqlQuoted(name));
      forms->push_back(form);
    }
    return list;
  }

  const StoreUrl url_;
  const MysqlOptions options_;
  const size_t connections_;
  SqlFilter filter_;                  // constant once it is read
  std::optional<std::string> where_;  // its condition; so too
  std::stop_token stop_;
  std::shared_ptr<Retries> retries_;  // constant once scans begin

  DescribedColumns described_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenMysqlStore(const StoreUrl& url,
                                                      const StoreOptions& store_options) {
  ASSIGN_OR_RETURN(MysqlOptions options, MysqlOptionsOf(url, store_options));
  ASSIGN_OR_RETURN(const std::optional<uint64_t> connections,
                   MysqlNumber(url, "connections", kConnectionsMax));
  const uint64_t count = connections.value_or(store_options.connections.value_or(1));
  return std::unique_ptr<Store>(std::make_unique<MysqlStore>(url, std::move(options), count));
}

}  // namespace driftwood::agent
