#include "agent/stores/postgresql/postgresql_store.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <stop_token>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/pg_identity.h"
#include "agent/stores/postgresql/pg_literal.h"
#include "agent/stores/postgresql/pg_load.h"
#include "agent/stores/postgresql/pg_ranges.h"
#include "agent/stores/postgresql/pg_scan.h"
#include "agent/stores/postgresql/pg_session.h"
#include "agent/stores/postgresql/pg_table.h"
#include "agent/stores/postgresql/pg_url.h"
#include "agent/stores/postgresql/pg_volatile.h"
#include "agent/stores/sql/described_columns.h"
#include "agent/stores/sql/sql_filter.h"
#include "agent/stores/sql/sql_table.h"
#include "merkle/mutex.h"
#include "merkle/os/stop.h"
#include "merkle/status_macros.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {
namespace {

constexpr uint64_t kConnectionsDefault = 2;
// Below this a second connection costs more than it saves.
constexpr uint64_t kPagesPerConnection = 512;
constexpr int kTidRangeScans = 140000;  // the server version that has them

bool SetsStatementTimeout(const PgParameters& parameters) {
  return std::any_of(parameters.begin(), parameters.end(), [](const auto& parameter) {
    return parameter.first == "options" &&
           parameter.second.find("statement_timeout") != std::string::npos;
  });
}

class PostgresqlStore final : public Store {
 public:
  PostgresqlStore(StoreUrl url, PgParameters parameters, std::optional<uint64_t> connections,
                  const StoreOptions& options)
      : url_(std::move(url)),
        parameters_(std::move(parameters)),
        connections_(connections),
        connections_max_(options.connections.value_or(kConnectionsDefault)),
        statement_timeout_(SetsStatementTimeout(parameters_) ? std::chrono::milliseconds(0)
                                                             : options.statement_timeout),
        idle_(options.idle),
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
    return described_.Explain(Start(columns, nullptr));
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    return described_.Explain(
        Start(columns, [&](const PgConnection& connection, const PgTable& table) {
          return KeyCondition(connection, table, key, keys);
        }));
  }

  absl::StatusOr<std::unique_ptr<Store>> WithoutFilter() override { return With({}); }

