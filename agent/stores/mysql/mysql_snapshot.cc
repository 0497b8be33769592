#include "agent/stores/mysql/mysql_snapshot.h"

#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr int kTries = 5;

using Variables = std::map<std::string, std::string>;

absl::StatusOr<Variables> Show(MysqlConnection& connection, const std::string& what) {
  ASSIGN_OR_RETURN(const MysqlResult result, connection.Query("SHOW " + what));
  Variables variables;
  for (size_t i = 0; i < result.rows(); ++i) variables[result.Text(i, 0)] = result.Text(i, 1);
  return variables;
}

// Rises with each transaction that begins to write, and again when it commits. Empty if the server
// does not say.
absl::StatusOr<std::string> TransactionNumber(MysqlConnection& connection) {
  ASSIGN_OR_RETURN(Variables status,
                   Show(connection, "GLOBAL STATUS WHERE Variable_name = 'Innodb_max_trx_id'"));
  return status["Innodb_max_trx_id"];
}

// Server and place in its binary log; empty if it has none, or does not log all that it does.
absl::StatusOr<std::string> SnapshotPosition(MysqlConnection& connection) {
  ASSIGN_OR_RETURN(Variables status, Show(connection,
                                          "STATUS WHERE Variable_name IN ('Binlog_snapshot_file', "
                                          "'Binlog_snapshot_position', 'Slaves_running')"));
  const std::string file = status["Binlog_snapshot_file"];
  ASSIGN_OR_RETURN(const MysqlResult server,
                   connection.Query("SELECT @@log_slave_updates, @@server_id, @@hostname, @@port, "
                                    "@@datadir, @@socket"));
  const bool logs_all = server.Text(0, 0) == "1" || status["Slaves_running"] == "0";
  if (file.empty() || !logs_all) return std::string();
  std::string position = file + ":" + status["Binlog_snapshot_position"];
  for (size_t i = 1; i < 6; ++i) position += " " + server.Text(0, i);
  return position;
}

absl::StatusOr<bool> BeginAsOne(const std::vector<std::unique_ptr<MysqlConnection>>& connections) {
  // What takes time comes before the number, so that the snapshots follow each other closely.
  for (const auto& connection : connections) RETURN_IF_ERROR(connection->Prepare());
  ASSIGN_OR_RETURN(const std::string before, TransactionNumber(*connections[0]));
  // A commit takes its number a moment before others see it; that moment is over by then.
  RETURN_IF_ERROR(connections[0]->Run("DO SLEEP(0.01)"));
  for (const auto& connection : connections) {
    RETURN_IF_ERROR(connection->Start(MysqlSnapshot::kAtOnce));
  }
  std::set<std::string> positions;
  for (const auto& connection : connections) {
    ASSIGN_OR_RETURN(std::string position, SnapshotPosition(*connection));
    positions.insert(std::move(position));
  }
  ASSIGN_OR_RETURN(const std::string after, TransactionNumber(*connections[0]));
  for (const auto& connection : connections) RETURN_IF_ERROR(connection->CheckBegun());
  return positions.size() == 1 && !positions.begin()->empty() && !before.empty() && before == after;
}

// The column's values as they lie on a line from 0 to 2^64 - 1, and back.
constexpr uint64_t kSignBit = uint64_t{1} << 63;

std::optional<uint64_t> Place(const std::string& text, bool is_unsigned) {
  uint64_t unsigned_value = 0;
  int64_t signed_value = 0;
  const char* const end = text.data() + text.size();
  const auto result = is_unsigned ? std::from_chars(text.data(), end, unsigned_value)
                                  : std::from_chars(text.data(), end, signed_value);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return is_unsigned ? unsigned_value : static_cast<uint64_t>(signed_value) ^ kSignBit;
}

std::string ValueAt(uint64_t place, bool is_unsigned) {
  return is_unsigned ? std::to_string(place)
                     : std::to_string(static_cast<int64_t>(place ^ kSignBit));
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<MysqlConnection>>> OpenOneMysqlSnapshot(
    const MysqlOptions& options, size_t count, const std::stop_token& stop) {
  std::vector<std::unique_ptr<MysqlConnection>> connections;
  const auto none = [] { return std::vector<std::unique_ptr<MysqlConnection>>(); };
  while (connections.size() < count) {
    absl::StatusOr<std::unique_ptr<MysqlConnection>> more = MysqlConnection::Open(options, stop);
    if (absl::IsResourceExhausted(more.status())) return none();
    RETURN_IF_ERROR(more.status());
    if (!(*more)->is_mariadb()) return none();
    connections.push_back(*std::move(more));
  }
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const bool is_one, BeginAsOne(connections));
    if (is_one) return connections;
    for (const auto& connection : connections) RETURN_IF_ERROR(connection->Run("ROLLBACK"));
  }
  return none();
}

bool HasMysqlRanges(const MysqlTable& table) {
  if (table.engine != "InnoDB" || !table.key_is_primary) return false;
  const MysqlColumn* const column = table.Find(table.key[0]);
  return column != nullptr && (column->mapping.form == MysqlForm::kInteger ||
                               column->mapping.form == MysqlForm::kUnsigned);
}

std::string MysqlRange::Condition(const std::string& quoted_column) const {
  std::string condition;
  for (const std::string& end : {lower, upper}) {
    if (end.empty()) continue;
    condition += (condition.empty() ? "" : " AND ") + quoted_column + " " + end;
  }
  return condition;
}

absl::StatusOr<std::vector<MysqlRange>> MysqlRanges(MysqlConnection& connection,
                                                    const MysqlTable& table, size_t count) {
  const MysqlColumn& column = *table.Find(table.key[0]);
  const bool is_unsigned = column.mapping.form == MysqlForm::kUnsigned;
  const std::string name = MysqlQuoted(column.name);
  ASSIGN_OR_RETURN(const MysqlResult ends,
                   connection.Query("SELECT MIN(" + name + "), MAX(" + name + ") FROM " +
                                    table.Quoted() + " FORCE INDEX (PRIMARY)"));
  const std::optional<uint64_t> first = Place(ends.Text(0, 0), is_unsigned);
  const std::optional<uint64_t> last = Place(ends.Text(0, 1), is_unsigned);
  if (!first || !last || *last - *first < count) return std::vector<MysqlRange>(1);
  const uint64_t step = (*last - *first) / count + 1;
  std::vector<MysqlRange> ranges;
  std::string begin;
  for (size_t i = 1; i < count; ++i) {
    const std::string end = ValueAt(*first + step * i, is_unsigned);
    ranges.push_back({begin, "< " + end});
    begin = ">= " + end;
    if (*last - *first < step * (i + 1)) break;
  }
  ranges.push_back({begin, ""});
  return ranges;
}

}  // namespace driftwood::agent
