#include "agent/stores/text/dated_store.h"

#include <filesystem>

#include "agent/stores/csv/csv_store.h"
#include "agent/stores/open_store.h"
#include "gmock/gmock.h"
#include "merkle/hash/digest.h"
#include "merkle/text/hex.h"
#include "proto/contract/day.h"
#include "tests/agent/stores/text/stream_fixture.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

class DatedStoreTest : public TextStoreTest {
 protected:
  // Hours after all that the test writes, unless it says otherwise.
  int64_t now_ = Later();
  milliseconds waited_{0};
  // What others do during the next wait; true: the call is stopped.
  std::function<bool()> meanwhile_;

  DatedOptions Dated() {
    DatedOptions options;
    options.clock = [this] { return now_; };
    options.wait = [this](milliseconds pause, const std::stop_token&) {
      waited_ += pause;
      now_ += pause.count() * 1'000'000;
      return meanwhile_ && meanwhile_();
    };
    return options;
  }

  absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& rest) {
    return OpenDated(
        UrlOf("csv:" + Path(rest)),
        [](const StoreUrl& file) { return OpenCsvStore(file, Options()); }, Dated());
  }

  // Which file is read; or why none is.
  std::string Read(const std::string& rest) {
    const auto store = Open(rest);
    if (!store.ok()) return std::string(store.status().message());
    const absl::StatusOr<SourceDescription> description = (*store)->Describe();
    if (!description.ok()) return std::string(description.status().message());
    EXPECT_TRUE(description->dated_file);
    return description->dated_file->day + " " +
           description->dated_file->path.substr(Path("").size());
  }

  absl::Status OpenError(const std::string& rest) { return Open(rest).status(); }
};

TEST_F(DatedStoreTest, ADayIsReadAndSaidWithItsHash) {
  const std::string packed = Gzip("id,v\n1,a\n");
  Write("a-2026-11-28.csv.gz", packed);
  const auto store = *Open("a-{date}.csv.gz?date=2026-11-28&key=id");
  const SourceDescription description = *store->Describe();
  EXPECT_EQ(description.source, "csv:" + Path("a-{date}.csv.gz?date=2026-11-28&key=id"));
  EXPECT_THAT(description.key, ElementsAre("id"));
  EXPECT_EQ(description.dated_file,
            (DatedFile{"2026-11-28", Path("a-2026-11-28.csv.gz"), Hex(merkle::Sha256(packed))}));
  EXPECT_THAT(ScanAll(*store, {"id", "v"})->rows, ElementsAre("'1' 'a'"));
  EXPECT_EQ(waited_, milliseconds(0));
}

TEST_F(DatedStoreTest, LatestTodayAndYesterdayAreDays) {
  const Day today = LocalDay(std::chrono::floor<std::chrono::seconds>(
      std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(now_))));
  const std::string days[] = {DayText(DayBefore(DayBefore(today))), DayText(DayBefore(today)),
                              DayText(today)};
  for (const std::string& day : days) Write("a-" + day + ".csv", "id\n" + day + "\n");
  EXPECT_EQ(Read("a-{date}.csv?date=today"), days[2] + " a-" + days[2] + ".csv");
  EXPECT_EQ(Read("a-{date}.csv?date=yesterday"), days[1] + " a-" + days[1] + ".csv");
  EXPECT_EQ(Read("a-{date}.csv?date=latest"), days[2] + " a-" + days[2] + ".csv");
  std::filesystem::remove(Path("a-" + days[2] + ".csv"));
  EXPECT_EQ(Read("a-{date}.csv?date=latest"), days[1] + " a-" + days[1] + ".csv");
}

// A share that is not mounted looks like this: the older day would be compared in its place.
TEST_F(DatedStoreTest, ANewestFileThatIsNoneIsNotPassedOver) {
  Write("a-2026-11-28.csv", "id\n1\n");
  std::filesystem::create_symlink("nowhere", Path("a-2026-11-29.csv"));
  EXPECT_THAT(Read("a-{date}.csv?date=latest&key=id"),
              AllOf(HasSubstr("the newest file, of 2026-11-29"), HasSubstr("link to nothing")));
  EXPECT_EQ(Read("a-{date}.csv?date=2026-11-28&key=id"), "2026-11-28 a-2026-11-28.csv");
  Write("a-2026-11-30.csv", "id\n2\n");
  EXPECT_EQ(Read("a-{date}.csv?date=latest&key=id"), "2026-11-30 a-2026-11-30.csv");
}

