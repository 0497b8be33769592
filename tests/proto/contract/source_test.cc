#include "proto/contract/source.h"

#include <gtest/gtest.h>

namespace driftwood {
namespace {

TEST(SourceTest, AFileOfADayHasADayAPathAndAHash) {
  const std::string hash(64, '0');
  EXPECT_TRUE(IsDatedFile({"2026-11-28", "a.csv", hash}));
  EXPECT_FALSE(IsDatedFile({"2026-11-31", "a.csv", hash}));
  EXPECT_FALSE(IsDatedFile({"latest", "a.csv", hash}));
  EXPECT_FALSE(IsDatedFile({"2026-11-28", "", hash}));
  EXPECT_FALSE(IsDatedFile({"2026-11-28", "a.csv", hash.substr(1)}));
  EXPECT_FALSE(IsDatedFile({"2026-11-28", "a.csv", std::string(64, 'F')}));
}

}  // namespace
}  // namespace driftwood
