#include "agent/serve/dataset.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "agent/index/copies.h"
#include "agent/serve/state_folder.h"
#include "agent/source/transient.h"
#include "merkle/check.h"
#include "merkle/os/stop.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/tree/range.h"
#include "proto/contract/database_table.h"
#include "proto/contract/fault.h"
#include "proto/contract/limits.h"

namespace driftwood::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexPrefix = "index-";
constexpr std::string_view kDamagedSuffix = ".damaged";
constexpr std::string_view kLmdbLockSuffix = "-lock";

// A kept index says what the source held as this program read it through this URL: the same file
// read with other parameters (a delimiter, a marker of NULL) gives other records. So both are part
// of the file's name.
std::string IndexFileStem(const DatasetOptions& options) {
  constexpr size_t kNameHashBytes = 16;
  if (!options.durable && NamesTable(options.name)) {
    const std::string hash = merkle::Sha256(options.name);
    return std::string(kIndexPrefix) + Hex(std::string_view(hash).substr(0, kNameHashBytes));
  }
  if (!options.durable) return std::string(kIndexPrefix) + options.name;
  const std::string hash =
      merkle::Sha256(std::to_string(options.version.size()) + ":" + options.version + options.url);
  return std::string(kIndexPrefix) + Hex(std::string_view(hash).substr(0, 8));
}

// The number in "STEM.17"; 0 if `name` is no index file of the stem.
uint64_t GenerationOf(const std::string& name, const std::string& stem) {
  constexpr size_t kDigitsMax = 18;
  if (name.rfind(stem + ".", 0) != 0) return 0;
  const std::string digits = name.substr(stem.size() + 1);
  const bool is_number = !digits.empty() && digits.size() <= kDigitsMax &&
                         digits.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? std::stoull(digits) : 0;
}

void RemoveIndexFile(const fs::path& path) {
  // What can't be removed now is a leftover for the next start.
  std::error_code ignored;
  fs::remove(path, ignored);
  fs::remove(path.string() + std::string(kLmdbLockSuffix), ignored);
}

// To those records of `to` that they are of. Both in key order.
void MoveTags(std::vector<FoundRecord>* from, std::vector<FoundRecord>* to) {
  auto at = from->begin();
  for (FoundRecord& record : *to) {
    while (at != from->end() && at->key < record.key) ++at;
    if (at == from->end() || at->key != record.key || at->digest != record.digest) continue;
    record.column_tags = std::move(at->column_tags);
    record.rule_tags = std::move(at->rule_tags);
  }
}

// The first key column of the agreement that is not among the source's; null if there is none. (Of
// a multiset the keys are digests.)
const merkle::Column* NotOffered(const merkle::Agreement& agreement,
                                 const std::vector<std::string>& offered) {
  for (const merkle::Column& column : agreement.schema.key) {
    if (std::find(offered.begin(), offered.end(), column.name) == offered.end()) return &column;
  }
  return nullptr;
}

absl::Status KeyIsAValue(const std::string& dataset, const std::string& column,
                         const std::vector<std::string>& offered) {
  std::string key;
  for (const std::string& name : offered) key += (key.empty() ? "" : ", ") + name;
  const std::string serve =
      NamesTable(dataset)
          ? "let the agent serve the table as a dataset of its own with key=" + column
          : "start the agent with key=" + column;
  return absl::PermissionDeniedError(
      "column '" + column + "' is not of the key that dataset " + dataset + " offers (" +
      (key.empty() ? "none" : key) +
      "): keys leave the agent, and values may not; compare by the key that it offers, or " +
      serve + " in the dataset's URL, or with --allow-values");
}

}  // namespace

