#include "proto/contract/presence.h"

#include <gtest/gtest.h>

namespace driftwood {
namespace {

TEST(PresenceTest, NamesAreReadBack) {
  for (int i = 0; i <= static_cast<int>(Presence::kUnknown); ++i) {
    const auto presence = static_cast<Presence>(i);
    EXPECT_EQ(PresenceFromName(PresenceName(presence)), presence);
  }
  EXPECT_EQ(PresenceName(Presence::kSoftDeleted), "soft-deleted");
  EXPECT_EQ(PresenceFromName("Gone"), std::nullopt);
  EXPECT_EQ(PresenceFromName(""), std::nullopt);
}

TEST(PresenceTest, WhoMayNotSeeARecordDoesNotKnowWhetherItIsThere) {
  for (const Presence known : {Presence::kThere, Presence::kGone, Presence::kFiltered,
                               Presence::kMoved, Presence::kSoftDeleted}) {
    EXPECT_TRUE(IsKnown(known));
  }
  EXPECT_FALSE(IsKnown(Presence::kHidden));
  EXPECT_FALSE(IsKnown(Presence::kUnknown));
}

}  // namespace
}  // namespace driftwood
