// Also agent/stores/exec/exec_kind.cc.
#include "agent/stores/exec/exec_store.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "agent/stores/exec/exec_kind.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/stores/exec/exec_fixture.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExecStoreTest : public ::testing::Test {
 protected:
  // Each run leaves its verb in the file `runs`.
  std::unique_ptr<Store> Open(const std::string& script,
                              const std::string& parameters = "?key=id") {
    const std::string path = Script(dir_, "crm.sh", "echo \"$1\" >>" + RunsPath() + "\n" + script);
    ExecOptions options;
    options.log = [this](const std::string& line) { log_.push_back(line); };
    options.clock = [this] { return now_; };
    absl::StatusOr<std::unique_ptr<Store>> store =
        OpenExecStore(UrlOf("exec:" + path + parameters), options);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  std::string RunsPath() const { return (dir_.path() / "runs").string(); }
  std::vector<std::string> Runs() const {
    std::ifstream file(RunsPath());
    std::vector<std::string> runs;
    for (std::string line; std::getline(file, line);) runs.push_back(line);
    return runs;
  }

  static std::string RefusalOf(Store& store) {
    const absl::StatusOr<SourceDescription> description = store.Describe();
    EXPECT_FALSE(description.ok());
    return std::string(description.status().message());
  }

  testing::TempDir dir_;
  std::vector<std::string> log_;
  std::chrono::steady_clock::time_point now_{};
};

constexpr char kTwoRows[] = "echo '{\"id\": 1, \"v\": \"a\"}'; echo '{\"id\": 2, \"v\": \"b\"}'";

TEST_F(ExecStoreTest, JsonLinesAreRead) {
  const auto store = Open(kTwoRows);
  const absl::StatusOr<SourceDescription> description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  ASSERT_EQ(description->columns.size(), 2);
  EXPECT_THAT(description->key, ElementsAre("id"));
  EXPECT_TRUE(description->live);
  EXPECT_THAT(description->source, HasSubstr("exec:"));
  const absl::StatusOr<Scanned> scanned = ScanAll(*store, {"id", "v"});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_THAT(scanned->rows, ElementsAre("number 1 'a'", "number 2 'b'"));
  EXPECT_THAT(scanned->end.position, IsEmpty());
  EXPECT_THAT(scanned->end.not_point_in_time,
              HasSubstr("does not promise that its output is of one"));
  EXPECT_FALSE(scanned->end.has_all_answers);
}

TEST_F(ExecStoreTest, CsvIsReadWithItsParameters) {
  const auto store = Open("printf 'id;v\\n1;NIL\\n2;b\\n'", "?key=id&null=NIL&delimiter=;");
  ASSERT_TRUE(store->Describe().ok()) << store->Describe().status();
  const absl::StatusOr<Scanned> scanned = ScanAll(*store, {"id", "v"});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_THAT(scanned->rows, ElementsAre("'1' NULL", "'2' 'b'"));
}

TEST_F(ExecStoreTest, WhatSaysSoIsASnapshot) {
  const auto store = Open("echo '{\"driftwood\": 1, \"snapshot\": true}'\n" +
                          std::string(kTwoRows) + "\necho '{\"end\": 2}'");
  const absl::StatusOr<Scanned> scanned = ScanAll(*store, {"id"});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_THAT(scanned->rows, ElementsAre("number 1", "number 2"));
  EXPECT_THAT(scanned->end.not_point_in_time, IsEmpty());
}

TEST_F(ExecStoreTest, AnArchiveMayHoldThePromiseToo) {
  const std::string framed = "{ echo '{\"driftwood\": 1, \"snapshot\": true}'\n" +
                             std::string(kTwoRows) + "\necho '{\"end\": 2}'; }";
  const auto store = Open(framed + " | gzip");
  const absl::StatusOr<Scanned> scanned = ScanAll(*store, {"id"});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_THAT(scanned->rows, ElementsAre("number 1", "number 2"));
  EXPECT_THAT(scanned->end.not_point_in_time, IsEmpty());
}

TEST_F(ExecStoreTest, AWrongCountIsAnError) {
  for (const char* const count : {"1", "3"}) {
    const auto json = Open("echo '{\"driftwood\": 1}'\n" + std::string(kTwoRows) +
                           "\necho '{\"end\": " + count + "}'");
    EXPECT_THAT(RefusalOf(*json), HasSubstr("and gave 2"));
    const auto csv = Open("echo '{\"driftwood\": 1}'; echo id; echo 1; echo 2; echo '{\"end\": " +
                          std::string(count) + "}'");
    EXPECT_THAT(RefusalOf(*csv), HasSubstr("and gave 2"));
  }
}

TEST_F(ExecStoreTest, AFailureIsNeverAShortDataset) {
  EXPECT_THAT(RefusalOf(*Open(std::string(kTwoRows) + "; exit 1")), HasSubstr("exit status 1"));
  EXPECT_THAT(RefusalOf(*Open("echo '{\"driftwood\": 1}'; " + std::string(kTwoRows))),
              HasSubstr("is cut off"));
  EXPECT_THAT(RefusalOf(*Open("exit 64")), HasSubstr("exit status 64"));
}

