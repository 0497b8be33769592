#include "agent/stores/http/http_client.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/http_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() { options_.first_pause = milliseconds(1); }

  void Serve(const std::string& script) {
    server_ = std::make_unique<testing::HttpServer>(dir_.path(), script);
  }
  std::string Url(const std::string& path) const { return server_->base() + path; }

  absl::StatusOr<std::vector<HttpReply>> GetAll(const std::vector<std::string>& paths,
                                                std::stop_token stop = {}) {
    std::vector<HttpRequest> requests;
    for (const std::string& path : paths) requests.push_back({Url(path), path});
    absl::StatusOr<std::unique_ptr<HttpClient>> client = HttpClient::Create(options_);
    if (!client.ok()) return client.status();
    return (*client)->Get(requests, stop);
  }
  absl::StatusOr<HttpReply> Get(const std::string& path) {
    absl::StatusOr<std::vector<HttpReply>> replies = GetAll({path});
    if (!replies.ok()) return replies.status();
    return replies->at(0);
  }
  std::string Refusal(const std::string& path) {
    const absl::StatusOr<HttpReply> reply = Get(path);
    EXPECT_FALSE(reply.ok());
    return std::string(reply.status().message());
  }

  testing::TempDir dir_;
  HttpClientOptions options_;
  std::unique_ptr<testing::HttpServer> server_;
};

TEST_F(HttpClientTest, AReplyIsAsItIsWhateverItsStatus) {
  Serve(R"({"/a": [{"body": "text"}], "/b": [{"status": 403, "body": "no"}]})");
  EXPECT_EQ(Get("/a")->body, "text");
  EXPECT_EQ(Get("/a")->status, 200);
  EXPECT_EQ(Get("/b")->status, 403);
  EXPECT_EQ(Get("/nothing")->status, 404);
}

TEST_F(HttpClientTest, ManyAreInTheirOrder) {
  std::string script = "{";
  std::vector<std::string> paths;
  for (int i = 0; i < 100; ++i) {
    paths.push_back("/" + std::to_string(i));
    script +=
        (i > 0 ? ", \"" : "\"") + paths.back() + "\": [{\"body\": \"" + std::to_string(i) + "\"}]";
  }
  Serve(script + "}");
  const absl::StatusOr<std::vector<HttpReply>> replies = GetAll(paths);
  ASSERT_TRUE(replies.ok()) << replies.status();
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ((*replies)[i].body, std::to_string(i));
  EXPECT_THAT(server_->requests(), SizeIs(100));
}

TEST_F(HttpClientTest, WhoWasBusyIsAskedAgain) {
  Serve(R"({"/a": [{"status": 503}, {"status": 429, "headers": {"Retry-After": "0"}},
                   {"status": 500}, {"body": "at last"}]})");
  EXPECT_EQ(Get("/a")->body, "at last");
  EXPECT_THAT(server_->requests(), SizeIs(4));
}

TEST_F(HttpClientTest, WhoStaysBusyHasThatStatus) {
  Serve(R"({"/a": [{"status": 503}]})");
  options_.tries_max = 3;
  EXPECT_EQ(Get("/a")->status, 503);
  EXPECT_THAT(server_->requests(), SizeIs(3));
}

TEST_F(HttpClientTest, WhoAsksForAnHourIsNotWaitedFor) {
  Serve(R"({"/a": [{"status": 429, "headers": {"Retry-After": "3600"}}]})");
  const absl::StatusOr<HttpReply> reply = Get("/a");
  EXPECT_EQ(reply->status, 429);
  EXPECT_EQ(StatusOf(*reply),
            "the status is 429; by Retry-After it asks for a pause of 3,600 s, and at most 600 s "
            "are waited for; pause_max = \"3600s\" in the description allows it, and a lower rate "
            "may spare it");
  EXPECT_THAT(server_->requests(), SizeIs(1));
  options_.pause_max = milliseconds(0);
  Serve(R"({"/a": [{"status": 503, "headers": {"Retry-After": "1"}}]})");
  EXPECT_THAT(StatusOf(*Get("/a")), HasSubstr("a pause of 1 s, and at most 0 s"));
}

TEST_F(HttpClientTest, APauseMayEndAtADate) {
  Serve(R"({"/past": [{"status": 429, "headers": {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}},
                      {"body": "now"}],
            "/far": [{"status": 429, "headers": {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}}],
            "/wrong": [{"status": 429, "headers": {"Retry-After": "soon"}}, {"body": "now"}]})");
  EXPECT_EQ(Get("/past")->body, "now");
  EXPECT_EQ(Get("/wrong")->body, "now");
  EXPECT_THAT(StatusOf(*Get("/far")), HasSubstr("it asks for a pause of "));
  EXPECT_THAT(server_->requests(), SizeIs(5));
}

TEST_F(HttpClientTest, AReplyThatIsCutOffIsNone) {
  Serve(R"({"/a": [{"body": "0123456789", "cut": 5}],
            "/b": [{"body": "0123456789", "cut": 0}, {"body": "whole"}]})");
  options_.tries_max = 2;
  EXPECT_THAT(Refusal("/a"), HasSubstr("no reply after 2 tries"));
  EXPECT_EQ(Get("/b")->body, "whole");
}

