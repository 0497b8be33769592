#include "agent/index/indexed_state.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace driftwood::agent {
namespace {

WallTime At(int64_t microseconds) { return WallTime(std::chrono::microseconds(microseconds)); }

std::vector<Freshness> SomeFreshness() {
  return {ProvedUnchanged{At(1'700'000'000'000'000)},
          ProvedUnchanged{At(-5)},
          Followed{"7301", std::string("0/16\0B", 6), At(77)},
          Followed{},
          Pushed{"epoch 3", ~uint64_t{0}, At(12)},
          Pushed{"", 0}};
}

TEST(IndexedStateTest, RoundTripsAndRefusesOtherBytes) {
  for (const Freshness& freshness : SomeFreshness()) {
    for (const Freshness& at : SomeFreshness()) {
      for (const bool contradicted : {false, true}) {
        IndexedState state{std::string("p\0q", 3), 12345678901234u, "because", 7, freshness};
        if (contradicted) state.contradicted = ContradictedKey{std::string("k\0", 2), at};
        const std::string bytes = state.Encode();
        const auto back = IndexedState::Decode(bytes);
        ASSERT_TRUE(back.ok()) << back.status();
        EXPECT_EQ(*back, state);
        for (size_t size = 0; size < bytes.size(); ++size) {
          EXPECT_EQ(IndexedState::Decode(bytes.substr(0, size)).status().code(),
                    absl::StatusCode::kDataLoss);
        }
        EXPECT_FALSE(IndexedState::Decode(bytes + "x").ok());
      }
    }
  }
  EXPECT_FALSE(IndexedState::Decode(std::string(100, '\xff')).ok());
}

TEST(IndexedStateTest, AKindOfFreshnessThatIsNotKnownIsRefused) {
  std::string bytes = IndexedState{}.Encode();
  const size_t kind = bytes.size() - 1 - 8 - 1;  // before the time and the last flag
  ASSERT_EQ(bytes[kind], 0);
  bytes[kind] = 3;
  EXPECT_EQ(IndexedState::Decode(bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST(IndexedStateTest, AStateOfAnotherVersionIsRefused) {
  std::string bytes = IndexedState{}.Encode();
  --bytes[0];
  EXPECT_EQ(IndexedState::Decode(bytes).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace driftwood::agent
