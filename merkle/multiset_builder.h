// Bulk load of a multiset. Internal to merkle/index_builder.cc.
#pragma once

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "merkle/index.h"

namespace driftwood::merkle {

absl::StatusOr<std::unique_ptr<IndexBuilder>> CreateMultisetBuilder(
    const std::filesystem::path& path, const IndexOptions& options);

}  // namespace driftwood::merkle
