// Also agent/stores/asked/as_texts.cc. What programs and APIs do with it is in their own tests.
#include "agent/stores/asked/asked_store.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Says what a test wants it to say.
struct Said {
  std::string text = "{\"id\": 1}\n";
  bool is_csv = false;
  std::optional<uint64_t> records;
  std::vector<std::string> columns;
  std::optional<std::string> answers;
  std::vector<std::string> asked;
};

class SayingSource final : public AskedSource {
 public:
  explicit SayingSource(Said* said) : said_(said) {}
  const std::string& name() const override { return name_; }
  absl::StatusOr<AskedText> ReadAll(const std::stop_token&) override {
    said_->asked.emplace_back("all");
    const MemorySource source(said_->text);
    SourceStream stream(source);
    AskedText text;
    absl::StatusOr<std::unique_ptr<Spool>> spool = Spool::Of(stream, name_, "", SpoolOptions());
    if (!spool.ok()) return spool.status();
    text.spool = *std::move(spool);
    text.is_csv = said_->is_csv;
    text.records = said_->records;
    text.columns = said_->columns;
    text.key = {"id"};
    return text;
  }
  absl::StatusOr<std::optional<std::string>> Answer(std::string_view keys,
                                                    const std::stop_token&) override {
    said_->asked.emplace_back(keys);
    return said_->answers;
  }

 private:
  const std::string name_ = "oracle";
  Said* const said_;
};

class AskedStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Open() {
    return NewAskedStore(std::make_unique<SayingSource>(&said_),
                         {UrlOf("exec:oracle"), UrlOf("csv:oracle"), UrlOf("jsonl:oracle"), "me",
                          [this] { return now_; }});
  }

  Said said_;
  std::chrono::steady_clock::time_point now_{};
};

TEST_F(AskedStoreTest, IsDescribedByWhatItSays) {
  said_.columns = {"id", "more"};
  const absl::StatusOr<SourceDescription> description = Open()->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->source, "exec:oracle");
  EXPECT_EQ(description->identity, "me");
  EXPECT_THAT(description->key, ElementsAre("id"));
  EXPECT_EQ(description->columns.size(), 2u);
}

TEST_F(AskedStoreTest, ATextServesOneScanWithinAMinute) {
  const auto store = Open();
  ASSERT_TRUE(store->Describe().ok());
  now_ += std::chrono::seconds(60);
  ASSERT_TRUE(ScanAll(*store, {"id"}).ok());
  EXPECT_EQ(said_.asked.size(), 1u);
  ASSERT_TRUE(ScanAll(*store, {"id"}).ok());
  EXPECT_EQ(said_.asked.size(), 2u);
  ASSERT_TRUE(store->Describe().ok());
  now_ += std::chrono::seconds(61);
  ASSERT_TRUE(ScanAll(*store, {"id"}).ok());
  EXPECT_EQ(said_.asked.size(), 4u);
}

TEST_F(AskedStoreTest, ACountThatIsWrongIsAnError) {
  said_.records = 2;
  EXPECT_THAT(std::string(Open()->Describe().status().message()),
              HasSubstr("oracle says at its end that it gave 2 records, and gave 1"));
  said_.records = 1;
  EXPECT_TRUE(Open()->Describe().ok());
  said_.text = "id\n\"1\n2\"\n3\n";
  said_.is_csv = true;
  said_.records = 2;
  EXPECT_TRUE(Open()->Describe().ok());
}

TEST_F(AskedStoreTest, AnswersMeanWhatItsRecordsDo) {
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Int64(1)}};
  const auto rows = [&](Store& store) {
    Rows found;
    absl::StatusOr<std::unique_ptr<Scan>> scan = store.Lookup({"id", "v"}, {"id"}, keys);
    EXPECT_TRUE(scan.ok()) << scan.status();
    if (!scan.ok()) return found.rows;
    EXPECT_TRUE((**(*scan)->Next()).Decode(found).ok());
    return found.rows;
  };
  said_.answers = "{\"id\": 1, \"v\": [1]}\n";
  const auto json = Open();
  ASSERT_TRUE(json->Describe().ok());
  EXPECT_THAT(rows(*json), ElementsAre("number 1 json [1]"));
  said_.text = "id,v\n1,a\n";
  said_.is_csv = true;
  const auto csv = Open();
  ASSERT_TRUE(csv->Describe().ok());
  EXPECT_THAT(rows(*csv), ElementsAre("'1' '[1]'"));
  EXPECT_THAT(said_.asked, ElementsAre("all", "{\"id\":1}\n", "all", "{\"id\":1}\n"));
}

TEST_F(AskedStoreTest, WhoCantAnswerIsAskedOnce) {
  const std::vector<std::vector<SourceValue>> keys = {{SourceValue::Int64(1)}};
  const auto store = Open();
  ASSERT_TRUE(store->Describe().ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(store->Lookup({"id"}, {"id"}, keys).status().code(),
              absl::StatusCode::kUnimplemented);
  }
  EXPECT_EQ(said_.asked.size(), 2u);
}

}  // namespace
}  // namespace driftwood::agent
