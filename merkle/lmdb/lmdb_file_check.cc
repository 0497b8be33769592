#include "merkle/lmdb/lmdb_file_check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "merkle/lmdb/lmdb_format.h"
#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

// Of the free tree: integer keys, and MDB_NOSUBDIR, which stays with the file.
constexpr uint16_t kFreeTreeFlags = kLmdbIntegerKey | 0x4000;
// A page that was allocated and never written lies beyond the end of the file; LMDB bounds how
// many a transaction can leave behind.
constexpr uint64_t kUnwrittenPagesMax = uint64_t{1} << 17;

absl::Status Damaged(const std::string& what) {
  return absl::DataLossError("index file is damaged: " + what);
}

class FileChecker {
 public:
  FileChecker(int fd, uint64_t file_bytes) : fd_(fd), file_bytes_(file_bytes) {}

  absl::StatusOr<LmdbFile> Run() {
    LmdbMeta metas[2];
    RETURN_IF_ERROR(ReadMetas(metas));
    const int newest = metas[0].transaction < metas[1].transaction ? 1 : 0;
    const LmdbMeta& meta = metas[newest];
    page_bytes_ = meta.page_bytes;
    RETURN_IF_ERROR(CheckMeta(meta));
    used_.assign(std::min(meta.last_page + 1, file_bytes_ / page_bytes_ + kUnwrittenPagesMax),
                 false);
    used_[0] = used_[1] = true;

    listing_free_ = false;
    RETURN_IF_ERROR(CheckTree(meta.main));
    listing_free_ = true;
    transaction_ = meta.transaction;
    RETURN_IF_ERROR(CheckTree(meta.free));
    RETURN_IF_ERROR(CheckFreePages());

    LmdbFile file;
    file.transaction = meta.transaction;
    file.other = FollowOther(metas[1 - newest]);
    return file;
  }

