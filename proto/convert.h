// Protocol messages <-> merkle values. Pure functions. FromProto trusts nothing: what is absent is
// an error and never a default that reads as "nothing there".
#pragma once

#include "absl/status/statusor.h"
#include "driftwood/v1/agent.pb.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"

namespace driftwood::proto {

v1::Digest ToProto(const merkle::Digest& digest);
// Any message is a digest: whether there was one says the parent's has_...().
merkle::Digest FromProto(const v1::Digest& digest);

v1::Summary ToProto(const merkle::Summary& summary);
// InvalidArgument: no sum (as in an absent summary), or a sum of no records that isn't zero.
absl::StatusOr<merkle::Summary> FromProto(const v1::Summary& summary);

v1::Agreement ToProto(const merkle::Agreement& agreement);
// FailedPrecondition: another encoding version. InvalidArgument: an unknown column type, a key id
// that isn't one, or what merkle::Agreement::Validate() refuses.
absl::StatusOr<merkle::Agreement> FromProto(const v1::Agreement& agreement);

}  // namespace driftwood::proto