  absl::StatusOr<std::unique_ptr<Store>> Only(Presence presence) override {
    const std::optional<SqlFilter> filter = filter_.Only(presence);
    return filter ? With(*filter) : Store::Only(presence);
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view /*position*/) override { return false; }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    return "row " + std::to_string(origin + 1) + " of the scan";
  }

  absl::StatusOr<std::unique_ptr<LoadMeter>> MeasureLoad(LoadParts parts) override {
    return MakePgLoadMeter(parameters_, parts, stop_);
  }

 private:
  // A condition on the table's rows; null: all.
  using Condition = std::function<absl::StatusOr<std::string>(const PgConnection&, const PgTable&)>;

  // The same table under another filter.
  std::unique_ptr<Store> With(const SqlFilter& filter) const {
    StoreOptions options;
    options.connections = connections_max_;
    options.statement_timeout = statement_timeout_;
    options.idle = idle_;
    auto store = std::make_unique<PostgresqlStore>(url_, parameters_, connections_, options);
    store->filter_ = filter;
    store->where_ = filter.Condition();
    store->stop_ = stop_;
    return store;
  }

  // Its operators are pg_catalog's, whatever the path is that `where` brings.
  static absl::StatusOr<std::string> KeyCondition(const PgConnection& connection,
                                                  const PgTable& table,
                                                  const std::vector<std::string>& key,
                                                  std::span<const std::vector<SourceValue>> keys) {
    std::string names, list;
    for (const std::string& name : key) names += (names.empty() ? "" : ", ") + PgQuoted(name);
    for (const std::vector<SourceValue>& values : keys) {
      std::string row;
      for (size_t i = 0; i < key.size(); ++i) {
        const PgColumn* const column = table.Find(key[i]);
        if (column == nullptr) return absl::UnimplementedError("no such key column");
        ASSIGN_OR_RETURN(const std::string literal, PgLiteral(connection, *column, values[i]));
        row += (i == 0 ? "" : ", ") + literal;
      }
      list += (list.empty() ? "" : ", ") + (key.size() == 1 ? row : "(" + row + ")");
    }
    if (list.empty()) return std::string("false");
    // A list of one column is looked up in its index; of several, VALUES are what joins well.
    if (key.size() == 1) return names + " OPERATOR(pg_catalog.=) ANY (ARRAY[" + list + "])";
    return "(" + names + ") OPERATOR(pg_catalog.=) ANY (VALUES " + list + ")";
  }

  absl::StatusOr<SourceDescription> DescribeTable() {
    ASSIGN_OR_RETURN(const std::unique_ptr<PgConnection> connection, Connect());
    RETURN_IF_ERROR(connection->Begin());
    ASSIGN_OR_RETURN(PgTable table, FindTable(*connection));
    RETURN_IF_ERROR(ReadPgColumns(*connection, &table));
    RETURN_IF_ERROR(ReadPgKey(*connection, &table));
    described_.Remember(ColumnsOf(table));
    RememberTable(table);
    ASSIGN_OR_RETURN(SourceDescription description, DescribeSqlTable(url_, filter_, Sql(table)));
    if (table.kind == 'f') description.warnings.push_back(NotOnePoint(table));
    ASSIGN_OR_RETURN(
        description.identity,
        PgIdentity(*connection, {"table", std::to_string(table.oid), where_.value_or("")}));
    return description;
  }

  absl::StatusOr<std::unique_ptr<PgConnection>> Connect() const {
    return PgConnection::Open(parameters_, statement_timeout_, stop_, idle_);
  }

  // A server that is starting, or whose connections are all taken (perhaps by the one that was
  // just given back), is asked again.
  absl::StatusOr<std::unique_ptr<PgConnection>> ConnectPatiently() const {
    absl::StatusOr<std::unique_ptr<PgConnection>> connection = Connect();
    for (const int wait_ms : {50, 250, 1000, 2000}) {
      if (!absl::IsUnavailable(connection.status()) &&
          !absl::IsResourceExhausted(connection.status())) {
        break;
      }
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
      if (merkle::SleepUntil(end, stop_)) return absl::CancelledError("cancelled while connecting");
      connection = Connect();
    }
    return connection;
  }

  absl::StatusOr<PgTable> FindTable(PgConnection& connection) const {
    ASSIGN_OR_RETURN(const std::string name, SqlTableName(url_));
    return FindPgTable(connection, name);
  }

  void RememberTable(const PgTable& table) {
    merkle::MutexLock lock(&mutex_);
    described_table_ = table;
  }
  std::optional<PgTable> DescribedTable() const {
    merkle::MutexLock lock(&mutex_);
    return described_table_;
  }

  static SqlTable Sql(const PgTable& table) {
    SqlTable sql{table.Display(), {}, {}, table.key, table.rows_estimate};
    for (const PgColumn& column : table.columns) {
      const merkle::ValueType& type = column.mapping.type;
      sql.columns.push_back({column.name, TypeKnowledge::kTyped, type.type, column.declared,
                             type.opaque, type.element, column.mapping.reading});
      if (column.mapping.form != PgForm::kUnmapped) continue;
      sql.unmapped[column.name] = Printable(column.name) + "::text";
    }
    return sql;
  }

  static DescribedColumns::Columns ColumnsOf(const PgTable& table) {
    DescribedColumns::Columns columns;
    for (const PgColumn& column : table.columns) columns[column.name] = column.declared;
    return columns;
  }

  static std::string NotOnePoint(const PgTable& table) {
    return Printable(table.Display()) +
           " is or has a foreign table: its server's snapshot is not ours";
  }

  // The table locked against TRUNCATE and rewriting before the snapshot is taken: those would show
  // an old snapshot an empty table. False if that is not allowed.
  static absl::StatusOr<bool> BeginSnapshot(PgConnection& connection, const PgTable& table) {
    const bool lockable = table.kind == 'r' || table.kind == 'p' || table.kind == 'v';
    const absl::Status begun = connection.Begin({"", lockable ? table.Quoted() : ""});
    // Who may read some columns only may not lock.
    const bool is_denied = lockable && absl::IsPermissionDenied(begun);
    RETURN_IF_ERROR(is_denied ? connection.Begin() : begun);
    return lockable && !is_denied;
  }

  // Begins a scan's transaction, and finds the table in its snapshot. One that was described is
  // locked at once. But if that is not what the name means in the snapshot, what to lock is looked
  // for in a transaction before.
  absl::StatusOr<PgTable> BeginScan(PgConnection& connection, bool* is_locked) {
    if (const std::optional<PgTable> known = DescribedTable()) {
      const absl::StatusOr<bool> begun = BeginSnapshot(connection, *known);
      if (begun.ok()) {
        *is_locked = *begun;
        ASSIGN_OR_RETURN(PgTable table, FindTable(connection));
        if (table.IsSameAs(*known)) return table;
      } else if (!absl::IsNotFound(begun.status()) && !absl::IsInvalidArgument(begun.status())) {
        return begun.status();
      }
    }
    RETURN_IF_ERROR(connection.Begin());
    ASSIGN_OR_RETURN(const PgTable found, FindTable(connection));
    ASSIGN_OR_RETURN(*is_locked, BeginSnapshot(connection, found));
    return FindPgTableAgain(connection, found);
  }

  // The path under which the scan's statements run. What is all ours runs under ours. `where` means
  // what it means under its user's path, and so do the names in functions that a view calls, which
  // PostgreSQL resolves when it calls them: they would run no more, or run other functions, under
  // another. It is the path as it was when the table was found, whatever a pooler's server has now;
  // all that we add to such a statement names pg_catalog, operators too. That its user may run what
  // others have put into his path is as it is with all that he asks that database.
  std::string ScanPath(const PgTable& table) const {
    return RunsUnderUserPath(table) ? table.UserPath() : "pg_catalog, pg_temp";
  }
  bool RunsUnderUserPath(const PgTable& table) const { return where_ || table.kind == 'v'; }

  // What the scan must find again at its end, and whether it reads foreign tables: behind a view,
  // among the partitions or in a condition too.
  absl::StatusOr<PgScanProof> Prove(PgConnection& connection, const PgTable& table, bool is_locked,
                                    const std::string& select, bool* is_foreign) const {
    const auto ask = [&](const std::string& sql, const std::vector<std::string>& parameters) {
      return connection.Ask(sql, parameters);
    };
    PgScanProof proof;
    proof.display = Printable(table.Display());
    proof.may_call_functions = RunsUnderUserPath(table);
    *is_foreign = false;
    const bool is_plain = table.kind == 'r' && !table.has_children && !table.has_expressions;
    if (is_plain && is_locked && !where_) {
      proof.relations.insert(PgRelation(table.oid, table.file));
    } else {
      // Planning it locks all that it reads.
      connection.Doubt();
      ASSIGN_OR_RETURN(
          const PgResult plan,
          connection.QueryUnder(ScanPath(table), "EXPLAIN (FORMAT JSON, COSTS OFF) " + select));
      for (int i = 0; i < plan.rows(); ++i) {
        if (plan.Text(i, 0).find("Foreign Scan\"") != std::string::npos) *is_foreign = true;
      }
      RETURN_IF_ERROR(connection.ReadBack());
      ASSIGN_OR_RETURN(proof.relations, ReadPgRelations(ask, proof.display));
    }
    ASSIGN_OR_RETURN(proof.witness,
                     ReadPgWitness(ask, connection, proof.relations, proof.may_call_functions));
    return proof;
  }

  absl::StatusOr<std::unique_ptr<Scan>> Start(const std::vector<std::string>& columns,
                                              const Condition& condition) {
    std::vector<std::unique_ptr<PgConnection>> connections(1);
    ASSIGN_OR_RETURN(connections[0], ConnectPatiently());
    PgConnection& first = *connections[0];
    bool is_locked = false;
    ASSIGN_OR_RETURN(PgTable table, BeginScan(first, &is_locked));
    RETURN_IF_ERROR(ReadPgColumns(first, &table));
    if (RunsUnderUserPath(table) && table.user_path.empty()) {
      ASSIGN_OR_RETURN(table.user_path, ReadPgUserPath(first));
    }
    std::string restriction = where_ ? "(" + *where_ + "\n)" : "";
    const std::string where = restriction.empty() ? "" : " WHERE " + restriction;
    if (condition != nullptr) {
      ASSIGN_OR_RETURN(const std::string more, condition(first, table));
      restriction += (restriction.empty() ? "" : " AND ") + more;
    }
    RETURN_IF_ERROR(described_.Check(table.Display(), columns, ColumnsOf(table)));
    std::vector<PgForm> forms;
    ASSIGN_OR_RETURN(const std::string select, Select(table, columns, &forms));
    bool is_foreign = false;
    ASSIGN_OR_RETURN(PgScanProof proof,
                     Prove(first, table, is_locked, select + where, &is_foreign));
    ASSIGN_OR_RETURN(const std::string moving, Moving(first, table, select));
    std::vector<std::string> conditions = {restriction};
    if (restriction.empty() && !is_foreign) {
      ASSIGN_OR_RETURN(conditions, Ranges(table, &connections));
    }
    std::vector<std::string> statements;
    for (const std::string& each : conditions) {
      statements.push_back("COPY (" + select + (each.empty() ? "" : " WHERE ") + each +
                           ") TO STDOUT (FORMAT binary)");
    }
    if (proof.may_call_functions) {
      RETURN_IF_ERROR(first.Run("SET LOCAL search_path = " + ScanPath(table) +
                                "; SET LOCAL plan_cache_mode = DEFAULT"));
    }
    if (condition != nullptr) RETURN_IF_ERROR(first.Run(kPgLookupPlans));
    return StartPgScan(std::move(connections), std::move(statements), std::move(forms),
                       std::move(proof), is_foreign ? NotOnePoint(table) : moving);
  }

  // Why what is selected would be something else a moment later. A filter may read the clock of the
  // transaction: what leaves it is looked up without it.
  absl::StatusOr<std::string> Moving(PgConnection& connection, const PgTable& table,
                                     const std::string& select) const {
    const auto ask = [&](const std::string& sql) { return connection.Query(sql); };
    const auto plan_of = [&](const std::string& sql) {
      connection.Doubt();
      return connection.QueryUnder(ScanPath(table), sql);
    };
    const std::string explain = "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) " + select;
    const std::string name = Printable(table.Display());
    if (table.kind == 'v') {
      ASSIGN_OR_RETURN(const PgResult plan, plan_of(explain));
      ASSIGN_OR_RETURN(const std::string moving, MovingFunctionIn(plan, /*clocks=*/true, ask));
      if (!moving.empty()) return "the view " + name + " calls " + moving;
      ASSIGN_OR_RETURN(const std::string hidden, HiddenClock(connection, table));
      if (!hidden.empty()) return "the view " + name + hidden;
    }
    if (where_) {
      ASSIGN_OR_RETURN(const PgResult plan, plan_of(explain + " WHERE (" + *where_ + "\n)"));
      ASSIGN_OR_RETURN(const std::string moving, MovingFunctionIn(plan, /*clocks=*/false, ask));
      if (!moving.empty()) return "where= of " + name + " calls " + moving;
    }
    return "";
  }

  // In the view or one that it reads: a cast of text to a date or time goes through its input
  // function, which knows the words of the clock. A literal is read when the view is made. In the
  // rule's tree such casts alone have a result type right before a collation. A time with a zone
  // gets that offset of a named zone (2037) which is in force now, and a transaction's age (1181)
  // is that of now.
  static absl::StatusOr<std::string> HiddenClock(PgConnection& connection, const PgTable& table) {
    ASSIGN_OR_RETURN(
        const PgResult found,
        connection.Query(
            "WITH RECURSIVE views(oid) AS (SELECT $1::pg_catalog.oid UNION "
            "SELECT c.oid FROM views JOIN pg_catalog.pg_rewrite r ON r.ev_class = views.oid "
            "JOIN pg_catalog.pg_depend d ON d.objid = r.oid "
            "AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass "
            "AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "
            "JOIN pg_catalog.pg_class c ON c.oid = d.refobjid WHERE c.relkind = 'v') "
            "SELECT pg_catalog.bool_or(r.ev_action::pg_catalog.text ~ "
            // date, time, timestamp, timestamptz, timetz, and their arrays
            "':resulttype (1082|1083|1114|1184|1266|1182|1183|1115|1185|1270) :resultcollid'), "
            "pg_catalog.bool_or(r.ev_action::pg_catalog.text ~ ':funcid (2037|1181) ') "
            "FROM views JOIN pg_catalog.pg_rewrite r ON r.ev_class = views.oid",
            {std::to_string(table.oid)}));
    if (found.Text(0, 0) == "t") {
      return " reads text as a date or time, which may be 'now' or 'today'";
    }
    if (found.Text(0, 1) == "t") {
      return " reads a time in the offset that a zone has now, or the age of a transaction";
    }
    return "";
  }

  absl::StatusOr<std::string> Select(const PgTable& table, const std::vector<std::string>& columns,
                                     std::vector<PgForm>* forms) const {
    RETURN_IF_ERROR(CheckSqlColumns(Sql(table), columns));
    std::string list;
    for (const std::string& name : columns) {
      const PgMapping& mapping = table.Find(name)->mapping;
      list += (list.empty() ? "" : ", ") + mapping.function +
              (mapping.function.empty() ? PgQuoted(name) : "(" + PgQuoted(name) + ")") +
              mapping.cast;
      forms->push_back(mapping.form);
    }
    // Without ONLY a table that began to inherit just now would be read in part.
    return "SELECT " + list + " FROM " + (table.HasPages() ? "ONLY " : "") + table.Quoted();
  }

  // The conditions that part the table's pages, opening the other connections on the first one's
  // snapshot.
  absl::StatusOr<std::vector<std::string>> Ranges(
      const PgTable& table, std::vector<std::unique_ptr<PgConnection>>* connections) const {
    PgConnection& first = *(*connections)[0];
    const uint64_t wanted = connections_.value_or(connections_max_);
    const bool has_pages = table.HasPages() || table.kind == 'p' || table.has_children;
    if (wanted == 1 || !has_pages || first.server_version() < kTidRangeScans) {
      return std::vector<std::string>{""};
    }
    // What the snapshot sees is in these pages.
    ASSIGN_OR_RETURN(const std::vector<uint64_t> pages,
                     ReadPgPages(first, table.oid, !table.HasPages()));
    const uint64_t most = pages.empty() ? 0 : *std::max_element(pages.begin(), pages.end());
    const uint64_t all = std::accumulate(pages.begin(), pages.end(), uint64_t{0});
    const uint64_t useful = connections_ ? most : all / kPagesPerConnection + 1;
    if (useful <= 1) return std::vector<std::string>{""};
    // Who may read some columns only may not name ctid.
    ASSIGN_OR_RETURN(
        const PgResult allowed,
        first.Ask("SELECT pg_catalog.has_table_privilege($1::pg_catalog.oid, 'SELECT')",
                  {std::to_string(table.oid)}));
    if (!allowed.Bool(0, 0)) return std::vector<std::string>{""};
    ASSIGN_OR_RETURN(const PgResult exported, first.Ask("SELECT pg_catalog.pg_export_snapshot()"));
    RETURN_IF_ERROR(Join(exported.Text(0, 0), std::min(wanted, useful), connections));
    return PgPageRanges(pages, PgRangeCount(pages, connections->size()));
  }

  // Opens connections on the same snapshot until there are `count`.
  absl::Status Join(const std::string& snapshot, uint64_t count,
                    std::vector<std::unique_ptr<PgConnection>>* connections) const {
    while (connections->size() < count) {
      absl::StatusOr<std::unique_ptr<PgConnection>> more = Connect();
      // The server has no more: those that there are read it all.
      if (absl::IsResourceExhausted(more.status())) break;
      RETURN_IF_ERROR(more.status());
      ASSIGN_OR_RETURN(const std::string literal, (*more)->Literal(snapshot));
      RETURN_IF_ERROR(SameServer((*more)->Begin({literal, ""})));
      RETURN_IF_ERROR(CheckSamePgServer((*connections)[0]->session(), (*more)->session()));
      connections->push_back(*std::move(more));
    }
    return absl::OkStatus();
  }

  // Another server does not know the snapshot.
  static absl::Status SameServer(const absl::Status& begun) {
    if (!absl::IsInvalidArgument(begun) && !absl::IsFailedPrecondition(begun)) return begun;
    return absl::FailedPreconditionError(
        std::string(begun.message()) +
        "; where a pooler or a load balancer leads connections to several servers, connect to one, "
        "or read with connections=1");
  }

  const StoreUrl url_;
  const PgParameters parameters_;
  const std::optional<uint64_t> connections_;  // exactly as many, if the table has as many pages
  const uint64_t connections_max_;
  const std::chrono::milliseconds statement_timeout_;
  const std::shared_ptr<IdleConnections> idle_;
  SqlFilter filter_;                  // constant once it is read
  std::optional<std::string> where_;  // its condition; so too
  std::stop_token stop_;

  DescribedColumns described_;
  mutable merkle::Mutex mutex_;
  std::optional<PgTable> described_table_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenPostgresqlStore(const StoreUrl& url,
                                                           const StoreOptions& options) {
  if (!url.IsServer()) {
    return absl::InvalidArgumentError("store URL \"" + url.ToString() +
                                      "\": write postgresql://USER@HOST:PORT/DATABASE?table=NAME");
  }
  std::optional<uint64_t> connections;
  if (const std::optional<std::string> text = url.Parameter("connections")) {
    const absl::StatusOr<uint64_t> number = ParseConnections(*text);
    if (!number.ok()) {
      return absl::InvalidArgumentError("store URL \"" + url.ToString() +
                                        "\": " + std::string(number.status().message()));
    }
    connections = *number;
  }
  ASSIGN_OR_RETURN(PgParameters parameters, PgParametersOf(url));
  return std::unique_ptr<Store>(
      std::make_unique<PostgresqlStore>(url, std::move(parameters), connections, options));
}

}  // namespace driftwood::agent