// Holds the dataset's turn for its own lifetime.
class Dataset::Turn {
 public:
  Turn(Dataset* dataset, CallControl* control) : dataset_(dataset) {
    dataset_->retries_->Reset();
    dataset_->store_->StopWith(control->cancellation.token());
  }
  ~Turn() { dataset_->turns_.End(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Dataset* const dataset_;
};

absl::StatusOr<std::unique_ptr<Dataset>> Dataset::Open(DatasetOptions options,
                                                       std::unique_ptr<Store> store) {
  const bool durable = options.durable;
  merkle::UniqueFd lock_file;
  if (durable) {
    RETURN_IF_ERROR(MakeStateFolder(options.folder));
    if (!options.folder_is_locked) {
      ASSIGN_OR_RETURN(lock_file, LockStateFolder(options.folder));
    }
  }
  std::unique_ptr<Dataset> dataset(
      new Dataset(std::move(options), std::move(store), std::move(lock_file)));
  if (durable) RETURN_IF_ERROR(dataset->FindIndexFile());
  return dataset;
}

Dataset::Dataset(DatasetOptions options, std::unique_ptr<Store> store, merkle::UniqueFd lock_file)
    : options_(std::move(options)),
      index_stem_(IndexFileStem(options_)),
      lock_file_(std::move(lock_file)),
      retries_(std::make_shared<Retries>(options_.retry_after)),
      turns_("dataset " + options_.name, options_.waiting_calls_max),
      store_(std::move(store)) {
  DRIFTWOOD_CHECK(store_ != nullptr);
  if (options_.resume) store_->ShareRetries(retries_);
}

Dataset::~Dataset() {
  // Else the next agent finds it, and meets the damage as late as this one did.
  if (loaded_ != nullptr && loaded_->damaged()) QuarantineDamaged();
}

fs::path Dataset::IndexPath(uint64_t generation) const {
  return options_.folder / (index_stem_ + "." + std::to_string(generation));
}

fs::path Dataset::quarantine_path() const {
  return options_.folder / (index_stem_ + std::string(kDamagedSuffix));
}

// The file of the highest generation is the index. Whatever else is there is never used again:
// half-built files of a killed agent, indexes of other URLs or versions.
absl::Status Dataset::FindIndexFile() {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator it(options_.folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.rfind(kIndexPrefix, 0) != 0) continue;
    found.push_back(it->path());
    generation_ = std::max(generation_, GenerationOf(name, index_stem_));
  }
  if (error) return StateError("can't read the state directory", options_.folder, error.value());
  for (const fs::path& path : found) {
    if (path == quarantine_path() || (generation_ > 0 && path == IndexPath(generation_))) continue;
    fs::remove_all(path, error);
    if (error) return StateError("can't remove", path, error.value());
  }
  return absl::OkStatus();
}

absl::StatusOr<SourceDescription> Dataset::Describe(CallControl* control) {
  RETURN_IF_ERROR(turns_.Begin(control->cancellation.token()));
  Turn turn(this, control);
  absl::StatusOr<SourceDescription> description = DescribeStore();
  // The store can't be reached; its agent was, since this says so.
  if (absl::IsUnavailable(description.status())) {
    return WithDefaultFault(description.status(), Fault::kSource);
  }
  return description;
}

absl::StatusOr<SourceDescription> Dataset::DescribeStore() {
  ASSIGN_OR_RETURN(SourceDescription description, store_->Describe());
  offered_key_ = description.key;
  std::string sha256 = description.dated_file ? description.dated_file->sha256 : "";
  merkle::MutexLock lock(&mutex_);
  if (sha256 != file_sha256_) servable_ = nullptr;  // it is another file's
  file_sha256_ = std::move(sha256);
  return description;
}

absl::Status Dataset::CheckFile(std::string_view sha256) const {
  merkle::MutexLock lock(&mutex_);
  if (sha256 == file_sha256_) return absl::OkStatus();
  return absl::AbortedError("dataset " + options_.name +
                            " reads another file by now than it did when this comparison began; "
                            "compare it again");
}

absl::Status Dataset::BeginTurn(CallControl* control) {
  RETURN_IF_ERROR(turns_.Begin(control->cancellation.token()));
  absl::Status file = CheckFile(control->file_sha256);
  if (!file.ok()) turns_.End();
  return file;
}

absl::Status Dataset::CheckOfferedKey(const merkle::Agreement& agreement, CallControl* control) {
  if (options_.allow_values) return absl::OkStatus();
  // Who compares has described the source just now; describing may read a whole file. It does not
  // where a database has tables, and another one may have the name by now.
  const bool known =
      offered_key_ && !NamesTable(options_.name) && NotOffered(agreement, *offered_key_) == nullptr;
  if (!known) {
    RETURN_IF_ERROR(DescribeStore().status());
    RETURN_IF_ERROR(CheckFile(control->file_sha256));
  }
  const merkle::Column* const refused = NotOffered(agreement, *offered_key_);
  return refused == nullptr ? absl::OkStatus()
                            : KeyIsAValue(options_.name, refused->name, *offered_key_);
}

absl::StatusOr<PrepareResult> Dataset::Prepare(const merkle::Agreement& agreement, bool force,
                                               CallControl* control) {
  RETURN_IF_ERROR(BeginTurn(control));
  Turn turn(this, control);
  RETURN_IF_ERROR(CheckOfferedKey(agreement, control));
  Prepared prepared = force ? nullptr : Kept(agreement);
  std::optional<LiveSnapshot> now;
  if (prepared != nullptr) now = ProvenCurrent(*prepared);
  const bool reused = now.has_value();
  if (!reused) {
    Publish(nullptr);
    ASSIGN_OR_RETURN(std::tie(prepared, now), Build(agreement, control));
  }
  Publish(prepared);
  return PrepareResult{now->root,
                       now->records,
                       now->state.unparsed,
                       reused,
                       now->state.not_point_in_time,
                       now->state.unparsed_columns};
}

absl::StatusOr<std::vector<FoundRecord>> Dataset::Read(std::string_view fingerprint,
                                                       const std::vector<std::string>& keys,
                                                       bool with_values, CallControl* control) {
  ASSIGN_OR_RETURN(const merkle::Agreement agreement, Agreed(fingerprint));
  RETURN_IF_ERROR(BeginTurn(control));
  Turn turn(this, control);
  if (!with_values) {
    std::optional<std::vector<FoundRecord>> found = ReadFromIndex(fingerprint, keys, control);
    if (found) return *std::move(found);
  }
  const std::shared_ptr<Store> store = Gated(control);
  const ProvenIndex proven{[&] { return ReadFromIndex(fingerprint, keys, control); },
                           &scanned_up_to_};
  return ReadRecords(*store, agreement, options_.key, keys, with_values, &control->cancellation,
                     HeldBy(fingerprint, control), proven);
}

HeldBefore Dataset::HeldBy(std::string_view fingerprint, CallControl* control) const {
  return [this, fingerprint, control](const std::vector<std::string>& not_found) {
    const absl::StatusOr<Prepared> prepared = Servable(fingerprint);
    if (!prepared.ok()) return not_found;  // it may have been any of them
    const absl::StatusOr<LiveSnapshot> snapshot = (*prepared)->Snapshot();
    if (!snapshot.ok()) return not_found;
    const absl::StatusOr<std::vector<FoundRecord>> held =
        FindIn(**prepared, *snapshot, not_found, control);
    if (!held.ok()) return not_found;
    std::vector<std::string> keys;
    for (const FoundRecord& record : *held) keys.push_back(record.key);
    return keys;
  };
}

absl::StatusOr<std::vector<FoundRecord>> Dataset::ReadTagged(std::string_view fingerprint,
                                                             const std::vector<std::string>& keys,
                                                             const std::vector<std::string>& rules,
                                                             CallControl* control) {
  ASSIGN_OR_RETURN(const merkle::Agreement agreement, Agreed(fingerprint));
  if (agreement.schema.multiset) return Read(fingerprint, keys, /*with_values=*/false, control);
  ASSIGN_OR_RETURN(ColumnTagger tagger, ColumnTagger::Create(agreement, options_.key, rules));
  if (tagger.tags() > 0 && keys.size() > kTagsMax / tagger.tags()) {
    return absl::InvalidArgumentError("asked for " + std::to_string(tagger.tags()) +
                                      " column tags of " + std::to_string(keys.size()) +
                                      " keys, a call may have " + std::to_string(kTagsMax));
  }
  RETURN_IF_ERROR(BeginTurn(control));
  Turn turn(this, control);
  std::optional<std::vector<FoundRecord>> indexed = ReadFromIndex(fingerprint, keys, control);
  const std::shared_ptr<Store> store = Gated(control);
  absl::StatusOr<std::vector<FoundRecord>> tagged =
      agent::ReadTagged(*store, agreement, options_.key, keys, &tagger, &control->cancellation,
                        HeldBy(fingerprint, control), {[&] { return indexed; }, &scanned_up_to_});
  if (!indexed) return tagged;
  if (control->cancellation.cancelled()) return absl::CancelledError("cancelled while reading");
  if (tagged.ok()) MoveTags(&*tagged, &*indexed);
  return *std::move(indexed);
}

absl::StatusOr<std::vector<FoundRecord>> Dataset::ReadUnfiltered(
    std::string_view fingerprint, const std::vector<std::string>& keys, CallControl* control) {
  ASSIGN_OR_RETURN(const merkle::Agreement agreement, Agreed(fingerprint));
  RETURN_IF_ERROR(BeginTurn(control));
  Turn turn(this, control);
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> unfiltered, store_->WithoutFilter());
  const std::shared_ptr<Store> store = Gated(control, unfiltered.get());
  ASSIGN_OR_RETURN(std::vector<FoundRecord> found,
                   ReadRecords(*store, agreement, options_.key, keys, /*with_values=*/false,
                               &control->cancellation, HeldBy(fingerprint, control)));
  for (const Presence presence : {Presence::kMoved, Presence::kSoftDeleted}) {
    const absl::StatusOr<std::unique_ptr<Store>> only = store_->Only(presence);
    if (absl::IsUnimplemented(only.status())) continue;
    RETURN_IF_ERROR(only.status());
    const std::shared_ptr<Store> such = Gated(control, only->get());
    RETURN_IF_ERROR(
        MarkAs(presence, *such, agreement, options_.key, &control->cancellation, &found));
  }
  return found;
}

