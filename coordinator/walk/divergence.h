// A divergence: one key with what the replicas hold of it. Values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "merkle/hash/digest.h"

namespace driftwood::coordinator {

// What a replica holds for a key; absent: it lacks the key. By replica, of which there mostly are
// two. Of a duplicate what the first of the sources holds that have it.
using States = absl::InlinedVector<std::optional<merkle::Digest>, 2>;

// A replica of which several sources hold one key, and what each of them holds, by source.
struct Duplicate {
  struct Held {
    size_t source = 0;
    merkle::Digest digest;
    friend bool operator==(const Held&, const Held&) = default;
  };
  size_t replica = 0;
  std::vector<Held> held;  // at least two

  friend bool operator==(const Duplicate&, const Duplicate&) = default;
};

// A key with a duplicate is a divergence even if all replicas hold the same.
struct Divergence {
  std::string key;
  States states;
  std::vector<Duplicate> duplicates{};  // by replica; nearly always empty

  // How many records the replica has under the key.
  uint64_t RecordsIn(size_t replica) const;

  friend bool operator==(const Divergence&, const Divergence&) = default;
};

}  // namespace driftwood::coordinator
