#include "agent/source/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Refusal(const std::vector<std::string>& key) {
  const absl::Status status = CheckKeyColumns("orders.csv", {"id", "line", "total"}, key);
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(MessagesTest, AKeyOfColumnsThatAreThereIsTaken) {
  EXPECT_EQ(Refusal({"id"}), "");
  EXPECT_EQ(Refusal({"line", "id"}), "");
  EXPECT_EQ(Refusal({}), "");
  EXPECT_EQ(Refusal({"*"}), "");  // no key: a multiset
}

TEST(MessagesTest, AColumnThatIsNotThereIsNamedWithTheNearestAndAll) {
  EXPECT_THAT(Refusal({"id", "lime"}), HasSubstr("orders.csv has no column lime for the key"));
  EXPECT_THAT(Refusal({"lime"}), HasSubstr("did you mean line?"));
  EXPECT_THAT(Refusal({"lime"}), HasSubstr("columns: "));
  EXPECT_THAT(Refusal({"price"}), Not(HasSubstr("did you mean")));
  EXPECT_THAT(Refusal({"*", "id"}), HasSubstr("no column"));
}

TEST(MessagesTest, AColumnThatIsGivenTwiceIsRefused) {
  EXPECT_THAT(Refusal({"id", "line", "id"}), HasSubstr("given twice"));
}

}  // namespace
}  // namespace driftwood::agent
