// What an agent does, without gRPC: grpc_service.h is a thin shell around it. The codes that each
// call fails with are in proto/driftwood/v1/agent.proto.
//
// Thread-safe after the last AddDataset() and AddDatabase().
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/index/found_record.h"
#include "agent/serve/database.h"
#include "agent/serve/dataset.h"
#include "agent/serve/snapshots.h"
#include "agent/source/store.h"
#include "merkle/hash/digest.h"
#include "merkle/mutex.h"
#include "merkle/record/agreement.h"
#include "proto/contract/limits.h"
#include "proto/contract/prepared.h"
#include "proto/contract/record.h"
#include "proto/contract/source.h"
#include "proto/contract/table_list.h"

namespace driftwood::agent {

struct ServiceOptions {
  merkle::DigestKey key;
  std::filesystem::path state_dir;
  bool allow_values = false;
  std::string version;                          // of this program
  int threads = 0;                              // 0: as many as there are cores
  size_t sort_memory_bytes = size_t{64} << 20;  // of all datasets together (SortMemory)
  bool durable = true;                          // DatasetOptions
  bool asked_once = false;              // each dataset: its index is closed with its snapshot
  size_t read_keys_max = kReadKeysMax;  // of one call
  size_t waiting_calls_max = 8;         // that wait for one dataset's store
  std::vector<std::chrono::milliseconds> retry_after;  // DatasetOptions
  bool resume = false;                                 // DatasetOptions
  std::optional<LoadGateOptions> load_gate;            // DatasetOptions
  SnapshotLimits snapshots;
  DatabaseLimits databases;
  Clock clock = merkle::SteadyClock();
  merkle::WallClock wall_clock = merkle::SystemClock();
  uint64_t first_snapshot_id = 1;
  std::function<void(const std::string&)> log;  // any thread; may be empty
  // A line for each comparison that asks for an index; so too.
  std::function<void(const std::string&)> log_comparison;
};

class Service {
 public:
  explicit Service(ServiceOptions options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // `url` as the user gave it: a kept index of another URL is not reused. InvalidArgument for a
  // name that isn't 1 to 64 of A-Z a-z 0-9 . _ - or is there already.
  absl::Status AddDataset(const std::string& name, const std::string& url,
                          std::unique_ptr<Store> store);

  // A database whose tables are datasets (database.h), as proto/contract/database_table.h names
  // them. It shares the names of the datasets.
  absl::Status AddDatabase(const std::string& name, DatabaseSource source);

  // As they are now. NotFound: nothing of that name; FailedPrecondition: it is a dataset.
  absl::StatusOr<TableList> ListTables(std::string_view database, CallControl* control);
  absl::StatusOr<DatasetDescription> Describe(std::string_view dataset, CallControl* control);
  absl::StatusOr<PrepareResult> Prepare(std::string_view dataset,
                                        const merkle::Agreement& agreement, bool force,
                                        CallControl* control);
  // `file_sha256`: CallControl's.
  absl::StatusOr<OpenedSnapshot> OpenSnapshot(std::string_view dataset,
                                              std::string_view fingerprint,
                                              std::string_view file_sha256 = {});
  // What OpenSnapshot() opens: for whoever keeps it current. Another Prepare() may put another
  // index in its place.
  absl::StatusOr<std::shared_ptr<LiveIndex>> Live(std::string_view dataset,
                                                  std::string_view fingerprint) const;
  // `stopped` is asked now and then; true ends it with Cancelled. It may be empty.
  absl::StatusOr<std::string> Query(uint64_t snapshot, std::string_view questions,
                                    const std::function<bool()>& stopped = {});
  // `keys` in any order; the result is in key order. Its values are empty unless `with_values`.
  absl::StatusOr<std::vector<FoundRecord>> ReadRecords(std::string_view dataset,
                                                       std::string_view fingerprint,
                                                       std::vector<std::string> keys,
                                                       bool with_values, CallControl* control);
  // The same without values and with column tags, as Dataset::ReadTagged(). Without them where they
  // would give values away that may not leave the agent: under no digest key they can be guessed.
  absl::StatusOr<std::vector<FoundRecord>> ReadTagged(std::string_view dataset,
                                                      std::string_view fingerprint,
                                                      std::vector<std::string> keys,
                                                      const std::vector<std::string>& rules,
                                                      CallControl* control);
  // The same, without values, of the index that is prepared.
  absl::StatusOr<std::vector<FoundRecord>> ReadIndexed(std::string_view dataset,
                                                       std::string_view fingerprint,
                                                       std::vector<std::string> keys,
                                                       CallControl* control);
  // The same, without values, of the store whatever filters its scans.
  absl::StatusOr<std::vector<FoundRecord>> ReadUnfiltered(std::string_view dataset,
                                                          std::string_view fingerprint,
                                                          std::vector<std::string> keys,
                                                          CallControl* control);
  // Of keys that the store lacks, those that it considers equal to one that it holds
  // (alike_keys.h).
  absl::StatusOr<std::vector<AlikeKey>> FindAlike(std::string_view dataset,
                                                  std::string_view fingerprint,
                                                  const std::vector<std::string>& keys,
                                                  CallControl* control);
  void CloseSnapshot(uint64_t snapshot);

  // Ends expired snapshots; call it now and then.
  void Sweep();
  // Cancels what runs and refuses what comes, with Unavailable. For the end of the program.
  void Stop();

  const ServiceOptions& options() const { return options_; }
  size_t open_snapshots() const { return snapshots_.open_count(); }

 private:
  class ActiveCall;

  absl::Status CheckName(const std::string& name) const;
  DatasetOptions OptionsOf(const std::string& name) const;
  // What has no dataset, or only its tables have.
  absl::Status NotADataset(std::string_view name) const;
  // The dataset; of a table that is not open it says that it is not prepared.
  absl::StatusOr<std::shared_ptr<Dataset>> Find(std::string_view name) const;
  // The same, which opens a table.
  absl::StatusOr<std::shared_ptr<Dataset>> FindOrOpen(std::string_view name, CallControl* control);
  // Null if `name` is not that of a table.
  Database* DatabaseOf(std::string_view name) const;
  absl::Status CheckAgreement(const merkle::Agreement& agreement) const;
  absl::Status BeginCall(CallControl* control);
  void EndCall(CallControl* control);
  // What all that read records by key do around `read`, which has the keys in order, each once.
  using Reading =
      std::function<absl::StatusOr<std::vector<FoundRecord>>(const std::vector<std::string>& keys)>;
  absl::StatusOr<std::vector<FoundRecord>> ReadByKey(std::vector<std::string> keys,
                                                     CallControl* control, const Reading& read);
  // What a call that Stop() cancelled fails with.
  absl::Status WhileStopping(const absl::Status& status) const;
  void LogComparison(std::string_view dataset, const absl::StatusOr<PrepareResult>& result) const;
  // Takes the examples out unless they may leave.
  void KeepValuesHome(std::vector<UnparsedColumn>* columns) const;

  const ServiceOptions options_;
  const std::shared_ptr<SortMemory> sort_memory_;
  // Constant once served.
  std::map<std::string, std::shared_ptr<Dataset>, std::less<>> datasets_;
  std::map<std::string, std::unique_ptr<Database>, std::less<>> databases_;
  Snapshots snapshots_;

  mutable merkle::Mutex mutex_;
  bool stopping_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  std::set<CallControl*> active_ DRIFTWOOD_GUARDED_BY(mutex_);
  // By the snapshot with which they are closed.
  std::map<uint64_t, std::pair<std::shared_ptr<Dataset>, std::shared_ptr<const LiveIndex>>>
      to_release_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::agent