absl::StatusOr<std::vector<AlikeKey>> Dataset::FindAlike(std::string_view fingerprint,
                                                         const std::vector<std::string>& keys,
                                                         CallControl* control) {
  ASSIGN_OR_RETURN(const merkle::Agreement agreement, Agreed(fingerprint));
  RETURN_IF_ERROR(BeginTurn(control));
  Turn turn(this, control);
  const std::shared_ptr<Store> store = Gated(control);
  return FindAlikeKeys(*store, agreement, keys, &control->cancellation);
}

absl::StatusOr<merkle::Agreement> Dataset::Agreed(std::string_view fingerprint) {
  merkle::MutexLock lock(&mutex_);
  if (!agreed_ || agreed_->Fingerprint() != fingerprint) {
    return absl::FailedPreconditionError("dataset " + options_.name +
                                         " is not prepared under this agreement; prepare it first");
  }
  return *agreed_;
}

absl::StatusOr<std::vector<FoundRecord>> Dataset::ReadIndexed(std::string_view fingerprint,
                                                              const std::vector<std::string>& keys,
                                                              CallControl* control) const {
  const absl::StatusOr<Prepared> servable = Servable(fingerprint);
  RETURN_IF_ERROR(CheckFile(control->file_sha256));  // of what is served: not before
  ASSIGN_OR_RETURN(const Prepared prepared, servable);
  ASSIGN_OR_RETURN(const LiveSnapshot snapshot, prepared->Snapshot());
  return FindIn(*prepared, snapshot, keys, control);
}

