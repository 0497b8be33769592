#include "agent/stores/text/dated_path.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string OfDay(const std::string& path, const std::string& day = "2026-11-08") {
  const absl::StatusOr<DatedPath> dated = DatedPath::Parse(path);
  return dated.ok() ? dated->Of(*ParseDay(day)) : std::string(dated.status().message());
}

class DatedPathTest : public TextStoreTest {
 protected:
  // The days for which there are files, and their names.
  std::vector<std::string> Files(const std::string& name) const {
    const auto files = DatedPath::Parse(Path(name))->Files();
    EXPECT_TRUE(files.ok()) << files.status();
    std::vector<std::string> shown;
    for (const auto& [day, path] : *files) {
      EXPECT_EQ(DatedPath::Parse(Path(name))->Of(day), path);
      shown.push_back(DayText(day) + " " + path.substr(Path("").size()));
    }
    return shown;
  }
  void Make(const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
      Write(name, "id\n");
    }
  }
};

TEST_F(DatedPathTest, DateStandsForTheDayHoweverItIsWritten) {
  EXPECT_EQ(OfDay("/in/a-{date}.csv.gz"), "/in/a-2026-11-08.csv.gz");
  EXPECT_EQ(OfDay("a{date:YYYYMMDD}.csv"), "a20261108.csv");
  EXPECT_EQ(OfDay("{date:DD.MM.YYYY}"), "08.11.2026");
  EXPECT_EQ(OfDay("a-{date:DD_MM_YY}"), "a-08_11_26");
  EXPECT_EQ(OfDay("in/{date}/{date}.csv"), "in/2026-11-08/2026-11-08.csv");
  EXPECT_EQ(OfDay("in/{date:YYYY}/{date:MM}/a-{date:DD}.csv"), "in/2026/11/a-08.csv");
  EXPECT_EQ(OfDay("in/{date:YYYY/MM/DD}.csv"), "in/2026/11/08.csv");
  EXPECT_EQ(OfDay("//in//{date}/./a"), "//in//2026-11-08/./a");
}

TEST_F(DatedPathTest, OnlyDateInBracesIsADay) {
  for (const char* const path :
       {"a.csv", "date", "{dates}.csv", "{ date}", "{Date}", "{date", "{}"}) {
    EXPECT_FALSE(DatedPath::IsDated(path)) << path;
  }
  EXPECT_TRUE(DatedPath::IsDated("a-{date}"));
  EXPECT_TRUE(DatedPath::IsDated("{dates}-{date:YYYYMMDD}"));
}

TEST_F(DatedPathTest, AFormThatIsNoneIsRefusedWithThoseThatThereAre) {
  for (const char* const path : {"{date:%Y%m%d}", "{date:YYYY-MM-DDTHH}", "{date:yyyy-mm-dd}",
                                 "{date:YYYMMDD}", "{date:YYYY-M-D}", "{date:YYYYMMDD"}) {
    EXPECT_THAT(OfDay(path), HasSubstr("as in {date}, {date:YYYYMMDD} or {date:DD.MM.YYYY}"))
        << path;
  }
  for (const char* const path : {"{date:YYYYMM}", "{date:}", "{date:DD}/{date:MM}", "{date:.}"}) {
    EXPECT_THAT(OfDay(path), HasSubstr("does not say the whole day")) << path;
  }
}

TEST_F(DatedPathTest, TheFilesThatThereAreAreFound) {
  Make({"a-2026-11-08.csv", "a-2026-11-28.csv", "b-2026-11-29.csv", "a-2026-11-29.csv.tmp",
        "a-2026-11-30.csv.gz", "xa-2026-11-30.csv", "a-2026-13-99.csv", "a-2026-02-30.csv",
        "a-2026-1-11.csv", "a-latest.csv", "a-2026-11-2x.csv", "a-.csv"});
  std::filesystem::create_directory(Path("a-2026-12-01.csv"));
  std::filesystem::create_symlink("a-2026-11-08.csv", Path("a-2026-11-09.csv"));
  std::filesystem::create_symlink("nowhere", Path("a-2026-11-10.csv"));
  EXPECT_THAT(Files("a-{date}.csv"),
              ElementsAre("2026-11-08 a-2026-11-08.csv", "2026-11-09 a-2026-11-09.csv",
                          "2026-11-10 a-2026-11-10.csv", "2026-11-28 a-2026-11-28.csv"));
  EXPECT_THAT(Files("c-{date}.csv"), IsEmpty());
  EXPECT_THAT(Files("nowhere/a-{date}.csv"), IsEmpty());
  EXPECT_THAT(Files("a-latest.csv/{date}.csv"), IsEmpty());
}

TEST_F(DatedPathTest, DirectoriesMayHaveTheDayOrAPartOfIt) {
  Make({"2026/11/08.csv", "2026/12/01.csv", "2025/12/31.csv", "2026/11/31.csv", "x/11/08.csv"});
  EXPECT_THAT(Files("{date:YYYY}/{date:MM}/{date:DD}.csv"),
              ElementsAre("2025-12-31 2025/12/31.csv", "2026-11-08 2026/11/08.csv",
                          "2026-12-01 2026/12/01.csv"));
  Make({"2026-11-08/a-20261108.csv", "2026-11-09/a-20261108.csv", "2026-11-10/b.csv"});
  EXPECT_THAT(Files("{date}/a-{date:YYYYMMDD}.csv"),
              ElementsAre("2026-11-08 2026-11-08/a-20261108.csv"));
  EXPECT_THAT(Files("{date}/b.csv"), ElementsAre("2026-11-10 2026-11-10/b.csv"));
}

TEST_F(DatedPathTest, ShortYearsAreOfThisCentury) {
  Make({"a-261108.csv", "a-991231.csv"});
  EXPECT_THAT(Files("a-{date:YYMMDD}.csv"),
              ElementsAre("2026-11-08 a-261108.csv", "2099-12-31 a-991231.csv"));
}

}  // namespace
}  // namespace driftwood::agent
