#include "merkle/tree/tree_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "merkle/check.h"
#include "merkle/os/room.h"
#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

constexpr std::string_view kTemporaryMark = ".build-";
constexpr size_t kPageBytes = 4096;
// Most tables of a database are small: the first step takes little, each one after it more.
constexpr size_t kStepBytesFirst = size_t{64} << 10;
constexpr size_t kStepGrowth = 4;
constexpr size_t kStepBytesMin = size_t{8} << 20;
constexpr size_t kStepBytesMax = size_t{64} << 20;
// Pages are at worst half full (a value just over half a page), and branch pages come on top.
constexpr size_t kFileBytesPerByte = 3;
constexpr size_t kSlackBytes = size_t{128} << 10;
constexpr size_t kEntryOverheadBytes = 16;
constexpr int kAttempts = 20;

absl::Status FromErrno(const std::filesystem::path& path, const std::string& what) {
  const int error = errno;
  const std::string message = "cannot " + what + " " + path.string() + ": " + std::strerror(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message + RoomAdvice(path.parent_path()));
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InternalError(message);
  }
}

std::filesystem::path FolderOf(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  return folder.empty() ? "." : folder;
}

// Removes what builds of the same index left behind that were killed: their files are not locked.
void RemoveAbandoned(const std::filesystem::path& path) {
  const std::string prefix = path.filename().string() + std::string(kTemporaryMark);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(FolderOf(path), ignored)) {
    if (entry.path().filename().string().compare(0, prefix.size(), prefix) != 0) continue;
    const int fd = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) unlink(entry.path().c_str());
    close(fd);
  }
}

bool HasName(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 && info.st_nlink > 0;
}

absl::Status SyncFolder(const std::filesystem::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FromErrno(folder, "open");
  const int rc = fsync(fd);
  const absl::Status status = rc == 0 ? absl::OkStatus() : FromErrno(folder, "sync");
  close(fd);
  return status;
}

// The records of a finished run of leaves.
class LeafSource final : public RecordSource {
 public:
  LeafSource(Transaction transaction, Cursor cursor)
      : transaction_(std::move(transaction)), cursor_(std::move(cursor)) {}

  absl::StatusOr<bool> Advance() override {
    while (next_ == block_.count()) {
      ASSIGN_OR_RETURN(const bool more, started_ ? cursor_.Next() : cursor_.First());
      started_ = true;
      if (!more) return false;
      ASSIGN_OR_RETURN(const LeafView leaf, LeafView::Parse(cursor_.key(), cursor_.value()));
      block_.Clear();
      leaf.AppendTo(&block_);
      next_ = 0;
    }
    ++next_;
    return true;
  }
  std::string_view key() const override { return block_.key(next_ - 1); }
  const Digest& digest() const override { return block_.digest(next_ - 1); }

 private:
  Transaction transaction_;
  Cursor cursor_;  // destroyed before its transaction
  bool started_ = false;
  RecordBlock block_;
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TreeWriter>> TreeWriter::Create(const std::filesystem::path& path,
                                                               const Leveler& leveler,
                                                               bool durable) {
  if (durable) RemoveAbandoned(path);
  for (int attempt = 0;; ++attempt) {
    std::string temporary = path.string() + std::string(kTemporaryMark) + "XXXXXX";
    const int fd = mkostemp(temporary.data(), O_CLOEXEC);
    if (fd < 0) return FromErrno(temporary, "create");
    std::unique_ptr<TreeWriter> writer(new TreeWriter(path, temporary, fd, leveler, durable));
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    // Before it was locked another build may have taken it for abandoned.
    if (!locked && errno != EWOULDBLOCK) return FromErrno(temporary, "lock");
    if (locked && HasName(fd)) {
      RETURN_IF_ERROR(writer->OpenEnvironment());
      return writer;
    }
    if (attempt == kAttempts) return absl::UnavailableError("cannot lock " + temporary);
  }
}

TreeWriter::TreeWriter(std::filesystem::path path, std::filesystem::path temporary, int fd,
                       const Leveler& leveler, bool durable)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      fd_(fd),
      leveler_(leveler),
      durable_(durable) {
  AssignNodeKey(1, "", &leaf_key_);
  for (size_t level = 2; level <= kLevelMax; ++level) upper_[level].push_back({});
}

TreeWriter::~TreeWriter() {
  if (cursor_) cursor_->Close();
  transaction_.reset();
  environment_.reset();
  if (!in_place_) unlink(temporary_.c_str());
  close(fd_);
}

// Allocates the file's blocks up to `bytes`: a page written through the map must not be the first
// to learn that the disk is full.
absl::Status TreeWriter::Reserve(size_t bytes) {
  if (!mapped_) return absl::OkStatus();
  int rc = 0;
  do {
    rc = fallocate(fd_, 0, 0, static_cast<off_t>(bytes));
  } while (rc != 0 && errno == EINTR);
  return rc == 0 ? absl::OkStatus() : FromErrno(temporary_, "allocate space for");
}

absl::Status TreeWriter::OpenEnvironment() {
  step_bytes_ = kStepBytesFirst;
  const size_t map_bytes = kFileBytesPerByte * step_bytes_ + kSlackBytes;
  // Where blocks can't be allocated ahead, LMDB writes its pages with pwrite instead. (LMDB takes a
  // file for new only if it is empty, so this probe must leave it so.)
  mapped_ = fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(map_bytes)) == 0;
  if (!mapped_ && errno != EOPNOTSUPP && errno != ENOSYS) {
    return FromErrno(temporary_, "allocate space for");
  }
  const auto mode = mapped_ ? Environment::Mode::kBuildMapped : Environment::Mode::kBuild;
  ASSIGN_OR_RETURN(environment_, Environment::Open(temporary_, mode, map_bytes));
  return Begin();
}

