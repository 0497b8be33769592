// The connector of the real program: agents of our own as processes on private unix sockets, or
// running ones, and gRPC to both.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/peer/connector.h"
#include "coordinator/peer/workspace.h"
#include "proto/contract/store_kind.h"

namespace driftwood::coordinator {

struct GrpcConnectorOptions {
  bool starts_agents = true;  // false: there are only running ones
  WorkspaceOptions workspace;
  std::vector<std::string> agent_arguments;  // besides our own
};

// The agent program is the driftwood-agent beside our own executable.
//
// What stores it can read. Fails if it is missing.
absl::StatusOr<StoreKinds> AskStoreKinds();
// Fails if it is missing, or the workspace can't be made.
absl::StatusOr<std::unique_ptr<Connector>> MakeGrpcConnector(GrpcConnectorOptions options);

}  // namespace driftwood::coordinator
