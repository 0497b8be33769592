#include "coordinator/audit/confirm/version.h"

#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

TEST(VersionTest, IsSixteenHexadecimalDigitsOfSaltAndDigest) {
  const VersionMaker versions(std::string(16, 's'));
  const merkle::Digest digest{1, 2};
  const std::string version = versions.Version(digest);
  EXPECT_EQ(version.size(), 16u);
  EXPECT_EQ(version.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(version, versions.Version(digest));
  EXPECT_NE(version, versions.Version(merkle::Digest{2, 1}));
}

TEST(VersionTest, AnotherSaltGivesAnotherVersion) {
  const merkle::Digest digest{1, 2};
  EXPECT_NE(VersionMaker(std::string(16, 'a')).Version(digest),
            VersionMaker(std::string(16, 'b')).Version(digest));
}

}  // namespace
}  // namespace driftwood::coordinator
