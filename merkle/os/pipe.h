// A pipe whose ends are closed with it, and in whatever this process starts.
#pragma once

#include "absl/status/statusor.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::merkle {

struct Pipe {
  UniqueFd read;
  UniqueFd write;

  // ResourceExhausted.
  static absl::StatusOr<Pipe> Open();
};

}  // namespace driftwood::merkle
