#include "agent/stores/postgresql/postgresql_store.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "agent/messages.h"
#include "agent/row_encoder.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/pg_scan.h"
#include "agent/stores/postgresql/pg_table.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr uint64_t kConnectionsDefault = 2;
constexpr uint64_t kConnectionsMax = 64;
// Below this a second connection costs more than it saves.
constexpr uint64_t kPagesPerConnection = 512;
constexpr int kTidRangeScans = 140000;  // the server version that has them

const std::vector<std::string>& OwnParameters() {
  static const std::vector<std::string> names = {"table", "where", "key", "connections"};
  return names;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool Has(const PgParameters& parameters, const std::string& name) {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const auto& parameter) { return parameter.first == name; });
}

using ConninfoPointer = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

// The URL's own parts and parameters, as libpq names them.
absl::StatusOr<PgParameters> ParametersOf(const StoreUrl& url) {
  char* error = nullptr;
  const std::string text = "postgresql:" + url.path;
  const ConninfoPointer parsed(PQconninfoParse(text.c_str(), &error), PQconninfoFree);
  if (parsed == nullptr) {
    std::string message = error == nullptr ? "no memory" : PgMessage(error);
    PQfreemem(error);
    return absl::InvalidArgumentError("store URL \"" + url.ToString() + "\": " + message);
  }
  PgParameters parameters;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters.emplace_back(option->keyword, option->val);
  }
  std::vector<std::string> known = OwnParameters();
  for (const char* const name : {"host", "hostaddr", "port", "user", "dbname", "passfile",
                                 "service", "options", "connect_timeout", "sslmode"}) {
    known.emplace_back(name);
  }
  const ConninfoPointer all(PQconndefaults(), PQconninfoFree);
  for (const auto& [name, value] : url.parameters) {
    if (Contains(OwnParameters(), name)) continue;
    bool is_libpq = false;
    for (const PQconninfoOption* o = all.get(); o != nullptr && o->keyword != nullptr; ++o) {
      is_libpq = is_libpq || name == o->keyword;
    }
    // Those would make what we send and what we are sent something else.
    if (!is_libpq || name == "replication" || name == "client_encoding") {
      return absl::InvalidArgumentError("store URL \"" + url.ToString() +
                                        "\": unknown parameter \"" + Printable(name) +
                                        "\" (known: " + ListNames(known) + " and all of libpq)");
    }
    std::erase_if(parameters, [&n = name](const auto& parameter) { return parameter.first == n; });
    parameters.emplace_back(name, *url.Parameter(name));
  }
  if (url.password) parameters.emplace_back("password", *url.password);
  // A server that has gone away without a word is noticed.
  const std::pair<const char*, const char*> defaults[] = {
      {"connect_timeout", "10"},     {"keepalives_idle", "30"},
      {"keepalives_interval", "10"}, {"keepalives_count", "3"},
      {"tcp_user_timeout", "60000"}, {"fallback_application_name", "driftwood"}};
  for (const auto& [name, value] : defaults) {
    if (!Has(parameters, name)) parameters.emplace_back(name, value);
  }
  return parameters;
}

class PostgresqlStore final : public Store {
 public:
  PostgresqlStore(StoreUrl url, PgParameters parameters, std::optional<uint64_t> connections)
      : url_(std::move(url)),
        parameters_(std::move(parameters)),
        connections_(connections),
        table_(url_.Parameter("table")),
        where_(url_.Parameter("where")) {}

