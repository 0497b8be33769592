// What reports show in place of a record's digest, which is a secret.
#pragma once

#include <string>

#include "merkle/hash/digest.h"

namespace driftwood::coordinator {

// Equal digests have equal versions within one audit; versions of two audits say nothing about each
// other. Immutable; safe for all threads.
class VersionMaker {
 public:
  // `salt`: at least 16 bytes, random for each audit.
  explicit VersionMaker(std::string salt);
  // 64 bits of SHA-256(salt ‖ digest) as 16 hexadecimal digits.
  std::string Version(const merkle::Digest& digest) const;

 private:
  std::string salt_;
};

}  // namespace driftwood::coordinator
