// What tests of hash trees share: records at random, indexes built from them, and the comparison of
// two views over many ranges.
#pragma once

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/tree/index.h"
#include "merkle/tree/tree_view.h"
#include "tests/testing/memory_tree.h"

namespace driftwood::merkle {

using Records = std::vector<std::pair<std::string, Digest>>;
using Random = std::mt19937_64;

Digest RandomDigest(Random& random);
// Short keys over few letters, so that they share prefixes, run into each other, and recur.
std::string RandomKey(Random& random, size_t bytes_max);
size_t RandomBelow(Random& random, size_t bound);

absl::StatusOr<Summary> BuildIndex(const std::filesystem::path& path, const IndexOptions& options,
                                   const Records& records, std::string_view source_position);
Records RecordsOf(const MemoryTree& tree);

// Summarize, Partition on every level and Records agree over the whole key space and over
// `ranges` random ranges, many of which begin or end at keys and cut points. Adds failures to the
// running test.
void ExpectSameViews(const TreeView& view, const MemoryTree& twin, Random& random, int ranges);

// Everything that `view` answers to a fixed set of questions, or its first error: to see whether
// damage changes an answer.
absl::StatusOr<std::string> Transcript(const TreeView& view, const std::vector<Range>& ranges);

}  // namespace driftwood::merkle
