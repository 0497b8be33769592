// Inlined: for short keys the call costs as much as the hash.
#define XXH_INLINE_ALL
#include "merkle/hash/level.h"

#include <xxhash.h>

#include <string>
#include <utility>

#include "merkle/check.h"

namespace driftwood::merkle {

absl::Status TreeParams::Validate() const {
  constexpr uint32_t kMin = 2;
  constexpr uint32_t kMax = 4096;
  for (const auto& [name, value] :
       {std::pair("leaf_size", leaf_size), std::pair("fanout", fanout)}) {
    if (value < kMin || value > kMax) {
      return absl::InvalidArgumentError(std::string(name) + " is " + std::to_string(value) +
                                        "; expected " + std::to_string(kMin) + " to " +
                                        std::to_string(kMax));
    }
  }
  return absl::OkStatus();
}

Leveler::Leveler(const DigestKey& key, const TreeParams& params)
    : level_seed_(key.LevelSeed()), tag_seed_(key.TagSeed()) {
  DRIFTWOOD_CHECK(params.Validate().ok());
  uint64_t threshold = UINT64_MAX / params.leaf_size;
  for (uint64_t& each : thresholds_) {
    each = threshold;
    threshold /= params.fanout;
  }
}

int Leveler::Level(std::string_view key) const {
  const std::string_view prefix = CutPrefix(key);
  const uint64_t hash = XXH3_64bits_withSeed(prefix.data(), prefix.size(), level_seed_);
  int level = 0;
  while (level < kLevelMax && hash < thresholds_[static_cast<size_t>(level)]) ++level;
  return level;
}

uint16_t Leveler::Tag(std::string_view key) const {
  const std::string_view prefix = CutPrefix(key);
  return static_cast<uint16_t>(XXH3_64bits_withSeed(prefix.data(), prefix.size(), tag_seed_));
}

}  // namespace driftwood::merkle