absl::StatusOr<std::vector<FoundRecord>> Dataset::FindIn(const LiveIndex& index,
                                                         const LiveSnapshot& snapshot,
                                                         const std::vector<std::string>& keys,
                                                         CallControl* control) const {
  absl::StatusOr<std::vector<FoundRecord>> found =
      index.agreement().schema.multiset
          ? FindCopies(*snapshot.view, keys, options_.key, snapshot.records, &control->cancellation)
          : FindRecords(*snapshot.view, keys);
  if (!found.ok()) return index.Noted(found.status());
  return found;
}

std::optional<std::vector<FoundRecord>> Dataset::ReadFromIndex(std::string_view fingerprint,
                                                               const std::vector<std::string>& keys,
                                                               CallControl* control) {
  const absl::StatusOr<Prepared> prepared = Servable(fingerprint);
  if (!prepared.ok()) return std::nullopt;
  // What was proven is this snapshot: the index may have moved by the time that it is asked.
  const std::optional<LiveSnapshot> now = ProvenForRereading(**prepared);
  if (!now) return std::nullopt;
  absl::StatusOr<std::vector<FoundRecord>> found = FindIn(**prepared, *now, keys, control);
  if (!found.ok()) return std::nullopt;  // the store itself still says what is there
  return *std::move(found);
}

