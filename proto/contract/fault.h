// Whose fault a failure is. It travels with a status as a payload, over gRPC too
// (proto/grpc_status.h), and decides between exit codes 2 and 3: what only the user can put right,
// and what has left something unproven. Whoever knows says so; the code of the status stays what
// happened.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace driftwood {

enum class Fault : uint8_t {
  kUser,       // what was asked for, or access to it: nothing will do but to change that
  kSource,     // the source could not be read to the end, or changed meanwhile
  kTransport,  // the way there: an agent that can't be reached, is lost, too slow, busy or stopping
  kOurs,       // a bug, or damage to what we keep
};

// `status` (not OK), which says `fault` from now on.
absl::Status WithFault(absl::Status status, Fault fault);
// The same unless it says one already.
absl::Status WithDefaultFault(absl::Status status, Fault fault);
// What it says; nothing if it says none.
std::optional<Fault> StatedFault(const absl::Status& status);
// What it says, else what its code stands for. `status` is not OK.
Fault FaultOf(const absl::Status& status);

// `status` in other words: its code, and all that travels with it.
absl::Status Reworded(const absl::Status& status, std::string_view message);

}  // namespace driftwood
