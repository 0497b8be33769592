#include "coordinator/peer/grpc_channels.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace driftwood::coordinator {
namespace {

// Nothing connects before the first call.
std::shared_ptr<grpc::Channel> Channel() {
  return grpc::CreateChannel("unix:/nowhere", grpc::InsecureChannelCredentials());
}

TEST(GrpcChannelsTest, EachIsGivenToOneAndTheLastToItsAddressFirst) {
  GrpcChannels channels;
  EXPECT_EQ(channels.Take("a"), nullptr);
  const auto first = Channel(), second = Channel(), other = Channel();
  channels.Give("a", first);
  channels.Give("a", second);
  channels.Give("b", other);
  EXPECT_EQ(channels.Take("a"), second);
  EXPECT_EQ(channels.Take("a"), first);
  EXPECT_EQ(channels.Take("a"), nullptr);
  EXPECT_EQ(channels.Take("b"), other);
}

TEST(GrpcChannelsTest, TheOldestGoesWhereThereIsNoRoom) {
  GrpcChannels channels;
  const std::weak_ptr<grpc::Channel> oldest = [&] {
    auto channel = Channel();
    channels.Give("old", channel);
    return std::weak_ptr<grpc::Channel>(channel);
  }();
  for (size_t i = 0; i < GrpcChannels::kMax; ++i) channels.Give("new", Channel());
  EXPECT_TRUE(oldest.expired());
  EXPECT_EQ(channels.Take("old"), nullptr);
}

// Or else the agent at its end would wait half a second for us to hang up.
TEST(GrpcChannelsTest, NoneIsLeftToWhomIsDropped) {
  GrpcChannels channels;
  std::vector<std::weak_ptr<grpc::Channel>> dropped;
  for (int i = 0; i < 3; ++i) {
    auto channel = Channel();
    dropped.emplace_back(channel);
    channels.Give("a", std::move(channel));
  }
  const auto other = Channel();
  channels.Give("b", other);
  channels.Drop("a");
  for (const auto& channel : dropped) EXPECT_TRUE(channel.expired());
  EXPECT_EQ(channels.Take("a"), nullptr);
  EXPECT_EQ(channels.Take("b"), other);
}

}  // namespace
}  // namespace driftwood::coordinator
