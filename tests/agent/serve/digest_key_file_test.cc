#include "agent/serve/digest_key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

class DigestKeyFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<merkle::DigestKey> ReadOf(const std::string& content, mode_t mode = 0600) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
    ::chmod(path_.c_str(), mode);
    return ReadDigestKeyFile(path_);
  }

  testing::TempDir folder_;
  const std::string path_ = folder_ / "digest.key";
};

TEST_F(DigestKeyFileTest, RawBytesAndHexDigitsAreTheSameKey) {
  std::string raw;
  std::string hex;
  for (int i = 0; i < 32; ++i) {
    raw += static_cast<char>(0xA0 + i);
    static constexpr char kHex[] = "0123456789abcdef";
    hex += kHex[(0xA0 + i) >> 4];
    hex += kHex[(0xA0 + i) & 15];
  }
  const auto from_raw = ReadOf(raw);
  ASSERT_TRUE(from_raw.ok()) << from_raw.status();
  EXPECT_EQ(from_raw->bytes(), raw);
  EXPECT_EQ(*ReadOf(hex), *from_raw);
  EXPECT_EQ(*ReadOf(hex + "\n"), *from_raw);
  hex[0] = 'A';
  EXPECT_EQ(*ReadOf(hex), *from_raw);
}

TEST_F(DigestKeyFileTest, WhatIsNoKeyIsRefused) {
  for (const std::string& content :
       {std::string(), std::string(31, 'x'), std::string(33, 'x'), std::string(64, 'x'),
        std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'a') + "\n\n",
        std::string(100'000, 'a')}) {
    EXPECT_EQ(ReadOf(content).status().code(), absl::StatusCode::kInvalidArgument)
        << content.size();
  }
}

TEST_F(DigestKeyFileTest, AKeyOfZerosIsNoKey) {
  EXPECT_EQ(ReadOf(std::string(32, '\0')).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadOf(std::string(64, '0')).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(DigestKeyFileTest, AFileThatOthersMayReadIsRefusedWithTheRemedy) {
  for (const mode_t mode : {0640u, 0604u, 0644u, 0660u}) {
    const auto refused = ReadOf(std::string(32, 'k'), mode);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("chmod 600 " + path_));
  }
  EXPECT_TRUE(ReadOf(std::string(32, 'k'), 0400).ok());
}

TEST_F(DigestKeyFileTest, AFolderIsNoKeyFileAndKeepsItsMode) {
  const absl::Status status = ReadDigestKeyFile("/tmp").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message().find("chmod"), absl::string_view::npos) << status;
}

TEST_F(DigestKeyFileTest, AnAbsentFileIsNotFound) {
  EXPECT_EQ(ReadDigestKeyFile(path_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DigestKeyFileTest, AnAbsentFileIsMadeOnceForItsOwnerOnly) {
  const auto made = ReadOrCreateDigestKeyFile(path_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->keyed());
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(*ReadOrCreateDigestKeyFile(path_), *made);
}

TEST_F(DigestKeyFileTest, AgentsThatStartAtOneTimeGetOneKey) {
  std::vector<absl::StatusOr<merkle::DigestKey>> keys(8, absl::UnknownError(""));
  std::vector<std::thread> threads;
  for (auto& key : keys) {
    threads.emplace_back([&] { key = ReadOrCreateDigestKeyFile(path_); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& key : keys) {
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(*key, *keys[0]);
  }
  // Nothing else is left behind.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(DigestKeyFileTest, ABrokenFileIsNeverReplaced) {
  EXPECT_FALSE(ReadOf("short").ok());
  EXPECT_EQ(ReadOrCreateDigestKeyFile(path_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace driftwood::agent
