#include "proto/contract/token.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "tests/testing/temp_dir.h"

namespace driftwood {
namespace {

class TokenTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> ReadOf(const std::string& content, mode_t mode = 0600) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
    ::chmod(path_.c_str(), mode);
    return ReadTokenFile(path_);
  }

  testing::TempDir folder_;
  const std::string path_ = folder_ / "token";
};

TEST_F(TokenTest, ATokenIsALineOfPrintableCharacters) {
  EXPECT_EQ(*ReadOf("0123456789abcdef"), "0123456789abcdef");
  EXPECT_EQ(*ReadOf("0123456789abcdef\n"), "0123456789abcdef");
  EXPECT_TRUE(ReadOf(std::string(256, 'x') + "\n").ok());
}

TEST_F(TokenTest, WhatIsNoTokenIsRefused) {
  for (const std::string& content :
       {std::string(), std::string("too short"), std::string(257, 'x'),
        std::string("0123456789abcdef\n\n"), std::string("0123456789 abcdef"),
        std::string("0123456789\xC3\xA9 abcdef"), std::string(16, '\0')}) {
    EXPECT_EQ(ReadOf(content).status().code(), absl::StatusCode::kInvalidArgument) << content;
  }
}

TEST_F(TokenTest, AFileThatOthersMayReadIsNoSecret) {
  EXPECT_EQ(ReadOf("0123456789abcdef", 0644).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace driftwood
