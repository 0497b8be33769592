#include "agent/stores/http/http_description.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr char kSmallest[] = "base = \"https://a.example/v1/\"\n[list]\npath = \"/users\"\n";

std::string Refusal(const std::string& text) {
  const absl::StatusOr<HttpDescription> description = ParseHttpDescription(text, "users.toml");
  EXPECT_FALSE(description.ok()) << text;
  return std::string(description.status().message());
}

TEST(HttpDescriptionTest, TheSmallestOneIsEnough) {
  const absl::StatusOr<HttpDescription> description = ParseHttpDescription(kSmallest, "users.toml");
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->base, "https://a.example/v1");
  EXPECT_EQ(description->list_path, "/users");
  EXPECT_EQ(description->paging, HttpPaging::kNone);
  EXPECT_THAT(description->columns, IsEmpty());
  EXPECT_THAT(description->lookup_path, IsEmpty());
  EXPECT_FALSE(description->client.allow_plain);
}

TEST(HttpDescriptionTest, AllOfItIsRead) {
  testing::TempDir dir;
  std::ofstream(dir / "token") << "t0ken\n";
  std::filesystem::permissions(
      dir / "token", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ASSERT_EQ(::setenv("DRIFTWOOD_TEST_TOKEN", "s3cret", 1), 0);
  const absl::StatusOr<HttpDescription> read = ParseHttpDescription(
      R"(
base = "https://a.example"
key = ["tenant", "id"]
rate = 5
concurrency = 4
tries = 3
timeout = "10s"
pause_max = "1h"
ca_file = "ca.pem"
proxy = "http://proxy.example:3128"
link_local = true
plain_http = true
[headers]
Accept = "application/json"
Authorization = { env = "DRIFTWOOD_TEST_TOKEN", before = "Bearer " }
X-Key = { file = "token" }
[list]
path = "/users"
records = "/data"
total = "/meta/total"
cursor = { at = "/next", parameter = "after" }
[list.parameters]
limit = "100"
[columns]
tenant = "/tenant/id"
id = "/id"
[lookup]
path = "/tenants/{tenant}/users/{id}"
record = "/user"
gone = [410]
)",
      (dir / "users.toml").string());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->key, ElementsAre("tenant", "id"));
  EXPECT_THAT(read->client.headers,
              ElementsAre(Pair("Accept", "application/json"),
                          Pair("Authorization", "Bearer s3cret"), Pair("X-Key", "t0ken")));
  EXPECT_EQ(read->client.rate_max, 5);
  EXPECT_EQ(read->client.concurrency, 4u);
  EXPECT_EQ(read->client.tries_max, 3u);
  EXPECT_EQ(read->client.time_max, std::chrono::seconds(10));
  EXPECT_EQ(read->client.pause_max, std::chrono::hours(1));
  EXPECT_EQ(read->client.ca_file, (dir / "ca.pem").string());
  EXPECT_TRUE(read->client.allow_plain && read->client.allow_link_local);
  EXPECT_EQ(read->paging, HttpPaging::kCursor);
  EXPECT_EQ(read->parameter, "after");
  EXPECT_TRUE(read->total.has_value());
  EXPECT_THAT(read->list_parameters, ElementsAre(Pair("limit", "100")));
  ASSERT_EQ(read->columns.size(), 2u);
  EXPECT_EQ(read->columns[0].first, "tenant");
  EXPECT_THAT(read->gone, ElementsAre(410));
}

TEST(HttpDescriptionTest, EachWayFromPageToPage) {
  const auto paging = [](const std::string& line) {
    return ParseHttpDescription(kSmallest + line, "users.toml")->paging;
  };
  EXPECT_EQ(paging("next = \"/links/next\"\n"), HttpPaging::kNext);
  EXPECT_EQ(paging("link = true\n"), HttpPaging::kLink);
  EXPECT_EQ(paging("page = \"page\"\n"), HttpPaging::kPage);
  EXPECT_EQ(paging("offset = \"skip\"\n"), HttpPaging::kOffset);
}

TEST(HttpDescriptionTest, AllMistakesAreSaidAtOnceWithTheirPlaces) {
  const std::string refusal = Refusal(
      "base = \"ftp://a\"\nrate = 0\ntries = 99\n[list]\npath = \"users\"\npage = \"p\"\n"
      "link = true\nrecords = \"data\"\nlimit = 100\n[lookup]\ngone = [404, 403]\n");
  EXPECT_THAT(refusal, HasSubstr("users.toml:1:1: base: base is where the API is"));
  EXPECT_THAT(refusal, HasSubstr("users.toml:2:1: rate"));
  EXPECT_THAT(refusal, HasSubstr("users.toml:3:1: tries"));
  EXPECT_THAT(refusal, HasSubstr("users.toml:5:1: list.path: path goes on from base"));
  EXPECT_THAT(refusal, HasSubstr("there is one way from page to page"));
  EXPECT_THAT(refusal, HasSubstr("users.toml:8:1: list.records: a JSON pointer"));
  EXPECT_THAT(refusal, HasSubstr("there is no member 'limit'"));
  EXPECT_THAT(refusal, HasSubstr("never say that a record is gone"));
}

TEST(HttpDescriptionTest, ASecretThatIsNotThereIsAMistakeAndNoSecretIsShown) {
  ASSERT_EQ(::setenv("DRIFTWOOD_TEST_TOKEN", "two\nlines", 1), 0);
  const auto with = [](const std::string& value) {
    return Refusal(
        std::string("base = \"https://a.example\"\nlist.path = \"/u\"\n[headers]\nA = ") + value +
        "\n");
  };
  EXPECT_THAT(with("{ env = \"DRIFTWOOD_TEST_UNSET\" }"), HasSubstr("has no variable"));
  EXPECT_THAT(with("{ file = \"/nowhere\" }"), HasSubstr("headers.A.file"));
  EXPECT_THAT(with("{ env = \"A\", file = \"B\" }"), HasSubstr("a secret is { env"));
  EXPECT_THAT(with("{}"), HasSubstr("a secret is { env"));
  EXPECT_THAT(with("{ env = \"DRIFTWOOD_TEST_TOKEN\" }"),
              AllOf(HasSubstr("a header has one line"), Not(HasSubstr("two"))));
  EXPECT_THAT(Refusal("base = \"https://user:s3cret@a.example\"\nlist.path = \"/u\"\n"),
              AllOf(HasSubstr("put it into [headers]"), Not(HasSubstr("s3cret"))));
}

TEST(HttpDescriptionTest, NoTomlIsOneMistake) {
  EXPECT_THAT(Refusal("base = "), HasSubstr("users.toml:1:"));
  EXPECT_EQ(ReadHttpDescription("/nowhere/users.toml").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace driftwood::agent
