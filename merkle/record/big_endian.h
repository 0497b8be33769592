// Big-endian integers in buffers: the byte order in which memcmp compares numbers. Values only.
#pragma once

#include <cstdint>
#include <cstring>

namespace driftwood::merkle {

// `to` must have room for 8 (4) bytes; `from` must hold as many (2).
inline void StoreBigEndian64(uint64_t value, char* to) {
  value = __builtin_bswap64(value);
  std::memcpy(to, &value, sizeof value);
}
inline void StoreBigEndian32(uint32_t value, char* to) {
  value = __builtin_bswap32(value);
  std::memcpy(to, &value, sizeof value);
}
inline uint64_t LoadBigEndian64(const char* from) {
  uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap64(value);
}
inline uint32_t LoadBigEndian32(const char* from) {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap32(value);
}
inline uint16_t LoadBigEndian16(const char* from) {
  uint16_t value;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap16(value);
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big_endian.h swaps unconditionally");

}  // namespace driftwood::merkle
