// A fast hash that finds accidents, and no attackers.
#pragma once

#include <cstdint>
#include <string_view>

namespace driftwood::merkle {

// XXH3-64.
uint64_t Checksum(std::string_view bytes);

}  // namespace driftwood::merkle
