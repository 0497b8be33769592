// Copies of which most records differ: a sample says how many, unless all are asked for.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::StartsWith;

class EstimateTest : public DiffTest {
 protected:
  static constexpr int kRecords = 1'200'000;
  static constexpr int kChanged = 1'000'000;  // all but each sixth

  EstimateTest() {
    std::ofstream left(Path("left.csv")), right(Path("right.csv"));
    left << "id,note,same\n";
    right << "id,note,same\n";
    for (int i = 0; i < kRecords; ++i) {
      left << i << ",n" << i << ",x\n";
      right << i << ",n" << i << (i % 6 == 0 ? "" : "  ") << ",x\n";
    }
  }
  const std::vector<std::string> kCopies = {"csv:left.csv?key=id", "csv:right.csv?key=id"};

  std::vector<std::string> With(const std::vector<std::string>& more) const {
    std::vector<std::string> words = kCopies;
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(EstimateTest, OverAMillionDivergencesAreEstimatedFromASample) {
  const Json document = DiffJson(kCopies);
  EXPECT_EQ(document["verdict"], "DIVERGENT");
  EXPECT_EQ(document["error"], nullptr);
  const Json& divergences = document["divergences"];
  EXPECT_EQ(divergences["exact"], false);
  const Json& estimate = divergences["estimate"];
  ASSERT_TRUE(estimate.is_object()) << divergences;
  // Nine times as far as the sample's error, so that chance has no part in it.
  EXPECT_THAT(estimate["divergent"].get<int>(), AllOf(Ge(kChanged * 97 / 100), Le(kRecords)));
  EXPECT_LE(estimate["low"], estimate["divergent"]);
  EXPECT_GE(estimate["high"], estimate["divergent"]);
  EXPECT_EQ(estimate["confidence"], 0.95);
  EXPECT_LT(estimate["sampled_records"].get<int>(), kRecords / 2);
  // The sample is confirmed, counted by columns and explained.
  EXPECT_EQ(divergences["total"], divergences["confirmed"]);
  EXPECT_GT(divergences["total"], 0);
  EXPECT_EQ(document["columns"]["examined"], divergences["changed"]);
  EXPECT_EQ(document["columns"]["differing"][0]["name"], "note");
  EXPECT_EQ(document["explanation"]["columns"][0]["hypotheses"][0]["rule"], "note:rtrim");
  EXPECT_EQ(document["coverage"]["complete"], false);
  EXPECT_EQ(document["coverage"]["gaps"], Json::array());
}

TEST_F(EstimateTest, TheTableSaysThatItIsAnEstimate) {
  const ProcessResult result = Diff(With({"--max-divergences", "1"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, StartsWith("DIVERGENT: about "));
  EXPECT_THAT(result.out, HasSubstr("--exhaustive"));
  EXPECT_THAT(result.out,
              ContainsRegex("note differs in 100 % of [0-9,]+ changed rows of the sample"));
}

// What was not re-read may only have been in flight.
TEST_F(EstimateTest, WithoutARecheckASampleProvesNothing) {
  const ProcessResult result = Diff(With({"--no-recheck", "--max-divergences", "1"}));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.out, StartsWith("INCOMPLETE: not known whether "));
  EXPECT_THAT(result.out, HasSubstr(" about "));
  EXPECT_THAT(result.out, HasSubstr("--exhaustive"));
}

TEST_F(EstimateTest, ExhaustiveCountsThemAll) {
  const Json document = DiffJson(With({"--exhaustive", "--no-recheck", "--max-divergences", "1"}));
  EXPECT_EQ(document["verdict"], "DIVERGENT");
  EXPECT_EQ(document["divergences"]["total"], kChanged);
  EXPECT_EQ(document["divergences"]["exact"], true);
  EXPECT_FALSE(document["divergences"].contains("estimate"));
}

}  // namespace
}  // namespace driftwood::testing
