// Which keys are cut points of the tree, and of which level. A pure function of the key's first
// 480 bytes and the dataset's parameters: never of values, insertion order, engine or page size,
// so two replicas with the same keys have the same nodes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "merkle/hash/digest.h"

namespace driftwood::merkle {

// Part of what must match between the agents of a dataset. Expected records in a leaf and expected
// children of a node. Measured best: 16 and 32.
struct TreeParams {
  uint32_t leaf_size = 16;
  uint32_t fanout = 32;

  // InvalidArgument unless both are within [2, 4096].
  absl::Status Validate() const;
  friend bool operator==(const TreeParams&, const TreeParams&) = default;
};

inline constexpr int kLevelMax = 12;
inline constexpr size_t kCutPrefixBytes = 480;

// The part of an encoded key that decides about cuts. All keys with one prefix lie in one leaf.
inline std::string_view CutPrefix(std::string_view key) { return key.substr(0, kCutPrefixBytes); }

// XXH3-64 seeded from the digest key. Level >= 1 with probability 1/leaf_size, each further level
// with probability 1/fanout, at most kLevelMax.
class Leveler {
 public:
  Leveler(const DigestKey& key, const TreeParams& params);

  // Of a key or of its prefix: 0 (no cut point) to kLevelMax.
  int Level(std::string_view key) const;
  // 16 bits by which two replicas line up their cut points without sending the keys. An
  // independent hash of the prefix: tags may collide, and what relies on them is checked.
  uint16_t Tag(std::string_view key) const;

 private:
  uint64_t level_seed_;
  uint64_t tag_seed_;
  std::array<uint64_t, kLevelMax> thresholds_;  // level >= i+1 iff hash < thresholds_[i]
};

}  // namespace driftwood::merkle
