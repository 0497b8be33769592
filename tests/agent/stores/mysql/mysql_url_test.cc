#include "agent/stores/mysql/mysql_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MysqlUrlTest : public ::testing::Test {
 protected:
  MysqlUrlTest() { ::unsetenv("MYSQL_PWD"); }
  ~MysqlUrlTest() override { ::unsetenv("MYSQL_PWD"); }

  static MysqlOptions Options(const std::string& url) {
    const auto options = MysqlOptionsOf(StoreUrl::Parse(url).value());
    EXPECT_TRUE(options.ok()) << options.status();
    return options.ok() ? *options : MysqlOptions();
  }
  static std::string Refusal(const std::string& url) {
    const auto parsed = StoreUrl::Parse(url);
    if (!parsed.ok()) return std::string(parsed.status().message());
    const absl::Status status = MysqlOptionsOf(*parsed).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << url;
    return std::string(status.message());
  }
};

TEST_F(MysqlUrlTest, EachPartIsReadWithItsEscapes) {
  const MysqlOptions options = Options("mysql://audi%40tor@db1:3307/shop%20one?table=t");
  EXPECT_EQ(options.user, "audi@tor");
  EXPECT_EQ(options.host, "db1");
  EXPECT_EQ(options.port, 3307u);
  EXPECT_EQ(options.database, "shop one");
  EXPECT_EQ(options.socket, std::nullopt);
  EXPECT_FALSE(options.require_tls);
  EXPECT_EQ(Options("mysql://[::1]:3307/d?table=t").host, "::1");
  EXPECT_EQ(Options("mysql://[::1]/d?table=t").port, std::nullopt);
}

TEST_F(MysqlUrlTest, ThePasswordOfTheUrlComesBeforeThatOfTheEnvironment) {
  ::setenv("MYSQL_PWD", "of the environment", 1);
  EXPECT_EQ(Options("mysql://u@h/d?table=t").password, "of the environment");
  StoreUrl url = StoreUrl::Parse("mysql://u@h/d?table=t").value();
  url.password = "of the URL";
  EXPECT_EQ(MysqlOptionsOf(url)->password, "of the URL");
}

TEST_F(MysqlUrlTest, ASocketStandsForTheLocalHostAlone) {
  EXPECT_EQ(Options("mysql://u@localhost/d?table=t&socket=/run/s").socket, "/run/s");
  EXPECT_THAT(Refusal("mysql://u@db1/d?table=t&socket=/run/s"), HasSubstr("both a socket"));
  EXPECT_THAT(Refusal("mysql://u@localhost:3306/d?table=t&socket=/s"), HasSubstr("both a socket"));
}

TEST_F(MysqlUrlTest, TlsIsAskedForOrVerified) {
  EXPECT_TRUE(Options("mysql://h/d?table=t&ssl=required").require_tls);
  EXPECT_FALSE(Options("mysql://h/d?table=t&ssl=required").verify_server);
  EXPECT_TRUE(Options("mysql://h/d?table=t&ssl=verify").verify_server);
  EXPECT_TRUE(Options("mysql://h/d?table=t&ssl_ca=/ca.pem").verify_server);
  EXPECT_TRUE(Options("mysql://h/d?table=t&ssl_ca=/ca.pem").require_tls);
  EXPECT_THAT(Refusal("mysql://h/d?table=t&ssl=off"), HasSubstr("ssl is"));
}

TEST_F(MysqlUrlTest, WhatIsMalformedOrUnknownIsRefusedWithoutAnyPassword) {
  for (const char* const url :
       {"mysql://h", "mysql://h/", "mysql://h:0/d", "mysql://h:65536/d", "mysql://h:x/d",
        "mysql://h:/d", "mysql://a,b/d", "mysql://h/d/e", "mysql://h/d?colour=red",
        "mysql://h/d?statement_timeout=0", "mysql://h/d?statement_timeout=1x"}) {
    EXPECT_NE(Refusal(url), "") << url;
  }
  EXPECT_THAT(Refusal("mysql://u:S3cret@h:x/d"), Not(HasSubstr("S3cret")));
}

TEST_F(MysqlUrlTest, ANumberIsPositiveAndWithinItsBound) {
  const StoreUrl url = StoreUrl::Parse("mysql://h/d?connections=4").value();
  EXPECT_EQ(MysqlNumber(url, "connections", 4)->value(), 4u);
  EXPECT_FALSE(MysqlNumber(url, "connections", 3).ok());
  EXPECT_EQ(*MysqlNumber(url, "statement_timeout", 3), std::nullopt);
}

}  // namespace
}  // namespace driftwood::agent