 private:
  absl::Status ReadAt(uint64_t offset, size_t size, std::string* out) {
    out->resize(size);
    size_t filled = 0;
    while (filled < size) {
      const ssize_t got =
          pread(fd_, out->data() + filled, size - filled, static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Damaged(std::string("cannot be read: ") + std::strerror(errno));
      if (got == 0) return Damaged("truncated");
      filled += static_cast<size_t>(got);
    }
    return absl::OkStatus();
  }

  absl::Status ReadMetas(LmdbMeta* metas) {
    for (size_t i = 0; i < 2; ++i) {
      // The second meta page's place is known from the first.
      const uint64_t offset = i == 0 ? 0 : metas[0].page_bytes;
      std::string page;
      RETURN_IF_ERROR(ReadAt(offset, kLmdbMetaBytes, &page));
      RETURN_IF_ERROR(ParseMeta(page, i, &metas[i]));
    }
    const uint64_t a = metas[0].transaction;
    const uint64_t b = metas[1].transaction;
    // Commits go to the two pages in turn. This catches most changes of a transaction number, and
    // what the caller does with the other root the rest.
    if (a % 2 != 0 || b % 2 != 1 || (a + 1 != b && b + 1 != a)) {
      return Damaged("transaction numbers of the two meta pages");
    }
    return absl::OkStatus();
  }

  absl::Status ParseMeta(std::string_view page, size_t number, LmdbMeta* meta) {
    absl::StatusOr<LmdbMeta> parsed = ParseLmdbMeta(page, number);
    if (!parsed.ok()) return Damaged(std::string(parsed.status().message()));
    *meta = *parsed;
    if (meta->page_bytes != static_cast<uint32_t>(sysconf(_SC_PAGESIZE))) {
      return Damaged("page size of " + std::to_string(meta->page_bytes));
    }
    const char* const main = page.data() + kLmdbPageHeaderBytes + 72;
    if (LoadLittleEndian<uint32_t>(main) != 0 || meta->main.flags != 0 ||
        meta->free.flags != kFreeTreeFlags) {
      return Damaged("flags of a meta page");
    }
    return absl::OkStatus();
  }

  absl::Status CheckMeta(const LmdbMeta& meta) const {
    if (meta.last_page < 1 || meta.last_page >= file_bytes_ / page_bytes_ + kUnwrittenPagesMax) {
      return Damaged("truncated: the last page is " + std::to_string(meta.last_page) +
                     ", the file has " + std::to_string(file_bytes_ / page_bytes_));
    }
    return absl::OkStatus();
  }

  // Marks pages as used, each once.
  absl::Status Take(uint64_t page, uint64_t count) {
    if (page >= used_.size() || count > used_.size() - page) {
      return Damaged("page " + std::to_string(page) + " is outside of the file");
    }
    for (uint64_t i = page; i < page + count; ++i) {
      if (used_[i]) return Damaged("page " + std::to_string(i) + " is used twice");
      used_[i] = true;
    }
    return absl::OkStatus();
  }

  absl::Status CheckTree(const LmdbTree& tree) {
    counted_ = LmdbTree();
    last_key_.reset();
    if (tree.root == kLmdbNoPage) {
      if (tree.entries != 0 || tree.depth != 0) return Damaged("a tree without a root");
      return absl::OkStatus();
    }
    if (tree.depth < 1 || tree.depth > kLmdbDepthMax) return Damaged("depth of a tree");
    RETURN_IF_ERROR(CheckPage(tree.root, tree.depth, {}, std::nullopt));
    if (counted_.branch_pages != tree.branch_pages || counted_.leaf_pages != tree.leaf_pages ||
        counted_.overflow_pages != tree.overflow_pages || counted_.entries != tree.entries) {
      return Damaged("the tree has not the pages and entries that its root says");
    }
    return absl::OkStatus();
  }

  // The page that holds the keys in [begin, end), `height` pages above the end of the tree. The
  // recursion is at most kLmdbDepthMax deep.
  absl::Status CheckPage(uint64_t number, size_t height, std::string_view begin,
                         std::optional<std::string_view> end) {
    RETURN_IF_ERROR(Take(number, 1));
    std::string page;
    RETURN_IF_ERROR(ReadAt(number * page_bytes_, page_bytes_, &page));
    const bool branch = height > 1;
    ASSIGN_OR_RETURN(const size_t count, CheckPageHeader(page, number, branch));
    ++(branch ? counted_.branch_pages : counted_.leaf_pages);
    if (!branch) return CheckLeaf(page, number, count, begin, end);
    for (size_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(const LmdbNode node, ReadNode(page, number, i, branch));
      // A branch's first key is not looked at: it stands for everything before the second.
      const std::string_view child_begin = i == 0 ? begin : node.key;
      std::optional<std::string_view> child_end = end;
      if (i + 1 < count) {
        ASSIGN_OR_RETURN(const LmdbNode next, ReadNode(page, number, i + 1, branch));
        child_end = next.key;
      }
      if (i > 0 && Compare(child_begin, begin) < 0) return OutOfOrder(number);
      if (child_end && Compare(child_begin, *child_end) >= 0) return OutOfOrder(number);
      RETURN_IF_ERROR(CheckPage(node.child, height - 1, child_begin, child_end));
    }
    return absl::OkStatus();
  }

  static absl::StatusOr<size_t> CheckPageHeader(const std::string& page, uint64_t number,
                                                bool branch) {
    const std::optional<size_t> count = CountLmdbNodes(page, number, branch);
    if (!count) return Damaged("header of page " + std::to_string(number));
    return *count;
  }

  absl::StatusOr<LmdbNode> ReadNode(std::string_view page, uint64_t number, size_t i, bool branch) {
    const std::optional<LmdbNode> node = ReadLmdbNode(page, i, branch);
    const bool is_good =
        node && node->kind != LmdbNode::Kind::kTree &&
        (!listing_free_ || node->key.size() == sizeof(uint64_t) || (branch && i == 0));
    if (!is_good) return Damaged("a node of page " + std::to_string(number));
    return *node;
  }

  absl::Status CheckLeaf(const std::string& page, uint64_t number, size_t count,
                         std::string_view begin, std::optional<std::string_view> end) {
    for (size_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(const LmdbNode node, ReadNode(page, number, i, false));
      if (node.key.empty() || Compare(node.key, begin) < 0 ||
          (end && Compare(node.key, *end) >= 0) ||
          (last_key_ && Compare(*last_key_, node.key) >= 0)) {
        return OutOfOrder(number);
      }
      last_key_ = node.key;
      ++counted_.entries;
      if (node.overflow_page != 0) RETURN_IF_ERROR(CheckOverflow(node));
      if (listing_free_) RETURN_IF_ERROR(ListFreePages(node));
    }
    return absl::OkStatus();
  }

  absl::Status CheckOverflow(const LmdbNode& node) {
    const uint64_t count = LmdbOverflowPages(node.value_bytes, page_bytes_);
    RETURN_IF_ERROR(Take(node.overflow_page, count));
    if ((node.overflow_page + count) * page_bytes_ > file_bytes_) return Damaged("truncated");
    std::string header;
    RETURN_IF_ERROR(ReadAt(node.overflow_page * page_bytes_, kLmdbPageHeaderBytes, &header));
    if (!IsLmdbOverflow(header, node.overflow_page, count)) {
      return Damaged("header of overflow page " + std::to_string(node.overflow_page));
    }
    counted_.overflow_pages += count;
    return absl::OkStatus();
  }

  // An entry of the free tree: a transaction number, and the pages that it freed.
  absl::Status ListFreePages(const LmdbNode& node) {
    const auto freed_by = LoadLittleEndian<uint64_t>(node.key.data());
    std::string value(node.inlined);
    if (node.overflow_page != 0) {
      RETURN_IF_ERROR(ReadAt(node.overflow_page * page_bytes_ + kLmdbPageHeaderBytes,
                             node.value_bytes, &value));
    }
    const uint64_t slots = value.size() / sizeof(uint64_t);
    const uint64_t count = slots == 0 ? 0 : LoadLittleEndian<uint64_t>(value.data());
    if (freed_by > transaction_ || slots == 0 || count > slots - 1) {
      return Damaged("list of free pages");
    }
    uint64_t last = kLmdbNoPage;
    for (uint64_t i = 1; i <= count; ++i) {
      const auto page = LoadLittleEndian<uint64_t>(value.data() + i * sizeof(uint64_t));
      if (page >= last) return Damaged("order of free pages");
      free_pages_.push_back(page);
      last = page;
    }
    return absl::OkStatus();
  }

  absl::Status CheckFreePages() {
    for (const uint64_t page : free_pages_) RETURN_IF_ERROR(Take(page, 1));
    return absl::OkStatus();
  }

  // The first entry under the other meta page. Any trouble on the way: nothing.
  std::optional<LmdbRoot> FollowOther(const LmdbMeta& meta) {
    if (meta.main.root == kLmdbNoPage || meta.page_bytes != page_bytes_) return std::nullopt;
    listing_free_ = false;
    uint64_t number = meta.main.root;
    for (size_t height = meta.main.depth; height >= 1 && height <= kLmdbDepthMax; --height) {
      std::string page;
      if (number >= file_bytes_ / page_bytes_ ||
          !ReadAt(number * page_bytes_, page_bytes_, &page).ok() ||
          !CheckPageHeader(page, number, height > 1).ok()) {
        return std::nullopt;
      }
      const absl::StatusOr<LmdbNode> node = ReadNode(page, number, 0, height > 1);
      if (!node.ok()) return std::nullopt;
      if (height == 1) return ReadFirst(meta, *node);
      number = node->child;
    }
    return std::nullopt;
  }

  std::optional<LmdbRoot> ReadFirst(const LmdbMeta& meta, const LmdbNode& node) {
    LmdbRoot root;
    root.transaction = meta.transaction;
    root.first_key = node.key;
    root.first_value = node.inlined;
    if (node.overflow_page == 0) return root;
    const uint64_t offset = node.overflow_page * page_bytes_ + kLmdbPageHeaderBytes;
    if (node.overflow_page >= file_bytes_ / page_bytes_ ||
        offset + node.value_bytes > file_bytes_ ||
        !ReadAt(offset, node.value_bytes, &root.first_value).ok()) {
      return std::nullopt;
    }
    return root;
  }

  // As LMDB compares: bytewise, and the free tree's keys as numbers.
  int Compare(std::string_view a, std::string_view b) const {
    if (!listing_free_ || a.size() != sizeof(uint64_t) || b.size() != sizeof(uint64_t)) {
      return a.compare(b);
    }
    const auto x = LoadLittleEndian<uint64_t>(a.data());
    const auto y = LoadLittleEndian<uint64_t>(b.data());
    return x < y ? -1 : x > y ? 1 : 0;
  }

  static absl::Status OutOfOrder(uint64_t page) {
    return Damaged("keys of page " + std::to_string(page) + " are out of order");
  }

  const int fd_;
  const uint64_t file_bytes_;
  uint64_t page_bytes_ = 0;
  uint64_t transaction_ = 0;
  bool listing_free_ = false;
  std::vector<bool> used_;
  std::vector<uint64_t> free_pages_;
  LmdbTree counted_;
  std::optional<std::string> last_key_;
};

}  // namespace

absl::StatusOr<LmdbFile> CheckLmdbFile(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return Damaged("not a regular file");
  return FileChecker(fd, static_cast<uint64_t>(info.st_size)).Run();
}

}  // namespace driftwood::merkle
