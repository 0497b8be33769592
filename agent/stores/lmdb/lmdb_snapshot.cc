#include "agent/stores/lmdb/lmdb_snapshot.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/source/messages.h"
#include "merkle/hash/checksum.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using merkle::LmdbMeta;
using merkle::LmdbNode;
using merkle::LmdbTree;

constexpr size_t kNamesLookedFor = 100'000;  // entries of the unnamed database
constexpr size_t kNamesListed = 100;
constexpr size_t kBlockEntries = 2048;
constexpr size_t kBlockBytes = size_t{1} << 20;
constexpr uint64_t kRunBytes = 64 << 10;
constexpr int kMetaReadsMax = 100;

// As LMDB compares keys of a tree: less than 0, 0 or more.
int CompareKeys(uint16_t flags, std::string_view a, std::string_view b) {
  if ((flags & (merkle::kLmdbReverseKey | merkle::kLmdbIntegerKey)) == 0) return a.compare(b);
  // From the last byte on; so integers too, of which the last byte is the highest.
  for (size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
    const auto x = static_cast<unsigned char>(a[a.size() - i]);
    const auto y = static_cast<unsigned char>(b[b.size() - i]);
    if (x != y) return x - y;
  }
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

absl::Status OpenError(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) return NoSuchFile(path);
  const std::string message = Printable(path) + ": can't be opened: " + std::strerror(error);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::NotFoundError(message);
}

// The file of an environment's path.
absl::StatusOr<std::string> FileOf(const std::string& path, bool* is_folder) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return OpenError(path, errno);
  *is_folder = S_ISDIR(found.st_mode);
  if (!*is_folder) return path;
  std::string file = (std::filesystem::path(path) / "data.mdb").string();
  if (::stat(file.c_str(), &found) == 0) return file;
  if (errno != ENOENT) return OpenError(file, errno);
  return absl::NotFoundError(Printable(path) + ": the directory has no data.mdb");
}

