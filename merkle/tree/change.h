// What an index takes besides a bulk load.
#pragma once

#include <optional>
#include <string>

#include "merkle/hash/digest.h"

namespace driftwood::merkle {

// One operation of a batch: an upsert with the record's new digest, or a delete.
struct Change {
  std::string key;
  std::optional<Digest> digest;
};

}  // namespace driftwood::merkle
