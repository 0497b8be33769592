#include "merkle/text/names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/testing/seed.h"

namespace driftwood {
namespace {

// By its definition, from the ends.
size_t SlowDistance(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  const auto less = [](std::string_view text, size_t count) {
    return text.substr(0, text.size() - count);
  };
  size_t best = std::min({SlowDistance(less(a, 1), b) + 1, SlowDistance(a, less(b, 1)) + 1,
                          SlowDistance(less(a, 1), less(b, 1)) + (a.back() == b.back() ? 0 : 1)});
  if (a.size() > 1 && b.size() > 1 && a.back() == b[b.size() - 2] && b.back() == a[a.size() - 2]) {
    best = std::min(best, SlowDistance(less(a, 2), less(b, 2)) + 1);
  }
  return best;
}

TEST(NamesTest, TheEditDistanceIsTheFewestEdits) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  const auto text = [&] {
    std::string letters(random() % 6, 'a');
    for (char& c : letters) c = static_cast<char>('a' + random() % 3);
    return letters;
  };
  for (int round = 0; round < 500; ++round) {
    const std::string a = text(), b = text();
    ASSERT_EQ(EditDistance(a, b), SlowDistance(a, b)) << a << " " << b;
  }
}

TEST(NamesTest, TheNearestIsNamedIfItIsNear) {
  const std::vector<std::string> names = {"order_id", "Customer", "total", "x"};
  EXPECT_EQ(NearestName("oder_id", names), "order_id");
  EXPECT_EQ(NearestName("ordre_id", names), "order_id");
  EXPECT_EQ(NearestName("CUSTOMER", names), "Customer");
  EXPECT_EQ(NearestName("y", names), "x");
  EXPECT_EQ(NearestName("price", names), std::nullopt);
  EXPECT_EQ(NearestName("total", {}), std::nullopt);
  // What takes the square of its size is not done for what somebody else has written.
  const std::string longest(201, 'a');
  EXPECT_EQ(NearestName(longest, {longest}), std::nullopt);
  EXPECT_EQ(DidYouMean("totl", names), " (did you mean 'total'?)");
  EXPECT_EQ(DidYouMean("price", names), "");
}

TEST(NamesTest, OnlyAsciiLettersHaveALowerCase) { EXPECT_EQ(Lowercase("AbC-Ä_9"), "abc-Ä_9"); }

}  // namespace
}  // namespace driftwood
