// Digests of many records.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "merkle/hash/digest.h"

namespace driftwood::merkle {

struct Sha256Lanes;

// The digests that RecordHasher gives, of many records, several at a time where the processor is
// faster that way (see merkle/hash/sha256_lanes.h); and in them the hashes that BodyHasher gives.
// One thread at a time.
class BatchHasher {
 public:
  explicit BatchHasher(const DigestKey& key);
  // With given lanes instead of the best ones; null: one record after the other.
  BatchHasher(const DigestKey& key, const Sha256Lanes* lanes);
  ~BatchHasher();
  BatchHasher(BatchHasher&&) noexcept;
  BatchHasher& operator=(BatchHasher&&) noexcept;

  // Whether a body of that length is better given to AddBody() than hashed by itself.
  bool TakesBody(size_t bytes) const;
  // The body's hash will stand at `offset` of the value that is added next, in place of the
  // BodyHasher::kBytes bytes that are there. Only if TakesBody().
  void AddBody(std::string_view body, size_t offset);

  // Appends the record's digest to `digests`; what it is, is there after Flush() only. The same
  // vector until then.
  void Add(std::string_view key, std::string_view value, std::vector<Digest>* digests);
  void Flush(std::vector<Digest>* digests);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace driftwood::merkle
