// Is a file a well-formed LMDB environment, so that LMDB can be let loose on it?
//
// LMDB trusts the pages that it maps: over a damaged or truncated file it dies of SIGSEGV, SIGBUS
// or an assertion, or quietly reads other entries than were written. So every page that it could
// follow is read here first, with pread and bounds: the meta pages, the tree of entries, the tree
// of free pages. What passes has pages only within the file, each used once, every node within its
// page, keys in order over the whole tree, depths and counts as the meta page says. It doesn't look
// into values: they carry checksums of their own.
//
// The format is LMDB's data version 1 on a 64-bit little-endian machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood::merkle {

// The first entry of the tree that a meta page is the root of, with the transaction number that the
// page claims.
struct LmdbRoot {
  uint64_t transaction = 0;
  std::string first_key;
  std::string first_value;
};

struct LmdbFile {
  uint64_t transaction = 0;  // of the meta page that LMDB will use
  // The other meta page's, if it can still be followed: its pages may have been used again.
  std::optional<LmdbRoot> other;
};

// DataLoss, saying what is wrong and where. The file must not be written meanwhile.
absl::StatusOr<LmdbFile> CheckLmdbFile(int fd);

}  // namespace driftwood::merkle
