#include "agent/serve/service.h"

#include <algorithm>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"
#include "merkle/tree/index.h"
#include "merkle/tree/range.h"
#include "proto/contract/database_table.h"

namespace driftwood::agent {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr size_t kKeyIdBytesShown = 4;

// The name is also that of the dataset's state directory.
bool IsDatasetName(const std::string& name) {
  if (name.empty() || name.size() > kNameBytesMax || name[0] == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

absl::Status CheckKeys(const std::vector<std::string>& keys, size_t keys_max) {
  if (keys.size() > keys_max) {
    return absl::InvalidArgumentError("there are " + std::to_string(keys.size()) +
                                      " keys; a call may have " + std::to_string(keys_max));
  }
  for (const std::string& key : keys) {
    if (key.empty() || key.size() > merkle::kKeyBytesMax) {
      return absl::InvalidArgumentError("a key is of " + std::to_string(key.size()) +
                                        " bytes; a key has 1 to " +
                                        std::to_string(merkle::kKeyBytesMax));
    }
  }
  return absl::OkStatus();
}

// What a store's lookup gave must be among what was asked for, each once and in order: a record
// that nobody asked for would be taken for one that is there.
absl::Status CheckFound(const std::vector<std::string>& keys,
                        const std::vector<FoundRecord>& found) {
  auto next = keys.begin();
  for (const FoundRecord& record : found) {
    next = std::lower_bound(next, keys.end(), record.key);
    if (next == keys.end() || *next != record.key) {
      return absl::InternalError("the store returned a record that was not asked for");
    }
    ++next;
  }
  return absl::OkStatus();
}

void SortKeys(std::vector<std::string>* keys) {
  std::sort(keys->begin(), keys->end());
  keys->erase(std::unique(keys->begin(), keys->end()), keys->end());
}

}  // namespace

// A call that Stop() cancels, registered for its own lifetime.
class Service::ActiveCall {
 public:
  ActiveCall(Service* service, CallControl* control) : service_(service), control_(control) {}
  ~ActiveCall() { service_->EndCall(control_); }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

 private:
  Service* const service_;
  CallControl* const control_;
};

Service::Service(ServiceOptions options)
    : options_(std::move(options)),
      sort_memory_(std::make_shared<SortMemory>(options_.sort_memory_bytes)),
      snapshots_(options_.snapshots, options_.clock, options_.first_snapshot_id) {}

// The snapshots hold indexes of the datasets.
Service::~Service() { snapshots_.CloseAll(); }

absl::Status Service::CheckName(const std::string& name) const {
  if (!IsDatasetName(name)) {
    return absl::InvalidArgumentError(
        "'" + name + "' can't name a dataset: use 1 to 64 of A-Z a-z 0-9 . _ - (no dot first)");
  }
  if (!datasets_.contains(name) && !databases_.contains(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      databases_.empty() ? "two datasets are named '" + name + "'"
                         : "two of its datasets and databases are named '" + name + "'");
}

DatasetOptions Service::OptionsOf(const std::string& name) const {
  DatasetOptions dataset;
  dataset.name = name;
  dataset.version = options_.version;
  dataset.folder = options_.durable ? options_.state_dir / name : options_.state_dir;
  dataset.key = options_.key;
  dataset.threads = options_.threads;
  dataset.sort_memory = sort_memory_;
  dataset.durable = options_.durable;
  dataset.waiting_calls_max = options_.waiting_calls_max;
  dataset.retry_after = options_.retry_after;
  dataset.resume = options_.resume;
  dataset.allow_values = options_.allow_values;
  dataset.load_gate = options_.load_gate;
  dataset.wall_clock = options_.wall_clock;
  dataset.log = options_.log;
  return dataset;
}

absl::Status Service::AddDataset(const std::string& name, const std::string& url,
                                 std::unique_ptr<Store> store) {
  RETURN_IF_ERROR(CheckName(name));
  DatasetOptions dataset = OptionsOf(name);
  dataset.url = url;
  ASSIGN_OR_RETURN(datasets_[name], Dataset::Open(std::move(dataset), std::move(store)));
  return absl::OkStatus();
}

absl::Status Service::AddDatabase(const std::string& name, DatabaseSource source) {
  RETURN_IF_ERROR(CheckName(name));
  ASSIGN_OR_RETURN(databases_[name], Database::Open(name, std::move(source), OptionsOf(name),
                                                    options_.databases, options_.clock));
  return absl::OkStatus();
}

// Which there are is not for everybody to know: whoever started it gave them their names.
absl::Status Service::NotADataset(std::string_view name) const {
  const std::string shown(name.substr(0, 100));
  if (databases_.contains(name)) {
    return absl::FailedPreconditionError(
        "'" + shown + "' is a database of this agent: name one of its tables, as in " + shown +
        "?table=NAME, or compare all of them with --all");
  }
  return absl::NotFoundError("this agent has no dataset '" + shown +
                             "'; its names are those of its --dataset and --database options");
}

Database* Service::DatabaseOf(std::string_view name) const {
  const size_t mark = name.find('?');
  if (mark == std::string_view::npos) return nullptr;
  const auto found = databases_.find(name.substr(0, mark));
  return found == databases_.end() ? nullptr : found->second.get();
}

absl::StatusOr<std::shared_ptr<Dataset>> Service::Find(std::string_view name) const {
  if (const auto found = datasets_.find(name); found != datasets_.end()) return found->second;
  Database* const database = DatabaseOf(name);
  if (database == nullptr) return NotADataset(name);
  ASSIGN_OR_RETURN(const DatabaseTable table, ParseDatabaseTable(name));
  if (std::shared_ptr<Dataset> open = database->FindOpen(table)) return open;
  return absl::FailedPreconditionError("dataset " + DatasetOf(table) +
                                       " is not prepared: prepare it first");
}

absl::StatusOr<std::shared_ptr<Dataset>> Service::FindOrOpen(std::string_view name,
                                                             CallControl* control) {
  Database* const database = DatabaseOf(name);
  if (database == nullptr) return Find(name);
  ASSIGN_OR_RETURN(const DatabaseTable table, ParseDatabaseTable(name));
  absl::StatusOr<std::shared_ptr<Dataset>> found = database->Table(table, control);
  if (!found.ok()) return WhileStopping(found.status());
  return found;
}

absl::Status Service::CheckAgreement(const merkle::Agreement& agreement) const {
  if (agreement.encoding_version != merkle::kEncodingVersion) {
    return absl::FailedPreconditionError(
        "encoding version differs: this agent has " + std::to_string(merkle::kEncodingVersion) +
        ", the request " + std::to_string(agreement.encoding_version) +
        "; run the same version of Driftwood on all sides");
  }
  RETURN_IF_ERROR(agreement.Validate());
  const std::string own = options_.key.KeyId();
  if (agreement.key_id != own) {
    return absl::FailedPreconditionError("digest key differs: this agent has " +
                                         ShortHex(own, kKeyIdBytesShown) + ", the request " +
                                         ShortHex(agreement.key_id, kKeyIdBytesShown) +
                                         "; give all agents the same --digest-key-file");
  }
  return absl::OkStatus();
}

absl::Status Service::BeginCall(CallControl* control) {
  merkle::MutexLock lock(&mutex_);
  if (stopping_) return absl::UnavailableError("this agent is stopping");
  active_.insert(control);
  return absl::OkStatus();
}

void Service::EndCall(CallControl* control) {
  merkle::MutexLock lock(&mutex_);
  active_.erase(control);
}

absl::Status Service::WhileStopping(const absl::Status& status) const {
  merkle::MutexLock lock(&mutex_);
  const bool stopped = stopping_ && status.code() == absl::StatusCode::kCancelled;
  return stopped ? absl::UnavailableError("this agent is stopping") : status;
}

absl::StatusOr<TableList> Service::ListTables(std::string_view database, CallControl* control) {
  const auto found = databases_.find(database);
  if (found == databases_.end()) {
    const std::string shown(database.substr(0, 100));
    if (!datasets_.contains(database)) {
      return absl::NotFoundError("this agent has no database '" + shown +
                                 "'; its names are those of its --database options");
    }
    return absl::FailedPreconditionError(
        "'" + shown +
        "' is a dataset of this agent, and no database: compare it without --all, or start the "
        "agent with --database NAME=URL");
  }
  RETURN_IF_ERROR(BeginCall(control));
  ActiveCall call(this, control);
  absl::StatusOr<TableList> list = found->second->ListTables(control);
  if (!list.ok()) return WhileStopping(list.status());
  return list;
}

absl::StatusOr<DatasetDescription> Service::Describe(std::string_view dataset,
                                                     CallControl* control) {
  RETURN_IF_ERROR(BeginCall(control));
  ActiveCall call(this, control);
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, FindOrOpen(dataset, control));
  absl::StatusOr<SourceDescription> source = found->Describe(control);
  if (!source.ok()) return WhileStopping(source.status());
  DatasetDescription description{*std::move(source)};
  description.encoding_version = merkle::kEncodingVersion;
  description.key_id = options_.key.KeyId();
  description.keyed = options_.key.keyed();
  description.agent_version = options_.version;
  description.values_allowed = options_.allow_values;
  return description;
}

absl::StatusOr<PrepareResult> Service::Prepare(std::string_view dataset,
                                               const merkle::Agreement& agreement, bool force,
                                               CallControl* control) {
  RETURN_IF_ERROR(CheckAgreement(agreement));
  RETURN_IF_ERROR(BeginCall(control));
  ActiveCall call(this, control);
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, FindOrOpen(dataset, control));
  absl::StatusOr<PrepareResult> result = found->Prepare(agreement, force, control);
  LogComparison(dataset, result);
  if (!result.ok()) return WhileStopping(result.status());
  if (Database* const database = DatabaseOf(dataset)) database->Prepared(found);
  KeepValuesHome(&result->unparsed_columns);
  return result;
}

void Service::LogComparison(std::string_view dataset,
                            const absl::StatusOr<PrepareResult>& result) const {
  if (!options_.log_comparison) return;
  const std::string name(dataset);
  if (!result.ok()) {
    return options_.log_comparison(name + ": a comparison failed (" +
                                   std::string(absl::StatusCodeToString(result.status().code())) +
                                   ")");
  }
  options_.log_comparison(name + ": a comparison of " +
                          Plural(result->records, "record", "records") +
                          (result->reused ? ", by the kept index" : ", which were read"));
}

// An example is a value.
void Service::KeepValuesHome(std::vector<UnparsedColumn>* columns) const {
  if (options_.allow_values) return;
  for (UnparsedColumn& column : *columns) column.example.reset();
}

absl::StatusOr<std::shared_ptr<LiveIndex>> Service::Live(std::string_view dataset,
                                                         std::string_view fingerprint) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, Find(dataset));
  return found->Servable(fingerprint);
}

