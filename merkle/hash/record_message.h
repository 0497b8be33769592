// What is hashed of a record behind the key block: its frame, key and value, laid out with the
// padding of SHA-256 in one piece. Pure functions. Internal to merkle/hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "merkle/hash/sha256_lanes.h"

namespace driftwood::merkle {

void PutBigEndian32(uint32_t number, unsigned char* to);

// Of the key's length, before the key.
inline constexpr size_t kFrameBytes = 4;
// Longer keys and values are hashed as they come, not laid out.
inline constexpr size_t kShortBytes = 1024;
inline constexpr size_t kPaddedBytesMax = kFrameBytes + 2 * kShortBytes + 2 * kSha256BlockBytes;

inline bool IsShort(std::string_view key, std::string_view value) {
  return key.size() <= kShortBytes && value.size() <= kShortBytes;
}

// How long `bytes` bytes behind the key block are with their padding.
size_t PaddedBytes(size_t bytes);
// The same of a record: frame, key, value.
size_t PaddedBytes(std::string_view key, std::string_view value);

// A record behind the key block, padded as FIPS 180-4, 5.1.1 has it: a 1 bit, zeros, and the length
// in 64 bits at the end of the last block. Only if IsShort(). `padded` is PaddedBytes().
void LayOut(std::string_view key, std::string_view value, size_t padded, unsigned char* message);
// The same of a message without a frame, of kShortBytes at most.
void LayOut(std::string_view body, size_t padded, unsigned char* message);

}  // namespace driftwood::merkle
