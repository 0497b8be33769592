// What an index takes besides a bulk load.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "merkle/hash/digest.h"

namespace driftwood::merkle {

// What a change says that its key held before it. A change stream knows: an insert of a key that is
// there, an update or delete of one that is not, or of one that held something else, proves that
// the index has missed a change.
struct Before {
  enum class Kind : uint8_t { kAnything, kAbsent, kPresent, kDigest };

  static Before Absent() { return {Kind::kAbsent}; }
  static Before Present() { return {Kind::kPresent}; }
  static Before Holding(const Digest& digest) { return {Kind::kDigest, digest}; }

  // `held`: absent if the key is.
  bool Allows(const std::optional<Digest>& held) const;

  Kind kind = Kind::kAnything;
  Digest digest{};  // of kDigest
  friend bool operator==(const Before&, const Before&) = default;
};

// One operation of a batch: an upsert with the record's new digest, or a delete.
struct Change {
  std::string key;
  std::optional<Digest> digest;
  Before before{};
};

// FailedPrecondition: `change` contradicts what its key held. The message has the key.
absl::Status Contradiction(const Change& change, const std::optional<Digest>& held);
// The key that such a status is about; nothing if `status` is another.
std::optional<std::string> ContradictedKeyOf(const absl::Status& status);

}  // namespace driftwood::merkle