TEST_F(HttpClientTest, AnArchiveIsUnpackedAndBounded) {
  Serve("{\"/a\": [{\"gzip\": true, \"body\": \"" + std::string(100'000, 'x') + "\"}]}");
  EXPECT_THAT(Get("/a")->body, SizeIs(100'000));
  options_.body_max = 50'000;
  EXPECT_THAT(Refusal("/a"), HasSubstr("more than 50,000 bytes"));
}

// Its JSON may be whole, and its length fits: the archive's own end alone says that it is not.
TEST_F(HttpClientTest, AnArchiveThatIsNotWholeIsNoReply) {
  Serve(R"({"/whole": [{"gzip": true, "body": "[1]", "chunked": true}],
            "/trailer": [{"gzip": true, "body": "[1]", "trim": 8}],
            "/half": [{"gzip": true, "body": "[1]", "trim": 4}],
            "/chunked": [{"gzip": true, "body": "[1]", "trim": 8, "chunked": true}],
            "/middle": [{"gzip": true, "body": "[1]", "trim": 10}],
            "/sum": [{"gzip": true, "body": "[1]", "flip": 8}],
            "/length": [{"gzip": true, "body": "[1]", "flip": 4}],
            "/behind": [{"gzip": true, "body": "[1]", "append": "[2] and more"}],
            "/one": [{"gzip": true, "body": "[1]", "append": "\n"}],
            "/plain": [{"body": "[1]", "headers": {"Content-Encoding": "gzip"}}]})");
  options_.tries_max = 2;
  EXPECT_EQ(Get("/whole")->body, "[1]");
  for (const char* const path : {"/trailer", "/half", "/chunked", "/middle"}) {
    EXPECT_THAT(Refusal(path),
                AllOf(HasSubstr(path + std::string(": no whole reply after 2 tries")),
                      HasSubstr("the gzip archive is cut off")));
  }
  for (const char* const path : {"/sum", "/length", "/plain"}) {
    EXPECT_THAT(Refusal(path), HasSubstr("the gzip archive is damaged"));
  }
  EXPECT_THAT(Refusal("/behind"), HasSubstr("what follows is no other one"));
  EXPECT_THAT(Refusal("/one"), HasSubstr("no whole reply after 2 tries"));
}

TEST_F(HttpClientTest, WhatComesWholeTheSecondTimeIsTheReply) {
  Serve(R"({"/a": [{"gzip": true, "body": "[1]", "trim": 8}, {"gzip": true, "body": "[1]"}]})");
  EXPECT_EQ(Get("/a")->body, "[1]");
}

TEST_F(HttpClientTest, ACodingThatNobodyAskedForIsNamed) {
  Serve(R"({"/br": [{"body": "x", "headers": {"Content-Encoding": "br"}}],
            "/twice": [{"gzip": true, "body": "x", "headers": {"content-encoding": "deflate"}}],
            "/none": [{"body": "x", "headers": {"Content-Encoding": "identity"}}],
            "/gone": [{"status": 404, "body": "x", "headers": {"Content-Encoding": "br"}}],
            "/transfer": [{"body": "x", "chunked": true,
                           "headers": {"Transfer-Encoding": "deflate"}}]})");
  EXPECT_EQ(Get("/none")->body, "x");
  EXPECT_THAT(server_->requests()[0], HasSubstr("\"Accept-Encoding\": \"gzip\""));
  EXPECT_THAT(Refusal("/br"), HasSubstr("its reply has the Content-Encoding br; only gzip is"));
  EXPECT_THAT(Refusal("/twice"), HasSubstr("deflate, gzip"));
  EXPECT_FALSE(Get("/transfer").ok());
  EXPECT_EQ(Get("/gone")->status, 404) << "its body says nothing";
}

TEST_F(HttpClientTest, HeadersAreSent) {
  Serve(R"({"/a": [{"body": "text"}]})");
  options_.headers = {{"Authorization", "Bearer s3cret"}};
  ASSERT_TRUE(Get("/a").ok());
  EXPECT_THAT(server_->requests()[0], HasSubstr("Bearer s3cret"));
}

TEST_F(HttpClientTest, ARedirectIsFollowedOnTheSameHostOnly) {
  Serve(R"({"/a": [{"status": 302, "headers": {"Location": "/b"}}], "/b": [{"body": "there"}],
            "/loop": [{"status": 302, "headers": {"Location": "/loop"}}],
            "/out": [{"status": 301, "headers": {"Location": "https://elsewhere.invalid/b"}}]})");
  options_.headers = {{"Authorization", "Bearer s3cret"}};
  EXPECT_EQ(Get("/a")->body, "there");
  EXPECT_THAT(Refusal("/loop"), HasSubstr("redirects for ever"));
  EXPECT_THAT(Refusal("/out"), AllOf(HasSubstr("redirects to https://elsewhere.invalid:443"),
                                     Not(HasSubstr("s3cret"))));
}

TEST_F(HttpClientTest, TheHeaderLinkSaysWhatIsNext) {
  Serve(R"({"/a": [{"headers": {"Link": "</p>; rel=\"prev\", </n>; rel=\"next\""}}],
            "/b": [{"headers": {"Link": "</p>; rel=\"prev\""}}]})");
  EXPECT_EQ(Get("/a")->next, "/n");
  EXPECT_EQ(Get("/b")->next, "");
}

