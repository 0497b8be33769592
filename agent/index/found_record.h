// Found records in key order, and those of an index.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/tree/tree_view.h"
#include "proto/contract/record.h"

namespace driftwood::agent {

void SortByKey(std::vector<FoundRecord>* records);

// Those of `keys`, which ascend, that an index has, without values.
absl::StatusOr<std::vector<FoundRecord>> FindRecords(const merkle::TreeView& view,
                                                     const std::vector<std::string>& keys);

}  // namespace driftwood::agent