absl::StatusOr<Dataset::Prepared> Dataset::Servable(std::string_view fingerprint) const {
  merkle::MutexLock lock(&mutex_);
  if (servable_ == nullptr) {
    return absl::FailedPreconditionError(
        "dataset " + options_.name +
        " is not prepared: prepare it first (it is not while a scan is under way, nor after one "
        "that failed)");
  }
  if (servable_->fingerprint() != fingerprint) {
    return absl::FailedPreconditionError("dataset " + options_.name +
                                         " is prepared under another agreement; prepare it again");
  }
  const absl::Status usable = servable_->Usable();
  if (!usable.ok()) return Reworded(usable, options_.name + ": " + std::string(usable.message()));
  return servable_;
}

Dataset::Prepared Dataset::Kept(const merkle::Agreement& agreement) {
  if (loaded_ != nullptr && loaded_->damaged()) {
    QuarantineDamaged();
    return nullptr;
  }
  if (loaded_ != nullptr) {
    const bool same = loaded_->fingerprint() == agreement.Fingerprint();
    return same ? Uncontradicted() : nullptr;
  }
  if (generation_ == 0) return nullptr;
  absl::StatusOr<Prepared> kept =
      LiveIndex::Open(IndexPath(generation_), options_.key, agreement, options_.durable);
  if (kept.ok()) {
    loaded_ = *std::move(kept);
    return Uncontradicted();
  }
  switch (kept.status().code()) {
    case absl::StatusCode::kNotFound:
      break;
    case absl::StatusCode::kDataLoss:
      Quarantine(kept.status());
      break;
    default:  // another agreement, format or key: the next build replaces it
      Log("the kept index of " + options_.name +
          " is not used: " + std::string(kept.status().message()));
  }
  return nullptr;
}

// The loaded one, unless it has to be built anew: no range of it is known to be right.
Dataset::Prepared Dataset::Uncontradicted() const {
  if (!loaded_->contradicted()) return loaded_;
  Log("the index of " + options_.name +
      " is built anew: " + std::string(loaded_->Usable().message()));
  return nullptr;
}

std::optional<LiveSnapshot> Dataset::ProvenCurrent(LiveIndex& kept) {
  absl::StatusOr<LiveSnapshot> snapshot = kept.Snapshot();
  if (!snapshot.ok()) return std::nullopt;
  const IndexedState& state = snapshot->state;
  if (state.position.empty() || !state.not_point_in_time.empty()) return std::nullopt;
  const WallTime asked = options_.wall_clock();
  // An error is doubt, and doubt is a scan, which meets the same error again and returns it.
  const absl::StatusOr<bool> unchanged = store_->IsUnchanged(state.position);
  if (!unchanged.ok() || !*unchanged) return std::nullopt;
  kept.Prove(state.position, asked);
  return *std::move(snapshot);
}

std::optional<LiveSnapshot> Dataset::ProvenForRereading(LiveIndex& kept) {
  if (reread_position_.empty() || &kept != loaded_.get()) return ProvenCurrent(kept);
  absl::StatusOr<LiveSnapshot> snapshot = kept.Snapshot();
  // What it was told since is no part of the scan.
  if (!snapshot.ok() || snapshot->root != reread_root_) return std::nullopt;
  const absl::StatusOr<bool> unchanged = store_->IsUnchanged(reread_position_);
  if (!unchanged.ok() || !*unchanged) return std::nullopt;
  return *std::move(snapshot);
}

std::shared_ptr<Store> Dataset::Gated(CallControl* control, Store* store) {
  if (!options_.load_gate) return {std::shared_ptr<Store>(), store};  // not owned
  LoadGateOptions gate = *options_.load_gate;
  gate.cancellation = &control->cancellation;
  gate.on_wait = [this, control](const std::string& why) {
    if (why.empty()) {
      Log("reading " + options_.name + " waits no longer");
    } else if (control->waiting().empty()) {
      Log("reading " + options_.name + " waits: " + why);
    }
    control->set_waiting(why);
  };
  return MakeGatedStore(store, std::move(gate));
}

// A scan that lost its source, and could not go on by itself, begins anew, all of it: what it had
// read belongs to a snapshot that is gone.
absl::StatusOr<IndexerResult> Dataset::BuildPatiently(Store& store,
                                                      const merkle::Agreement& agreement,
                                                      const IndexerOptions& options,
                                                      const fs::path& path) {
  for (;;) {
    absl::StatusOr<IndexerResult> built = BuildIndex(store, agreement, options, path);
    if (built.ok() || !IsTransient(built.status())) return built;
    const std::optional<std::chrono::milliseconds> pause = retries_->Next();
    if (!pause) return TriedInVain(built.status());
    Log("the scan of " + options_.name + " begins anew in " + std::to_string(pause->count()) +
        " ms: " + std::string(built.status().message()));
    if (merkle::SleepUntil(std::chrono::steady_clock::now() + *pause,
                           TokenOf(options.cancellation))) {
      return absl::CancelledError("cancelled while waiting to scan anew");
    }
  }
}

