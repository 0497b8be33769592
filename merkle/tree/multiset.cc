#include "merkle/tree/multiset.h"

#include "merkle/record/encoding.h"

namespace driftwood::merkle {

void AppendMultisetKey(const Digest& digest, std::string* out) {
  char bytes[Digest::kBytes];
  digest.CopyTo(bytes);
  AppendBytes({bytes, sizeof bytes}, Place::kKeyLast, out);
}

std::string_view MultisetHasher::Key(std::string_view columns) {
  return KeyOf(hasher_.Hash("", columns));
}

std::string_view MultisetHasher::KeyOf(const Digest& digest) {
  key_.clear();
  AppendMultisetKey(digest, &key_);
  return key_;
}

Digest MultisetHasher::DigestOf(std::string_view key, uint64_t copies) {
  value_.clear();
  AppendUnsigned(copies, Place::kValue, &value_);
  return hasher_.Hash(key, value_);
}

std::optional<uint64_t> MultisetHasher::CopiesOf(std::string_view key, const Digest& digest,
                                                 uint64_t begin, uint64_t end) {
  for (uint64_t copies = begin; copies < end; ++copies) {
    if (DigestOf(key, copies) == digest) return copies;
  }
  return std::nullopt;
}

}  // namespace driftwood::merkle
