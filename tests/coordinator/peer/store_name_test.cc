#include "coordinator/peer/store_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "coordinator/peer/connector.h"
#include "proto/contract/day.h"
#include "tests/coordinator/peer/fake_store_kinds.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;

class StoreNameTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name, const std::string& content = "id\n") {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return (folder_ / name).string();
  }
  static std::string Url(const std::string& given) {
    const auto url = StoreUrlOf(given, *FakeStoreKinds());
    return url.ok() ? *url : "refused: " + std::string(url.status().message());
  }
  testing::TempDir folder_;
};

TEST_F(StoreNameTest, UrlsStayAsTheyAre) {
  for (const char* url : {"csv:a.csv", "sqlite:x?table=t", "newdb://u@h/d?table=a.csv", "ndb:x",
                          "agent:h:1/a.csv", "agent:unix:/x/y.csv/orders"}) {
    EXPECT_EQ(Url(url), url);
  }
}

TEST_F(StoreNameTest, TheNameSaysTheKindWhetherTheFileIsThereOrNot) {
  EXPECT_EQ(Url("data/Orders.CSV"), "csv:data/Orders.CSV");
  EXPECT_EQ(Url("shop.db?table=t"), "sqlite:shop.db?table=t");
  EXPECT_EQ(Url("50%.csv"), "csv:50%25.csv");
  const std::string file = File("a.csv");
  EXPECT_EQ(Url(file + "?key=id"), "csv:" + file + "?key=id");
}

TEST_F(StoreNameTest, TheContentSaysItToo) {
  const std::string magic("SQLite format 3\0more", 20);
  const std::string plain = File("backup", magic);
  EXPECT_EQ(Url(plain), "sqlite:" + plain);
  EXPECT_EQ(Url(plain + "?table=t"), "sqlite:" + plain + "?table=t");
  const std::string both = File("shop.csv", magic);
  EXPECT_THAT(Url(both), HasSubstr("write 'csv:" + both + "' or 'sqlite:" + both + "'"));
  EXPECT_EQ(Url(File("short.db", "SQLite")), "sqlite:" + (folder_ / "short.db").string());
}

TEST_F(StoreNameTest, AFileThatIsThereIsThatFile) {
  const std::string colon = File("12:30.csv");
  EXPECT_EQ(Url(colon), "csv:" + colon);
  const std::string mark = File("what?.csv");
  EXPECT_EQ(Url(mark), "csv:" + (folder_ / "what%3F.csv").string());
  EXPECT_EQ(Url(mark + "?key=id"), "csv:" + (folder_ / "what%3F.csv").string() + "?key=id");
  const auto spec = ParseReplicaSpec("a", mark, FakeStoreKinds);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(StorePath(spec->url), mark);
}

TEST_F(StoreNameTest, WhatHasTwoReadingsOrNoneIsRefused) {
  const std::string file = File("a.csv");
  File("a.csv?key=id.csv");
  EXPECT_THAT(Url(file + "?key=id.csv"), HasSubstr("two readings; write 'csv:" + file + "%3Fkey="));
  const std::string text = File("a.txt");
  EXPECT_THAT(Url(text), HasSubstr("does not say by its name what it holds; write 'csv:" + text));
  EXPECT_THAT(Url("-"), HasSubstr("'-' is stdin, whose kind no name says; write 'csv:-'"));
}

TEST_F(StoreNameTest, ADayInAFilesNameIsNoScheme) {
  EXPECT_EQ(Url("in/o-{date:YYYYMMDD}.csv?date=latest"),
            "csv:in/o-{date:YYYYMMDD}.csv?date=latest");
  EXPECT_EQ(Url("o-{date:DD.MM.YYYY}.csv"), "csv:o-{date:DD.MM.YYYY}.csv");
}

TEST_F(StoreNameTest, WhatIsNeitherIsLeftToBeRefused) {
  for (const char* word : {"nonsense", "cvs:a.csv", "user:secret@host/x.csv", ""}) {
    EXPECT_EQ(Url(word), word);
  }
}

TEST(NameDaysTest, TodayIsTheDayOnWhichTheComparisonBegan) {
  const Day day = *ParseDay("2026-12-01");
  // Noon, in whatever zone.
  merkle::WallTime now = std::chrono::sys_days(day) + std::chrono::hours(12);
  while (LocalDay(std::chrono::floor<std::chrono::seconds>(now)) != day) {
    now += std::chrono::hours(1);
  }
  std::vector<std::string> stores = {"csv:a-{date}.csv?date=today&key=id",
                                     "jsonl:in/{date:YYYYMMDD}.jsonl?date=yesterday",
                                     "csv:a-{date}.csv?date=latest",
                                     "csv:a-{date}.csv?date=2026-11-01",
                                     "csv:a.csv?date=today",
                                     "agent:h:1/a-{date}?date=today"};
  NameDays(now, &stores);
  EXPECT_THAT(stores, ::testing::ElementsAre(
                          "csv:a-{date}.csv?date=2026-12-01&key=id",
                          "jsonl:in/{date:YYYYMMDD}.jsonl?date=2026-11-30",
                          "csv:a-{date}.csv?date=latest", "csv:a-{date}.csv?date=2026-11-01",
                          "csv:a.csv?date=today", "agent:h:1/a-{date}?date=today"));
}

}  // namespace
}  // namespace driftwood::coordinator