absl::Status Dataset::TriedInVain(const absl::Status& status) const {
  if (retries_->taken() == 0) return status;
  return Reworded(status, std::string(status.message()) + " (tried " +
                              std::to_string(retries_->taken() + 1) + " times)");
}

absl::StatusOr<std::pair<Dataset::Prepared, LiveSnapshot>> Dataset::Build(
    const merkle::Agreement& agreement, CallControl* control) {
  IndexerOptions options;
  options.key = options_.key;
  options.threads = options_.threads;
  const SortMemory::Share memory(options_.sort_memory.get());
  options.sort_memory_bytes = memory.bytes();
  options.durable = options_.durable;
  options.cancellation = &control->cancellation;
  options.wall_clock = options_.wall_clock;
  options.on_progress = [control](uint64_t records, uint64_t progress) {
    control->records = records;
    control->progress = progress;
  };
  const uint64_t next = generation_ + 1;
  const std::shared_ptr<Store> store = Gated(control);
  ASSIGN_OR_RETURN(const IndexerResult built,
                   BuildPatiently(*store, agreement, options, IndexPath(next)));
  // Open snapshots go on using the one before, though it has no name any more.
  loaded_ = nullptr;
  if (generation_ > 0) RemoveIndexFile(IndexPath(generation_));
  generation_ = next;
  reread_position_ = built.reread_position;
  reread_root_ = built.root;
  ASSIGN_OR_RETURN(const Prepared fresh,
                   LiveIndex::Open(IndexPath(next), options_.key, agreement, options_.durable));
  ASSIGN_OR_RETURN(LiveSnapshot now, fresh->Snapshot());
  if (now.root != built.root || now.state.unparsed != built.unparsed ||
      now.records != built.records || now.state.not_point_in_time != built.not_point_in_time) {
    return absl::DataLossError("the index of " + options_.name +
                               " reads back different from what was written; check the disk");
  }
  loaded_ = fresh;
  return std::pair(fresh, std::move(now));
}

void Dataset::Release(const std::shared_ptr<const LiveIndex>& index) {
  if (!turns_.Begin({}).ok()) return;  // others want it
  const absl::Cleanup end_turn = [this] { turns_.End(); };
  if (loaded_ == nullptr || loaded_ != index) return;
  {
    merkle::MutexLock lock(&mutex_);
    servable_ = nullptr;
  }
  CloseLoaded();
}

bool Dataset::ReleaseIdle() {
  if (!turns_.TryBegin()) return false;
  const absl::Cleanup end_turn = [this] { turns_.End(); };
  if (loaded_ == nullptr) return true;
  {
    merkle::MutexLock lock(&mutex_);
    const long ours = servable_ == loaded_ ? 2 : 1;
    // Whoever wants it takes it from `servable_`: with the mutex held there can only be fewer.
    if (loaded_.use_count() > ours) return false;
    servable_ = nullptr;
  }
  CloseLoaded();
  return true;
}

void Dataset::CloseLoaded() {
  if (loaded_->damaged()) QuarantineDamaged();
  loaded_ = nullptr;
  if (!options_.durable) RemoveIndexFile(IndexPath(generation_));
}

void Dataset::QuarantineDamaged() {
  Quarantine(absl::DataLossError("damage was met while it was used"));
  loaded_ = nullptr;
}

void Dataset::Quarantine(const absl::Status& damage) {
  std::error_code error;
  fs::rename(IndexPath(generation_), quarantine_path(), error);
  RemoveIndexFile(IndexPath(generation_));  // what can't be moved is not used either
  Log("the index of " + options_.name + " is damaged (" + std::string(damage.message()) + ")" +
      (error ? "" : ", moved to " + quarantine_path().string()) + "; building it anew");
}

void Dataset::Publish(Prepared prepared) {
  merkle::MutexLock lock(&mutex_);
  if (prepared != nullptr) agreed_ = prepared->agreement();
  servable_ = std::move(prepared);
}

void Dataset::Log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

}  // namespace driftwood::agent
