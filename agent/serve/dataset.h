// One dataset of an agent: its store, and the one live index that stands for it.
//
//   Describe ─┐                          ┌─> Servable(fingerprint) ─> snapshots
//   Prepare ──┼─ one at a time (turns) ──┤
//   Read ─────┘                          └─> one index file in the dataset's state directory
//
// Invariant: an index is servable only after a Prepare() of this process built it, or proved it to
// stand for the store as it was at that moment. From the moment on at which that proof fails it is
// not servable, whatever becomes of the new scan. A served index may move: its snapshots say what
// they stand for.
//
// Thread-safe. Calls that use the store wait for each other, since a store is not asked to be
// thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/index/alike_keys.h"
#include "agent/index/found_record.h"
#include "agent/index/indexer.h"
#include "agent/index/read_records.h"
#include "agent/serve/live_index.h"
#include "agent/serve/sort_memory.h"
#include "agent/serve/turn_queue.h"
#include "agent/source/cancellation.h"
#include "agent/source/load_gate.h"
#include "agent/source/retries.h"
#include "agent/source/store.h"
#include "merkle/hash/digest.h"
#include "merkle/mutex.h"
#include "merkle/os/clock.h"
#include "merkle/os/unique_fd.h"
#include "merkle/record/agreement.h"
#include "proto/contract/prepared.h"
#include "proto/contract/record.h"
#include "proto/contract/source.h"

namespace driftwood::agent {

// How a long call and whoever waits for it talk to each other.
struct CallControl {
  Cancellation cancellation;  // from outside
  // SourceDescription::dated_file's, as its caller was told; empty: there was none. Set before the
  // call.
  std::string file_sha256;
  std::atomic<uint64_t> records{0};
  std::atomic<uint64_t> progress{0};

  // Why nothing is read for the moment; empty if there is no such reason.
  void set_waiting(std::string why) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    waiting_ = std::move(why);
  }
  std::string waiting() const DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return waiting_;
  }

 private:
  mutable merkle::Mutex mutex_;
  std::string waiting_ DRIFTWOOD_GUARDED_BY(mutex_);
};

struct DatasetOptions {
  std::string name;     // also that of a table (proto/contract/database_table.h)
  std::string url;      // as the user gave it
  std::string version;  // of this program
  std::filesystem::path folder;
  merkle::DigestKey key;
  int threads = 0;
  std::shared_ptr<SortMemory> sort_memory = std::make_shared<SortMemory>(size_t{64} << 20);
  // Whether its indexes are to be found again: by IndexerOptions, and by the next agent. If not,
  // others may have their indexes in the directory too, which is there, and only this agent uses
  // it.
  bool durable = true;
  bool folder_is_locked = false;  // by whoever opens it
  size_t waiting_calls_max = 8;
  // How long to wait before a scan that ended by a transient failure (transient.h) begins anew, or
  // goes on where its store can (Store::ShareRetries), each time; after the last one it has failed.
  std::vector<std::chrono::milliseconds> retry_after;
  // Whether it may go on: what it has read is then no consistent snapshot.
  bool resume = false;
  // Whether values may leave the agent. If not, only a key that the source offers may be agreed on:
  // keys leave the agent, so any column could be read by calling it the key.
  bool allow_values = false;
  // Above that load the store is not read. `cancellation` and `on_wait` are the dataset's to set.
  std::optional<LoadGateOptions> load_gate;
  merkle::WallClock wall_clock = merkle::SystemClock();
  std::function<void(const std::string&)> log;  // may be empty
};

class Dataset {
 public:
  // If it is durable, creates the directory where it isn't there, locks it, and removes what an
  // agent that was killed left in it. FailedPrecondition: another agent uses the directory.
  static absl::StatusOr<std::unique_ptr<Dataset>> Open(DatasetOptions options,
                                                       std::unique_ptr<Store> store);
  ~Dataset();
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  // These wait for their turn: Cancelled if `control` says so meanwhile, ResourceExhausted if too
  // many wait already. But for Describe(), Aborted if the file of a day (dated_file) is not the one
  // by now that the caller was told of: another comparison has begun since.
  absl::StatusOr<SourceDescription> Describe(CallControl* control);
  // The agreement has been checked. `force`: without looking for a kept index. PermissionDenied: it
  // has a key that the source does not offer, and values may not leave the agent.
  absl::StatusOr<PrepareResult> Prepare(const merkle::Agreement& agreement, bool force,
                                        CallControl* control);
  // Under the agreement that was prepared last (FailedPrecondition if `fingerprint` is another).
  // `keys` ascend. Of a source that is proven unchanged since its scan the index says what is
  // there: it is not re-read, or, where it has no lookup, for the values of what is there only.
  absl::StatusOr<std::vector<FoundRecord>> Read(std::string_view fingerprint,
                                                const std::vector<std::string>& keys,
                                                bool with_values, CallControl* control);
  // The same without values and with column tags, of the values under `rules` too (agent.proto). Of
  // a source that is proven unchanged the index says what is there, and the store is read for the
  // tags only: where that fails, there are none.
  absl::StatusOr<std::vector<FoundRecord>> ReadTagged(std::string_view fingerprint,
                                                      const std::vector<std::string>& keys,
                                                      const std::vector<std::string>& rules,
                                                      CallControl* control);
  // Without values, from the store, whatever filters its scans. Unimplemented: it can't be read so.
  absl::StatusOr<std::vector<FoundRecord>> ReadUnfiltered(std::string_view fingerprint,
                                                          const std::vector<std::string>& keys,
                                                          CallControl* control);
  // Under the same agreement: of keys that the store lacks, those that it considers equal to
  // others.
  absl::StatusOr<std::vector<AlikeKey>> FindAlike(std::string_view fingerprint,
                                                  const std::vector<std::string>& keys,
                                                  CallControl* control);