TEST_F(ExecStoreTest, AnEmptyOutputHasTheKeysColumns) {
  const auto store = Open("");
  const absl::StatusOr<SourceDescription> description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->columns.size(), 1);
  EXPECT_EQ(description->records_estimate, 0);
}

TEST_F(ExecStoreTest, AFreshDescriptionsRunServesOneScan) {
  const auto store = Open(kTwoRows);
  ASSERT_TRUE(store->Describe().ok());
  ASSERT_TRUE(ScanAll(*store, {"id"}).ok());
  EXPECT_THAT(Runs(), ElementsAre("scan"));
  ASSERT_TRUE(ScanAll(*store, {"id"}).ok());
  EXPECT_THAT(Runs(), ElementsAre("scan", "scan"));
  ASSERT_TRUE(store->Describe().ok());
  now_ += std::chrono::seconds(61);
  ASSERT_TRUE(ScanAll(*store, {"id"}).ok());
  EXPECT_THAT(Runs(), ElementsAre("scan", "scan", "scan", "scan"));
}

TEST_F(ExecStoreTest, ItIsNeverUnchanged) {
  const auto store = Open(kTwoRows);
  ASSERT_TRUE(ScanAll(*store, {"id"}).ok());
  EXPECT_FALSE(*store->IsUnchanged(""));
}

TEST_F(ExecStoreTest, PlacesAreThoseOfItsOutput) {
  const auto store = Open(kTwoRows);
  ASSERT_TRUE(store->Describe().ok());
  const absl::StatusOr<Scanned> scanned = ScanAll(*store, {"id"});
  ASSERT_TRUE(scanned.ok());
  EXPECT_EQ(*store->DescribeOrigin(scanned->origins[1]), "line 2 of its output");
  const auto wrong = Open("echo '{\"id\": 1}'; echo '{\"id\": }'");
  EXPECT_THAT(RefusalOf(*wrong), HasSubstr("crm.sh, line 2, column 8 of its output"));
}

constexpr char kWithLookup[] = R"(
if [ "$1" = lookup ]; then
  while read -r line; do
    case "$line" in
      '{"id":1}') echo '{"id": 1, "v": "new"}';;
      '{"id":9}') echo '{"driftwood": "unknown", "why": "403"}';;
      *) echo '{"driftwood": "gone"}';;
    esac
  done
  exit
fi
)";

absl::StatusOr<Scanned> LookupOf(Store& store, const std::vector<int64_t>& ids) {
  std::vector<std::vector<SourceValue>> keys;
  for (const int64_t id : ids) keys.push_back({SourceValue::Int64(id)});
  absl::StatusOr<std::unique_ptr<Scan>> scan = store.Lookup({"id", "v", "w"}, {"id"}, keys);
  if (!scan.ok()) return scan.status();
  Scanned scanned;
  while (true) {
    absl::StatusOr<std::unique_ptr<RowBatch>> batch = (*scan)->Next();
    if (!batch.ok()) return batch.status();
    if (*batch == nullptr) break;
    Rows rows;
    const absl::Status decoded = (*batch)->Decode(rows);
    if (!decoded.ok()) return decoded;
    scanned.rows.insert(scanned.rows.end(), rows.rows.begin(), rows.rows.end());
  }
  absl::StatusOr<Scan::End> end = (*scan)->Finish();
  if (!end.ok()) return end.status();
  scanned.end = *end;
  return scanned;
}

TEST_F(ExecStoreTest, ALookupAnswersForEachKey) {
  const auto store = Open(std::string(kWithLookup) + kTwoRows);
  EXPECT_EQ(LookupOf(*store, {1}).status().code(), absl::StatusCode::kUnimplemented)
      << "whether it writes JSON or CSV is not known yet";
  ASSERT_TRUE(store->Describe().ok());
  const absl::StatusOr<Scanned> found = LookupOf(*store, {1, 2});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->rows, ElementsAre("number 1 'new' NULL"));
  EXPECT_TRUE(found->end.has_all_answers);
  EXPECT_THAT(Runs(), ElementsAre("scan", "lookup"));
  EXPECT_TRUE(found->end.not_given.empty());
  const absl::StatusOr<Scanned> unknown = LookupOf(*store, {1, 9});
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  EXPECT_THAT(unknown->rows, ElementsAre("number 1 'new' NULL"));
  ASSERT_EQ(unknown->end.not_given.size(), 1u);
  EXPECT_EQ(unknown->end.not_given[0].key, 1u);
  EXPECT_EQ(unknown->end.not_given[0].presence, Presence::kUnknown);
  EXPECT_EQ(unknown->end.not_given[0].why, "403");
}

