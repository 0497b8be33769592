#include "coordinator/audit/same_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Check(const std::vector<SourceOfReplica>& replicas) {
  return std::string(CheckAreNotTheSame(replicas, PlanSettingText).message());
}

TEST(SameSourceTest, ReplicasOfOneIdentityAreNamedWithTheirSources) {
  const std::string message =
      Check({{"a", "db/t", {"1"}}, {"b", "db/u", {"2"}}, {"c", "db/public.t", {"1"}}});
  EXPECT_THAT(message, HasSubstr("a and c are the same source (db/t and db/public.t)"));
  EXPECT_THAT(message, HasSubstr("allow_same"));
  EXPECT_THAT(Check({{"a", "t", {"1"}}, {"b", "t", {"1"}}}), Not(HasSubstr(" and t")));
}

TEST(SameSourceTest, WhatIsNotKnownIsNotTheSame) {
  EXPECT_EQ(Check({{"a", "t", {""}}, {"b", "t", {""}}}), "");
  EXPECT_EQ(Check({{"a", "t", {}}, {"b", "t", {}}}), "");
}

TEST(SameSourceTest, OfSeveralSourcesAllMustBeTheOthers) {
  EXPECT_EQ(Check({{"a", "t", {"1", "2"}}, {"b", "u", {"1"}}}), "");
  EXPECT_EQ(Check({{"a", "t", {"1", ""}}, {"b", "u", {"", "1"}}}), "");
  EXPECT_NE(Check({{"a", "t", {"1", "2"}}, {"b", "u", {"2", "1"}}}), "");
}

}  // namespace
}  // namespace driftwood::coordinator
