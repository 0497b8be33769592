// Records that nothing identifies (key `*`). A dataset without key is compared as a multiset: its
// index has each different record once,
//
//   key     one column of bytes: the record's keyed digest, which is that of a record with an empty
//           key (no other record has one) and all columns as its value
//   value   one column, an integer: how many copies of the record there are
//
// so that what two replicas must agree on is the copy count of each record. A record's digest
// says nothing about the digests that are summed up to anyone without the digest key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "merkle/hash/digest.h"

namespace driftwood::merkle {

// Appends the encoded key of the record with this digest, that of an empty key and all columns.
void AppendMultisetKey(const Digest& digest, std::string* out);

// One thread at a time.
class MultisetHasher {
 public:
  explicit MultisetHasher(const DigestKey& key) : hasher_(key) {}

  // The encoded key of the record with these canonical columns. Lives until the next call.
  std::string_view Key(std::string_view columns);
  // The same from the digest of a record with an empty key and these columns.
  std::string_view KeyOf(const Digest& digest);
  // The digest of the index's record for so many copies.
  Digest DigestOf(std::string_view key, uint64_t copies);
  // The inverse: which copy count in [begin, end) has this digest; absent if none has. Tries
  // them one after the other: for all keys of an index that is no more work than hashing the
  // records was.
  std::optional<uint64_t> CopiesOf(std::string_view key, const Digest& digest, uint64_t begin,
                                   uint64_t end);

 private:
  RecordHasher hasher_;
  std::string key_;
  std::string value_;
};

}  // namespace driftwood::merkle