absl::StatusOr<OpenedSnapshot> Service::OpenSnapshot(std::string_view dataset,
                                                     std::string_view fingerprint,
                                                     std::string_view file_sha256) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, Find(dataset));
  const absl::StatusOr<std::shared_ptr<LiveIndex>> servable = found->Servable(fingerprint);
  RETURN_IF_ERROR(found->CheckFile(file_sha256));  // of what is served: not before
  ASSIGN_OR_RETURN(const std::shared_ptr<LiveIndex> live, servable);
  snapshots_.Sweep();
  ASSIGN_OR_RETURN(LiveSnapshot snapshot, live->Snapshot());
  OpenedSnapshot opened{0,
                        snapshot.root,
                        snapshot.records,
                        live->agreement(),
                        snapshot.state.unparsed,
                        snapshot.state.not_point_in_time,
                        options_.snapshots.lease,
                        snapshot.state.freshness,
                        snapshot.state.unparsed_columns};
  KeepValuesHome(&opened.unparsed_columns);
  ASSIGN_OR_RETURN(opened.id, snapshots_.Open(live, std::move(snapshot.view)));
  if (!options_.asked_once) return opened;
  merkle::MutexLock lock(&mutex_);
  to_release_[opened.id] = {found, live};
  return opened;
}

absl::StatusOr<std::string> Service::Query(uint64_t snapshot, std::string_view questions,
                                           const std::function<bool()>& stopped) {
  return snapshots_.Query(snapshot, questions, stopped);
}

