// What an index's source position holds: what the index stands for. It is written in the
// transaction that writes the records, and signed with their sum.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/contract/freshness.h"
#include "proto/contract/prepared.h"

namespace driftwood::agent {

// A change said of a key that it held something else than it does in the index. So the index has
// missed a change, and is served no more.
struct ContradictedKey {
  std::string key;
  Freshness at;  // what the index would have been with the change

  friend bool operator==(const ContradictedKey&, const ContradictedKey&) = default;
};

// So kept that a reused index reports the same as a fresh one.
struct IndexedState {
  // Of the scan, for Store::IsUnchanged(); empty if the index is not what a scan read, or if there
  // is no proof.
  std::string position;
  uint64_t unparsed = 0;  // of the scan
  std::string not_point_in_time;
  uint64_t records = 0;  // of the scan, copies too
  Freshness freshness{};
  std::optional<ContradictedKey> contradicted{};
  std::vector<UnparsedColumn> unparsed_columns{};  // `unparsed` by column

  std::string Encode() const;
  // DataLoss: not such bytes.
  static absl::StatusOr<IndexedState> Decode(std::string_view bytes);

  friend bool operator==(const IndexedState&, const IndexedState&) = default;
};

}  // namespace driftwood::agent
