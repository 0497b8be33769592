#include "coordinator/peer/grpc_connector.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "coordinator/peer/agent_process.h"
#include "coordinator/peer/grpc_channels.h"
#include "coordinator/peer/grpc_peer.h"
#include "merkle/check.h"
#include "merkle/mutex.h"
#include "merkle/os/unique_fd.h"
#include "merkle/status_macros.h"
#include "proto/contract/database_table.h"
#include "proto/contract/token.h"

namespace driftwood::coordinator {

namespace {

// How many lines of the agents' libraries are passed on.
constexpr size_t kNoticesMax = 20;
// How many tables of a database one agent serves at most: their URLs are arguments.
constexpr size_t kTablesOfAgentMax = 2000;
constexpr size_t kUrlBytesOfAgentMax = size_t{256} << 10;
// How long a dying process gets to be seen as dead, for the sake of a better message.
constexpr std::chrono::milliseconds kEndPatience{500};
// Of a server with very many tables.
constexpr std::chrono::minutes kListingTimeout{5};

absl::StatusOr<std::string> FindAgentProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    return absl::NotFoundError("can't tell where driftwood is, and with it driftwood-agent: " +
                               error.message() + " (/proc/self/exe): mount /proc");
  }
  const std::filesystem::path program = self.parent_path() / "driftwood-agent";
  if (::access(program.c_str(), X_OK) != 0) {
    return absl::NotFoundError("no driftwood-agent in " + self.parent_path().string() +
                               "; it must stand beside driftwood");
  }
  return program.string();
}

// Under a number that is free, so that it hides no descriptor that a URL names (/dev/fd/63).
absl::StatusOr<merkle::UniqueFd> StandardInput() {
  // Where stdin was closed, a library's own descriptor may have its number: one of no file type.
  struct stat info;
  if (::fstat(STDIN_FILENO, &info) != 0 || (info.st_mode & S_IFMT) == 0) {
    return absl::InvalidArgumentError("stdin is closed: give it a file or a pipe");
  }
  merkle::UniqueFd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (input.get() < 0) {
    return absl::InvalidArgumentError(std::string("stdin can't be read: ") + std::strerror(errno));
  }
  return input;
}

// Lines, each once however often it is said. Thread-safe.
class Notices {
 public:
  void Add(const std::string& line) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    if (said_.size() < kNoticesMax && said_.insert(line).second) fresh_.push_back(line);
  }
  std::vector<std::string> Take() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return std::exchange(fresh_, {});
  }

 private:
  merkle::Mutex mutex_;
  std::set<std::string> said_ DRIFTWOOD_GUARDED_BY(mutex_);
  std::vector<std::string> fresh_ DRIFTWOOD_GUARDED_BY(mutex_);
};

absl::StatusOr<GrpcPeerOptions> OptionsOf(const ReplicaSpec& running) {
  GrpcPeerOptions peer;
  peer.address = running.address;
  peer.dataset = running.dataset;
  if (!running.token_file.empty()) {
    ASSIGN_OR_RETURN(peer.token, ReadTokenFile(running.token_file));
  }
  return peer;
}

