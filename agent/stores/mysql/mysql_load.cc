#include "agent/stores/mysql/mysql_load.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "agent/source/messages.h"
#include "agent/source/reconnecting_meter.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr uint64_t kReadTimeoutSeconds = 10;

absl::StatusOr<uint64_t> Number(const std::string& text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && !text.empty() && end == text.data() + text.size()) return number;
  return absl::InternalError("the server's load: \"" + Printable(text) + "\" is no number");
}

// "GRANT SELECT, PROCESS ON *.* TO …", of the user or of a role that it has.
bool GrantsProcess(const std::string& grant) {
  const size_t on = grant.find(" ON *.* ");
  if (!grant.starts_with("GRANT ") || on == std::string::npos) return false;
  const std::string privileges = "," + grant.substr(5, on - 5) + ",";
  return privileges.find(", PROCESS,") != std::string::npos ||
         privileges.find(", ALL PRIVILEGES,") != std::string::npos;
}

class MysqlLoadMeter final : public ReconnectingMeter<MysqlConnection> {
 public:
  MysqlLoadMeter(MysqlOptions options, LoadParts parts, std::stop_token stop)
      : options_(std::move(options)), parts_(parts), stop_(std::move(stop)) {}

 private:
  absl::StatusOr<ServerLoad> ReadOnce() override {
    if (connection_ == nullptr) {
      ASSIGN_OR_RETURN(connection_, MysqlConnection::Open(options_, stop_));
      RETURN_IF_ERROR(connection_->Begin());
      ASSIGN_OR_RETURN(const MysqlResult grants, connection_->Query("SHOW GRANTS"));
      sees_all_ = false;
      for (size_t i = 0; i < grants.rows(); ++i) {
        sees_all_ = sees_all_ || GrantsProcess(grants.Text(i, 0));
      }
    }
    RETURN_IF_ERROR(connection_->Begin());
    ServerLoad load;
    if (parts_.running) {
      ASSIGN_OR_RETURN(load.running, Running());
    }
    if (parts_.lag) RETURN_IF_ERROR(ReadLag(&load));
    RETURN_IF_ERROR(connection_->Run("COMMIT"));
    return load;
  }

  absl::StatusOr<uint64_t> Running() {
    const std::string ours = "INFO LIKE " + connection_->Literal(std::string(kMysqlSelect) + "%");
    ASSIGN_OR_RETURN(
        const MysqlResult result,
        connection_->Query("SELECT COUNT(CASE WHEN " + ours +
                           " THEN 1 END), "
                           "COUNT(CASE WHEN INFO IS NULL OR NOT (" +
                           ours +
                           ") THEN 1 END) "
                           "FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() "
                           "AND COMMAND IN ('Query', 'Execute', 'Fetch', 'Bulk_execute')"));
    ASSIGN_OR_RETURN(const uint64_t own, Number(result.Text(0, 0)));
    ASSIGN_OR_RETURN(const uint64_t others, Number(result.Text(0, 1)));
    if (sees_all_) return others;
    ASSIGN_OR_RETURN(const MysqlResult status,
                     connection_->Query("SHOW GLOBAL STATUS LIKE 'Threads\\_running'"));
    if (status.rows() != 1) return absl::InternalError("the server has no Threads_running");
    ASSIGN_OR_RETURN(const uint64_t running, Number(status.Text(0, 1)));
    const uint64_t ours_and_this = own + 1;
    return std::max(others, running - std::min(running, ours_and_this));
  }

  absl::Status ReadLag(ServerLoad* load) {
    absl::StatusOr<MysqlResult> replicas = connection_->Query(
        connection_->is_mariadb() ? "SHOW ALL SLAVES STATUS" : "SHOW REPLICA STATUS");
    if (absl::IsPermissionDenied(replicas.status())) {
      return absl::PermissionDeniedError(
          std::string(replicas.status().message()) + "; the lag of --max-load needs GRANT " +
          (connection_->is_mariadb() ? "REPLICA MONITOR" : "REPLICATION CLIENT") +
          " ON *.* TO the user");
    }
    RETURN_IF_ERROR(replicas.status());
    for (size_t i = 0; i < replicas->rows(); ++i) {
      const std::optional<size_t> column = replicas->Find(
          connection_->is_mariadb() ? "Seconds_Behind_Master" : "Seconds_Behind_Source");
      if (!column) return absl::InternalError("the server does not say how far it is behind");
      if (replicas->IsNull(i, *column)) {
        load->lag_unknown = "replication has stopped, so that its lag is not known";
        continue;
      }
      ASSIGN_OR_RETURN(const uint64_t seconds, Number(replicas->Text(i, *column)));
      load->lag = std::max<std::chrono::milliseconds>(load->lag, std::chrono::seconds(seconds));
    }
    return absl::OkStatus();
  }

  const MysqlOptions options_;
  const LoadParts parts_;
  const std::stop_token stop_;
  bool sees_all_ = false;  // other users' sessions too
};

}  // namespace

absl::StatusOr<std::unique_ptr<LoadMeter>> MakeMysqlLoadMeter(const MysqlOptions& options,
                                                              LoadParts parts,
                                                              std::stop_token stop) {
  MysqlOptions own = options;
  own.statement_timeout_s = kReadTimeoutSeconds;
  return std::unique_ptr<LoadMeter>(
      std::make_unique<MysqlLoadMeter>(std::move(own), parts, std::move(stop)));
}

}  // namespace driftwood::agent