absl::StatusOr<std::vector<FoundRecord>> Service::ReadByKey(std::vector<std::string> keys,
                                                            CallControl* control,
                                                            const Reading& read) {
  RETURN_IF_ERROR(CheckKeys(keys, options_.read_keys_max));
  SortKeys(&keys);
  RETURN_IF_ERROR(BeginCall(control));
  ActiveCall call(this, control);
  absl::StatusOr<std::vector<FoundRecord>> records = read(keys);
  if (!records.ok()) return WhileStopping(records.status());
  RETURN_IF_ERROR(CheckFound(keys, *records));
  return records;
}

absl::StatusOr<std::vector<FoundRecord>> Service::ReadRecords(std::string_view dataset,
                                                              std::string_view fingerprint,
                                                              std::vector<std::string> keys,
                                                              bool with_values,
                                                              CallControl* control) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, Find(dataset));
  if (with_values && !options_.allow_values) {
    return absl::PermissionDeniedError(
        "values do not leave this agent; start it with --allow-values to show them");
  }
  return ReadByKey(std::move(keys), control, [&](const std::vector<std::string>& sorted) {
    return found->Read(fingerprint, sorted, with_values, control);
  });
}

absl::StatusOr<std::vector<FoundRecord>> Service::ReadTagged(std::string_view dataset,
                                                             std::string_view fingerprint,
                                                             std::vector<std::string> keys,
                                                             const std::vector<std::string>& rules,
                                                             CallControl* control) {
  if (!options_.key.keyed() && !options_.allow_values) {
    return ReadRecords(dataset, fingerprint, std::move(keys), /*with_values=*/false, control);
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, Find(dataset));
  return ReadByKey(std::move(keys), control, [&](const std::vector<std::string>& sorted) {
    return found->ReadTagged(fingerprint, sorted, rules, control);
  });
}

