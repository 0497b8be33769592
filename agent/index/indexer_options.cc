#include "agent/index/indexer_options.h"

#include <string>

#include "merkle/status_macros.h"

namespace driftwood::agent {

absl::Status CheckAgreement(const merkle::Agreement& agreement, const merkle::DigestKey& key) {
  RETURN_IF_ERROR(agreement.Validate());
  if (agreement.encoding_version != merkle::kEncodingVersion) {
    return absl::FailedPreconditionError(
        "encoding version differs: asked for is " + std::to_string(agreement.encoding_version) +
        ", this agent has " + std::to_string(merkle::kEncodingVersion) +
        "; run the same version of driftwood on all sides");
  }
  if (agreement.key_id != key.KeyId()) {
    return absl::FailedPreconditionError(
        "digest key differs from the one agreed on; give all agents the same digest_key_file");
  }
  return absl::OkStatus();
}

}  // namespace driftwood::agent
