// From a replica as the user names it (a store URL, or a running agent's address) to a Peer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/peer/peer.h"
#include "coordinator/peer/store_name.h"
#include "proto/contract/table_list.h"

namespace driftwood::coordinator {

// Where a replica is.
struct ReplicaSpec {
  std::string name;
  std::string url;  // as given, but for a password in it
  std::optional<std::string> password;
  std::string password_variable;  // of the agent's environment, by which it is handed over
  // "agent:HOST:PORT/DATASET" and "agent:unix:PATH/DATASET": a running agent. Else a store that an
  // agent of our own will serve. Behind it "?token_file=PATH" names the token that the agent wants,
  // and "?table=NAME", perhaps with rename= and zone=, a table of the database DATASET.
  bool running_agent = false;
  std::string address;     // of a running agent: "HOST:PORT" or "unix:PATH"
  std::string dataset;     // there, or a database; of a table proto/contract/database_table.h
  std::string token_file;  // empty: none
  bool allow_not_point_in_time = false;
};

// `url`: also the name of a file, as StoreUrlOf() (store_name.h) takes it.
// InvalidArgument: not such a URL; the message shows the expected forms.
absl::StatusOr<ReplicaSpec> ParseReplicaSpec(const std::string& name, const std::string& url,
                                             const StoreKindsSource& store_kinds);

// Whether its URL may say what its columns are called (rename=, zone=). Not that of a dataset, to
// which whoever serves it gives its URL.
bool MapsColumns(const ReplicaSpec& spec);

// True if that is what our own stdin is to be read for ("csv:-").
bool ReadsStandardInput(const ReplicaSpec& spec);

// Whether it can be read once only, by one agent: stdin, or another pipe.
bool IsReadOnce(const ReplicaSpec& spec);

// Equal for URLs that mean the same data: one file has one identity, however its path is written.
std::string StoreIdentity(const std::string& url);

// Starts agents and connects to them. Connect(), ListTables() and TakeNotices() by any thread,
// several at once; WillConnect() by one, while no other call is in progress. It must outlive its
// peers. Destroyed, it ends what it started and removes what it made.
class Connector {
 public:
  virtual ~Connector() = default;
  // Cancelled once `stop` is requested, by any thread, while an agent starts.
  virtual absl::StatusOr<std::unique_ptr<Peer>> Connect(const ReplicaSpec& spec,
                                                        const std::stop_token& stop) = 0;

  // Says that Connect() will be called for these, which are tables of one database, about in this
  // order: one agent may then serve many of them. No failure: Connect() has it.
  virtual void WillConnect(const std::vector<ReplicaSpec>& specs) { (void)specs; }

  // What the libraries in our own agents have said on their stderr since the last call, each line
  // once: "left: WARNING: password file …". Of agents that have ended it is all.
  virtual std::vector<std::string> TakeNotices() { return {}; }

  // The tables of the database that `spec` is, each with the URL by which it is connected to.
  // Unimplemented: it is none, or its agent knows of none.
  virtual absl::StatusOr<TableList> ListTables(const ReplicaSpec& spec,
                                               const std::stop_token& stop) {
    (void)spec, (void)stop;
    return absl::UnimplementedError("its tables can't be listed");
  }
};

}  // namespace driftwood::coordinator
