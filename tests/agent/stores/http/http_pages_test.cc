#include "agent/stores/http/http_pages.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/http_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class HttpPagesTest : public ::testing::Test {
 protected:
  // `list` goes into [list], `script` is the server's.
  void Serve(const std::string& list, const std::string& script, const std::string& more = "") {
    server_ = std::make_unique<testing::HttpServer>(dir_.path(), script);
    absl::StatusOr<HttpDescription> description =
        ParseHttpDescription("base = \"" + server_->base() +
                                 "\"\nkey = [\"id\"]\n[list]\npath = \"/u\"\n"
                                 "records = \"/d\"\n" +
                                 list + "\n" + more,
                             "users.toml");
    ASSERT_TRUE(description.ok()) << description.status();
    description_ = *std::move(description);
    description_.client.first_pause = std::chrono::milliseconds(1);
    description_.client.tries_max = 2;
  }

  absl::StatusOr<std::string> Read() {
    absl::StatusOr<std::unique_ptr<HttpClient>> client = HttpClient::Create(description_.client);
    HttpPages pages(description_, client->get(), {}, takes_twice_);
    absl::StatusOr<std::string> text = ReadHead(pages, 1 << 20);
    twice_ = pages.twice();
    return text;
  }
  std::string Refusal() {
    const absl::StatusOr<std::string> text = Read();
    EXPECT_FALSE(text.ok()) << *text;
    return std::string(text.status().message());
  }
  // Of a reading in which the list moved.
  std::string Movement() {
    const absl::StatusOr<std::string> text = Read();
    EXPECT_EQ(text.status().code(), absl::StatusCode::kAborted) << text.status();
    return std::string(text.status().message());
  }

  testing::TempDir dir_;
  std::unique_ptr<testing::HttpServer> server_;
  HttpDescription description_;
  bool takes_twice_ = false;
  std::set<std::string> twice_;
};

constexpr char kThree[] = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n";

TEST_F(HttpPagesTest, OnePage) {
  Serve("", R"({"/u": [{"body": {"d": [{"id": 1}, {"id": 2}, {"id": 3}]}}]})");
  EXPECT_EQ(*Read(), kThree);
  EXPECT_THAT(twice_, IsEmpty());
}

TEST_F(HttpPagesTest, ByACursor) {
  Serve("cursor = { at = \"/next\", parameter = \"after\" }\n[list.parameters]\nlimit = \"2\"",
        R"({"/u?limit=2": [{"body": {"d": [{"id": 1}, {"id": 2}], "next": "a b"}}],
            "/u?limit=2&after=a%20b": [{"body": {"d": [], "next": 7}}],
            "/u?limit=2&after=7": [{"body": {"d": [{"id": 3}], "next": null}}]})");
  EXPECT_EQ(*Read(), kThree);
}

TEST_F(HttpPagesTest, ByAnAddressInThePage) {
  Serve("next = \"/links/next\"",
        R"({"/u": [{"body": {"d": [{"id": 1}], "links": {"next": "/u?p=2"}}}],
            "/u?p=2": [{"body": {"d": [{"id": 2}], "links": {"next": "?p=3"}}}],
            "/u?p=3": [{"body": {"d": [{"id": 3}], "links": {}}}]})");
  EXPECT_EQ(*Read(), kThree);
}

TEST_F(HttpPagesTest, ByTheHeaderLink) {
  Serve("link = true",
        R"({"/u": [{"headers": {"Link": "</u?p=2>; rel=\"next\""},
                    "body": {"d": [{"id": 1}, {"id": 2}]}}],
            "/u?p=2": [{"body": {"d": [{"id": 3}]}}]})");
  EXPECT_EQ(*Read(), kThree);
}

TEST_F(HttpPagesTest, ByNumbers) {
  Serve("page = \"p\"", R"({"/u?p=1": [{"body": {"d": [{"id": 1}, {"id": 2}]}}],
                            "/u?p=2": [{"body": {"d": [{"id": 3}]}}],
                            "/u?p=3": [{"body": {"d": []}}]})");
  EXPECT_EQ(*Read(), kThree);
  Serve("offset = \"o\"", R"({"/u?o=0": [{"body": {"d": [{"id": 1}, {"id": 2}]}}],
                              "/u?o=2": [{"body": {"d": [{"id": 3}]}}],
                              "/u?o=3": [{"body": {"d": []}}]})");
  EXPECT_EQ(*Read(), kThree);
}

