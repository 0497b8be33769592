#include "coordinator/audit/confirm/version.h"

#include <utility>

#include "merkle/check.h"
#include "merkle/text/hex.h"

namespace driftwood::coordinator {

VersionMaker::VersionMaker(std::string salt) : salt_(std::move(salt)) {
  DRIFTWOOD_CHECK(salt_.size() >= 16);
}

std::string VersionMaker::Version(const merkle::Digest& digest) const {
  std::string bytes = salt_;
  digest.AppendTo(&bytes);
  return Hex(merkle::Sha256(bytes).substr(0, 8));
}

}  // namespace driftwood::coordinator