  // What the index that Servable() gives says of them, whatever has become of the source.
  absl::StatusOr<std::vector<FoundRecord>> ReadIndexed(std::string_view fingerprint,
                                                       const std::vector<std::string>& keys,
                                                       CallControl* control) const;

  // Aborted as of the calls above: `sha256` is CallControl's.
  absl::Status CheckFile(std::string_view sha256) const;
  // FailedPrecondition: nothing prepared, or something else.
  // DataLoss: damaged or contradicted, prepare again.
  absl::StatusOr<std::shared_ptr<LiveIndex>> Servable(std::string_view fingerprint) const;

  // Closes `index`, if it is what was prepared last; one that is not durable is removed. Prepared
  // again, it is opened or built again. For agents of many datasets, each of which is asked once.
  void Release(const std::shared_ptr<const LiveIndex>& index);
  // The same with whatever was prepared last, unless a call uses the store or a snapshot is open:
  // then false, and nothing has changed.
  bool ReleaseIdle();

  const std::string& name() const { return options_.name; }
  // Where the last damaged index is put.
  std::filesystem::path quarantine_path() const;

 private:
  class Turn;
  using Prepared = std::shared_ptr<LiveIndex>;

  Dataset(DatasetOptions options, std::unique_ptr<Store> store, merkle::UniqueFd lock_file);

  absl::Status FindIndexFile();
  std::filesystem::path IndexPath(uint64_t generation) const;
  // The store, or `store` in its place, as the call may read it.
  std::shared_ptr<Store> Gated(CallControl* control) { return Gated(control, store_.get()); }
  std::shared_ptr<Store> Gated(CallControl* control, Store* store);
  absl::StatusOr<IndexerResult> BuildPatiently(Store& store, const merkle::Agreement& agreement,
                                               const IndexerOptions& options,
                                               const std::filesystem::path& path);
  absl::Status TriedInVain(const absl::Status& status) const;

  // The turn of a call that is of the file that was described.
  absl::Status BeginTurn(CallControl* control);
  absl::StatusOr<SourceDescription> DescribeStore();
  // The one door by which an agreement gets in: whatever tells keys asks for one that was prepared.
  absl::Status CheckOfferedKey(const merkle::Agreement& agreement, CallControl* control);

  // Null: nothing that may be used.
  Prepared Kept(const merkle::Agreement& agreement);
  Prepared Uncontradicted() const;
  // A snapshot of it that stands for the source as it is now, on proof; absent: there is none.
  std::optional<LiveSnapshot> ProvenCurrent(LiveIndex& kept);
  // The same for what is re-read after the scan that built it, by reread_position_ too.
  std::optional<LiveSnapshot> ProvenForRereading(LiveIndex& kept);
  absl::StatusOr<std::vector<FoundRecord>> FindIn(const LiveIndex& index,
                                                  const LiveSnapshot& snapshot,
                                                  const std::vector<std::string>& keys,
                                                  CallControl* control) const;
  // What was prepared last, if it is this.
  absl::StatusOr<merkle::Agreement> Agreed(std::string_view fingerprint);
  // Absent: the index does not stand for the source as it is now, or can't be read.
  // What the index of the agreement's last scan holds. Used while this and `control` live.
  HeldBefore HeldBy(std::string_view fingerprint, CallControl* control) const;
  std::optional<std::vector<FoundRecord>> ReadFromIndex(std::string_view fingerprint,
                                                        const std::vector<std::string>& keys,
                                                        CallControl* control);
  // With a snapshot of what was built.
  absl::StatusOr<std::pair<Prepared, LiveSnapshot>> Build(const merkle::Agreement& agreement,
                                                          CallControl* control);
  void CloseLoaded();
  void QuarantineDamaged();
  void Quarantine(const absl::Status& damage);
  void Publish(Prepared prepared);
  void Log(const std::string& line) const;

  // Constant after construction.
  const DatasetOptions options_;
  const std::string index_stem_;
  const merkle::UniqueFd lock_file_;
  const std::shared_ptr<Retries> retries_;  // of whoever has the turn

  TurnQueue turns_;  // synchronises itself
  // Used by whoever has the turn.
  const std::unique_ptr<Store> store_;
  // Each build has a file of its own: while snapshots use the one before, LMDB must not see another
  // environment under the same path. 0: no file.
  uint64_t generation_ = 0;
  // The key columns that the source had when it was described last.
  std::optional<std::vector<std::string>> offered_key_;
  // Scan::End of the scan that built the index of generation_, and what it found; empty if this
  // process didn't build it, or the index's own position does as well.
  std::string reread_position_;
  merkle::Summary reread_root_;
  // Where the last scan for some records found the last of them (ProvenIndex).
  uint64_t scanned_up_to_ = 0;
  // What is open of that file; kept though it is not servable, since no file may be opened twice.
  Prepared loaded_;

  mutable merkle::Mutex mutex_;
  Prepared servable_ DRIFTWOOD_GUARDED_BY(mutex_);
  // The agreement of the last successful Prepare().
  std::optional<merkle::Agreement> agreed_ DRIFTWOOD_GUARDED_BY(mutex_);
  // Of the last description; empty: its source is no file of a day.
  std::string file_sha256_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::agent
