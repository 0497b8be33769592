#include "merkle/hash/checksum.h"

#include <xxhash.h>

namespace driftwood::merkle {

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace driftwood::merkle
