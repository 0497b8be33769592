#include "agent/stores/postgresql/pg_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::map<std::string, std::string> Parameters(const std::string& url) {
  const auto parameters = PgParametersOf(StoreUrl::Parse(url).value());
  EXPECT_TRUE(parameters.ok()) << parameters.status();
  std::map<std::string, std::string> named;
  for (const auto& [name, value] : parameters.value_or(PgParameters())) {
    EXPECT_TRUE(named.emplace(name, value).second) << name << " stands there twice";
  }
  return named;
}
std::string Refusal(const std::string& url) {
  const auto parsed = StoreUrl::Parse(url);
  if (!parsed.ok()) return std::string(parsed.status().message());
  const absl::Status status = PgParametersOf(*parsed).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << url;
  const std::string message(status.message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

TEST(PgUrlTest, EachPartIsReadWithItsEscapes) {
  auto parameters = Parameters("postgresql://audi%40tor@db1:5433/shop%20one?table=t");
  EXPECT_EQ(parameters["user"], "audi@tor");
  EXPECT_EQ(parameters["host"], "db1");
  EXPECT_EQ(parameters["port"], "5433");
  EXPECT_EQ(parameters["dbname"], "shop one");
  EXPECT_FALSE(parameters.contains("password"));
  EXPECT_EQ(Parameters("postgresql://[::1]:5433/d?table=t")["host"], "::1");
  EXPECT_EQ(Parameters("postgresql://a:1,b:2/d?table=t")["host"], "a,b");
  EXPECT_EQ(Parameters("postgresql://a:1,b:2/d?table=t")["port"], "1,2");
}

TEST(PgUrlTest, OurOwnParametersAreNotLibpqs) {
  const auto parameters =
      Parameters("postgresql://h/d?table=t&where=id%20>%201&key=id&connections=4");
  for (const char* const own : {"table", "where", "key", "connections"}) {
    EXPECT_FALSE(parameters.contains(own)) << own;
  }
}

TEST(PgUrlTest, AParameterComesBeforeThePartOfTheUrl) {
  auto parameters = Parameters("postgresql://a@h/d?table=t&host=/run/pg%2Csocket&user=b&dbname=e");
  EXPECT_EQ(parameters["host"], "/run/pg,socket");
  EXPECT_EQ(parameters["user"], "b");
  EXPECT_EQ(parameters["dbname"], "e");
}

TEST(PgUrlTest, ThePasswordOfTheUrlIsPassedOn) {
  EXPECT_EQ(Parameters("postgresql://u:p%40ss@h/d?table=t")["password"], "p@ss");
  StoreUrl url = StoreUrl::Parse("postgresql://u@h/d?table=t").value();
  url.password = "of the URL";
  const auto parameters = PgParametersOf(url);
  ASSERT_TRUE(parameters.ok());
  EXPECT_THAT(*parameters,
              ::testing::Contains(std::pair<std::string, std::string>("password", "of the URL")));
}

TEST(PgUrlTest, AServerThatIsGoneIsNoticedUnlessTheUrlSaysOtherwise) {
  auto parameters = Parameters("postgresql://h/d?table=t");
  EXPECT_EQ(parameters["connect_timeout"], "10");
  EXPECT_EQ(parameters["keepalives_idle"], "30");
  EXPECT_EQ(parameters["tcp_user_timeout"], "60000");
  EXPECT_EQ(parameters["fallback_application_name"], "driftwood");
  parameters = Parameters("postgresql://h/d?table=t&connect_timeout=3&tcp_user_timeout=0");
  EXPECT_EQ(parameters["connect_timeout"], "3");
  EXPECT_EQ(parameters["tcp_user_timeout"], "0");
  EXPECT_EQ(parameters["keepalives_idle"], "30");
}

TEST(PgUrlTest, WhatIsUnknownOrWouldChangeTheProtocolIsRefused) {
  EXPECT_THAT(Refusal("postgresql://h/d?tabel=t"),
              HasSubstr("unknown parameter \"tabel\" (did you mean 'table'?) (known: "));
  EXPECT_THAT(Refusal("postgresql://h/d?tabel=t"), HasSubstr("table"));
  EXPECT_THAT(Refusal("postgresql://h/d?table=t&replication=database"), HasSubstr("replication"));
  EXPECT_THAT(Refusal("postgresql://h/d?table=t&client_encoding=LATIN1"),
              HasSubstr("client_encoding"));
  EXPECT_THAT(Refusal("postgresql://h/d?a%0Ab=1"), HasSubstr("a\\nb"));
  EXPECT_THAT(Refusal("postgresql://[::1/d?table=t"), HasSubstr("store URL"));
  EXPECT_THAT(Refusal("postgresql://h%zz/d?table=t"), HasSubstr("%zz"));
}

TEST(PgUrlTest, NoRefusalShowsAPassword) {
  for (const char* const url :
       {"postgresql://u:S3cret@h/d?tabel=t", "postgresql://u:S3cret@[::1/d?table=t",
        "postgresql://u:S3cret@h%zz/d?table=t", "postgresql://u@h/d?pasword=S3cret",
        "postgresql://u@h%zz/d?table=t&password=S3cret"}) {
    EXPECT_THAT(Refusal(url), Not(HasSubstr("S3cret"))) << url;
  }
}

}  // namespace
}  // namespace driftwood::agent