std::string EncodePosition(const FileState& state, uint64_t transaction,
                           const std::string& database) {
  return "lmdb2 file " + state.ToString() + " transaction " + std::to_string(transaction) + " db " +
         database;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LmdbSnapshot>> LmdbSnapshot::Open(const std::string& path,
                                                                 const std::stop_token& stop) {
  bool is_folder = false;
  ASSIGN_OR_RETURN(const std::string file, FileOf(path, &is_folder));
  FileWatch::Options options;
  options.stop = stop;
  ASSIGN_OR_RETURN(std::unique_ptr<FileWatch> watch, FileWatch::Begin(file, options));
  if (watch->state().size == 0) {
    return absl::InvalidArgumentError(Printable(file) + " is empty, not an LMDB file");
  }
  std::unique_ptr<LmdbSnapshot> snapshot(new LmdbSnapshot(path, std::move(watch)));
  // LMDB makes the lock file before it looks at the data: what is no LMDB file must not get one.
  RETURN_IF_ERROR(snapshot->NewestMeta().status());
  RETURN_IF_ERROR(snapshot->Register(is_folder, stop));
  ASSIGN_OR_RETURN(snapshot->meta_, snapshot->NewestMeta());
  RETURN_IF_ERROR(snapshot->CheckSize());
  return snapshot;
}

absl::Status LmdbSnapshot::Register(bool is_folder, const std::stop_token& stop) {
  absl::StatusOr<std::unique_ptr<LmdbReader>> reader = LmdbReader::Register(path_, is_folder, stop);
  if (absl::IsFailedPrecondition(reader.status())) {
    why_unlocked_ = std::string(reader.status().message());
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(reader.status());
  reader_ = *std::move(reader);
  return absl::OkStatus();
}

absl::Status LmdbSnapshot::CheckSize() const {
  struct stat now {};
  if (::fstat(watch_->fd(), &now) != 0) return OpenError(path_, errno);
  const auto size = static_cast<uint64_t>(now.st_size);
  if (meta_.last_page < size / meta_.page_bytes) return absl::OkStatus();
  return absl::DataLossError(Printable(path_) + " is truncated: it has " + std::to_string(size) +
                             " bytes and its pages need " + std::to_string(pages()) + " times " +
                             std::to_string(meta_.page_bytes));
}

absl::Status LmdbSnapshot::ReadAt(uint64_t offset, size_t size, char* to) const {
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(watch_->fd(), to + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return absl::DataLossError("can't read " + Printable(path_) + ": " + std::strerror(errno));
    }
    if (got == 0) return Damaged("it ends at byte " + std::to_string(offset + done));
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status LmdbSnapshot::Damaged(const std::string& what) const {
  const std::string change = watch_->Change();
  if (change.empty()) return absl::DataLossError(Printable(path_) + " is damaged: " + what);
  return absl::AbortedError(Printable(path_) + " changed while it was read (" + change + "), and " +
                            what + "; compare it again when nothing but LMDB writes to it");
}

absl::StatusOr<std::pair<std::string, std::string>> LmdbSnapshot::ReadMetas() const {
  std::pair<std::string, std::string> last;
  for (int i = 0; i < kMetaReadsMax; ++i) {
    std::string first(merkle::kLmdbMetaBytes, '\0');
    if (watch_->state().size < first.size()) break;
    RETURN_IF_ERROR(ReadAt(0, first.size(), first.data()));
    // The second one's place is known from the first.
    ASSIGN_OR_RETURN(const LmdbMeta meta, merkle::ParseLmdbMeta(first, 0));
    std::string second(merkle::kLmdbMetaBytes, '\0');
    RETURN_IF_ERROR(ReadAt(meta.page_bytes, second.size(), second.data()));
    std::pair<std::string, std::string> now(std::move(first), std::move(second));
    // A commit writes one of them, in pieces for all that is known.
    if (now == last) return now;
    last = std::move(now);
  }
  return absl::InvalidArgumentError("not an LMDB file");
}

absl::StatusOr<LmdbMeta> LmdbSnapshot::NewestMeta() const {
  const auto explain = [this](const absl::Status& status) {
    if (!absl::IsInvalidArgument(status)) return status;
    return absl::InvalidArgumentError(Printable(path_) + " is not an LMDB file");
  };
  const auto metas = ReadMetas();
  if (!metas.ok()) return explain(metas.status());
  const absl::StatusOr<LmdbMeta> first = merkle::ParseLmdbMeta(metas->first, 0);
  const absl::StatusOr<LmdbMeta> second = merkle::ParseLmdbMeta(metas->second, 1);
  for (const absl::Status& status : {first.status(), second.status()}) {
    if (!status.ok()) return explain(status);
  }
  if (first->page_bytes != second->page_bytes) return Damaged("its meta pages contradict");
  return first->transaction < second->transaction ? *second : *first;
}

absl::Status LmdbSnapshot::ReadPages(uint64_t first, uint64_t count, char* to) const {
  if (first < 2 || first >= pages() || count > pages() - first) {
    return Damaged("page " + std::to_string(first) + " is outside of the file");
  }
  return ReadAt(first * page_bytes(), count * page_bytes(), to);
}

absl::StatusOr<std::unique_ptr<char[]>> LmdbSnapshot::ReadOverflow(const LmdbNode& node) const {
  const uint64_t first = node.overflow_page;
  const uint64_t count = merkle::LmdbOverflowPages(node.value_bytes, page_bytes());
  if (first >= pages() || count > pages() - first) {
    return Damaged("page " + std::to_string(first) + " is outside of the file");
  }
  // Looked at before there is memory for all of it.
  std::array<char, merkle::kLmdbPageHeaderBytes> header;
  RETURN_IF_ERROR(ReadAt(first * page_bytes(), header.size(), header.data()));
  if (!merkle::IsLmdbOverflow({header.data(), header.size()}, first, count)) {
    return Damaged("header of overflow page " + std::to_string(first));
  }
  // Not cleared: it is read over at once.
  auto pages = std::make_unique_for_overwrite<char[]>(count * page_bytes());
  RETURN_IF_ERROR(ReadPages(first, count, pages.get()));
  return pages;
}

absl::StatusOr<std::optional<LmdbSnapshot::Entry>> LmdbSnapshot::Find(const LmdbTree& tree,
                                                                      std::string_view key) const {
  if (tree.root == merkle::kLmdbNoPage) return std::optional<Entry>();
  if (tree.depth < 1 || tree.depth > merkle::kLmdbDepthMax) return Damaged("depth of a tree");
  std::string page(page_bytes(), '\0');
  uint64_t number = tree.root;
  for (size_t height = tree.depth;; --height) {
    const bool is_branch = height > 1;
    RETURN_IF_ERROR(ReadPages(number, 1, page.data()));
    const std::optional<size_t> count = merkle::CountLmdbNodes(page, number, is_branch);
    if (!count) return Damaged("header of page " + std::to_string(number));
    // The last node that is not after the key. A branch's first key stands for all before it.
    size_t begin = 0;
    size_t end = *count;
    std::optional<LmdbNode> node = merkle::ReadLmdbNode(page, 0, is_branch);
    while (node && begin + 1 < end) {
      const size_t middle = begin + (end - begin) / 2;
      node = merkle::ReadLmdbNode(page, middle, is_branch);
      if (node) (CompareKeys(tree.flags, node->key, key) <= 0 ? begin : end) = middle;
    }
    if (node) node = merkle::ReadLmdbNode(page, begin, is_branch);
    if (!node) return Damaged("a node of page " + std::to_string(number));
    if (is_branch) {
      number = node->child;
      continue;
    }
    if (node->key != key) return std::optional<Entry>();
    Entry entry{std::string(node->key), std::string(node->inlined),
                node->kind == LmdbNode::Kind::kTree};
    if (node->kind != LmdbNode::Kind::kOverflow) return std::optional<Entry>(std::move(entry));
    ASSIGN_OR_RETURN(const std::unique_ptr<char[]> value, ReadOverflow(*node));
    entry.value.assign(value.get() + merkle::kLmdbPageHeaderBytes, node->value_bytes);
    return std::optional<Entry>(std::move(entry));
  }
}

absl::Status LmdbSnapshot::CheckDuplicates(const LmdbTree& tree, const std::string& name) const {
  if ((tree.flags & merkle::kLmdbDuplicates) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      Printable(path_) + ": " +
      (name.empty() ? std::string("the unnamed database")
                    : "database \"" + Printable(name) + "\"") +
      " holds duplicates (DUPSORT), several values under one key; it can't be compared");
}

absl::StatusOr<LmdbTree> LmdbSnapshot::FindTree(const std::string& name) const {
  RETURN_IF_ERROR(CheckDuplicates(meta_.main, ""));
  if (name.empty()) return meta_.main;
  ASSIGN_OR_RETURN(const std::optional<Entry> found, Find(meta_.main, name));
  if (!found || !found->is_tree) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, TreeNames());
    return absl::NotFoundError(Printable(path_) + " has no database \"" + Printable(name) +
                               "\" (it has: " + ListNames(names) + ")");
  }
  const LmdbTree tree = merkle::ParseLmdbTree(found->value.data());
  RETURN_IF_ERROR(CheckDuplicates(tree, name));
  return tree;
}

absl::StatusOr<std::vector<std::string>> LmdbSnapshot::TreeNames() const {
  std::vector<std::string> names;
  LmdbEntries entries(*this, meta_.main);
  while (entries.read() < kNamesLookedFor && names.size() < kNamesListed) {
    ASSIGN_OR_RETURN(const LmdbEntries::Block block, entries.Next());
    if (block.entries.empty()) break;
    for (const LmdbEntries::Block::Entry& entry : block.entries) {
      if (entry.is_tree && names.size() < kNamesListed) names.emplace_back(entry.key);
    }
  }
  return names;
}

std::string LmdbSnapshot::WhyNotOneState() {
  if (IsUnchanged()) return "";
  const absl::StatusOr<FileState> now =
      FileWatch::StateOf(watch_->path(), FileWatch::Access::kRead);
  const FileState& then = watch_->state();
  if (!now.ok() || now->device != then.device || now->inode != then.inode) {
    return watch_->WhyNotOneState();
  }
  const absl::StatusOr<LmdbMeta> newest = NewestMeta();
  if (!newest.ok()) return std::string(newest.status().message());
  const bool is_respected = reader_ != nullptr && reader_->IsRespected();
  if (!is_respected && newest->transaction != meta_.transaction) {
    return Printable(path_) + " was written while it was read, and not under its lock file";
  }
  return "";
}

std::string LmdbSnapshot::Position(const std::string& database) const {
  if (!IsUnchanged() || !watch_->IsProofForLater(true)) return "";
  return EncodePosition(watch_->state(), meta_.transaction, database);
}

bool LmdbSnapshot::IsAtPosition(const std::string& path, const std::string& database,
                                std::string_view position) {
  bool is_folder = false;
  const absl::StatusOr<std::string> file = FileOf(path, &is_folder);
  if (position.empty() || !file.ok()) return false;
  absl::StatusOr<std::unique_ptr<FileWatch>> watch = FileWatch::Begin(*file, {});
  if (!watch.ok()) return false;
  const LmdbSnapshot snapshot(path, *std::move(watch));
  const absl::StatusOr<LmdbMeta> newest = snapshot.NewestMeta();
  return newest.ok() && snapshot.IsUnchanged() &&
         position == EncodePosition(snapshot.watch_->state(), newest->transaction, database);
}

absl::StatusOr<LmdbEntries::Block> LmdbEntries::Next() {
  Block block;
  while (block.entries.size() < kBlockEntries && block.bytes < kBlockBytes) {
    ASSIGN_OR_RETURN(const Run run, NextLeaves());
    if (run.count == 0) break;
    RETURN_IF_ERROR(TakeLeaves(run, &block));
  }
  read_ += block.entries.size();
  if (read_ > tree_.entries || (block.entries.empty() && read_ != tree_.entries)) {
    return snapshot_.Damaged("the database has " + std::to_string(tree_.entries) +
                             " entries and the scan found " + std::to_string(read_));
  }
  return block;
}

// A page that is used twice would make a small file an endless one.
absl::Status LmdbEntries::Count(uint64_t pages) {
  pages_ += pages;
  if (pages_ <= snapshot_.pages()) return absl::OkStatus();
  return snapshot_.Damaged("a tree has more pages than the file");
}

absl::StatusOr<LmdbNode> LmdbEntries::ChildOf(const Branch& branch, size_t i) const {
  const std::optional<LmdbNode> node = merkle::ReadLmdbNode(branch.page, i, true);
  if (!node) return snapshot_.Damaged("a node of page " + std::to_string(branch.number));
  return *node;
}

absl::Status LmdbEntries::Descend(uint64_t number) {
  RETURN_IF_ERROR(Count(1));
  Branch branch;
  branch.number = number;
  branch.page.resize(snapshot_.page_bytes());
  RETURN_IF_ERROR(snapshot_.ReadPages(number, 1, branch.page.data()));
  checksum_ += merkle::Checksum(branch.page);
  const std::optional<size_t> count = merkle::CountLmdbNodes(branch.page, number, true);
  if (!count) return snapshot_.Damaged("header of page " + std::to_string(number));
  branch.count = *count;
  path_.push_back(std::move(branch));
  return absl::OkStatus();
}

// Leaves that follow each other, in the tree and in the file.
absl::StatusOr<LmdbEntries::Run> LmdbEntries::NextLeaves() {
  if (!begun_) {
    begun_ = true;
    if (tree_.root == merkle::kLmdbNoPage) return Run{};
    if (tree_.depth < 1 || tree_.depth > merkle::kLmdbDepthMax) {
      return snapshot_.Damaged("depth of a tree");
    }
    if (tree_.depth == 1) return Run{tree_.root, 1};
    RETURN_IF_ERROR(Descend(tree_.root));
  }
  for (;;) {
    while (!path_.empty() && path_.back().next == path_.back().count) path_.pop_back();
    if (path_.empty()) return Run{};
    Branch& branch = path_.back();
    ASSIGN_OR_RETURN(const LmdbNode child, ChildOf(branch, branch.next++));
    if (path_.size() + 1 < tree_.depth) {
      RETURN_IF_ERROR(Descend(child.child));
      continue;
    }
    Run run{child.child, 1};
    while (branch.next < branch.count && (run.count + 1) * snapshot_.page_bytes() <= kRunBytes) {
      ASSIGN_OR_RETURN(const LmdbNode next, ChildOf(branch, branch.next));
      if (next.child != run.first + run.count) break;
      ++branch.next;
      ++run.count;
    }
    return run;
  }
}

absl::Status LmdbEntries::TakeLeaves(const Run& run, Block* block) {
  RETURN_IF_ERROR(Count(run.count));
  const size_t page_bytes = snapshot_.page_bytes();
  // Not cleared: it is read over at once.
  auto pages = std::make_unique_for_overwrite<char[]>(run.count * page_bytes);
  RETURN_IF_ERROR(snapshot_.ReadPages(run.first, run.count, pages.get()));
  for (uint64_t i = 0; i < run.count; ++i) {
    const std::string_view page(pages.get() + i * page_bytes, page_bytes);
    checksum_ += merkle::Checksum(page);
    RETURN_IF_ERROR(TakeLeaf(page, run.first + i, block));
  }
  block->bytes += run.count * page_bytes;
  block->pages.push_back(std::move(pages));
  return absl::OkStatus();
}

absl::Status LmdbEntries::TakeLeaf(std::string_view page, uint64_t number, Block* block) {
  const std::optional<size_t> count = merkle::CountLmdbNodes(page, number, false);
  if (!count) return snapshot_.Damaged("header of page " + std::to_string(number));
  for (size_t i = 0; i < *count; ++i) {
    const std::optional<LmdbNode> node = merkle::ReadLmdbNode(page, i, false);
    if (!node) return snapshot_.Damaged("a node of page " + std::to_string(number));
    Block::Entry entry{node->key, node->inlined, node->kind == LmdbNode::Kind::kTree};
    if (node->kind == LmdbNode::Kind::kOverflow) {
      const uint64_t pages = merkle::LmdbOverflowPages(node->value_bytes, snapshot_.page_bytes());
      RETURN_IF_ERROR(Count(pages));
      ASSIGN_OR_RETURN(std::unique_ptr<char[]> value, snapshot_.ReadOverflow(*node));
      const size_t bytes = pages * snapshot_.page_bytes();
      checksum_ += merkle::Checksum({value.get(), bytes});
      entry.value = {value.get() + merkle::kLmdbPageHeaderBytes, node->value_bytes};
      block->bytes += bytes;
      block->pages.push_back(std::move(value));
    }
    block->entries.push_back(entry);
  }
  return absl::OkStatus();
}

}  // namespace driftwood::agent
