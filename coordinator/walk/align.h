// Lines up the cut points of two replicas by what is known of their keys.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace driftwood::coordinator {

// Pairs (index in `a`, index in `b`) of cuts taken to be the same key, ascending in both.
using CommonCuts = std::vector<std::pair<uint32_t, uint32_t>>;

// By 16-bit tags: a longest common subsequence (Hunt and Szymanski, "A fast algorithm for computing
// longest common subsequences", 1977: cheap where equal tags are rare, as here), linear where the
// two are equal. Two different cuts have the same tag once in 65,536, so a stretch with few common
// tags among many is taken to have none. May be wrong; the walk checks what follows from it.
CommonCuts AlignTags(std::span<const uint16_t> a, std::span<const uint16_t> b);

// By the keys themselves, both strictly ascending. Never wrong.
CommonCuts AlignKeys(std::span<const std::string> a, std::span<const std::string> b);

}  // namespace driftwood::coordinator
