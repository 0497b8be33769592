#include "agent/source/source_identity.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

TEST(SourceIdentityTest, PartsAreToldApart) {
  EXPECT_EQ(SourceIdentity({"a", "b"}), SourceIdentity({"a", "b"}));
  EXPECT_NE(SourceIdentity({"a", "b"}), SourceIdentity({"ab"}));
  EXPECT_NE(SourceIdentity({"a", "b"}), SourceIdentity({"ab", ""}));
  EXPECT_EQ(SourceIdentity({"hunter2"}).find("hunter2"), std::string::npos);
}

TEST(SourceIdentityTest, AFileIsOneByAllItsNamesAndItsPartsAreOthers) {
  const testing::TempDir folder;
  std::ofstream(folder / "a") << "x";
  std::ofstream(folder / "copy") << "x";
  std::filesystem::create_hard_link(folder / "a", folder / "hard");
  std::filesystem::create_symlink("a", folder / "soft");
  const std::string a = FileIdentity((folder / "a").string());
  EXPECT_NE(a, "");
  EXPECT_EQ(FileIdentity((folder / "hard").string()), a);
  EXPECT_EQ(FileIdentity((folder / "soft").string()), a);
  EXPECT_NE(FileIdentity((folder / "copy").string()), a);
  EXPECT_NE(FileIdentity((folder / "a").string(), "t"), a);
  EXPECT_EQ(FileIdentity((folder / "none").string()), "");
}

}  // namespace
}  // namespace driftwood::agent
