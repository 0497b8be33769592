#include "merkle/hash/sha256_lanes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "merkle/hash/digest.h"
#include "tests/testing/seed.h"

namespace driftwood::merkle {
namespace {

// FIPS 180-4, 5.3.3.
constexpr uint32_t kInitial[kSha256StateWords] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

std::string Padded(std::string message) {
  const uint64_t bits = 8 * message.size();
  message += '\x80';
  while (message.size() % 64 != 56) message += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) message += static_cast<char>(bits >> shift);
  return message;
}

// The digests of messages of one padded length, one a lane.
std::vector<std::string> HashAll(const Sha256Lanes& lanes,
                                 const std::vector<std::string>& messages) {
  const size_t blocks = Padded(messages[0]).size() / kSha256BlockBytes;
  std::string padded;
  std::vector<uint32_t> state(kSha256StateWords * lanes.lanes);
  for (size_t lane = 0; lane < lanes.lanes; ++lane) {
    padded += Padded(messages[lane]);
    for (size_t i = 0; i < kSha256StateWords; ++i) state[i * lanes.lanes + lane] = kInitial[i];
  }
  lanes.compress(state.data(), reinterpret_cast<const unsigned char*>(padded.data()), blocks);
  std::vector<std::string> digests(lanes.lanes);
  for (size_t lane = 0; lane < lanes.lanes; ++lane) {
    for (size_t i = 0; i < kSha256StateWords; ++i) {
      const uint32_t word = state[i * lanes.lanes + lane];
      for (int shift = 24; shift >= 0; shift -= 8) {
        digests[lane] += static_cast<char>(word >> shift);
      }
    }
  }
  return digests;
}

TEST(Sha256LanesTest, EachLaneGivesTheDigestOfItsMessage) {
  const testing::Seed seed;
  for (const Sha256Lanes& lanes : RunnableSha256Lanes()) {
    SCOPED_TRACE(lanes.name);
    ASSERT_LE(lanes.lanes, kSha256LanesMax);
    std::mt19937_64 random(seed.value());
    for (const size_t size : {0u, 3u, 55u, 56u, 64u, 119u, 120u, 1000u}) {
      std::vector<std::string> messages;
      for (size_t lane = 0; lane < lanes.lanes; ++lane) {
        std::string& message = messages.emplace_back(size, '\0');
        for (char& c : message) c = static_cast<char>(random());
      }
      const std::vector<std::string> digests = HashAll(lanes, messages);
      for (size_t lane = 0; lane < lanes.lanes; ++lane) {
        ASSERT_EQ(digests[lane], Sha256(messages[lane])) << "size " << size << ", lane " << lane;
      }
    }
  }
}

TEST(Sha256LanesTest, TheBestIsOneOfThoseThatRunHere) {
  const Sha256Lanes* const best = BestSha256Lanes();
  if (best == nullptr) return;
  const std::vector<Sha256Lanes> runnable = RunnableSha256Lanes();
  ASSERT_FALSE(runnable.empty());
  EXPECT_STREQ(best->name, runnable.front().name);
}

}  // namespace
}  // namespace driftwood::merkle
