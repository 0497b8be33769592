// The connector of the real program: agents of our own as processes on private unix sockets, or
// running ones, and gRPC to both.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/connector.h"
#include "coordinator/workspace.h"

namespace driftwood::coordinator {

struct GrpcConnectorOptions {
  std::string agent_program;  // path of driftwood-agent
  WorkspaceOptions workspace;
};

absl::StatusOr<std::unique_ptr<Connector>> MakeGrpcConnector(GrpcConnectorOptions options);

// driftwood-agent beside our own executable.
absl::StatusOr<std::string> FindAgentProgram();

}  // namespace driftwood::coordinator
