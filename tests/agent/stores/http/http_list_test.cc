// Lists that move while they are read, each page as it is at that moment. Also
// agent/stores/http/http_lookup.cc.
#include "agent/stores/http/http_list.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/http_server.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Replies = std::vector<std::string>;

std::string Page(const std::string& records, const std::string& more = "") {
  return R"({"body": {"d": [)" + records + "]" + more + "}}";
}

std::string Path(const std::string& path, const Replies& replies) {
  std::string text;
  for (const std::string& reply : replies) text += (text.empty() ? "" : ", ") + reply;
  return "\"" + path + "\": [" + text + "]";
}

class HttpListTest : public ::testing::Test {
 protected:
  // `list` goes into [list], `paths` is the server's script.
  void Serve(const std::string& list, const Replies& paths, const std::string& more = "") {
    std::string script;
    for (const std::string& path : paths) script += (script.empty() ? "{" : ", ") + path;
    server_ = std::make_unique<testing::HttpServer>(dir_.path(), script + "}");
    absl::StatusOr<HttpDescription> description = ParseHttpDescription(
        "base = \"" + server_->base() +
            "\"\nkey = [\"id\"]\n[list]\npath = \"/u\"\nrecords = \"/d\"\n" + list + "\n" + more,
        "users.toml");
    ASSERT_TRUE(description.ok()) << description.status();
    description_ = *std::move(description);
    description_.client.tries_max = 1;
  }

  absl::Status Read() {
    absl::StatusOr<std::unique_ptr<HttpClient>> client = HttpClient::Create(description_.client);
    absl::StatusOr<HttpList> list = ReadHttpList(description_, client->get(), "users.toml", {});
    text_.clear();
    movement_.clear();
    if (!list.ok()) return list.status();
    movement_ = list->movement;
    SourceStream stream(*list->spool);
    text_ = *ReadHead(stream, 1 << 20);
    EXPECT_EQ(list->records, static_cast<uint64_t>(std::count(text_.begin(), text_.end(), '\n')));
    return absl::OkStatus();
  }

  testing::TempDir dir_;
  std::unique_ptr<testing::HttpServer> server_;
  HttpDescription description_;
  std::string text_;
  std::string movement_;
};

constexpr char kByPage[] = "page = \"p\"";
constexpr char kByPageWithTotal[] = "page = \"p\"\ntotal = \"/n\"";
constexpr char kByCursor[] = "cursor = { at = \"/next\", parameter = \"c\" }";
constexpr char kLookup[] = "[lookup]\npath = \"/u/{id}\"";

TEST_F(HttpListTest, WhatDidNotMoveIsReadOnce) {
  Serve(kByPageWithTotal, {Path("/u?p=1", {Page(R"({"id": 1})", R"(, "n": 1)")}),
                           Path("/u?p=2", {Page("", R"(, "n": 1)")})});
  EXPECT_TRUE(Read().ok());
  EXPECT_EQ(text_, "{\"id\":1}\n");
  EXPECT_THAT(movement_, IsEmpty());
  EXPECT_THAT(server_->requests(), SizeIs(2));
}

TEST_F(HttpListTest, AfterAnInsertionInFrontTheListIsReadAgain) {
  Serve(kByPage,
        {Path("/u?p=1", {Page(R"({"id": 1}, {"id": 2})"), Page(R"({"id": 0}, {"id": 1})")}),
         Path("/u?p=2", {Page(R"({"id": 2}, {"id": 3})")}), Path("/u?p=3", {Page("")})});
  EXPECT_TRUE(Read().ok());
  EXPECT_EQ(text_, "{\"id\":0}\n{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
  EXPECT_THAT(movement_,
              HasSubstr("read once more, as page 2 of /u: 1 record came on a page before"));
}

// Between the pages 1 went away, so that 3 is on page 1 by now, and met by nobody.
TEST_F(HttpListTest, AfterADeletionInFrontTheTotalShowsIt) {
  Serve(kByPageWithTotal, {Path("/u?p=1", {Page(R"({"id": 1}, {"id": 2})", R"(, "n": 4)"),
                                           Page(R"({"id": 2}, {"id": 3})", R"(, "n": 3)")}),
                           Path("/u?p=2", {Page(R"({"id": 4})", R"(, "n": 3)")}),
                           Path("/u?p=3", {Page("", R"(, "n": 3)")})});
  EXPECT_TRUE(Read().ok());
  EXPECT_EQ(text_, "{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n");
  EXPECT_THAT(movement_, HasSubstr("read once more, as page 2 of /u: the total went from 4 to 3"));
}

// One went from the front and one came at the end: nothing but the count shows it.
TEST_F(HttpListTest, ATotalThatStaysAndDoesNotFitIsReadAgain) {
  Serve(kByPageWithTotal, {Path("/u?p=1", {Page(R"({"id": 1}, {"id": 2})", R"(, "n": 4)"),
                                           Page(R"({"id": 2}, {"id": 3})", R"(, "n": 4)")}),
                           Path("/u?p=2", {Page(R"({"id": 4})", R"(, "n": 4)"),
                                           Page(R"({"id": 4}, {"id": 5})", R"(, "n": 4)")}),
                           Path("/u?p=3", {Page("", R"(, "n": 4)")})});
  EXPECT_TRUE(Read().ok());
  EXPECT_THAT(text_, HasSubstr("{\"id\":3}"));
  EXPECT_THAT(movement_, HasSubstr("the total is 4, and all pages together had 3 records"));
}

TEST_F(HttpListTest, WhatNeverRestsIsNotTaken) {
  Serve(kByPageWithTotal,
        {Path("/u?p=1", {Page(R"({"id": 1})", R"(, "n": 4)")}),
         Path("/u?p=2", {Page(R"({"id": 2})", R"(, "n": 5)"), Page(R"({"id": 2})", R"(, "n": 6)"),
                         Page(R"({"id": 2})", R"(, "n": 7)")})});
  const absl::Status status = Read();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("page 2 of /u: the total went from 4 to 7"),
                    HasSubstr("moved in each of 3 readings"), HasSubstr("oldest first")));
}