absl::Status TreeWriter::Begin() {
  ASSIGN_OR_RETURN(Transaction transaction, environment_->BeginWrite());
  transaction_.emplace(std::move(transaction));
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::Open(*transaction_));
  cursor_.emplace(std::move(cursor));
  appended_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status TreeWriter::CommitStep(size_t step_bytes, bool is_last) {
  cursor_->Close();
  RETURN_IF_ERROR(transaction_->Commit());
  const size_t used = environment_->used_bytes();
  const size_t usual = std::clamp(used / 2, kStepBytesMin, kStepBytesMax);
  step_bytes_ =
      is_last ? step_bytes : std::max(step_bytes, std::min(usual, kStepGrowth * step_bytes_));
  const size_t wanted = used + kFileBytesPerByte * step_bytes_ + kSlackBytes;
  const size_t map_bytes = (wanted + kPageBytes - 1) / kPageBytes * kPageBytes;
  if (map_bytes > environment_->map_bytes()) {
    RETURN_IF_ERROR(Reserve(map_bytes));
    RETURN_IF_ERROR(environment_->Resize(map_bytes));
  }
  return Begin();
}

absl::StatusOr<char*> TreeWriter::Append(std::string_view node_key, size_t value_bytes) {
  const size_t entry_bytes = node_key.size() + value_bytes + kEntryOverheadBytes;
  if (appended_bytes_ + entry_bytes > step_bytes_)
    RETURN_IF_ERROR(CommitStep(entry_bytes, /*is_last=*/false));
  appended_bytes_ += entry_bytes;
  return cursor_->Append(node_key, value_bytes);
}

absl::Status TreeWriter::Add(std::string_view key, const Digest& digest) {
  const std::string_view prefix = CutPrefix(key);
  // Keys that share their prefix stay together; all of them but the first are no cut point.
  const bool same_prefix = prefix.size() == kCutPrefixBytes && CutPrefix(last_key()) == prefix;
  if (!same_prefix) {
    if (const int level = leveler_.Level(prefix); level > 0) {
      RETURN_IF_ERROR(EndLeaf());
      Cut(prefix, level);
    }
  }
  block_.Append(key, digest);
  block_summary_.Add(digest);
  return absl::OkStatus();
}

absl::Status TreeWriter::EndLeaf() {
  ASSIGN_OR_RETURN(const LeafLayout layout, PlanLeaf(block_, 0, block_.count()));
  ASSIGN_OR_RETURN(char* const value, Append(leaf_key_, layout.value_bytes));
  WriteLeaf(leaf_key_, block_, layout, block_summary_, value);
  upper_[2].back().summary += block_summary_;
  block_.Clear();
  block_summary_ = {};
  return absl::OkStatus();
}

// A new node begins at `prefix` on all levels up to `level`; those below it that end give their
// summaries to the level above.
void TreeWriter::Cut(std::string_view prefix, int level) {
  AssignNodeKey(1, prefix, &leaf_key_);
  for (size_t l = 2; l <= static_cast<size_t>(level); ++l) {
    if (l < kLevelMax) upper_[l + 1].back().summary += upper_[l].back().summary;
    upper_[l].push_back({std::string(prefix), {}});
  }
}

absl::Status TreeWriter::AppendUpperLevels() {
  std::string node_key;
  for (size_t level = 2; level <= kLevelMax; ++level) {
    if (level < kLevelMax) upper_[level + 1].back().summary += upper_[level].back().summary;
    for (const UpperNode& node : upper_[level]) {
      AssignNodeKey(static_cast<int>(level), node.start, &node_key);
      ASSIGN_OR_RETURN(char* const value, Append(node_key, kUpperNodeBytes));
      WriteUpperNode(node_key, node.summary, value);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Summary> TreeWriter::MoveIntoPlace(Metadata metadata, const DigestKey& key) {
  RETURN_IF_ERROR(EndLeaf());
  RETURN_IF_ERROR(AppendUpperLevels());
  metadata.root = {};
  for (const UpperNode& node : upper_[kLevelMax]) metadata.root += node.summary;
  RETURN_IF_ERROR(CommitStep(metadata.fingerprint.size() + metadata.source_position.size(),
                             /*is_last=*/true));
  metadata.transaction = transaction_->id();
  metadata.Sign(key);
  RETURN_IF_ERROR(transaction_->Put(kMetadataKey, EncodeMetadata(metadata)));
  cursor_->Close();
  RETURN_IF_ERROR(transaction_->Commit());

  const size_t used = environment_->used_bytes();
  if (durable_) RETURN_IF_ERROR(environment_->Sync());
  environment_.reset();
  if (ftruncate(fd_, static_cast<off_t>(used)) != 0) return FromErrno(temporary_, "truncate");
  if (durable_ && fsync(fd_) != 0) return FromErrno(temporary_, "sync");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return FromErrno(path_, "rename to");
  in_place_ = true;
  if (durable_) RETURN_IF_ERROR(SyncFolder(FolderOf(path_)));
  return metadata.root;
}

absl::StatusOr<std::unique_ptr<RecordSource>> TreeWriter::ReadBack() {
  RETURN_IF_ERROR(EndLeaf());
  cursor_->Close();
  RETURN_IF_ERROR(transaction_->Commit());
  ASSIGN_OR_RETURN(Transaction transaction, environment_->BeginRead());
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::Open(transaction));
  return std::make_unique<LeafSource>(std::move(transaction), std::move(cursor));
}

}  // namespace driftwood::merkle
