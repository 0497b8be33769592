#include "agent/serve/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, BothFormsAreRead) {
  const auto unix_address = ListenAddress::Parse("unix:/tmp/a b.sock");
  ASSERT_TRUE(unix_address.ok());
  EXPECT_TRUE(unix_address->is_unix());
  EXPECT_EQ(unix_address->unix_path, "/tmp/a b.sock");
  EXPECT_EQ(unix_address->WithPort(1), "unix:/tmp/a b.sock");

  const auto tcp = ListenAddress::Parse("[::1]:0");
  ASSERT_TRUE(tcp.ok());
  EXPECT_EQ(tcp->host, "::1");
  EXPECT_EQ(tcp->ToString(), "[::1]:0");
  EXPECT_EQ(tcp->WithPort(4711), "[::1]:4711");
}

TEST(ListenAddressTest, WhatIsNeitherFormIsRefused) {
  for (const char* text : {"", "unix:", "localhost", ":80", "host:", "host:http", "host:65536",
                           "host:-1", "::1:80", "host:123456"}) {
    EXPECT_EQ(ListenAddress::Parse(text).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(ListenAddressTest, ASocketPathThatIsTooLongIsRefusedWithBothLengths) {
  EXPECT_TRUE(ListenAddress::Parse("unix:/" + std::string(106, 'x')).ok());
  const auto refused = ListenAddress::Parse("unix:/" + std::string(107, 'x'));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("107"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("has 108"));
}

TEST(ListenAddressTest, OnlyThisMachineIsLocal) {
  for (const char* text : {"unix:x", "localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"}) {
    EXPECT_TRUE(ListenAddress::Parse(text)->IsLocal()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "128.0.0.1:1"}) {
    EXPECT_FALSE(ListenAddress::Parse(text)->IsLocal()) << text;
  }
}

class SocketPathTest : public ::testing::Test {
 protected:
  int Bind() const {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return socket;
  }

  testing::TempDir folder_;
  const std::string path_ = folder_ / "s";
};

TEST_F(SocketPathTest, NothingThereIsFine) { EXPECT_TRUE(PrepareUnixSocket(path_).ok()); }

TEST_F(SocketPathTest, ASocketThatNobodyListensOnIsRemoved) {
  ::close(Bind());
  EXPECT_TRUE(PrepareUnixSocket(path_).ok());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SocketPathTest, ASocketInUseStays) {
  const int socket = Bind();
  ASSERT_EQ(::listen(socket, 1), 0);
  EXPECT_EQ(PrepareUnixSocket(path_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(path_));
  ::close(socket);
}

TEST_F(SocketPathTest, AFileThatIsNoSocketStays) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(PrepareUnixSocket(path_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace driftwood::agent
