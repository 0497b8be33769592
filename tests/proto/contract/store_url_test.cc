#include "proto/contract/store_url.h"

#include <gtest/gtest.h>

#include <random>

namespace driftwood {
namespace {

StoreUrl Parsed(std::string_view text) {
  absl::StatusOr<StoreUrl> url = StoreUrl::Parse(text);
  EXPECT_TRUE(url.ok()) << text << ": " << url.status();
  return url.ok() ? *url : StoreUrl{};
}

std::string Refusal(std::string_view text) {
  const absl::StatusOr<StoreUrl> url = StoreUrl::Parse(text);
  EXPECT_FALSE(url.ok()) << text;
  if (url.ok()) return "";
  EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(url.status().message());
}

TEST(StoreUrlTest, APathAloneHasNoParameters) {
  const StoreUrl url = Parsed("csv:/data/orders.csv");
  EXPECT_EQ(url.scheme, "csv");
  EXPECT_EQ(url.path, "/data/orders.csv");
  EXPECT_TRUE(url.parameters.empty());
  EXPECT_FALSE(url.Parameter("key").has_value());
  EXPECT_TRUE(url.List("key").empty());
}

TEST(StoreUrlTest, ParametersFollowTheLastQuestionMarkThatHasThem) {
  EXPECT_EQ(Parsed("csv:what?.csv").path, "what?.csv");
  EXPECT_EQ(Parsed("csv:what?.csv?key=id").path, "what?.csv");
  const StoreUrl url = Parsed("csv:a.csv?null=?");
  EXPECT_EQ(url.path, "a.csv");
  EXPECT_EQ(url.Parameter("null"), "?");
}

TEST(StoreUrlTest, AValueMayHaveColonsAndEqualsSigns) {
  const StoreUrl url = Parsed("sqlite:a:b?table=x=y:z");
  EXPECT_EQ(url.path, "a:b");
  EXPECT_EQ(url.Parameter("table"), "x=y:z");
}

TEST(StoreUrlTest, PercentEscapesAreBytes) {
  const StoreUrl url = Parsed("csv:100%25%3fa%3d1.csv?na%20me=%41%00b");
  EXPECT_EQ(url.path, "100%?a=1.csv");
  EXPECT_EQ(url.Parameter("na me"), std::string("A\0b", 3));
}

TEST(StoreUrlTest, AnEscapedCommaBelongsToItsPart) {
  const StoreUrl url = Parsed("csv:a?key=first%2Clast,id,");
  EXPECT_EQ(url.List("key"), (std::vector<std::string>{"first,last", "id", ""}));
  EXPECT_EQ(url.Parameter("key"), "first,last,id,");
}

TEST(StoreUrlTest, WhatIsNotAUrlIsRefusedWithTheExpectedForm) {
  for (const char* text : {"", "orders.csv", ":x", "CSV:x", "c sv:x", "1c:x", "csv:", "csv:?key=a",
                           "csv:a%", "csv:a%2", "csv:a%zz", "csv:a%00b", "csv:a?key=", "csv:a?=b",
                           "csv:a?key&b=c", "csv:a?b=c&", "csv:a?b=c&b=d"}) {
    SCOPED_TRACE(text);
    EXPECT_NE(Refusal(text).find("csv:orders.csv?key=id"), std::string::npos);
  }
}

TEST(StoreUrlTest, ASecretBehindALaterQuestionMarkIsRefusedAndNotShown) {
  for (const char* text : {"csv://a?b=c?password=hunter2", "csv://a?b=c?api_secret=hunter2",
                           "csv:x?b=http://c?v:w?n=?psw=hunter2", "csv:a?key=id&passwd=hunter2"}) {
    SCOPED_TRACE(text);
    EXPECT_NE(Refusal(text).find("can't be given here"), std::string::npos);
    EXPECT_EQ(Refusal(text).find("hunter2"), std::string::npos) << Refusal(text);
  }
}

TEST(StoreUrlTest, APathThatLooksLikeAServersUrlStaysOne) {
  for (const char* text : {"csv:a=http://?x:y@z=b?key=id", "csv:a=http://x?u:p@h?key=id"}) {
    SCOPED_TRACE(text);
    const absl::StatusOr<StoreUrl> url = StoreUrl::Parse(text);
    ASSERT_TRUE(url.ok()) << url.status();
    const absl::StatusOr<StoreUrl> again = StoreUrl::Parse(url->ToString());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, *url);
  }
}

TEST(StoreUrlTest, RefusalsStayOnOneLine) {
  EXPECT_EQ(Refusal("a\nb").find('\n'), std::string::npos);
  EXPECT_EQ(Refusal("a\nb:c").find('\n'), std::string::npos);
}

TEST(StoreUrlTest, AnUnknownParameterIsNamedWithTheKnownOnes) {
  const StoreUrl url = Parsed("csv:a?kye=id");
  EXPECT_TRUE(url.OnlyKnows({"key", "kye"}).ok());
  const absl::Status status = url.OnlyKnows({"key", "null"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("\"kye\" (did you mean 'key'?) (known: key, null)"),
            absl::string_view::npos);
  EXPECT_TRUE(Parsed("csv:a").OnlyKnows({}).ok());
}

TEST(StoreUrlTest, TheTextOfAUrlIsTheSameUrl) {
  const uint32_t seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kAlphabet = "ab?=&%,:/2C0\n\x7f\xc3";
  int parsed = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = "x:";
    const size_t length = random() % 16;
    for (size_t j = 0; j < length; ++j) text += kAlphabet[random() % kAlphabet.size()];
    const absl::StatusOr<StoreUrl> url = StoreUrl::Parse(text);
    if (!url.ok()) continue;
    ++parsed;
    SCOPED_TRACE(text);
    const absl::StatusOr<StoreUrl> again = StoreUrl::Parse(url->ToString());
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(*again, *url) << url->ToString();
  }
  EXPECT_GT(parsed, 1000);
}

TEST(StoreUrlTest, AServersPathStaysEscapedAndItsPasswordIsTakenOut) {
  const StoreUrl url = Parsed("postgresql://u%40x:p%3A@h:1/d%2Fb?table=a.b&where=x='?'");
  EXPECT_EQ(url.scheme, "postgresql");
  EXPECT_EQ(url.path, "//u%40x@h:1/d%2Fb");
  EXPECT_EQ(url.password, "p:");
  EXPECT_EQ(url.Parameter("where"), "x='?'");
  EXPECT_EQ(url.ToString(), "postgresql://u%40x@h:1/d%2Fb?table=a.b&where=x='%3F'");
  const absl::StatusOr<StoreUrl> malformed = StoreUrl::Parse("postgresql://u:secret@h/%zz");
  ASSERT_FALSE(malformed.ok());
  EXPECT_EQ(malformed.status().message().find("secret"), std::string::npos);
}

}  // namespace
}  // namespace driftwood
