#include "coordinator/peer/grpc_channels.h"

#include <algorithm>
#include <iterator>

namespace driftwood::coordinator {

void GrpcChannels::Give(std::string address, std::shared_ptr<grpc::Channel> channel) {
  std::shared_ptr<grpc::Channel> oldest;  // closed without the lock
  merkle::MutexLock lock(&mutex_);
  if (idle_.size() == kMax) {
    oldest = std::move(idle_.front().second);
    idle_.erase(idle_.begin());
  }
  idle_.emplace_back(std::move(address), std::move(channel));
}

std::shared_ptr<grpc::Channel> GrpcChannels::Take(const std::string& address) {
  merkle::MutexLock lock(&mutex_);
  const auto found = std::find_if(idle_.rbegin(), idle_.rend(),
                                  [&](const auto& each) { return each.first == address; });
  if (found == idle_.rend()) return nullptr;
  std::shared_ptr<grpc::Channel> channel = std::move(found->second);
  idle_.erase(std::next(found).base());
  return channel;
}

void GrpcChannels::Drop(const std::string& address) {
  while (Take(address) != nullptr) {  // each is closed without the lock
  }
}

}  // namespace driftwood::coordinator
