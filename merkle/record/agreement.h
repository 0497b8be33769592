// All on which the coordinator and the agents of a dataset must agree: schema, rules, encoding
// version, digest key and the shape of the trees.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "merkle/hash/level.h"
#include "merkle/record/schema.h"

namespace driftwood::merkle {

// Raised by any change of the bytes that a record becomes (docs/encoding.md; golden
// vectors in tests/testdata/).
inline constexpr uint32_t kEncodingVersion = 2;

// All on which the agents of a dataset must agree before their digests can be compared.
struct Agreement {
  uint32_t encoding_version = kEncodingVersion;
  Schema schema;
  std::vector<std::string> rules;  // "column:rule" (merkle/record/rule.h), sorted
  std::string key_id;              // DigestKey::KeyId()
  TreeParams params;

  // InvalidArgument: no key column (a multiset: one, or no value column), a name twice, value
  // columns not sorted, bad rules or parameters.
  absl::Status Validate() const;
  // 32 bytes over an injective serialisation of everything above.
  std::string Fingerprint() const;
  friend bool operator==(const Agreement&, const Agreement&) = default;
};

// Empty if equal; else one sentence that says which part differs and how, naming both sides.
std::string DescribeDifference(std::string_view left_name, const Agreement& left,
                               std::string_view right_name, const Agreement& right);

}  // namespace driftwood::merkle
