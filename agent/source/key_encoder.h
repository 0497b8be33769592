// How a comparison tells keys apart, for a store that has to do so itself: what it says of one key
// is in several places, and the last of them counts.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/source_value.h"

namespace driftwood::agent {

// One thread at a time.
class KeyEncoder {
 public:
  virtual ~KeyEncoder() = default;
  // Of one value for each column that it was made for. Equal bytes for what the comparison holds to
  // be one key, however the source spells it, and different bytes for what it holds apart. Lives
  // until the next call.
  virtual absl::StatusOr<std::string_view> Encode(std::span<const SourceValue> key) = 0;
};

// Makes one for columns, by their names as the store has them. FailedPrecondition: one of them is
// not compared. Any thread.
using KeyEncoders = std::function<absl::StatusOr<std::unique_ptr<KeyEncoder>>(
    const std::vector<std::string>& columns)>;

}  // namespace driftwood::agent