TEST_F(HttpPagesTest, ColumnsAreWherePointersSay) {
  Serve(
      "",
      R"({"/u": [{"body": "{\"d\": [{\"id\": 1, \"a\": {\"b\": [1.50]}, \"c\": 2}, {\"id\": 2}]}"}]})",
      "[columns]\nid = \"/id\"\nfirst = \"/a/b/0\"\n");
  EXPECT_EQ(*Read(), "{\"id\":1,\"first\":1.50}\n{\"id\":2}\n");
}

// What came in front pushed it there; what went from the front, or moved there, isn't seen.
TEST_F(HttpPagesTest, ARecordThatComesTwiceShowsThatTheListMoved) {
  const std::string pages = R"({"/u?p=1": [{"body": {"d": [{"id": 1}, {"id": 2}]}}],
                                "/u?p=2": [{"body": {"d": [{"id": 2}, {"id": 3}]}}],
                                "/u?p=3": [{"body": {"d": []}}]})";
  for (const bool takes_twice : {false, true}) {
    takes_twice_ = takes_twice;
    Serve("page = \"p\"", pages);
    EXPECT_THAT(Movement(),
                HasSubstr("page 2 of /u: 1 record came on a page before too: {\"id\":2}"));
  }
  Serve("next = \"/n\"", R"({"/u": [{"body": {"d": [{"id": 1}, {"id": 2}], "n": "/u?p=2"}}],
                              "/u?p=2": [{"body": {"d": [{"id": 1}, {"id": 2}, {"id": 3}]}}]})");
  EXPECT_THAT(Movement(), HasSubstr("2 records came on a page before too: first {\"id\":1}"));
}

TEST_F(HttpPagesTest, OneThatComesTwiceByACursorIsGivenOnce) {
  const auto serve = [&](const std::string& first, const std::string& second) {
    Serve("cursor = { at = \"/next\", parameter = \"c\" }",
          R"({"/u": [{"body": {"d": [{"id": 1}, {"id": 2}], "next": ")" + first +
              R"("}}], "/u?c=)" + first + R"(": [{"body": {"d": [{"id": 2, "v": 1}, {"id": 3}],
              "next": ")" +
              second + R"("}}], "/u?c=)" + second + R"(": [{"body": {"d": []}}]})");
  };
  takes_twice_ = true;
  serve("x", "y");
  EXPECT_EQ(*Read(), kThree);
  EXPECT_THAT(twice_, ::testing::ElementsAre("{\"id\":2}"));
  serve("2", "3");
  EXPECT_THAT(Movement(), HasSubstr("1 record came on a page before too")) << "it counts pages";
  serve("x", "4");
  EXPECT_THAT(Movement(), HasSubstr("1 record came on a page before too")) << "it counts records";
  takes_twice_ = false;
  serve("x", "y");
  EXPECT_THAT(Movement(), HasSubstr("with other values; are those all the columns of the key?"));
}

TEST_F(HttpPagesTest, WithoutAKeyAllRecordsAreTaken) {
  Serve("", R"({"/u": [{"body": {"d": [{"a": 1}, {"a": 1}]}}]})");
  for (const std::vector<std::string>& key : {std::vector<std::string>{}, {"*"}}) {
    description_.key = key;
    EXPECT_EQ(*Read(), "{\"a\":1}\n{\"a\":1}\n");
  }
}

TEST_F(HttpPagesTest, ATotalThatChangesShowsThatTheListMoved) {
  Serve("page = \"p\"\ntotal = \"/n\"",
        R"({"/u?p=1": [{"body": {"n": 3, "d": [{"id": 1}, {"id": 2}]}}],
            "/u?p=2": [{"body": {"n": 4, "d": [{"id": 3}]}}],
            "/u?p=3": [{"body": {"n": 4, "d": []}}]})");
  EXPECT_THAT(Movement(), HasSubstr("page 2 of /u: the total went from 3 to 4"));
}