absl::StatusOr<std::vector<FoundRecord>> Service::ReadIndexed(std::string_view dataset,
                                                              std::string_view fingerprint,
                                                              std::vector<std::string> keys,
                                                              CallControl* control) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, Find(dataset));
  return ReadByKey(std::move(keys), control, [&](const std::vector<std::string>& sorted) {
    return found->ReadIndexed(fingerprint, sorted, control);
  });
}

absl::StatusOr<std::vector<FoundRecord>> Service::ReadUnfiltered(std::string_view dataset,
                                                                 std::string_view fingerprint,
                                                                 std::vector<std::string> keys,
                                                                 CallControl* control) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, Find(dataset));
  return ReadByKey(std::move(keys), control, [&](const std::vector<std::string>& sorted) {
    return found->ReadUnfiltered(fingerprint, sorted, control);
  });
}

absl::StatusOr<std::vector<AlikeKey>> Service::FindAlike(std::string_view dataset,
                                                         std::string_view fingerprint,
                                                         const std::vector<std::string>& keys,
                                                         CallControl* control) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> found, Find(dataset));
  RETURN_IF_ERROR(CheckKeys(keys, kAlikeKeysMax));
  RETURN_IF_ERROR(BeginCall(control));
  ActiveCall call(this, control);
  absl::StatusOr<std::vector<AlikeKey>> alike = found->FindAlike(fingerprint, keys, control);
  if (!alike.ok()) return WhileStopping(alike.status());
  return alike;
}

void Service::CloseSnapshot(uint64_t snapshot) {
  snapshots_.Close(snapshot);
  std::pair<std::shared_ptr<Dataset>, std::shared_ptr<const LiveIndex>> released;
  {
    merkle::MutexLock lock(&mutex_);
    const auto found = to_release_.find(snapshot);
    if (found == to_release_.end()) return;
    released = std::move(found->second);
    to_release_.erase(found);
  }
  released.first->Release(released.second);
}

void Service::Sweep() { snapshots_.Sweep(); }

void Service::Stop() {
  merkle::MutexLock lock(&mutex_);
  stopping_ = true;
  for (CallControl* const control : active_) control->cancellation.Cancel();
}

}  // namespace driftwood::agent
