// COPYs of one snapshot, side by side. Only this directory's files include it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/postgresql/pg_connection.h"
#include "agent/stores/postgresql/pg_types.h"
#include "agent/stores/postgresql/pg_witness.h"

namespace driftwood::agent {

// What a scan must find again at its end.
struct PgScanProof {
  std::string display;  // of the table, for messages
  PgRelations relations;
  PgWitness witness;
  // A view or a condition may call functions that read other tables by themselves.
  bool may_call_functions = false;
};

// `statements` are COPY … (FORMAT binary), the scan's parts in their order; each connection takes
// the next when it is through with one. The connections' transactions, and so the locks that keep
// the table as it is, last until all have read all. The scan ends with Aborted if what was read is
// not what `proof` says.
absl::StatusOr<std::unique_ptr<Scan>> StartPgScan(
    std::vector<std::unique_ptr<PgConnection>> connections, std::vector<std::string> statements,
    std::vector<PgForm> forms, PgScanProof proof, std::string not_point_in_time);

}  // namespace driftwood::agent
