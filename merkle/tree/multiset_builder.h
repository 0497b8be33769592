// Bulk load of a multiset, and what it shares with that of keyed records. Internal to
// merkle/tree/index_builder.cc.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/tree/index.h"
#include "merkle/tree/node.h"

namespace driftwood::merkle {

// InvalidArgument: empty or over kKeyBytesMax.
absl::Status CheckKeySize(std::string_view key);
Metadata MetadataOf(const IndexOptions& options, std::string_view source_position);

absl::StatusOr<std::unique_ptr<IndexBuilder>> CreateMultisetBuilder(
    const std::filesystem::path& path, const IndexOptions& options);

}  // namespace driftwood::merkle
