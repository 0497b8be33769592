// SHA-256 of many messages at once, one in each lane of a vector register. Internal to
// merkle/hash/digest.cc.
//
// The messages of the lanes have nothing to do with each other: each step of the compression
// function (FIPS 180-4, 6.2.2) is done for all of them by one instruction. On a processor without
// SHA instructions that is several times as fast as one message after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace driftwood::merkle {

inline constexpr size_t kSha256LanesMax = 16;
inline constexpr size_t kSha256StateWords = 8;
inline constexpr size_t kSha256BlockBytes = 64;

struct Sha256Lanes {
  const char* name;
  size_t lanes;
  // Applies the compression function to `blocks` blocks of each lane. `state` has, for each of the
  // 8 state words, one word a lane; in `messages` each lane's blocks come after those of the lane
  // before.
  void (*compress)(uint32_t* state, const unsigned char* messages, size_t blocks);
};

// Those that this processor can run; empty on other architectures.
std::vector<Sha256Lanes> RunnableSha256Lanes();

// The fastest of them; null where one message after the other is as fast, since the processor has
// SHA instructions, or nothing else is there.
const Sha256Lanes* BestSha256Lanes();

}  // namespace driftwood::merkle