absl::StatusOr<TableList> ListTablesOfAgent(const ReplicaSpec& database,
                                            const std::stop_token& stop) {
  if (NamesTable(database.dataset)) {
    return absl::InvalidArgumentError(
        "'" + database.url +
        "': table=, rename= and zone= belong to one table; a database is expected here, without "
        "them");
  }
  ASSIGN_OR_RETURN(GrpcPeerOptions options, OptionsOf(database));
  GrpcPeer peer(std::move(options));
  const std::stop_callback cancel(stop, [&peer] { peer.Cancel(); });
  absl::StatusOr<TableList> list = peer.ListTables();
  if (absl::IsUnimplemented(list.status())) {
    return absl::UnimplementedError(
        "the agent at " + database.address +
        " can't list tables: it serves single datasets; compare '" + database.dataset +
        "' without --all, or let an agent of this version serve the database");
  }
  RETURN_IF_ERROR(list.status());
  // Made here, of names alone: what the agent says must not name a file of ours.
  const std::string url = database.url + (database.token_file.empty() ? "?" : "&");
  for (TableEntry& table : list->tables) {
    const std::string dataset = DatasetOf({database.dataset, table.name});
    table.url = url + dataset.substr(dataset.find('?') + 1);
  }
  return list;
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
      ASSIGN_OR_RETURN(peer, OptionsOf(spec));
      return std::unique_ptr<Peer>(std::make_unique<GrpcPeer>(std::move(peer)));
    }
    DRIFTWOOD_CHECK(workspace_ != nullptr);
    std::shared_ptr<AgentProcess> process;
    Table* const table = FindTable(spec);
    if (table != nullptr) {
      peer.dataset = table->dataset;
      ASSIGN_OR_RETURN(process, AgentOf(table, stop));
    } else {
      peer.dataset = DatasetName(spec.url);
    }
    if (process == nullptr) {
      ASSIGN_OR_RETURN(process, StartAgent({{spec, peer.dataset}}, stop));
    }
    peer.address = process->address();
    peer.channels = channels_;
    peer.describe_end = [process] { return process->DescribeEnd(kEndPatience); };
    return std::unique_ptr<Peer>(std::make_unique<GrpcPeer>(std::move(peer)));
  }

  void WillConnect(const std::vector<ReplicaSpec>& specs) override {
    // A load gate keeps a connection for each dataset, so that many would take all that there are.
    const bool gated = std::find(agent_arguments_.begin(), agent_arguments_.end(), "--max-load") !=
                       agent_arguments_.end();
    if (workspace_ == nullptr || gated) return;
    size_t bytes = 0;
    std::shared_ptr<Group> group;
    for (const ReplicaSpec& spec : specs) {
      if (spec.running_agent || FindTable(spec) != nullptr) continue;
      bytes += spec.url.size();
      const bool full = group != nullptr &&
                        (group->served.size() == kTablesOfAgentMax || bytes > kUrlBytesOfAgentMax);
      if (group == nullptr || full) {
        group = std::make_shared<Group>();
        bytes = spec.url.size();
      }
      group->served.push_back({spec, DatasetName(spec.url)});
      tables_[{spec.name, spec.url}] = {group, group->served.back().dataset};
      ++group->to_come;
    }
  }

  std::vector<std::string> TakeNotices() override { return notices_->Take(); }

  absl::StatusOr<TableList> ListTables(const ReplicaSpec& spec,
                                       const std::stop_token& stop) override {
    if (spec.running_agent) return ListTablesOfAgent(spec, stop);
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
    process.on_foreign_line = [notices = notices_, name = spec.name](const std::string& line) {
      notices->Add(name + ": " + line);
    };
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

  struct Served {
    ReplicaSpec spec;
    std::string dataset;
  };
  // Tables of one database that one agent serves.
  struct Group {
    std::vector<Served> served;  // constant once tables are connected to
    merkle::Mutex mutex;         // held while the agent starts: all want the same one
    std::shared_ptr<AgentProcess> process DRIFTWOOD_GUARDED_BY(mutex);  // null: none, or ended
    // It could not be started for all of them together.
    bool failed DRIFTWOOD_GUARDED_BY(mutex) = false;
    size_t to_come = 0;  // of its tables, not connected to yet; guarded by `mutex` from then on
  };
  struct Table {
    std::shared_ptr<Group> group;
    std::string dataset;
    bool connected = false;  // guarded by the group's mutex
  };

  std::string DatasetName(const std::string& url) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return workspace_->DatasetName(url);
  }
  std::string NewSocketPath() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return workspace_->NewSocketPath();
  }

  Table* FindTable(const ReplicaSpec& spec) {
    const auto found = tables_.find({spec.name, spec.url});
    return found == tables_.end() ? nullptr : &found->second;
  }

  // Null if there is none that serves all of the group: what is wrong with one table must not fail
  // the others. One that has ended is started anew.
  absl::StatusOr<std::shared_ptr<AgentProcess>> AgentOf(Table* table, const std::stop_token& stop) {
    Group& group = *table->group;
    merkle::MutexLock lock(&group.mutex);
    if (group.process != nullptr && !group.process->DescribeEnd({}).empty()) group.process.reset();
    if (group.process == nullptr && !group.failed) {
      absl::StatusOr<std::shared_ptr<AgentProcess>> started = StartAgent(group.served, stop);
      if (absl::IsCancelled(started.status())) return started.status();
      group.failed = !started.ok();
      if (started.ok()) group.process = *std::move(started);
    }
    if (!std::exchange(table->connected, true)) --group.to_come;
    // With the last of its tables it is not needed any more: peers that live keep it.
    return group.to_come == 0 ? std::exchange(group.process, nullptr) : group.process;
  }

  // All in one agent; of one database, so that they have one password.
  absl::StatusOr<std::shared_ptr<AgentProcess>> StartAgent(const std::vector<Served>& served,
                                                           const std::stop_token& stop) {
    const ReplicaSpec& spec = served[0].spec;
    std::vector<std::string> arguments = {"--listen",          "unix:" + NewSocketPath(),
                                          "--state-dir",       workspace_->state_folder(),
                                          "--digest-key-file", workspace_->digest_key_file(),
                                          "--allow-values",    "--exit-on-stdin-eof"};
    if (workspace_->is_temporary()) arguments.push_back("--temporary-state");
    for (const Served& one : served) {
      arguments.push_back("--dataset");
      arguments.push_back(one.dataset + "=" + one.spec.url);
    }
    if (spec.allow_not_point_in_time) arguments.push_back("--resume");
    merkle::UniqueFd input;
    if (ReadsStandardInput(spec)) {
      ASSIGN_OR_RETURN(input, StandardInput());
      arguments.insert(arguments.end(), {"--input-fd", std::to_string(input.get())});
    }
    AgentProcessOptions process = ProcessOptions(spec, std::move(arguments), stop);
    process.input = input.get();
    ASSIGN_OR_RETURN(std::unique_ptr<AgentProcess> started, AgentProcess::Start(process));
    return std::shared_ptr<AgentProcess>(started.release(),
                                         [channels = channels_](AgentProcess* ended) {
                                           channels->Drop(ended->address());
                                           delete ended;
                                         });
  }

  const std::shared_ptr<GrpcChannels> channels_ = std::make_shared<GrpcChannels>();
  // An agent's process has a share in it: it lives as long as its last peer.
  const std::shared_ptr<Notices> notices_ = std::make_shared<Notices>();
  const std::string agent_program_;
  merkle::Mutex mutex_;                         // of the names that the workspace gives
  const std::unique_ptr<Workspace> workspace_;  // its directories are constant
  const std::vector<std::string> agent_arguments_;
  // All end before their directories do: a peer lives no longer than its connector.
  std::map<std::pair<std::string, std::string>, Table> tables_;  // by name and URL; WillConnect()'s
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
