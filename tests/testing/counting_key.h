// The digest key of the known answers: its bytes are 0 to 31.
#pragma once

#include <string>

#include "merkle/hash/digest.h"

namespace driftwood::merkle {

inline DigestKey CountingKey() {
  std::string bytes;
  for (char c = 0; c < 32; ++c) bytes.push_back(c);
  return DigestKey::FromBytes(bytes).value();
}

}  // namespace driftwood::merkle
