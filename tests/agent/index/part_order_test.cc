#include "agent/index/part_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace driftwood::agent {
namespace {

struct Piece {
  int item = 0;
  ScanPart part;
};

// `parts` parts of 1 to 5 items, numbered through in the source's order.
std::vector<std::vector<Piece>> Source(size_t parts, std::mt19937* random) {
  std::vector<std::vector<Piece>> source(parts);
  int item = 0;
  for (size_t number = 0; number < parts; ++number) {
    const size_t items = 1 + (*random)() % 5;
    for (size_t i = 0; i < items; ++i) {
      source[number].push_back({item++, {number, i + 1 == items}});
    }
  }
  return source;
}

// As `readers` would read it, each taking the next part when it is through with one.
std::vector<Piece> ReadSideBySide(const std::vector<std::vector<Piece>>& source, size_t readers,
                                  std::mt19937* random) {
  struct Reader {
    size_t part = 0;
    size_t at = 0;
  };
  std::vector<Reader> all;
  size_t next = 0;
  while (all.size() < readers && next < source.size()) all.push_back({next++, 0});
  std::vector<Piece> pieces;
  while (!all.empty()) {
    Reader& reader = all[(*random)() % all.size()];
    pieces.push_back(source[reader.part][reader.at++]);
    if (reader.at < source[reader.part].size()) continue;
    if (next < source.size()) {
      reader = {next++, 0};
    } else {
      all.erase(all.begin() + (&reader - all.data()));
    }
  }
  return pieces;
}

// All that comes out, the rest included.
std::vector<int> Ordered(const std::vector<Piece>& pieces, size_t bytes_max, bool* given_up) {
  PartOrder<int> order(bytes_max);
  std::vector<int> out;
  for (const Piece& piece : pieces) order.Put(piece.item, piece.part, 1, &out);
  *given_up = order.given_up();
  order.GiveUp(&out);
  return out;
}

TEST(PartOrderTest, WhatIsReadSideBySideComesOutInTheSourcesOrder) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(static_cast<unsigned>(seed));
  for (int round = 0; round < 300; ++round) {
    const auto source = Source(1 + random() % 30, &random);
    const std::vector<Piece> pieces = ReadSideBySide(source, 1 + random() % 6, &random);
    std::vector<int> wanted(pieces.size());
    std::iota(wanted.begin(), wanted.end(), 0);
    bool given_up = false;
    EXPECT_EQ(Ordered(pieces, pieces.size(), &given_up), wanted);
    EXPECT_FALSE(given_up);
  }
}

TEST(PartOrderTest, WhateverThePartsSayEachComesOutOnce) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(static_cast<unsigned>(seed));
  for (int round = 0; round < 300; ++round) {
    std::vector<Piece> pieces;
    for (int i = 0; i < 40; ++i) pieces.push_back({i, {random() % 8, random() % 4 == 0}});
    bool given_up = false;
    std::vector<int> out = Ordered(pieces, random() % 40, &given_up);
    std::sort(out.begin(), out.end());
    std::vector<int> wanted(pieces.size());
    std::iota(wanted.begin(), wanted.end(), 0);
    EXPECT_EQ(out, wanted);
  }
}

TEST(PartOrderTest, MoreThanItMayHoldEndsTheOrder) {
  PartOrder<int> order(2);
  std::vector<int> out;
  order.Put(1, {0, false}, 1, &out);
  order.Put(11, {1, false}, 1, &out);
  order.Put(12, {1, true}, 1, &out);
  EXPECT_EQ(out, (std::vector<int>{1}));
  EXPECT_FALSE(order.given_up());
  order.Put(21, {2, true}, 1, &out);
  EXPECT_TRUE(order.given_up());
  EXPECT_EQ(out, (std::vector<int>{1, 11, 12, 21}));
  order.Put(31, {3, true}, 1, &out);
  order.Put(2, {0, true}, 1, &out);
  EXPECT_EQ(out, (std::vector<int>{1, 11, 12, 21, 31, 2}));
}

TEST(PartOrderTest, WhatHasItsTurnTakesNoRoom) {
  PartOrder<int> order(1);
  std::vector<int> out;
  for (int i = 0; i < 100; ++i) {
    const auto part = static_cast<uint64_t>(i);
    order.Put(i * 2 + 1, {part + 1, false}, 1, &out);
    order.Put(i * 2, {part, true}, 1, &out);
  }
  EXPECT_FALSE(order.given_up());
  EXPECT_EQ(out.size(), 200u);
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
}

}  // namespace
}  // namespace driftwood::agent
