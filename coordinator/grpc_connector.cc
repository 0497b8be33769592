#include "coordinator/grpc_connector.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "coordinator/agent_process.h"
#include "coordinator/grpc_peer.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

// The one dataset that an agent of our own serves.
constexpr char kDataset[] = "data";
// How long a dying process gets to be seen as dead, for the sake of a better message.
constexpr std::chrono::milliseconds kEndPatience{500};

class GrpcConnector final : public Connector {
 public:
  explicit GrpcConnector(GrpcConnectorOptions options) : options_(std::move(options)) {}

  absl::StatusOr<std::unique_ptr<Peer>> Connect(const ReplicaSpec& spec,
                                                const std::function<bool()>& cancelled) override {
    GrpcPeerOptions peer;
    if (spec.running_agent) {
      peer.address = spec.address;
      peer.dataset = spec.dataset;
      return std::unique_ptr<Peer>(std::make_unique<GrpcPeer>(std::move(peer)));
    }
    ASSIGN_OR_RETURN(AgentProcess* const process, StartAgent(spec, cancelled));
    peer.address = process->address();
    peer.dataset = kDataset;
    peer.describe_end = [process] { return process->DescribeEnd(kEndPatience); };
    return std::unique_ptr<Peer>(std::make_unique<GrpcPeer>(std::move(peer)));
  }

 private:
  absl::StatusOr<AgentProcess*> StartAgent(const ReplicaSpec& spec,
                                           const std::function<bool()>& cancelled) {
    if (workspace_ == nullptr) {
      ASSIGN_OR_RETURN(workspace_, Workspace::Create(options_.workspace));
    }
    ASSIGN_OR_RETURN(const std::string state, workspace_->StateFolder(spec.url));
    AgentProcessOptions process;
    process.program = options_.agent_program;
    process.cancelled = cancelled;
    process.arguments = {"--listen",          "unix:" + workspace_->NewSocketPath(),
                         "--dataset",         std::string(kDataset) + "=" + spec.url,
                         "--state-dir",       state,
                         "--digest-key-file", workspace_->digest_key_file(),
                         "--allow-values",    "--exit-on-stdin-eof"};
    ASSIGN_OR_RETURN(std::unique_ptr<AgentProcess> started, AgentProcess::Start(process));
    processes_.push_back(std::move(started));
    return processes_.back().get();
  }

  const GrpcConnectorOptions options_;
  std::unique_ptr<Workspace> workspace_;  // made when the first agent of our own needs it
  std::vector<std::unique_ptr<AgentProcess>> processes_;  // end before their folders do
};

}  // namespace

absl::StatusOr<std::unique_ptr<Connector>> MakeGrpcConnector(GrpcConnectorOptions options) {
  return std::unique_ptr<Connector>(std::make_unique<GrpcConnector>(std::move(options)));
}

absl::StatusOr<std::string> FindAgentProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return absl::NotFoundError("can't find our own program: " + error.message());
  const std::filesystem::path program = self.parent_path() / "driftwood-agent";
  if (::access(program.c_str(), X_OK) != 0) {
    return absl::NotFoundError("no driftwood-agent in " + self.parent_path().string() +
                               "; it must stand beside driftwood");
  }
  return program.string();
}

}  // namespace driftwood::coordinator
