// What an index's source position holds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace driftwood::agent {

// So kept that a reused index reports the same as a fresh one.
struct IndexedState {
  std::string position;
  uint64_t unparsed = 0;
  std::string not_point_in_time;
  uint64_t records = 0;

  std::string Encode() const;
  // DataLoss: not such bytes.
  static absl::StatusOr<IndexedState> Decode(std::string_view bytes);
};

}  // namespace driftwood::agent
