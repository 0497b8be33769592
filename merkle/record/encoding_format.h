// What writing and reading a column have in common. Private to the encoding.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace driftwood::merkle {

// After a zero byte within an escaped text; no tag has this value.
inline constexpr char kEscapedZero = '\xFF';

// First byte of the body of a date or timestamp; only a finite one has eight more.
inline constexpr char kDateMinusInfinity = 0x01;
inline constexpr char kDateZero = 0x02;
inline constexpr char kDateFinite = 0x03;
inline constexpr char kDatePlusInfinity = 0x04;

// Of lists within lists.
inline constexpr int kListDepthMax = 16;

inline constexpr uint64_t kSignBit = uint64_t{1} << 63;
inline constexpr uint64_t kCanonicalNaN = 0x7FF8000000000000;

// Unsigned numbers in the order of the signed ones.
inline uint64_t OrderedFromInt64(int64_t value) { return static_cast<uint64_t>(value) ^ kSignBit; }
inline int64_t Int64FromOrdered(uint64_t ordered) {
  return static_cast<int64_t>(ordered ^ kSignBit);
}

// Negative doubles count downwards: all their bits are flipped; of others only the sign.
inline uint64_t OrderedFromDouble(double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  if (std::isnan(value)) bits = kCanonicalNaN;
  if (value == 0) bits = 0;
  return (bits & kSignBit) != 0 ? ~bits : bits | kSignBit;
}
inline double DoubleFromOrdered(uint64_t ordered) {
  return std::bit_cast<double>((ordered & kSignBit) != 0 ? ordered ^ kSignBit : ~ordered);
}

}  // namespace driftwood::merkle
