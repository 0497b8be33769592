// What is hashed of a record's value: its columns as they are shown (merkle/record/encoding.h), but
// each body of more than kBodyBytesMax bytes by its own hash.
//
//   tag, length, body          where the length is kBodyBytesMax or less, or the tag has none
//   tag, length, hash of body  where it is more: 16 bytes (BodyHasher)
//
// The length tells the two apart, so a body that spells another one's hash is not taken for it, and
// two values have one hashed form only if two bodies have one hash. A change stream that leaves a
// long value out leaves nothing out that is hashed, if its hash is known; whether two long values
// are equal shows without them; and a value of any length is hashed once.
//
// Keys are never in this form.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"

namespace driftwood::merkle {

// Measured beside 64 and 256: bench/README.md. Part of the encoding version.
inline constexpr size_t kBodyBytesMax = 128;

// Of a tag and a length: what comes before a body that has one.
inline constexpr size_t kHeadBytes = 1 + 4;
static_assert(kBodyBytesMax > 32, "columns without a length are never long");

// The column that begins at `begin` of `value` and is its last one, in its hashed form.
void HashLongColumn(size_t begin, BodyHasher* hasher, std::string* value);
// Whether it is another one, by its bytes, tag and all.
inline bool IsLongColumn(size_t bytes) { return bytes > kHeadBytes + kBodyBytesMax; }
inline void HashColumnIfLong(size_t begin, BodyHasher* hasher, std::string* value) {
  if (IsLongColumn(value->size() - begin)) HashLongColumn(begin, hasher, value);
}

// The hashed form of `columns` encoded columns. InvalidArgument: they do not end where `values`
// does. Nothing else is looked at.
absl::StatusOr<std::string> HashedForm(std::string_view values, size_t columns, BodyHasher* hasher);

}  // namespace driftwood::merkle
