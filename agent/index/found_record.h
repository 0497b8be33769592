// Records read by key, from a live store or from an index.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/tree/tree_view.h"

namespace driftwood::agent {

// A record read from the live store by key, for reports.
struct FoundRecord {
  std::string key;    // canonical
  std::string value;  // canonical
  merkle::Digest digest;
  uint64_t copies = 0;          // of a multiset only (agent/index/copies.h)
  bool value_too_long = false;  // no room for it (agent/index/found_value.h): not in `value`
  std::string column_tags{};    // ReadTagged(): ColumnTagger::TagColumns()
  std::string rule_tags{};      // the same: ColumnTagger::TagRules(); of a longer value none
};

void SortByKey(std::vector<FoundRecord>* records);

// Those of `keys` that an index has, without values, in their order.
absl::StatusOr<std::vector<FoundRecord>> FindRecords(const merkle::TreeView& view,
                                                     const std::vector<std::string>& keys);

}  // namespace driftwood::agent