  absl::StatusOr<SourceDescription> Describe() override {
    absl::StatusOr<SourceDescription> description = DescribeTable();
    if (description.ok()) return description;
    // Nothing was compared yet: the access to the data is what has to change.
    const absl::StatusCode code = description.status().code();
    if (code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted ||
        code == absl::StatusCode::kDeadlineExceeded) {
      return absl::FailedPreconditionError(description.status().message());
    }
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    return Start(columns, std::nullopt);
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    const absl::Status unable =
        absl::UnimplementedError("only integer, uuid and text keys can be looked up");
    if (key.size() != 1) return unable;
    ASSIGN_OR_RETURN(const std::unique_ptr<PgConnection> connection,
                     PgConnection::Open(parameters_));
    ASSIGN_OR_RETURN(const PgTable table, ReadTable(*connection));
    const PgColumn* const column = table.Find(key[0]);
    if (column == nullptr) return unable;
    std::string list;
    for (const std::vector<SourceValue>& values : keys) {
      ASSIGN_OR_RETURN(const std::string literal, KeyLiteral(*connection, *column, values[0]));
      list += (list.empty() ? "" : ", ") + literal;
    }
    if (list.empty()) list = "NULL";
    return Start(columns, PgQuoted(key[0]) + " IN (" + list + ")");
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view /*position*/) override { return false; }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    return "row " + std::to_string(origin + 1) + " of the scan";
  }

 private:
  absl::StatusOr<SourceDescription> DescribeTable() const {
    ASSIGN_OR_RETURN(const std::unique_ptr<PgConnection> connection,
                     PgConnection::Open(parameters_));
    ASSIGN_OR_RETURN(const PgTable table, ReadTable(*connection));
    SourceDescription description;
    description.source = url_.ToString();
    description.live = true;
    std::vector<std::string> names;
    for (const PgColumn& column : table.columns) {
      names.push_back(column.name);
      description.columns.push_back(
          {column.name, TypeKnowledge::kTyped, column.mapping.type, column.declared});
      if (column.mapping.form != PgForm::kUnmapped) continue;
      description.warnings.push_back(Unmapped(table, column));
    }
    description.key = table.key;
    if (url_.Parameter("key")) {
      description.key = url_.List("key");
      RETURN_IF_ERROR(CheckKeyColumns(url_.ToString(), names, description.key));
    }
    if (!where_) {
      description.records_estimate = table.rows_estimate;
    } else {
      description.warnings.push_back("only the rows of " + Printable(table.Display()) + " where " +
                                     Printable(*where_, 200) + " are compared");
    }
    if (table.kind == 'f') description.warnings.push_back(NotOnePoint(table));
    return description;
  }

  absl::StatusOr<PgTable> ReadTable(PgConnection& connection) const {
    if (!table_) {
      return absl::InvalidArgumentError(url_.ToString() + " names no table: add ?table=NAME");
    }
    return ReadPgTable(connection, *table_);
  }

  static std::string Unmapped(const PgTable& table, const PgColumn& column) {
    return "column " + Printable(column.name) + " of " + Printable(table.Display()) +
           " has the type " + Printable(column.declared) +
           ", which has no mapping: leave it out with --ignore " + Printable(column.name) +
           ", or compare a view that casts it, as in " + Printable(column.name) + "::text";
  }

  static std::string NotOnePoint(const PgTable& table) {
    return Printable(table.Display()) + " is a foreign table: its server's snapshot is not ours";
  }

  // Unimplemented if the value is no literal of the column's type.
  static absl::StatusOr<std::string> KeyLiteral(const PgConnection& connection,
                                                const PgColumn& column, const SourceValue& value) {
    using Kind = SourceValue::Kind;
    const absl::Status unable =
        absl::UnimplementedError(Printable(column.name) + " can't be looked up");
    switch (column.mapping.form) {
      case PgForm::kInt2:
      case PgForm::kInt4:
      case PgForm::kInt8:
        if (value.kind != Kind::kInt64) return unable;
        return "'" + std::to_string(value.int64) + "'::int8";
      case PgForm::kUuid:
        if (value.kind != Kind::kUuid) return unable;
        return "'" + DisplayText(value) + "'::uuid";
      case PgForm::kText:
        // Not enums, where other texts than labels are errors.
        if (value.kind != Kind::kText || !column.mapping.cast.empty() ||
            value.text.find('\0') != std::string_view::npos ||
            !(column.declared == "text" || column.declared.starts_with("character varying"))) {
          return unable;
        }
        return connection.Literal(std::string(value.text));
      default:
        return unable;
    }
  }

  // BEGIN, and the table locked against TRUNCATE and rewriting before the snapshot is taken: those
  // would show an old snapshot an empty table.
  static absl::Status BeginSnapshot(PgConnection& connection, const PgTable& table) {
    constexpr char kBegin[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    RETURN_IF_ERROR(connection.Run(kBegin));
    const bool lockable = table.kind == 'r' || table.kind == 'p' || table.kind == 'v';
    if (!lockable) return absl::OkStatus();
    const absl::Status locked =
        connection.Run("LOCK TABLE " + table.Quoted() + " IN ACCESS SHARE MODE");
    if (!absl::IsPermissionDenied(locked)) return locked;
    // Who may read some columns only may not lock.
    RETURN_IF_ERROR(connection.Run("ROLLBACK"));
    return connection.Run(kBegin);
  }

  // Aborted if the table's files are not those that the snapshot knows.
  static absl::Status CheckFiles(PgConnection& connection, const PgTable& table) {
    RETURN_IF_ERROR(connection.Run("SELECT FROM " + table.Quoted() + " LIMIT 0"));  // locks it
    ASSIGN_OR_RETURN(
        const PgResult moved,
        connection.Query("WITH RECURSIVE parts(oid) AS (SELECT $1::oid UNION SELECT inhrelid "
                         "FROM parts JOIN pg_inherits ON inhparent = parts.oid) "
                         "SELECT count(*) FROM parts JOIN pg_class c ON c.oid = parts.oid WHERE "
                         "c.relkind IN ('r', 'm') AND c.relfilenode <> 0 AND c.relfilenode "
                         "IS DISTINCT FROM pg_relation_filenode(c.oid)",
                         {std::to_string(table.oid)}));
    if (moved.Int(0, 0) == 0) return absl::OkStatus();
    return absl::AbortedError(Printable(table.Display()) +
                              " was truncated or rewritten just now; try again");
  }

  absl::StatusOr<std::unique_ptr<Scan>> Start(const std::vector<std::string>& columns,
                                              const std::optional<std::string>& condition) {
    std::vector<std::unique_ptr<PgConnection>> connections(1);
    ASSIGN_OR_RETURN(connections[0], PgConnection::Open(parameters_));
    PgConnection& first = *connections[0];
    ASSIGN_OR_RETURN(PgTable table, ReadTable(first));
    const uint32_t oid = table.oid;
    RETURN_IF_ERROR(BeginSnapshot(first, table));
    ASSIGN_OR_RETURN(table, ReadTable(first));
    if (table.oid != oid) {
      return absl::AbortedError(Printable(table.Display()) + " was replaced just now; try again");
    }
    RETURN_IF_ERROR(CheckFiles(first, table));
    std::vector<PgForm> forms;
    ASSIGN_OR_RETURN(const std::string select, Select(table, columns, &forms));
    std::vector<std::string> conditions;
    if (where_) conditions.push_back("(" + *where_ + "\n)");
    if (condition) conditions.push_back(*condition);
    if (conditions.empty()) {
      ASSIGN_OR_RETURN(conditions, Ranges(table, &connections));
    } else if (conditions.size() == 2) {
      conditions = {conditions[0] + " AND " + conditions[1]};
    }
    for (size_t i = 0; i < connections.size(); ++i) {
      RETURN_IF_ERROR(StartCopy(*connections[i], select, conditions[i]));
    }
    return StartPgScan(std::move(connections), std::move(forms),
                       table.kind == 'f' ? NotOnePoint(table) : "");
  }

  static absl::Status StartCopy(PgConnection& connection, const std::string& select,
                                const std::string& condition) {
    const std::string sql = "COPY (" + select + (condition.empty() ? "" : " WHERE ") + condition +
                            ") TO STDOUT (FORMAT binary)";
    const PgResult result(PQexec(connection.get(), sql.c_str()));
    if (PQresultStatus(result.get()) == PGRES_COPY_OUT) return absl::OkStatus();
    return connection.Error(result.get());
  }

  absl::StatusOr<std::string> Select(const PgTable& table, const std::vector<std::string>& columns,
                                     std::vector<PgForm>* forms) const {
    std::string list;
    for (const std::string& name : columns) {
      const PgColumn* const column = table.Find(name);
      if (column == nullptr) {
        return absl::InvalidArgumentError(Printable(table.Display()) + " has no column \"" +
                                          Printable(name) + "\"");
      }
      if (column->mapping.form == PgForm::kUnmapped) {
        return absl::FailedPreconditionError(Unmapped(table, *column));
      }
      const PgMapping& mapping = column->mapping;
      list += (list.empty() ? "" : ", ") + mapping.function +
              (mapping.function.empty() ? PgQuoted(name) : "(" + PgQuoted(name) + ")") +
              mapping.cast;
      forms->push_back(column->mapping.form);
    }
    // Without ONLY a table that began to inherit just now would be read in part.
    return "SELECT " + list + " FROM " + (table.HasPages() ? "ONLY " : "") + table.Quoted();
  }

  // The conditions that part the table's pages, one for each connection, opening the connections
  // on the first one's snapshot. The last range has no end: the table grows.
  absl::StatusOr<std::vector<std::string>> Ranges(
      const PgTable& table, std::vector<std::unique_ptr<PgConnection>>* connections) const {
    PgConnection& first = *(*connections)[0];
    if (!table.HasPages() || first.server_version() < kTidRangeScans) {
      return std::vector<std::string>{""};
    }
    const uint64_t wanted = connections_.value_or(kConnectionsDefault);
    if (wanted == 1) return std::vector<std::string>{""};
    ASSIGN_OR_RETURN(const PgResult exported, first.Query("SELECT pg_export_snapshot()"));
    // After the export: what the snapshot sees is in these pages.
    ASSIGN_OR_RETURN(const PgResult size, first.Query("SELECT pg_relation_size($1::oid) / "
                                                      "current_setting('block_size')::int8",
                                                      {std::to_string(table.oid)}));
    const auto pages = static_cast<uint64_t>(size.Int(0, 0));
    const uint64_t useful = connections_ ? pages : pages / kPagesPerConnection + 1;
    const std::string snapshot = exported.Text(0, 0);
    while (connections->size() < std::min(wanted, useful)) {
      absl::StatusOr<std::unique_ptr<PgConnection>> more = PgConnection::Open(parameters_);
      // The server has no more: those that there are read it all.
      if (absl::IsResourceExhausted(more.status())) break;
      RETURN_IF_ERROR(more.status());
      RETURN_IF_ERROR((*more)->Run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
      ASSIGN_OR_RETURN(const std::string literal, (*more)->Literal(snapshot));
      RETURN_IF_ERROR((*more)->Run("SET TRANSACTION SNAPSHOT " + literal));
      connections->push_back(*std::move(more));
    }
    const uint64_t count = connections->size();
    if (count == 1) return std::vector<std::string>{""};
    const auto at = [&](uint64_t i) {
      return "'(" + std::to_string(pages * i / count) + ",0)'::tid";
    };
    std::vector<std::string> ranges;
    for (uint64_t i = 0; i < count; ++i) {
      ranges.push_back("ctid >= " + at(i) + (i + 1 == count ? "" : " AND ctid < " + at(i + 1)));
    }
    return ranges;
  }

  const StoreUrl url_;
  const PgParameters parameters_;
  const std::optional<uint64_t> connections_;  // as asked for
  const std::optional<std::string> table_;
  const std::optional<std::string> where_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenPostgresqlStore(const StoreUrl& url) {
  if (!url.IsServer()) {
    return absl::InvalidArgumentError("store URL \"" + url.ToString() +
                                      "\": write postgresql://USER@HOST:PORT/DATABASE?table=NAME");
  }
  std::optional<uint64_t> connections;
  if (const std::optional<std::string> text = url.Parameter("connections")) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size() || number < 1 ||
        number > kConnectionsMax) {
      return absl::InvalidArgumentError("store URL \"" + url.ToString() +
                                        "\": connections is 1 to " +
                                        std::to_string(kConnectionsMax));
    }
    connections = number;
  }
  ASSIGN_OR_RETURN(PgParameters parameters, ParametersOf(url));
  return std::unique_ptr<Store>(
      std::make_unique<PostgresqlStore>(url, std::move(parameters), connections));
}

}  // namespace driftwood::agent
