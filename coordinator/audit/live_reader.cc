#include "coordinator/audit/live_reader.h"

#include <algorithm>
#include <utility>

#include "merkle/check.h"
#include "merkle/os/threads.h"
#include "proto/contract/fault.h"

namespace driftwood::coordinator {

namespace {

using Reading = absl::StatusOr<std::vector<FoundRecord>>;

Reading Checked(const std::vector<std::string>& keys, Reading reading) {
  if (!reading.ok()) return reading;
  const absl::Status sound = CheckReading(keys, *reading);
  return sound.ok() ? std::move(reading) : sound;
}

}  // namespace

std::vector<absl::Status> ForEachSource(size_t count,
                                        const std::function<absl::Status(size_t)>& work) {
  std::vector<absl::Status> ended(count);
  const absl::Status ran = merkle::ForEachOnThreads(count, [&work, &ended](size_t i) {
    ended[i] = merkle::Guarded([&work, i] { return work(i); });
    return absl::OkStatus();
  });
  DRIFTWOOD_CHECK(ran.ok());
  return ended;
}

bool IsLost(const absl::Status& status) {
  return (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) &&
         FaultOf(status) == Fault::kTransport;
}

LiveReader::LiveReader(std::vector<Peer*> peers, const merkle::Agreement& agreement, bool* lost)
    : peers_(std::move(peers)),
      agreement_(agreement),
      lost_(lost),
      tags_dropped_(std::make_unique<bool[]>(peers_.size())) {}

bool LiveReader::AnyLost() const {
  return std::any_of(lost_, lost_ + count(), [](bool lost) { return lost; });
}

Readings LiveReader::Read(const std::vector<std::string>& keys, bool with_values) {
  Readings readings(count(), absl::UnavailableError("its agent was lost before"));
  AskEach([&](size_t i, Peer& peer) {
    readings[i] = Checked(keys, peer.ReadRecords(agreement_, keys, with_values));
    return readings[i].status();
  });
  return readings;
}

Readings LiveReader::ReadUnfiltered(const std::vector<std::string>& keys,
                                    const std::vector<bool>& filtered) {
  Readings readings(count(), std::vector<FoundRecord>());
  for (size_t i = 0; i < count(); ++i) {
    if (filtered[i]) readings[i] = absl::UnavailableError("its agent was lost before");
  }
  AskEach([&](size_t i, Peer& peer) {
    if (filtered[i]) readings[i] = Checked(keys, peer.ReadUnfiltered(agreement_, keys));
    return readings[i].status();
  });
  return readings;
}

Readings LiveReader::ReadTagged(const std::vector<std::string>& keys,
                                const std::vector<std::string>& rules) {
  Readings readings(count(), absl::UnavailableError("its agent was lost before"));
  AskEach([&](size_t i, Peer& peer) {
    readings[i] = Checked(keys, peer.ReadTagged(agreement_, keys, rules));
    const absl::Status& status = readings[i].status();
    if (readings[i].ok()) {
      if (!CheckTags(rules.size(), &*readings[i])) tags_dropped_[i] = true;
    } else if (!IsLost(status)) {
      readings[i] = Checked(keys, peer.ReadRecords(agreement_, keys, /*with_values=*/false));
    }
    return readings[i].status();
  });
  return readings;
}

bool LiveReader::CheckTags(size_t rules, std::vector<FoundRecord>* found) const {
  const auto wrong = [](const std::string& tags, size_t wanted) {
    return !tags.empty() && tags.size() != wanted * kTagBytes;
  };
  const size_t columns = agreement_.schema.values.size();
  const bool any_wrong = std::any_of(found->begin(), found->end(), [&](const FoundRecord& record) {
    return wrong(record.column_tags, columns) || wrong(record.rule_tags, rules);
  });
  if (!any_wrong) return true;
  for (FoundRecord& record : *found) {
    record.column_tags.clear();
    record.rule_tags.clear();
  }
  return false;
}

}  // namespace driftwood::coordinator
