#include "agent/stores/postgresql/pg_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

// The first page of a range, and the first behind it.
std::pair<uint64_t, std::optional<uint64_t>> PagesOf(const std::string& range) {
  static const std::regex pattern(
      R"re(ctid OPERATOR\(pg_catalog\.>=\) '\((\d+),0\)'::pg_catalog\.tid)re"
      R"re(( AND ctid OPERATOR\(pg_catalog\.<\) '\((\d+),0\)'::pg_catalog\.tid)?)re");
  std::smatch match;
  EXPECT_TRUE(std::regex_match(range, match, pattern)) << range;
  if (match.empty()) return {};
  if (!match[3].matched) return {std::stoull(match[1]), std::nullopt};
  return {std::stoull(match[1]), std::stoull(match[3])};
}

TEST(PgRangesTest, OneRangeHasNoCondition) {
  EXPECT_EQ(PgPageRanges({}, 1), std::vector<std::string>{""});
  EXPECT_EQ(PgPageRanges({100}, 0), std::vector<std::string>{""});
}

TEST(PgRangesTest, RangesTileAllPagesAndTheLastHasNoEnd) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 300; ++round) {
    std::vector<uint64_t> pages(random() % 6);
    for (uint64_t& count : pages) count = random() % (random() % 2 == 0 ? 10 : 100'000);
    const uint64_t count = 2 + random() % 20;
    const std::vector<std::string> ranges = PgPageRanges(pages, count);
    ASSERT_EQ(ranges.size(), count);
    uint64_t all = 0;
    for (const uint64_t of_one : pages) all += of_one;
    uint64_t next = 0;
    for (size_t i = 0; i < ranges.size(); ++i) {
      const auto [begin, end] = PagesOf(ranges[i]);
      ASSERT_EQ(begin, next);
      ASSERT_EQ(end.has_value(), i + 1 < ranges.size());
      if (!end) break;
      ASSERT_GE(*end, begin);
      next = *end;
      // Each has its share: as one page number stands for a page of each table, within so many.
      uint64_t below = 0;
      for (const uint64_t of_one : pages) below += std::min(of_one, *end);
      ASSERT_LE(below, all / count * (i + 1) + pages.size());
    }
  }
}

TEST(PgRangesTest, AnEmptyTableIsReadByRangesTooAsItMayGrow) {
  const std::vector<std::string> ranges = PgPageRanges({0}, 3);
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(PagesOf(ranges[2]).first, 0u);
  EXPECT_EQ(PagesOf(ranges[2]).second, std::nullopt);
}

TEST(PgRangesTest, ATableOnItsOwnIsCutSmallAndSeveralOnceForEachConnection) {
  EXPECT_EQ(PgRangeCount({1'000'000}, 1), 1u);
  EXPECT_EQ(PgRangeCount({10}, 4), 4u);
  // 16 MiB for each of two connections: 2,048 pages of 8 KiB.
  EXPECT_EQ(PgRangeCount({204'800}, 2), 100u);
  // Never less than 256 pages, however many connections there are.
  EXPECT_EQ(PgRangeCount({25'600}, 64), 100u);
  EXPECT_EQ(PgRangeCount({100'000, 100'000}, 4), 4u);
  EXPECT_EQ(PgRangeCount({}, 4), 4u);
}

}  // namespace
}  // namespace driftwood::agent
