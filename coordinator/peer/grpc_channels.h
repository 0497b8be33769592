// Channels to agents that no peer uses for the moment, kept for the next one: to make a channel and
// to be greeted takes longer than to ask an agent about a small table.
#pragma once

#include <grpcpp/channel.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "merkle/mutex.h"

namespace driftwood::coordinator {

// Any thread. Two peers never have one channel at a time, nor share its fate.
class GrpcChannels {
 public:
  // Peers that compare few tables at once need no more.
  static constexpr size_t kMax = 16;

  // Over the limit, the one that has been here for the longest time is closed.
  void Give(std::string address, std::shared_ptr<grpc::Channel> channel) DRIFTWOOD_EXCLUDES(mutex_);
  // The one to that address that came last; null if there is none.
  std::shared_ptr<grpc::Channel> Take(const std::string& address) DRIFTWOOD_EXCLUDES(mutex_);
  // Closes all to that address: an agent that ends waits for those who have a channel to it.
  void Drop(const std::string& address) DRIFTWOOD_EXCLUDES(mutex_);

 private:
  merkle::Mutex mutex_;
  std::vector<std::pair<std::string, std::shared_ptr<grpc::Channel>>> idle_
      DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace driftwood::coordinator