TEST_F(HttpPagesTest, AnEmptyPageMayHaveNoTotalOfItsOwn) {
  const auto serve = [&](const std::string& total) {
    Serve("page = \"p\"\ntotal = \"/n\"", R"({"/u?p=1": [{"body": {"n": )" + total +
                                              R"(, "d": [{"id": 1}, {"id": 2}, {"id": 3}]}}],
              "/u?p=2": [{"body": {"n": 0, "d": []}}]})");
  };
  serve("3");
  EXPECT_EQ(*Read(), kThree);
  serve("4");
  EXPECT_THAT(Movement(), HasSubstr("the total is 4, and all pages together had 3 records"));
}

// Each would be a short list, taken for the whole.
TEST_F(HttpPagesTest, NoPageIsLostSilently) {
  const std::string first = R"({"/u?p=1": [{"body": {"n": 3, "d": [{"id": 1}]}}], "/u?p=2": )";
  const std::string rest = R"(, "/u?p=3": [{"body": {"n": 3, "d": []}}]})";
  const auto refusal = [&](const std::string& second) {
    Serve("page = \"p\"\ntotal = \"/n\"", first + second + rest);
    return Refusal();
  };
  EXPECT_THAT(refusal(R"([{"status": 500}])"), HasSubstr("page 2 of /u: the status is 500"));
  EXPECT_THAT(refusal(R"([{"status": 429, "headers": {"Retry-After": "3600"}}])"),
              HasSubstr("page 2 of /u: the status is 429; by Retry-After it asks for a pause of "));
  EXPECT_THAT(refusal(R"([{"status": 404}])"), HasSubstr("page 2 of /u: the status is 404"));
  EXPECT_THAT(refusal(R"([{"status": 204}])"), HasSubstr("page 2 of /u: the status is 204"));
  EXPECT_THAT(refusal(R"([{"status": 403}])"), HasSubstr("[headers] in the description"));
  EXPECT_THAT(refusal(R"([{"body": "{\"n\": 3, \"d\": [{\"id\": 2}"}])"),
              HasSubstr("page 2 of /u: no JSON"));
  EXPECT_THAT(refusal(R"([{"body": {"n": 3, "d": [{"id": 2}, {"id": 3}]}, "cut": 20}])"),
              HasSubstr("page 2 of /u: no reply after 2 tries"));
  EXPECT_THAT(
      refusal(R"([{"body": {"n": 3, "d": [{"id": 2}, {"id": 3}]}, "gzip": true, "trim": 8}])"),
      HasSubstr("page 2 of /u: no whole reply after 2 tries"));
  EXPECT_THAT(refusal(R"([{"body": {"n": 3, "error": "busy"}}])"),
              HasSubstr("page 2 of /u: there is no list"));
  EXPECT_THAT(refusal(R"([{"body": {"n": 3, "d": null}}])"), HasSubstr("there is no list"));
  EXPECT_THAT(refusal(R"([{"body": {"n": 3, "d": []}}])"),
              HasSubstr("the total is 3, and all pages together had 1 record"));
  EXPECT_THAT(refusal(R"([{"body": {"d": [{"id": 2}, {"id": 3}]}}])"),
              HasSubstr("there is no number where `total`"));
  EXPECT_THAT(refusal(R"([{"body": {"n": 3, "d": [{"id": 1}]}}])"),
              HasSubstr("all its records were on pages before"));
  EXPECT_THAT(refusal(R"([{"body": {"n": 3, "d": [{"name": "x"}]}}])"),
              HasSubstr("a record has no id"));
  EXPECT_THAT(refusal(R"([{"body": {"n": 3, "d": [7]}}])"), HasSubstr("it is no JSON object"));
}

