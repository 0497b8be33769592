#include "coordinator/live_reader.h"

#include <algorithm>
#include <utility>

namespace driftwood::coordinator {

bool IsLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

LiveReader::LiveReader(std::vector<Peer*> peers, const merkle::Agreement& agreement, bool* lost)
    : peers_(std::move(peers)), agreement_(agreement), lost_(lost) {}

bool LiveReader::AnyLost() const {
  return std::any_of(lost_, lost_ + count(), [](bool lost) { return lost; });
}

Readings LiveReader::Read(const std::vector<std::string>& keys, bool with_values) {
  Readings readings(count(), absl::UnavailableError("its agent was lost before"));
  AskEach([&](size_t i, Peer& peer) {
    readings[i] = peer.ReadRecords(agreement_, keys, with_values);
    if (readings[i].ok()) {
      const absl::Status sound = CheckReading(keys, *readings[i]);
      if (!sound.ok()) readings[i] = sound;
    }
    return readings[i].status();
  });
  return readings;
}

}  // namespace driftwood::coordinator
