// All rows of a scan, for whoever looks through a store on one thread.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "agent/source/cancellation.h"
#include "agent/source/store.h"

namespace driftwood::agent {

// All rows of a scan to `sink`, until `done()`. An error is never the end.
absl::Status ForEachRow(
    Scan& scan, RowSink& sink, Cancellation* cancellation,
    const std::function<bool()>& done = [] { return false; });

}  // namespace driftwood::agent