TEST_F(HttpListTest, WhatIsTheSameTwiceHasNotMoved) {
  Serve(kByPage, {Path("/u?p=1", {Page(R"({"id": 1})")}), Path("/u?p=2", {Page(R"({"id": 1})")})});
  const absl::Status status = Read();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("if each page is the first one"), HasSubstr("so in two readings")));
}

TEST_F(HttpListTest, APageThatIsLostIsNoMovement) {
  Serve(kByPage, {Path("/u?p=1", {Page(R"({"id": 1})")}), Path("/u?p=2", {R"({"status": 404})"})});
  EXPECT_EQ(Read().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(server_->requests(), SizeIs(2));
}

TEST_F(HttpListTest, OfWhatComesTwiceByACursorTheLookupDecides) {
  const Replies list = {
      Path("/u",
           {Page(R"({"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3})", R"(, "next": "x")")}),
      Path("/u?c=x", {Page(R"({"id": 2, "v": "b"}, {"id": 1, "v": "a"}, {"id": 4})")})};
  const auto serve = [&](const std::string& answer) {
    Replies paths = list;
    paths.push_back(Path("/u/1", {answer}));
    paths.push_back(Path("/u/2", {R"({"body": {"id": 2, "v": "c"}})"}));
    Serve(kByCursor, paths, kLookup);
  };
  serve(R"({"status": 410})");
  EXPECT_TRUE(Read().ok());
  EXPECT_EQ(text_, "{\"id\":3}\n{\"id\":4}\n{\"id\":2,\"v\":\"c\"}\n");
  EXPECT_EQ(movement_, "2 records came twice and were looked up");
  EXPECT_THAT(server_->requests(), SizeIs(4)) << "the list was read once";
  serve(R"({"status": 403})");
  EXPECT_THAT(std::string(Read().message()),
              HasSubstr("does not know whether {\"id\":1} is there: the status is 403"));
  serve(R"({"body": {"id": 7}})");
  EXPECT_THAT(std::string(Read().message()), HasSubstr("the record of another key"));
  Serve(kByCursor, list);
  EXPECT_THAT(std::string(Read().message()), HasSubstr("2 records came on a page before too"))
      << "without lookup";
}

// Two records of one key come so each time, and one that changed does not.
TEST_F(HttpListTest, OneThatChangedIsNotTakenForTwo) {
  const std::string first = Page(R"({"id": 1, "v": "a"})", R"(, "next": "x")");
  const std::string second = Page(R"({"id": 1, "v": "b"}, {"id": 2})");
  const std::string answer = Path("/u/1", {R"({"body": {"id": 1, "v": "b"}})"});
  Serve(kByCursor, {Path("/u", {first}), Path("/u?c=x", {second, Page(R"({"id": 2})")}), answer},
        kLookup);
  EXPECT_TRUE(Read().ok());
  EXPECT_EQ(text_, "{\"id\":1,\"v\":\"a\"}\n{\"id\":2}\n");
  const std::string other = Page(R"({"id": 2, "v": "b"}, {"id": 3})", R"(, "next": "y")");
  Serve(kByCursor,
        {Path("/u", {first}), Path("/u?c=x", {second, other}),
         Path("/u?c=y", {Page(R"({"id": 2, "v": "c"}, {"id": 4})")}), answer,
         Path("/u/2", {R"({"body": {"id": 2, "v": "c"}})"})},
        kLookup);
  EXPECT_TRUE(Read().ok());
  EXPECT_THAT(text_, HasSubstr("{\"id\":2,\"v\":\"c\"}"));
  EXPECT_THAT(movement_, HasSubstr("; then 1 record came twice and was looked up"));
  Serve(kByCursor, {Path("/u", {first}), Path("/u?c=x", {second}), answer}, kLookup);
  const absl::Status status = Read();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("{\"id\":1}"));
}

}  // namespace
}  // namespace driftwood::agent
