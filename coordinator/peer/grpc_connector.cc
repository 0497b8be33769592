#include "coordinator/peer/grpc_connector.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "coordinator/peer/agent_process.h"
#include "coordinator/peer/grpc_peer.h"
#include "merkle/check.h"
#include "merkle/status_macros.h"
#include "proto/contract/token.h"

namespace driftwood::coordinator {

namespace {

// The one dataset that an agent of our own serves.
constexpr char kDataset[] = "data";
// How long a dying process gets to be seen as dead, for the sake of a better message.
constexpr std::chrono::milliseconds kEndPatience{500};
// Of a server with very many tables.
constexpr std::chrono::minutes kListingTimeout{5};

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

class GrpcConnector final : public Connector {
 public:
  // Without agents of our own there is no program and no workspace.
  GrpcConnector(std::string agent_program, std::unique_ptr<Workspace> workspace,
                std::vector<std::string> agent_arguments)
      : agent_program_(std::move(agent_program)),
        workspace_(std::move(workspace)),
        agent_arguments_(std::move(agent_arguments)) {}

  absl::StatusOr<std::unique_ptr<Peer>> Connect(const ReplicaSpec& spec,
                                                const std::stop_token& stop) override {
    GrpcPeerOptions peer;
    if (spec.running_agent) {
      peer.address = spec.address;
      peer.dataset = spec.dataset;
      if (!spec.token_file.empty()) {
        ASSIGN_OR_RETURN(peer.token, ReadTokenFile(spec.token_file));
      }
      return std::unique_ptr<Peer>(std::make_unique<GrpcPeer>(std::move(peer)));
    }
    ASSIGN_OR_RETURN(AgentProcess* const process, StartAgent(spec, stop));
    peer.address = process->address();
    peer.dataset = kDataset;
    peer.describe_end = [process] { return process->DescribeEnd(kEndPatience); };
    return std::unique_ptr<Peer>(std::make_unique<GrpcPeer>(std::move(peer)));
  }

  absl::StatusOr<TableList> ListTables(const ReplicaSpec& spec,
                                       const std::stop_token& stop) override {
    if (spec.running_agent) {
      return absl::UnimplementedError(
          "the tables of a running agent can't be listed: it serves "
          "single datasets");
    }
    AgentProcessOptions process = ProcessOptions(spec, {"--list-tables", spec.url}, stop);
    process.start_timeout = kListingTimeout;
    ASSIGN_OR_RETURN(const std::string text, AgentProcess::Output(process));
    return ParseTableList(text);
  }

 private:
  AgentProcessOptions ProcessOptions(const ReplicaSpec& spec, std::vector<std::string> arguments,
                                     const std::stop_token& stop) const {
    AgentProcessOptions process;
    process.program = agent_program_;
    process.stop = stop;
    process.arguments = std::move(arguments);
    process.arguments.insert(process.arguments.end(), agent_arguments_.begin(),
                             agent_arguments_.end());
    // As the database's client library takes it; arguments would show in every process list.
    if (spec.password) {
      DRIFTWOOD_CHECK(!spec.password_variable.empty());  // ParseReplicaSpec() refuses others
      process.environment.push_back(spec.password_variable + "=" + *spec.password);
    }
    return process;
  }

  absl::StatusOr<AgentProcess*> StartAgent(const ReplicaSpec& spec, const std::stop_token& stop) {
    DRIFTWOOD_CHECK(workspace_ != nullptr);
    ASSIGN_OR_RETURN(const std::string state, workspace_->StateFolder(spec.url));
    std::vector<std::string> arguments = {
        "--listen",          "unix:" + workspace_->NewSocketPath(),
        "--dataset",         std::string(kDataset) + "=" + spec.url,
        "--state-dir",       state,
        "--digest-key-file", workspace_->digest_key_file(),
        "--allow-values",    "--exit-on-stdin-eof"};
    if (spec.allow_not_point_in_time) arguments.push_back("--resume");
    const AgentProcessOptions process = ProcessOptions(spec, std::move(arguments), stop);
    ASSIGN_OR_RETURN(std::unique_ptr<AgentProcess> started, AgentProcess::Start(process));
    processes_.push_back(std::move(started));
    return processes_.back().get();
  }

  const std::string agent_program_;
  const std::unique_ptr<Workspace> workspace_;
  const std::vector<std::string> agent_arguments_;
  std::vector<std::unique_ptr<AgentProcess>> processes_;  // end before their folders do
};

}  // namespace

absl::StatusOr<StoreKinds> AskStoreKinds() {
  AgentProcessOptions process;
  ASSIGN_OR_RETURN(process.program, FindAgentProgram());
  process.arguments = {"--stores"};
  ASSIGN_OR_RETURN(const std::string text, AgentProcess::Output(process));
  return ParseStoreKinds(text);
}

absl::StatusOr<std::unique_ptr<Connector>> MakeGrpcConnector(GrpcConnectorOptions options) {
  std::string program;
  std::unique_ptr<Workspace> workspace;
  if (!options.starts_agents && !options.agent_arguments.empty()) {
    return absl::InvalidArgumentError(options.agent_arguments.front() +
                                      " is for agents that are started here: give it to the "
                                      "running agents instead");
  }
  if (options.starts_agents) {
    ASSIGN_OR_RETURN(program, FindAgentProgram());
    ASSIGN_OR_RETURN(workspace, Workspace::Create(options.workspace));
  }
  return std::unique_ptr<Connector>(std::make_unique<GrpcConnector>(
      std::move(program), std::move(workspace), std::move(options.agent_arguments)));
}

}  // namespace driftwood::coordinator