// As RFC 8288 lets it be written.
TEST_F(HttpClientTest, TheHeaderLinkInAllItsForms) {
  const std::vector<std::string> forms = {
      "</n>; rel=next",
      "</n>;rel=\\\"NEXT\\\"",
      "</n> ; REL = \\\"next\\\"",
      "</n>; rel=\\\"foo next\\\"",
      "</n>; title=\\\"a, b; rel=prev\\\"; rel=\\\"next foo\\\"",
      "</p>; rel=\\\"prev\\\",</n>; rel=\\\"next\\\"",
      "</n>; rel=next; rel=prev"};
  std::string script;
  std::vector<std::string> paths;
  for (const std::string& form : forms) {
    paths.push_back("/" + std::to_string(paths.size()));
    script += (script.empty() ? "{\"" : ", \"") + paths.back() +
              "\": [{\"headers\": {\"Link\": \"" + form + "\"}}]";
  }
  Serve(script + R"(, "/x": [{"headers": {"Link": "</n>; rel=prev; rel=next"}}],
                     "/y": [{"headers": {"Link": "</n>; rel=\"nextnext\""}}]})");
  for (const std::string& path : paths) EXPECT_EQ(Get(path)->next, "/n") << path;
  EXPECT_EQ(Get("/x")->next, "") << "the first rel counts";
  EXPECT_EQ(Get("/y")->next, "");
}

TEST_F(HttpClientTest, SomeAddressesAreNeverAsked) {
  Serve("{}");
  const auto refusal = [&](const std::string& url) {
    absl::StatusOr<std::unique_ptr<HttpClient>> client = HttpClient::Create(options_);
    const std::vector<HttpRequest> request = {{url, "/x"}};
    return std::string((*client)->Get(request, {}).status().message());
  };
  options_.tries_max = 1;
  EXPECT_THAT(refusal("http://169.254.169.254/latest"), HasSubstr("link-local"));
  EXPECT_THAT(refusal("http://[::ffff:169.254.1.1]/"), HasSubstr("link-local"));
  EXPECT_THAT(refusal("http://[fe80::1]/"), HasSubstr("link-local"));
  EXPECT_THAT(refusal("http://192.0.2.1/"), HasSubstr("in plain text"));
  EXPECT_THAT(refusal("file:///etc/passwd"), HasSubstr("no reply"));
}

TEST_F(HttpClientTest, ItEndsWhenItIsStopped) {
  Serve(R"({"/a": [{"status": 503, "headers": {"Retry-After": "500"}}]})");
  std::stop_source stop;
  const std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(GetAll({"/a"}, stop.get_token()).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(HttpClientTest, NobodyAnswersAtAllIsAnError) {
  Serve("{}");
  const std::string url = Url("/a");
  server_.reset();
  options_.tries_max = 2;
  absl::StatusOr<std::unique_ptr<HttpClient>> client = HttpClient::Create(options_);
  const std::vector<HttpRequest> request = {{url, "/a"}};
  const absl::Status status = (*client)->Get(request, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no reply after 2 tries"));
}

TEST_F(HttpClientTest, ACertificateMustBeThatOfTheHost) {
  const std::string certificate = (dir_ / "cert.pem").string();
  const std::string key = (dir_ / "key.pem").string();
  const auto made =
      testing::RunProcess({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                           "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                           "-keyout", key, "-out", certificate});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  server_ = std::make_unique<testing::HttpServer>(dir_.path(), R"({"/a": [{"body": "safe"}]})",
                                                  certificate, key);
  EXPECT_THAT(Refusal("/a"), HasSubstr("certificate"));
  options_.ca_file = certificate;
  EXPECT_EQ(Get("/a")->body, "safe");
  absl::StatusOr<std::unique_ptr<HttpClient>> client = HttpClient::Create(options_);
  const std::vector<HttpRequest> request = {
      {"https://localhost:" + std::to_string(server_->port()) + "/a", "/a"}};
  EXPECT_FALSE((*client)->Get(request, {}).ok()) << "the certificate is not localhost's";
}

TEST(HttpUrlTest, OriginsAndRelativeAddresses) {
  EXPECT_EQ(OriginOf("https://A.example/x?y"), "https://a.example:443");
  EXPECT_EQ(OriginOf("http://a.example:80"), "http://a.example:80");
  EXPECT_EQ(OriginOf("nothing"), "");
  EXPECT_EQ(ResolvedUrl("https://a.example/v1/users?p=1", "?p=2"),
            "https://a.example/v1/users?p=2");
  EXPECT_EQ(ResolvedUrl("https://a.example/v1/users", "/x"), "https://a.example/x");
  EXPECT_EQ(ResolvedUrl("https://a.example/", "https://b.example/"), "https://b.example/");
}

}  // namespace
}  // namespace driftwood::agent
