// The pages of an LMDB file, each read within its own bounds whatever it holds: for those that read
// such a file without LMDB, which trusts the pages that it maps.
//
// The format is LMDB's data version 1 on a 64-bit little-endian machine (mdb.c of LMDB 0.9:
// MDB_page, MDB_meta, MDB_db, MDB_node). Views live as long as the page that they were read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace driftwood::merkle {

inline constexpr size_t kLmdbPageHeaderBytes = 16;
inline constexpr size_t kLmdbNodeHeaderBytes = 8;
inline constexpr size_t kLmdbMetaBytes = kLmdbPageHeaderBytes + 136;  // all that is read of a page
inline constexpr size_t kLmdbTreeBytes = 48;                          // of a tree's description
inline constexpr uint64_t kLmdbNoPage = UINT64_MAX;
inline constexpr size_t kLmdbDepthMax = 32;  // LMDB's cursor stack

// Of a page.
enum LmdbPageFlags : uint16_t {
  kLmdbBranch = 0x01,
  kLmdbLeaf = 0x02,
  kLmdbOverflow = 0x04,
  kLmdbMeta = 0x08,
};

// Of a tree.
enum LmdbTreeFlags : uint16_t {
  kLmdbReverseKey = 0x02,
  kLmdbDuplicates = 0x04,
  kLmdbIntegerKey = 0x08,
};

struct LmdbTree {
  uint16_t flags = 0;
  uint16_t depth = 0;
  uint64_t branch_pages = 0;
  uint64_t leaf_pages = 0;
  uint64_t overflow_pages = 0;
  uint64_t entries = 0;
  uint64_t root = kLmdbNoPage;
  friend bool operator==(const LmdbTree&, const LmdbTree&) = default;
};

struct LmdbMeta {
  uint32_t page_bytes = 0;
  LmdbTree free;
  LmdbTree main;
  uint64_t last_page = 0;
  uint64_t transaction = 0;
};

// One node of a page.
struct LmdbNode {
  // Of a leaf: where the value is.
  enum class Kind : uint8_t { kInline, kOverflow, kTree };

  std::string_view key;
  uint64_t child = 0;          // of a branch
  Kind kind = Kind::kInline;   // of a leaf
  uint64_t value_bytes = 0;    // of a leaf
  std::string_view inlined;    // kInline: the value; kTree: the description of a named database
  uint64_t overflow_page = 0;  // kOverflow: where the value's pages begin
};

template <typename Integer>
Integer LoadLittleEndian(const char* bytes) {
  Integer value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// `bytes`: kLmdbTreeBytes of them.
LmdbTree ParseLmdbTree(const char* bytes);

// The first kLmdbMetaBytes of meta page `number`, 0 or 1. InvalidArgument: it is none;
// FailedPrecondition: of another format. page_bytes is a power of two from 512 to 65,536.
absl::StatusOr<LmdbMeta> ParseLmdbMeta(std::string_view page, uint64_t number);

// How many nodes a page has; absent if that is not the header of page `number` of that kind.
std::optional<size_t> CountLmdbNodes(std::string_view page, uint64_t number, bool is_branch);

// Node `i` of a page whose nodes were counted; absent if it is not within the page, or of a kind
// that only trees with duplicates have.
std::optional<LmdbNode> ReadLmdbNode(std::string_view page, size_t i, bool is_branch);

// How many pages a value takes that does not fit into its node.
inline uint64_t LmdbOverflowPages(uint64_t value_bytes, uint64_t page_bytes) {
  return (kLmdbPageHeaderBytes + value_bytes + page_bytes - 1) / page_bytes;
}

// Whether `page` begins with the header of overflow page `number`, the first of `count`.
bool IsLmdbOverflow(std::string_view page, uint64_t number, uint64_t count);

}  // namespace driftwood::merkle
