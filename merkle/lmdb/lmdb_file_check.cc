#include "merkle/lmdb/lmdb_file_check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

constexpr size_t kPageHeaderBytes = 16;
constexpr size_t kNodeHeaderBytes = 8;
constexpr uint64_t kNoPage = UINT64_MAX;
constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kDataVersion = 1;
constexpr size_t kDepthMax = 32;  // LMDB's cursor stack
// Of the free tree: integer keys, and MDB_NOSUBDIR, which stays with the file.
constexpr uint16_t kFreeTreeFlags = 0x08 | 0x4000;
// A page that was allocated and never written lies beyond the end of the file; LMDB bounds how
// many a transaction can leave behind.
constexpr uint64_t kUnwrittenPagesMax = uint64_t{1} << 17;

enum PageFlags : uint16_t { kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04, kMeta = 0x08 };
enum NodeFlags : uint16_t { kPlain = 0, kBigData = 0x01 };

template <typename Integer>
Integer Load(const char* bytes) {
  Integer value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

absl::Status Damaged(const std::string& what) {
  return absl::DataLossError("index file is damaged: " + what);
}

struct Tree {
  uint16_t flags = 0;
  uint16_t depth = 0;
  uint64_t branch_pages = 0;
  uint64_t leaf_pages = 0;
  uint64_t overflow_pages = 0;
  uint64_t entries = 0;
  uint64_t root = kNoPage;
};

struct Meta {
  uint32_t page_bytes = 0;
  Tree free;
  Tree main;
  uint64_t last_page = 0;
  uint64_t transaction = 0;
};

Tree ParseTree(const char* bytes) {
  Tree tree;
  tree.flags = Load<uint16_t>(bytes + 4);
  tree.depth = Load<uint16_t>(bytes + 6);
  tree.branch_pages = Load<uint64_t>(bytes + 8);
  tree.leaf_pages = Load<uint64_t>(bytes + 16);
  tree.overflow_pages = Load<uint64_t>(bytes + 24);
  tree.entries = Load<uint64_t>(bytes + 32);
  tree.root = Load<uint64_t>(bytes + 40);
  return tree;
}

// One node of a page, within its bounds.
struct Node {
  std::string_view key;
  uint64_t child = 0;          // branch
  uint64_t value_bytes = 0;    // leaf
  std::string_view inlined;    // leaf: the value if it lies in the page
  uint64_t overflow_page = 0;  // leaf: where it begins if it doesn't; else 0
};

class FileChecker {
 public:
  FileChecker(int fd, uint64_t file_bytes) : fd_(fd), file_bytes_(file_bytes) {}

  absl::StatusOr<LmdbFile> Run() {
    Meta metas[2];
    RETURN_IF_ERROR(ReadMetas(metas));
    const int newest = metas[0].transaction < metas[1].transaction ? 1 : 0;
    const Meta& meta = metas[newest];
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

  absl::Status ReadMetas(Meta* metas) {
    for (size_t i = 0; i < 2; ++i) {
      // The second meta page's place is known from the first.
      const uint64_t offset = i == 0 ? 0 : metas[0].page_bytes;
      std::string page;
      RETURN_IF_ERROR(ReadAt(offset, kPageHeaderBytes + 136, &page));
      RETURN_IF_ERROR(ParseMeta(page.data(), i, &metas[i]));
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

  absl::Status ParseMeta(const char* page, size_t number, Meta* meta) {
    const char* const body = page + kPageHeaderBytes;
    if (Load<uint64_t>(page) != number || Load<uint16_t>(page + 10) != kMeta ||
        Load<uint32_t>(body) != kMagic) {
      return Damaged("not an LMDB file");
    }
    if (Load<uint32_t>(body + 4) != kDataVersion) return Damaged("another LMDB data version");
    meta->page_bytes = Load<uint32_t>(body + 24);
    if (meta->page_bytes != static_cast<uint32_t>(sysconf(_SC_PAGESIZE))) {
      return Damaged("page size of " + std::to_string(meta->page_bytes));
    }
    meta->free = ParseTree(body + 24);
    meta->main = ParseTree(body + 72);
    meta->last_page = Load<uint64_t>(body + 120);
    meta->transaction = Load<uint64_t>(body + 128);
    if (Load<uint32_t>(body + 72) != 0 || meta->main.flags != 0 ||
        meta->free.flags != kFreeTreeFlags) {
      return Damaged("flags of a meta page");
    }
    return absl::OkStatus();
  }

  absl::Status CheckMeta(const Meta& meta) const {
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

  absl::Status CheckTree(const Tree& tree) {
    counted_ = Tree();
    last_key_.reset();
    if (tree.root == kNoPage) {
      if (tree.entries != 0 || tree.depth != 0) return Damaged("a tree without a root");
      return absl::OkStatus();
    }
    if (tree.depth < 1 || tree.depth > kDepthMax) return Damaged("depth of a tree");
    RETURN_IF_ERROR(CheckPage(tree.root, tree.depth, {}, std::nullopt));
    if (counted_.branch_pages != tree.branch_pages || counted_.leaf_pages != tree.leaf_pages ||
        counted_.overflow_pages != tree.overflow_pages || counted_.entries != tree.entries) {
      return Damaged("the tree has not the pages and entries that its root says");
    }
    return absl::OkStatus();
  }

  // The page that holds the keys in [begin, end), `height` pages above the end of the tree. The
  // recursion is at most kDepthMax deep.
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
      ASSIGN_OR_RETURN(const Node node, ReadNode(page, number, i, branch));
      // A branch's first key is not looked at: it stands for everything before the second.
      const std::string_view child_begin = i == 0 ? begin : node.key;
      std::optional<std::string_view> child_end = end;
      if (i + 1 < count) {
        ASSIGN_OR_RETURN(const Node next, ReadNode(page, number, i + 1, branch));
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
    const auto lower = Load<uint16_t>(page.data() + 12);
    const auto upper = Load<uint16_t>(page.data() + 14);
    const size_t count = (lower - kPageHeaderBytes) / 2;
    if (Load<uint64_t>(page.data()) != number ||
        Load<uint16_t>(page.data() + 10) != (branch ? kBranch : kLeaf) ||
        lower < kPageHeaderBytes || lower % 2 != 0 || lower > upper || upper > page.size() ||
        count < (branch ? 2 : 1)) {
      return Damaged("header of page " + std::to_string(number));
    }
    return count;
  }

  absl::StatusOr<Node> ReadNode(std::string_view page, uint64_t number, size_t i, bool branch) {
    const auto bad = [&] { return Damaged("a node of page " + std::to_string(number)); };
    const size_t offset = Load<uint16_t>(page.data() + kPageHeaderBytes + 2 * i);
    const auto upper = Load<uint16_t>(page.data() + 14);
    if (offset < upper || offset % 2 != 0 || offset + kNodeHeaderBytes > page.size()) return bad();
    const char* const bytes = page.data() + offset;
    const uint64_t low = Load<uint16_t>(bytes);
    const uint64_t high = Load<uint16_t>(bytes + 2);
    const uint64_t flags = Load<uint16_t>(bytes + 4);
    const size_t key_bytes = Load<uint16_t>(bytes + 6);
    const size_t room = page.size() - offset - kNodeHeaderBytes;
    if (key_bytes > room) return bad();
    Node node;
    node.key = page.substr(offset + kNodeHeaderBytes, key_bytes);
    if (listing_free_ && key_bytes != sizeof(uint64_t) && !(branch && i == 0)) return bad();
    if (branch) {
      node.child = low | high << 16 | flags << 32;
      return node;
    }
    node.value_bytes = low | high << 16;
    const size_t value_offset = offset + kNodeHeaderBytes + key_bytes;
    if (flags == kPlain) {
      if (node.value_bytes > room - key_bytes) return bad();
      node.inlined = page.substr(value_offset, node.value_bytes);
    } else if (flags == kBigData) {
      if (room - key_bytes < sizeof(uint64_t)) return bad();
      node.overflow_page = Load<uint64_t>(page.data() + value_offset);
      if (node.overflow_page < 2) return bad();
    } else {
      return bad();
    }
    return node;
  }

  absl::Status CheckLeaf(const std::string& page, uint64_t number, size_t count,
                         std::string_view begin, std::optional<std::string_view> end) {
    for (size_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(const Node node, ReadNode(page, number, i, false));
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

  uint64_t OverflowPages(const Node& node) const {
    return (kPageHeaderBytes + node.value_bytes + page_bytes_ - 1) / page_bytes_;
  }

  absl::Status CheckOverflow(const Node& node) {
    const uint64_t count = OverflowPages(node);
    RETURN_IF_ERROR(Take(node.overflow_page, count));
    if ((node.overflow_page + count) * page_bytes_ > file_bytes_) return Damaged("truncated");
    std::string header;
    RETURN_IF_ERROR(ReadAt(node.overflow_page * page_bytes_, kPageHeaderBytes, &header));
    if (Load<uint64_t>(header.data()) != node.overflow_page ||
        Load<uint16_t>(header.data() + 10) != kOverflow ||
        Load<uint32_t>(header.data() + 12) != count) {
      return Damaged("header of overflow page " + std::to_string(node.overflow_page));
    }
    counted_.overflow_pages += count;
    return absl::OkStatus();
  }

  // An entry of the free tree: a transaction number, and the pages that it freed.
  absl::Status ListFreePages(const Node& node) {
    const auto freed_by = Load<uint64_t>(node.key.data());
    std::string value(node.inlined);
    if (node.overflow_page != 0) {
      RETURN_IF_ERROR(
          ReadAt(node.overflow_page * page_bytes_ + kPageHeaderBytes, node.value_bytes, &value));
    }
    const uint64_t slots = value.size() / sizeof(uint64_t);
    const uint64_t count = slots == 0 ? 0 : Load<uint64_t>(value.data());
    if (freed_by > transaction_ || slots == 0 || count > slots - 1) {
      return Damaged("list of free pages");
    }
    uint64_t last = kNoPage;
    for (uint64_t i = 1; i <= count; ++i) {
      const auto page = Load<uint64_t>(value.data() + i * sizeof(uint64_t));
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
  std::optional<LmdbRoot> FollowOther(const Meta& meta) {
    if (meta.main.root == kNoPage || meta.page_bytes != page_bytes_) return std::nullopt;
    listing_free_ = false;
    uint64_t number = meta.main.root;
    for (size_t height = meta.main.depth; height >= 1 && height <= kDepthMax; --height) {
      std::string page;
      if (number >= file_bytes_ / page_bytes_ ||
          !ReadAt(number * page_bytes_, page_bytes_, &page).ok() ||
          !CheckPageHeader(page, number, height > 1).ok()) {
        return std::nullopt;
      }
      const absl::StatusOr<Node> node = ReadNode(page, number, 0, height > 1);
      if (!node.ok()) return std::nullopt;
      if (height == 1) return ReadFirst(meta, *node);
      number = node->child;
    }
    return std::nullopt;
  }

  std::optional<LmdbRoot> ReadFirst(const Meta& meta, const Node& node) {
    LmdbRoot root;
    root.transaction = meta.transaction;
    root.first_key = node.key;
    root.first_value = node.inlined;
    if (node.overflow_page == 0) return root;
    const uint64_t offset = node.overflow_page * page_bytes_ + kPageHeaderBytes;
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
    const auto x = Load<uint64_t>(a.data());
    const auto y = Load<uint64_t>(b.data());
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
  Tree counted_;
  std::optional<std::string> last_key_;
};

}  // namespace

absl::StatusOr<LmdbFile> CheckLmdbFile(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return Damaged("not a regular file");
  return FileChecker(fd, static_cast<uint64_t>(info.st_size)).Run();
}

}  // namespace driftwood::merkle