// It has a lookup only once: what it said to be gone can't be put to the test.
TEST_F(ExecStoreTest, ALookupThatIsNotThereForItsControlIsNotBelieved) {
  const auto store = Open(R"sh(
if [ "$1" = lookup ]; then
  [ $(grep -c lookup ${0%/*}/runs) = 1 ] || exit 64
  while read -r line; do echo '{"driftwood": "gone"}'; done
  exit
fi
)sh" + std::string(kTwoRows));
  ASSERT_TRUE(store->Describe().ok());
  const absl::StatusOr<Scanned> found = LookupOf(*store, {1});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->end.not_given.size(), 1u);
  EXPECT_EQ(found->end.not_given[0].presence, Presence::kUnknown);
  EXPECT_THAT(Runs(), ElementsAre("scan", "lookup", "lookup"));
}

TEST_F(ExecStoreTest, TheAnswersOfWhoWritesCsvAreTexts) {
  const auto store = Open(R"(
if [ "$1" = lookup ]; then
  echo '{"id": 1, "v": true, "w": null}'
  echo '{"id": 2, "v": [1.50], "w": "x"}'
else
  printf 'id,v,w\n1,a,b\n'
fi)");
  ASSERT_TRUE(store->Describe().ok());
  const absl::StatusOr<Scanned> found = LookupOf(*store, {1, 2});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->rows, ElementsAre("'1' 'true' NULL", "'2' '[1.50]' 'x'"));
}

TEST_F(ExecStoreTest, AProgramWithoutLookupIsAskedOnce) {
  const auto store = Open("[ \"$1\" = scan ] || exit 64\n" + std::string(kTwoRows));
  ASSERT_TRUE(store->Describe().ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(LookupOf(*store, {1}).status().code(), absl::StatusCode::kFailedPrecondition)
        << "another scan would be no snapshot either";
  }
  EXPECT_THAT(Runs(), ElementsAre("scan", "lookup"));
}

TEST_F(ExecStoreTest, AFailedLookupIsAnError) {
  const auto store = Open("[ \"$1\" = scan ] || exit 1\n" + std::string(kTwoRows));
  ASSERT_TRUE(store->Describe().ok());
  EXPECT_EQ(LookupOf(*store, {1}).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(ExecStoreTest, ArgumentsAndNamedVariablesReachTheProgram) {
  ASSERT_EQ(::setenv("DRIFTWOOD_TEST_TOKEN", "t0ken", 1), 0);
  ASSERT_EQ(::setenv("DRIFTWOOD_TEST_OTHER", "other", 1), 0);
  const auto store =
      Open("echo \"{\\\"id\\\": \\\"$1 $2 $3 $DRIFTWOOD_TEST_TOKEN$DRIFTWOOD_TEST_OTHER\\\"}\"",
           "?key=id&args=a,b%2Cc&env=DRIFTWOOD_TEST_TOKEN");
  const absl::StatusOr<Scanned> scanned = ScanAll(*store, {"id"});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_THAT(scanned->rows, ElementsAre("'a b,c scan t0ken'"));
}

TEST_F(ExecStoreTest, WhatItSaysIsLogged) {
  const auto store = Open("echo 'page 1' >&2; " + std::string(kTwoRows));
  ASSERT_TRUE(store->Describe().ok());
  ASSERT_EQ(log_.size(), 1);
  EXPECT_THAT(log_[0], HasSubstr("crm.sh: page 1"));
}

TEST_F(ExecStoreTest, WrongParametersAreRefused) {
  const auto refusal = [](const std::string& parameters) {
    return std::string(OpenExecStore(UrlOf("exec:/bin/true?" + parameters)).status().message());
  };
  EXPECT_THAT(refusal("arg=1"),
              AllOf(HasSubstr("\"exec:/bin/true\": unknown parameter \"arg\""), HasSubstr("args"),
                    HasSubstr("(known: args, env, timeout, memory, key")));
  EXPECT_THAT(refusal("header=maybe"), Not(HasSubstr("csv:")));
  EXPECT_THAT(refusal("args=%00"), HasSubstr("args= has a zero byte"));
  EXPECT_THAT(refusal("args=a,b%00c"), HasSubstr("args= has a zero byte"));
  EXPECT_THAT(refusal("env=PATH%00X"), HasSubstr("takes names of environment variables"));
  EXPECT_THAT(refusal("env=A=b"), HasSubstr("takes names of environment variables"));
  EXPECT_THAT(refusal("env=DRIFTWOOD_TEST_UNSET"), HasSubstr("has no variable"));
  EXPECT_THAT(refusal("timeout=soon"), HasSubstr("timeout=soon"));
  for (const char* const memory : {"0", "1", "5x", "-1M", "99999999999G"}) {
    EXPECT_THAT(refusal(std::string("memory=") + memory), HasSubstr("memory")) << memory;
  }
  EXPECT_EQ(refusal("memory=500M&timeout=1min&key=a"), "");
}

TEST_F(ExecStoreTest, TheKindOpensIt) {
  EXPECT_TRUE(ExecKind().open(UrlOf("exec:/bin/true"), {}).ok());
  EXPECT_EQ(ExecKind().list_tables, nullptr);
}

}  // namespace
}  // namespace driftwood::agent
