#include "agent/source/for_each_row.h"

#include <memory>

#include "merkle/status_macros.h"

namespace driftwood::agent {

absl::Status ForEachRow(Scan& scan, RowSink& sink, Cancellation* cancellation,
                        const std::function<bool()>& done) {
  const InterruptOnCancel interrupt(cancellation, &scan);
  while (!done()) {
    if (IsCancelled(cancellation)) return absl::CancelledError("cancelled while reading");
    ASSIGN_OR_RETURN(std::unique_ptr<RowBatch> batch, scan.Next());
    if (batch == nullptr) return absl::OkStatus();
    RETURN_IF_ERROR(batch->Decode(sink));
  }
  return absl::OkStatus();
}

}  // namespace driftwood::agent
