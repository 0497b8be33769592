#include "agent/stores/postgresql/pg_load.h"

#include <chrono>
#include <string>
#include <utility>

#include "agent/source/messages.h"
#include "agent/source/reconnecting_meter.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr std::chrono::milliseconds kReadTimeout{10'000};

// Who may read the one may read the other.
constexpr char kAllowed[] =
    "SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), "
    "pg_catalog.pg_is_in_recovery(), current_user";

// A session that does not say what it does (track_activities) may do anything.
constexpr char kRunning[] =
    "SELECT pg_catalog.count(*) FILTER (WHERE state IN ('active', 'fastpath function call')), "
    "pg_catalog.count(*) FILTER (WHERE state = 'disabled') "
    "FROM pg_catalog.pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid() "
    "AND application_name <> 'driftwood' "
    "AND NOT (application_name = pg_catalog.current_setting('application_name') "
    "AND usename = session_user)";

// The time of the last commit that was replayed says nothing while there is nothing to replay;
// which only a stream from the primary can tell.
constexpr char kStandbyLag[] =
    "SELECT CASE WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() "
    "AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) THEN 0 ELSE greatest(0, "
    "pg_catalog.ceil(extract(epoch FROM pg_catalog.clock_timestamp() - "
    "pg_catalog.pg_last_xact_replay_timestamp()) * 1000)) END::pg_catalog.int8";
constexpr char kPrimaryLag[] =
    "SELECT coalesce(pg_catalog.max(pg_catalog.ceil(extract(epoch FROM replay_lag) * 1000)), "
    "0)::pg_catalog.int8 FROM pg_catalog.pg_stat_replication";

class PgLoadMeter final : public ReconnectingMeter<PgConnection> {
 public:
  PgLoadMeter(PgParameters parameters, LoadParts parts, std::stop_token stop)
      : parameters_(std::move(parameters)), parts_(parts), stop_(std::move(stop)) {}

 private:
  absl::StatusOr<ServerLoad> ReadOnce() override {
    if (connection_ == nullptr) {
      ASSIGN_OR_RETURN(connection_, PgConnection::Open(parameters_, kReadTimeout, stop_));
    }
    RETURN_IF_ERROR(connection_->Begin());
    ASSIGN_OR_RETURN(const ServerLoad load, ReadParts());
    // Nothing is held between two looks: no snapshot, no pooler's server.
    RETURN_IF_ERROR(connection_->Run("COMMIT"));
    return load;
  }

  absl::StatusOr<ServerLoad> ReadParts() {
    ASSIGN_OR_RETURN(const PgResult allowed, connection_->Query(kAllowed));
    const bool is_standby = allowed.Bool(0, 1);
    if (!allowed.Bool(0, 0) && (parts_.running || !is_standby)) {
      return absl::PermissionDeniedError(
          "the role " + Printable(allowed.Text(0, 2)) +
          " may not see what others do on the server, as --max-load asks: GRANT pg_monitor TO " +
          Printable(PgQuoted(allowed.Text(0, 2))) + " (pg_read_all_stats is enough)");
    }
    ServerLoad load;
    if (parts_.running) RETURN_IF_ERROR(ReadRunning(&load));
    if (parts_.lag) RETURN_IF_ERROR(ReadLag(is_standby, &load));
    return load;
  }

  absl::Status ReadRunning(ServerLoad* load) {
    ASSIGN_OR_RETURN(const PgResult result, connection_->Query(kRunning));
    ASSIGN_OR_RETURN(const int64_t running, result.Int(0, 0));
    ASSIGN_OR_RETURN(const int64_t hidden, result.Int(0, 1));
    if (hidden > 0) {
      return absl::FailedPreconditionError(
          "what " + result.Text(0, 1) +
          " sessions do can't be seen, as --max-load asks: track_activities is off for them");
    }
    load->running = static_cast<uint64_t>(running);
    return absl::OkStatus();
  }

  absl::Status ReadLag(bool is_standby, ServerLoad* load) {
    ASSIGN_OR_RETURN(const PgResult result,
                     connection_->Query(is_standby ? kStandbyLag : kPrimaryLag));
    if (result.IsNull(0, 0)) {
      load->lag_unknown = "the standby has replayed no commit yet, so that its lag is not known";
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const int64_t lag_ms, result.Int(0, 0));
    load->lag = std::chrono::milliseconds(lag_ms);
    return absl::OkStatus();
  }

  const PgParameters parameters_;
  const LoadParts parts_;
  const std::stop_token stop_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LoadMeter>> MakePgLoadMeter(const PgParameters& parameters,
                                                           LoadParts parts, std::stop_token stop) {
  return std::unique_ptr<LoadMeter>(
      std::make_unique<PgLoadMeter>(parameters, parts, std::move(stop)));
}

}  // namespace driftwood::agent