TEST_F(DatedStoreTest, WhatDoesNotFitTogetherIsRefusedWithWhatToWrite) {
  Write("a-{date}.csv", "id\n1\n");  // a name like any other before there were days
  const absl::Status none = OpenError("a-{date}.csv?key=id");
  EXPECT_EQ(none.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(none.message(), HasSubstr("does not say which: write 'csv:"));
  EXPECT_THAT(none.message(), HasSubstr("a-{date}.csv?date=latest&key=id'"));
  EXPECT_THAT(OpenError("a.csv?date=latest").message(), HasSubstr("date= in the URL of"));
  EXPECT_THAT(OpenError("a.csv?same-as-before=allow").message(), HasSubstr("write {date} where"));
  for (const char* const date : {"28.11.2026", "2026-02-30", "tomorrow", "LATEST"}) {
    EXPECT_THAT(OpenError(std::string("a-{date}.csv?date=") + date).message(),
                HasSubstr("as in date=2026-11-28, or latest, today or yesterday"));
  }
  EXPECT_THAT(OpenError("a-{date}.csv?date=latest&same-as-before=yes").message(),
              HasSubstr("write allow"));
  EXPECT_THAT(OpenError("a-{date:MM}.csv?date=latest").message(), HasSubstr("whole day"));
  EXPECT_THAT(OpenError("a-{date}.csv?date=latest&keys=id").message(),
              HasSubstr("unknown parameter \"keys\""));
}

TEST_F(DatedStoreTest, AFileThatIsNotThereIsMissed) {
  EXPECT_EQ(Read("a-{date}.csv?date=2026-11-28"),
            "no file for 2026-11-28: " + Path("a-2026-11-28.csv") +
                " is missed (there is none of any other day)");
  EXPECT_THAT(Read("a-{date}.csv?date=latest"), HasSubstr("no file for any day: "));
  Write("a-2026-11-26.csv", "id\n1\n");
  Write("a-2026-11-27.csv", "id\n2\n");
  EXPECT_EQ(Read("a-{date}.csv?date=2026-11-28"),
            "no file for 2026-11-28: " + Path("a-2026-11-28.csv") +
                " is missed (the newest there is of 2026-11-27)");
  EXPECT_EQ((*Open("a-{date}.csv?date=2026-11-28"))->Describe().status().code(),
            absl::StatusCode::kNotFound);
  std::filesystem::create_directory(Path("a-2026-11-28.csv"));
  EXPECT_THAT(Read("a-{date}.csv?date=2026-11-28"), HasSubstr("is a directory"));
}

TEST_F(DatedStoreTest, AnEmptyFileIsNoDatasetAsElsewhere) {
  Write("a-2026-11-28.csv", "");
  EXPECT_THAT(Read("a-{date}.csv?date=latest"), HasSubstr("is empty: expected a header line"));
}

TEST_F(DatedStoreTest, TheDayOfARunStaysThoughANewerFileComes) {
  Write("a-2026-11-27.csv", "id\n1\n");
  const auto store = *Open("a-{date}.csv?date=latest");
  ASSERT_EQ(store->Describe()->dated_file->day, "2026-11-27");
  const Scanned before = *ScanAll(*store, {"id"});
  Write("a-2026-11-28.csv", "id\n2\n");
  now_ += 24 * 3600 * kSecond;
  EXPECT_THAT(ScanAll(*store, {"id"})->rows, ElementsAre("'1'"));
  EXPECT_TRUE(*store->IsUnchanged(before.end.position));
  // Who describes it begins a run.
  EXPECT_EQ(store->Describe()->dated_file->day, "2026-11-28");
  EXPECT_FALSE(*store->IsUnchanged(before.end.position));
  EXPECT_THAT(ScanAll(*store, {"id"})->rows, ElementsAre("'2'"));
}

// The same inode, size and times under another day's name.
TEST_F(DatedStoreTest, APositionOfOneDayProvesNothingOfAnother) {
  Write("a-2026-11-27.csv", "id\n1\n");
  std::filesystem::create_hard_link(Path("a-2026-11-27.csv"), Path("a-2026-11-28.csv"));
  const auto one = *Open("a-{date}.csv?date=2026-11-27");
  const auto other = *Open("a-{date}.csv?date=2026-11-28&same-as-before=allow");
  ASSERT_TRUE(one->Describe().ok());
  ASSERT_TRUE(other->Describe().ok());
  const std::string position = ScanAll(*one, {"id"})->end.position;
  ASSERT_NE(position, "");
  EXPECT_TRUE(*one->IsUnchanged(position));
  EXPECT_FALSE(*other->IsUnchanged(position));
  const auto again = *Open("a-{date}.csv?date=2026-11-27");
  EXPECT_FALSE(*again->IsUnchanged(position));  // it does not say which file it is
  ASSERT_TRUE(again->Describe().ok());
  EXPECT_TRUE(*again->IsUnchanged(position));
}

TEST_F(DatedStoreTest, BytesThatTheHashIsNotOfAreNotCompared) {
  Write("a-2026-11-28.csv", "id\n1\n");
  const auto store = *Open("a-{date}.csv?date=latest");
  const SourceDescription before = *store->Describe();
  const std::string position = ScanAll(*store, {"id"})->end.position;
  Write("a-2026-11-28.csv", "id\n2\n");
  EXPECT_FALSE(*store->IsUnchanged(position));
  const absl::Status status = ScanAll(*store, {"id"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_THAT(status.message(), HasSubstr("changed while it was compared"));
  EXPECT_NE(store->Describe()->dated_file->sha256, before.dated_file->sha256);
  EXPECT_THAT(ScanAll(*store, {"id"})->rows, ElementsAre("'2'"));
}

TEST_F(DatedStoreTest, AFileThatChangesDuringItsScanIsNoConsistentSnapshot) {
  Write("a-2026-11-28.csv", "id\n1\n");
  const auto store = *Open("a-{date}.csv?date=latest");
  ASSERT_TRUE(store->Describe().ok());
  const auto scan = *store->StartScan({"id"});
  while (*scan->Next() != nullptr) {
  }
  Append("a-2026-11-28.csv", "2\n");
  EXPECT_THAT(scan->Finish()->not_point_in_time, HasSubstr("changed while it was read"));
}

TEST_F(DatedStoreTest, TheFileBeforeItUnderANewNameIsRefused) {
  Write("a-2026-11-26.csv", "id\n1\n");
  Write("a-2026-11-28.csv", "id\n1\n");
  const std::string why = Read("a-{date}.csv?date=2026-11-28&key=id");
  EXPECT_THAT(why, HasSubstr(Path("a-2026-11-28.csv") + " holds the same bytes as " +
                             Path("a-2026-11-26.csv")));
  EXPECT_THAT(why, HasSubstr("write 'csv:" +
                             Path("a-{date}.csv?date=2026-11-28&key=id&same-as-before=allow'")));
  EXPECT_EQ(Read("a-{date}.csv?date=2026-11-28&same-as-before=allow"),
            "2026-11-28 a-2026-11-28.csv");
  // Only the one before it counts, and a later one does not.
  Write("a-2026-11-27.csv", "id\n2\n");
  EXPECT_EQ(Read("a-{date}.csv?date=2026-11-28"), "2026-11-28 a-2026-11-28.csv");
  EXPECT_EQ(Read("a-{date}.csv?date=2026-11-26"), "2026-11-26 a-2026-11-26.csv");
  for (const bool hard : {false, true}) {
    std::filesystem::remove(Path("a-2026-11-28.csv"));
    hard ? std::filesystem::create_hard_link(Path("a-2026-11-27.csv"), Path("a-2026-11-28.csv"))
         : std::filesystem::create_symlink("a-2026-11-27.csv", Path("a-2026-11-28.csv"));
    EXPECT_THAT(Read("a-{date}.csv?date=latest"), HasSubstr("holds the same bytes")) << hard;
  }
}

// A log has lookups, and folds keys as the comparison tells them apart.
TEST_F(DatedStoreTest, WhatOtherStoresOfFilesCanDoIsPassedOn) {
  Write("a-2026-11-28.jsonl", R"({"id":"1","v":"a"}
{"id":"2","v":"b"}
{"id":"1","v":"c"}
)");
  const auto store = OpenStore(UrlOf("log:" + Path("a-{date}.jsonl?date=2026-11-28&key=id")));
  ASSERT_TRUE(store.ok()) << store.status();
  Touch("a-2026-11-28.jsonl", -3600 * kSecond);
  ASSERT_TRUE((*store)->Describe().ok());
  int asked = 0;
  (*store)->TellKeysApart([&](const std::vector<std::string>&) {
    ++asked;
    return absl::UnimplementedError("asked");
  });
  EXPECT_EQ((*store)->StartScan({"id", "v"}).status().message(), "asked");
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Text("1")}};
  EXPECT_EQ((*store)->Lookup({"id", "v"}, {"id"}, keys).status().message(), "asked");
  EXPECT_EQ(asked, 2);
}

TEST_F(DatedStoreTest, DaysWithoutRecordsMayBeAlike) {
  Write("a-2026-11-27.csv", "id,v\n");
  Write("a-2026-11-28.csv", "id,v\n");
  EXPECT_EQ(Read("a-{date}.csv?date=latest"), "2026-11-28 a-2026-11-28.csv");
  Write("a-2026-11-27.csv", "id,v\n1,a");  // one without an end of its line
  Write("a-2026-11-28.csv", "id,v\n1,a");
  EXPECT_THAT(Read("a-{date}.csv?date=latest"), HasSubstr("holds the same bytes"));
}

TEST_F(DatedStoreTest, AFileIsReadOnceItWasLeftAlone) {
  Write("a-2026-11-28.csv", "id\n1\n");
  now_ = SystemWallClock()();
  int writes = 3;
  meanwhile_ = [&] {
    if (writes-- > 0) Append("a-2026-11-28.csv", "2\n");
    return false;
  };
  const auto store = *Open("a-{date}.csv?date=latest");
  ASSERT_TRUE(store->Describe().ok());
  EXPECT_EQ(ScanAll(*store, {"id"})->rows.size(), 4u);
  EXPECT_GE(waited_, milliseconds(7000));
  EXPECT_LE(waited_, milliseconds(9000));
  // It is known by now.
  waited_ = milliseconds(0);
  EXPECT_TRUE(store->Describe().ok());
  EXPECT_EQ(waited_, milliseconds(0));
}

TEST_F(DatedStoreTest, WhatIsWrittenForAMinuteIsRefused) {
  Write("a-2026-11-28.csv", "id\n1\n");
  now_ = SystemWallClock()();
  meanwhile_ = [&] {
    Append("a-2026-11-28.csv", "2\n");
    return false;
  };
  EXPECT_THAT(Read("a-{date}.csv?date=latest"), HasSubstr("is still being written"));
  EXPECT_GE(waited_, milliseconds(60'000));
  EXPECT_LE(waited_, milliseconds(61'000));
}

TEST_F(DatedStoreTest, ATimeInTheFutureIsNoReasonToWaitForIt) {
  Write("a-2026-11-28.csv", "id\n1\n");
  now_ = SystemWallClock()() - 3600 * kSecond;
  EXPECT_EQ(Read("a-{date}.csv?date=latest"), "2026-11-28 a-2026-11-28.csv");
  EXPECT_EQ(waited_, milliseconds(5000));
}

TEST_F(DatedStoreTest, AWaitEndsOnceItIsStopped) {
  Write("a-2026-11-28.csv", "id\n1\n");
  now_ = SystemWallClock()();
  meanwhile_ = [] { return true; };
  const auto store = *Open("a-{date}.csv?date=latest");
  EXPECT_EQ(store->Describe().status().code(), absl::StatusCode::kCancelled);
  EXPECT_LE(waited_, milliseconds(1000));
}

TEST_F(DatedStoreTest, AFileThatIsGoneDuringTheWaitIsAnError) {
  Write("a-2026-11-28.csv", "id\n1\n");
  now_ = SystemWallClock()();
  meanwhile_ = [&] {
    std::filesystem::remove(Path("a-2026-11-28.csv"));
    return false;
  };
  EXPECT_EQ((*Open("a-{date}.csv?date=2026-11-28"))->Describe().status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace driftwood::agent
