// The error of two records with one key, which names both.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "agent/source/cancellation.h"
#include "agent/source/store.h"
#include "merkle/record/agreement.h"

namespace driftwood::agent {

// Only the key columns, for what looks rows up.
merkle::Schema KeySchema(const merkle::Schema& schema);

// The rules of key columns, which may have made two keys one: " under the rule name:casefold".
std::string UnderKeyRules(const merkle::Agreement& agreement);

// AlreadyExists, with the key, both origins, and both original keys where they are written
// differently ('7' and '007'); Aborted, if they are one record that moved while it was read. Scans
// the store.
absl::Status DuplicateError(Store& store, const merkle::Agreement& agreement,
                            const std::string& key, Cancellation* cancellation);

}  // namespace driftwood::agent
