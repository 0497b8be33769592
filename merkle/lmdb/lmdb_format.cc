#include "merkle/lmdb/lmdb_format.h"

#include <bit>
#include <string>

#include "absl/status/status.h"

namespace driftwood::merkle {
namespace {

constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kDataVersion = 1;
constexpr uint32_t kPageBytesMin = 512;
constexpr uint32_t kPageBytesMax = 65'536;

enum NodeFlags : uint16_t { kPlain = 0x00, kBigData = 0x01, kSubData = 0x02 };

bool IsPage(std::string_view page, uint64_t number, uint16_t flags) {
  return page.size() >= kLmdbPageHeaderBytes && LoadLittleEndian<uint64_t>(page.data()) == number &&
         LoadLittleEndian<uint16_t>(page.data() + 10) == flags;
}

}  // namespace

LmdbTree ParseLmdbTree(const char* bytes) {
  LmdbTree tree;
  tree.flags = LoadLittleEndian<uint16_t>(bytes + 4);
  tree.depth = LoadLittleEndian<uint16_t>(bytes + 6);
  tree.branch_pages = LoadLittleEndian<uint64_t>(bytes + 8);
  tree.leaf_pages = LoadLittleEndian<uint64_t>(bytes + 16);
  tree.overflow_pages = LoadLittleEndian<uint64_t>(bytes + 24);
  tree.entries = LoadLittleEndian<uint64_t>(bytes + 32);
  tree.root = LoadLittleEndian<uint64_t>(bytes + 40);
  return tree;
}

absl::StatusOr<LmdbMeta> ParseLmdbMeta(std::string_view page, uint64_t number) {
  if (page.size() < kLmdbMetaBytes || !IsPage(page, number, kLmdbMeta)) {
    return absl::InvalidArgumentError("not an LMDB file");
  }
  const char* const body = page.data() + kLmdbPageHeaderBytes;
  if (LoadLittleEndian<uint32_t>(body) != kMagic) {
    return absl::InvalidArgumentError("not an LMDB file");
  }
  if (LoadLittleEndian<uint32_t>(body + 4) != kDataVersion) {
    return absl::FailedPreconditionError("another LMDB data version");
  }
  LmdbMeta meta;
  meta.page_bytes = LoadLittleEndian<uint32_t>(body + 24);  // where the free tree has no use for it
  if (meta.page_bytes < kPageBytesMin || meta.page_bytes > kPageBytesMax ||
      !std::has_single_bit(meta.page_bytes)) {
    return absl::InvalidArgumentError("page size of " + std::to_string(meta.page_bytes));
  }
  meta.free = ParseLmdbTree(body + 24);
  meta.main = ParseLmdbTree(body + 72);
  meta.last_page = LoadLittleEndian<uint64_t>(body + 120);
  meta.transaction = LoadLittleEndian<uint64_t>(body + 128);
  return meta;
}

std::optional<size_t> CountLmdbNodes(std::string_view page, uint64_t number, bool is_branch) {
  if (!IsPage(page, number, is_branch ? kLmdbBranch : kLmdbLeaf)) return std::nullopt;
  const auto lower = LoadLittleEndian<uint16_t>(page.data() + 12);
  const auto upper = LoadLittleEndian<uint16_t>(page.data() + 14);
  if (lower < kLmdbPageHeaderBytes || lower % 2 != 0 || lower > upper || upper > page.size()) {
    return std::nullopt;
  }
  const size_t count = (lower - kLmdbPageHeaderBytes) / 2;
  return count < (is_branch ? 2 : 1) ? std::nullopt : std::optional<size_t>(count);
}

std::optional<LmdbNode> ReadLmdbNode(std::string_view page, size_t i, bool is_branch) {
  const size_t offset = LoadLittleEndian<uint16_t>(page.data() + kLmdbPageHeaderBytes + 2 * i);
  const auto upper = LoadLittleEndian<uint16_t>(page.data() + 14);
  if (offset < upper || offset % 2 != 0 || offset + kLmdbNodeHeaderBytes > page.size()) {
    return std::nullopt;
  }
  const char* const bytes = page.data() + offset;
  const uint64_t low = LoadLittleEndian<uint16_t>(bytes);
  const uint64_t high = LoadLittleEndian<uint16_t>(bytes + 2);
  const auto flags = LoadLittleEndian<uint16_t>(bytes + 4);
  const size_t key_bytes = LoadLittleEndian<uint16_t>(bytes + 6);
  const size_t room = page.size() - offset - kLmdbNodeHeaderBytes;
  if (key_bytes > room) return std::nullopt;
  LmdbNode node;
  node.key = {bytes + kLmdbNodeHeaderBytes, key_bytes};
  if (is_branch) {
    node.child = low | high << 16 | uint64_t{flags} << 32;
    return node;
  }
  node.value_bytes = low | high << 16;
  const std::string_view rest(bytes + kLmdbNodeHeaderBytes + key_bytes, room - key_bytes);
  switch (flags) {
    case kPlain:
      node.kind = LmdbNode::Kind::kInline;
      break;
    case kSubData:
      node.kind = LmdbNode::Kind::kTree;
      if (node.value_bytes != kLmdbTreeBytes) return std::nullopt;
      break;
    case kBigData:
      node.kind = LmdbNode::Kind::kOverflow;
      if (rest.size() < sizeof(uint64_t)) return std::nullopt;
      node.overflow_page = LoadLittleEndian<uint64_t>(rest.data());
      return node.overflow_page < 2 ? std::nullopt : std::optional<LmdbNode>(node);
    default:
      return std::nullopt;
  }
  if (node.value_bytes > rest.size()) return std::nullopt;
  node.inlined = rest.substr(0, node.value_bytes);
  return node;
}

bool IsLmdbOverflow(std::string_view page, uint64_t number, uint64_t count) {
  return IsPage(page, number, kLmdbOverflow) &&
         LoadLittleEndian<uint32_t>(page.data() + 12) == count;
}

}  // namespace driftwood::merkle
