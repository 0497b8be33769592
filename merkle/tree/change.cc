#include "merkle/tree/change.h"

#include "absl/strings/cord.h"
#include "merkle/text/hex.h"

namespace driftwood::merkle {
namespace {

constexpr char kContradictedKeyPayload[] = "driftwood/contradicted-key";
constexpr size_t kKeyBytesShown = 64;

}  // namespace

bool Before::Allows(const std::optional<Digest>& held) const {
  switch (kind) {
    case Kind::kAnything:
      return true;
    case Kind::kAbsent:
      return !held;
    case Kind::kPresent:
      return held.has_value();
    case Kind::kDigest:
      return held == digest;
  }
  return false;
}

absl::Status Contradiction(const Change& change, const std::optional<Digest>& held) {
  const char* const what = change.before.kind == Before::Kind::kAbsent ? "was not there, and it is"
                           : held ? "held another record than it does"
                                  : "was there, and it is not";
  absl::Status status =
      absl::FailedPreconditionError("a change contradicts the index: it says that the key 0x" +
                                    ShortHex(change.key, kKeyBytesShown) + " " + what);
  status.SetPayload(kContradictedKeyPayload, absl::Cord(change.key));
  return status;
}

std::optional<std::string> ContradictedKeyOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kContradictedKeyPayload);
  if (!payload) return std::nullopt;
  return std::string(*payload);
}

}  // namespace driftwood::merkle
