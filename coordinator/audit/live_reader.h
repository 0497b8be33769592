// Asks all sources of an audit at once, above all for records as they are in the live stores now.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/audit/confirm/confirm.h"
#include "coordinator/peer/peer.h"
#include "merkle/record/agreement.h"

namespace driftwood::coordinator {

// Runs `work(i)` for each source, each on a thread of its own: how each ended, also where it
// threw.
std::vector<absl::Status> ForEachSource(size_t count,
                                        const std::function<absl::Status(size_t)>& work);

// An agent that is gone or does not answer, whatever it is asked.
bool IsLost(const absl::Status& status);

// One thread at a time. All that it gives is by source.
class LiveReader {
 public:
  // `lost[i]`: source i has been lost, and is not asked again: it would only cost the time until
  // it is given up once more. Set here too. All must outlive the reader.
  LiveReader(std::vector<Peer*> peers, const merkle::Agreement& agreement, bool* lost);

  size_t count() const { return peers_.size(); }
  Peer& peer(size_t source) const { return *peers_[source]; }
  bool AnyLost() const;

  // Of `keys`, which ascend. What an agent said that was not asked for it is an error of its
  // reading.
  Readings Read(const std::vector<std::string>& keys, bool with_values);

  // The same without values, whatever filters the sources for which `filtered` holds. The others
  // are not asked, and have none of `keys`: for what a reading under the filters met nowhere.
  Readings ReadUnfiltered(const std::vector<std::string>& keys, const std::vector<bool>& filtered);

  // The same without values, with column tags as far as the agents give any (Peer::ReadTagged()).
  // What was read besides never depends on them: a reading that fails is done again without them,
  // and tags that are not one for each column and rule are dropped.
  Readings ReadTagged(const std::vector<std::string>& keys, const std::vector<std::string>& rules);
  // Tags of this source had to be dropped.
  bool tags_dropped(size_t source) const { return tags_dropped_[source]; }

  // Calls `ask(i, peer)` for each source that is not lost; it returns the status of its call.
  template <typename Ask>
  void AskEach(const Ask& ask) {
    ForEachSource(count(), [&](size_t i) {
      if (!lost_[i]) lost_[i] = IsLost(ask(i, *peers_[i]));
      return absl::OkStatus();
    });
  }

 private:
  // True if no tags had to be dropped.
  bool CheckTags(size_t rules, std::vector<FoundRecord>* found) const;

  const std::vector<Peer*> peers_;
  const merkle::Agreement& agreement_;
  bool* const lost_;
  const std::unique_ptr<bool[]> tags_dropped_;  // by source: each written by its own thread
};

}  // namespace driftwood::coordinator