TEST_F(HttpPagesTest, WhoNeverNamesANextPageIsDescribedWrongly) {
  const std::string cursor = "cursor = { at = \"/nxt\", parameter = \"c\" }";
  const std::string one = R"({"/u": [{"body": {"d": [{"id": 1}], "next": 7}}]})";
  Serve(cursor, one);
  EXPECT_THAT(Refusal(), HasSubstr("page 1 of /u: nothing is where `cursor` says"));
  Serve(cursor + "\nabsent_is_last = true", one);
  EXPECT_EQ(*Read(), "{\"id\":1}\n");
  Serve("next = \"/links/next\"", one);
  EXPECT_THAT(Refusal(), HasSubstr("nothing is where `next` says"));
  for (const char* const other : {"true", "{\"c\": 1}", "[7]"}) {
    Serve("next = \"/next\"",
          std::string(R"({"/u": [{"body": {"d": [{"id": 1}], "next": )") + other + "}}]}");
    EXPECT_THAT(Refusal(), HasSubstr("neither a text nor a number")) << other;
  }
  for (const char* const end : {"null", "false", "\"\""}) {
    Serve("next = \"/next\"",
          std::string(R"({"/u": [{"body": {"d": [{"id": 1}], "next": )") + end + "}}]}");
    EXPECT_EQ(*Read(), "{\"id\":1}\n") << end;
  }
}

TEST_F(HttpPagesTest, TwoRecordsOfOneKeyAreNoneThatCameTwice) {
  Serve("", R"({"/u": [{"body": {"d": [{"id": 1, "v": "a"}, {"id": 1, "v": "b"}]}}]})");
  EXPECT_THAT(Refusal(), HasSubstr("page 1 of /u: a second record has the key 1 , on one page"));
  Serve("", R"({"/u": [{"body": {"d": [{"id": 1, "v": "a"}, {"id": 1, "v": "a"}]}}]})");
  EXPECT_THAT(Refusal(), HasSubstr("on one page"));
  Serve("page = \"p\"", R"({"/u?p=1": [{"body": {"d": [{"id": 1, "v": "a"}, {"id": 2}]}}],
                            "/u?p=2": [{"body": {"d": [{"id": 1, "v": "b"}]}}],
                            "/u?p=3": [{"body": {"d": []}}]})");
  EXPECT_THAT(Movement(), HasSubstr("all its records were on pages before"));
}

TEST_F(HttpPagesTest, ALoopIsAnError) {
  Serve("cursor = { at = \"/next\", parameter = \"c\" }",
        R"({"/u": [{"body": {"d": [{"id": 1}], "next": "a"}}],
            "/u?c=a": [{"body": {"d": [{"id": 2}], "next": "b"}}],
            "/u?c=b": [{"body": {"d": [{"id": 3}], "next": "a"}}]})");
  EXPECT_THAT(Refusal(), HasSubstr("page 3 of /u: what it names as the next page was read before"));
}

TEST_F(HttpPagesTest, APageThatNobodyAskedForIsNotOverlooked) {
  Serve("", R"({"/u": [{"headers": {"Link": "</u?p=2>; rel=\"next\""},
                        "body": {"d": [{"id": 1}]}}]})");
  EXPECT_THAT(Refusal(), HasSubstr("write link = true"));
  Serve("next = \"/n\"", R"({"/u": [{"headers": {"Link": "</u?p=2>; rel=\"next\""},
                                    "body": {"d": [{"id": 1}], "n": null}}]})");
  EXPECT_THAT(Refusal(), HasSubstr("write link = true"));
}

TEST_F(HttpPagesTest, TheNextPageIsOnTheSameHost) {
  Serve("next = \"/n\"",
        R"({"/u": [{"body": {"d": [{"id": 1}], "n": "https://elsewhere.invalid/u"}}]})");
  EXPECT_THAT(Refusal(), HasSubstr("the next page is at https://elsewhere.invalid:443"));
}

TEST(HttpUrlTest, ParametersAreEscaped) {
  HttpDescription description;
  description.base = "https://a.example/v1";
  EXPECT_EQ(HttpUrl(description, "/u", {}), "https://a.example/v1/u");
  EXPECT_EQ(HttpUrl(description, "/u?x=1", {{"a b", "c&d=\xc3\xa4"}}),
            "https://a.example/v1/u?x=1&a%20b=c%26d%3D%C3%A4");
}

}  // namespace
}  // namespace driftwood::agent
