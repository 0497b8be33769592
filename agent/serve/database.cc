#include "agent/serve/database.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "agent/serve/state_folder.h"
#include "merkle/hash/digest.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"
#include "merkle/text/names.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {
namespace {

namespace fs = std::filesystem;

// As a dataset's index files begin: should the database's name become that of a dataset, it removes
// what the tables have left.
constexpr std::string_view kFolderPrefix = "index-";

std::string HashOf(std::string_view text) {
  constexpr size_t kBytes = 16;
  return Hex(std::string_view(merkle::Sha256(std::string(text))).substr(0, kBytes));
}

std::string FolderOf(const std::string& table) {
  return std::string(kFolderPrefix) + HashOf(table);
}

// The same columns under other names are another index.
std::string FolderOf(const DatabaseTable& table) {
  const std::string of_table = FolderOf(table.table);
  if (table.rename.empty() && table.zone.empty()) return of_table;
  return of_table + "-" + HashOf(table.rename + "&" + table.zone);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(std::string name, DatabaseSource source,
                                                         DatasetOptions table,
                                                         const DatabaseLimits& limits,
                                                         merkle::Clock clock) {
  merkle::UniqueFd lock_file;
  if (table.durable) {
    RETURN_IF_ERROR(MakeStateFolder(table.folder));
    ASSIGN_OR_RETURN(lock_file, LockStateFolder(table.folder));
    table.folder_is_locked = true;
  }
  return std::unique_ptr<Database>(new Database(std::move(name), std::move(source),
                                                std::move(table), limits, std::move(clock),
                                                std::move(lock_file)));
}

Database::Database(std::string name, DatabaseSource source, DatasetOptions table,
                   const DatabaseLimits& limits, merkle::Clock clock, merkle::UniqueFd lock_file)
    : name_(std::move(name)),
      source_(std::move(source)),
      table_(std::move(table)),
      limits_(limits),
      clock_(std::move(clock)),
      lock_file_(std::move(lock_file)),
      turns_("the tables of database " + name_, limits.waiting_calls_max) {}

absl::StatusOr<TableList> Database::ListTables(CallControl* control) {
  RETURN_IF_ERROR(turns_.Begin(control->cancellation.token()));
  const absl::Cleanup end_turn = [this] { turns_.End(); };
  return ListInTurn(control);
}

absl::StatusOr<TableList> Database::ListInTurn(CallControl* control) {
  absl::StatusOr<TableList> list = source_.list(control->cancellation.token());
  // The server can't be reached; its agent was, since this says so.
  if (absl::IsUnavailable(list.status())) return WithDefaultFault(list.status(), Fault::kSource);
  if (list.ok()) TakeList(*list);
  return list;
}

absl::StatusOr<std::shared_ptr<Dataset>> Database::Table(const DatabaseTable& table,
                                                         CallControl* control) {
  if (std::shared_ptr<Dataset> open = FindOpen(table)) return open;
  ASSIGN_OR_RETURN(const StoreUrl url, UrlOf(table, control));
  return OpenAt(table, url);
}

std::shared_ptr<Dataset> Database::FindOpen(const DatabaseTable& table) {
  merkle::MutexLock lock(&mutex_);
  const auto found = open_.find(DatasetOf(table));
  if (found == open_.end()) return nullptr;
  found->second.last_used = clock_();
  return found->second.dataset;
}

absl::StatusOr<StoreUrl> Database::UrlOf(const DatabaseTable& table, CallControl* control) {
  absl::StatusOr<StoreUrl> url = ListedUrl(table.table);
  if (absl::IsNotFound(url.status())) {
    RETURN_IF_ERROR(turns_.Begin(control->cancellation.token()));
    const absl::Cleanup end_turn = [this] { turns_.End(); };
    // Whoever had the turn before may have listed it.
    url = ListedUrl(table.table);
    if (absl::IsNotFound(url.status())) {
      RETURN_IF_ERROR(ListInTurn(control).status());
      url = ListedUrl(table.table);
    }
  }
  RETURN_IF_ERROR(url.status());
  if (!table.rename.empty()) url->parameters["rename"] = table.rename;
  if (!table.zone.empty()) url->parameters["zone"] = table.zone;
  return url;
}

absl::StatusOr<StoreUrl> Database::ListedUrl(const std::string& table) const {
  merkle::MutexLock lock(&mutex_);
  const auto found = listed_.find(table);
  if (found != listed_.end()) return StoreUrl::Parse(found->second);
  std::vector<std::string> known;
  for (const auto& [name, url] : listed_) known.push_back(name);
  return absl::NotFoundError("database " + name_ + " has no table '" + Printable(table) + "'" +
                             DidYouMean(table, known));
}

absl::StatusOr<std::shared_ptr<Dataset>> Database::OpenAt(const DatabaseTable& table,
                                                          const StoreUrl& url) {
  merkle::MutexLock lock(&mutex_);
  const std::string name = DatasetOf(table);
  const auto found = open_.find(name);
  if (found != open_.end()) return found->second.dataset;  // opened by another call meanwhile
  RETURN_IF_ERROR(MakeRoom());
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, source_.open(url));
  DatasetOptions options = table_;
  options.name = name;
  options.url = url.ToString();
  if (options.durable) options.folder /= FolderOf(table);
  ASSIGN_OR_RETURN(std::shared_ptr<Dataset> dataset,
                   Dataset::Open(std::move(options), std::move(store)));
  open_[name] = {table.table, dataset, clock_()};
  return dataset;
}

absl::Status Database::MakeRoom() {
  if (open_.size() < limits_.tables_max) return absl::OkStatus();
  std::vector<OpenTables::iterator> oldest;
  for (auto it = open_.begin(); it != open_.end(); ++it) {
    if (clock_() - it->second.last_used >= limits_.idle) oldest.push_back(it);
  }
  std::sort(oldest.begin(), oldest.end(),
            [](const auto& a, const auto& b) { return a->second.last_used < b->second.last_used; });
  for (const OpenTables::iterator& it : oldest) {
    if (!CloseIfIdle(it->second)) continue;
    open_.erase(it);
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      "this agent has " + Plural(open_.size(), "table", "tables") + " of database " + name_ +
      " open, and all were asked for in the last " + std::to_string(limits_.idle.count()) +
      " minutes; try again later, or compare fewer of them at one time (--tables)");
}

bool Database::CloseIfIdle(const OpenTable& open) {
  const auto in_list = std::find(prepared_.begin(), prepared_.end(), open.dataset);
  const long ours = in_list == prepared_.end() ? 1 : 2;
  // It is taken from here only, under the mutex.
  if (open.dataset.use_count() > ours || !open.dataset->ReleaseIdle()) return false;
  if (in_list != prepared_.end()) prepared_.erase(in_list);
  return true;
}

// Tables that are gone are closed, if nobody is at them, and their indexes removed.
void Database::TakeList(const TableList& list) {
  merkle::MutexLock lock(&mutex_);
  listed_.clear();
  for (const TableEntry& table : list.tables) listed_[table.name] = table.url;
  for (auto it = open_.begin(); it != open_.end();) {
    const bool closed = !listed_.contains(it->second.table) && CloseIfIdle(it->second);
    it = closed ? open_.erase(it) : std::next(it);
  }
  if (table_.durable) RemoveFoldersOfOthers();
}

void Database::RemoveFoldersOfOthers() {
  std::set<std::string> kept;
  for (const auto& [name, url] : listed_) kept.insert(FolderOf(name));
  for (const auto& [name, open] : open_) kept.insert(FolderOf(open.table));
  const size_t name_size = FolderOf(std::string()).size();
  std::error_code error;
  std::vector<fs::path> others;
  for (fs::directory_iterator it(table_.folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool is_other =
        name.starts_with(kFolderPrefix) && !kept.contains(name.substr(0, name_size));
    if (is_other) others.push_back(it->path());
  }
  // What can't be removed is met by the next list.
  for (const fs::path& path : others) fs::remove_all(path, error);
}

void Database::Prepared(const std::shared_ptr<Dataset>& dataset) {
  std::vector<std::shared_ptr<Dataset>> oldest;
  {
    merkle::MutexLock lock(&mutex_);
    prepared_.remove(dataset);
    prepared_.push_back(dataset);
    for (size_t over = prepared_.size() - std::min(prepared_.size(), limits_.indexes_max); over > 0;
         --over) {
      oldest.push_back(std::move(prepared_.front()));
      prepared_.pop_front();
    }
  }
  // Without the mutex: a large file is removed, and others want their tables.
  for (std::shared_ptr<Dataset>& one : oldest) {
    if (one->ReleaseIdle()) continue;
    merkle::MutexLock lock(&mutex_);
    const bool again = std::find(prepared_.begin(), prepared_.end(), one) != prepared_.end();
    if (!again) prepared_.push_front(std::move(one));
  }
}

size_t Database::open_tables() const {
  merkle::MutexLock lock(&mutex_);
  return open_.size();
}

}  // namespace driftwood::agent
