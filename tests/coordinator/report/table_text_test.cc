#include "coordinator/report/table_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;

std::string Of(size_t count, const std::string& text) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(TableTextTest, ShortTextsStayAsTheyAre) {
  EXPECT_THAT(Shortened({"a", "", Of(200, "x")}), ElementsAre("a", "", Of(200, "x")));
}

TEST(TableTextTest, LongTextsAreCutToWhereTheyDiffer) {
  EXPECT_THAT(Shortened({Of(1'000'000, "a"), Of(999'999, "a") + "b"}),
              ElementsAre("…" + Of(41, "a") + " (1,000,000 bytes)",
                          "…" + Of(40, "a") + "b (1,000,000 bytes)"));
  EXPECT_THAT(Shortened({"b" + Of(300, "a"), "c"}),
              ElementsAre("b" + Of(119, "a") + "… (301 bytes)", "c"));
  EXPECT_THAT(Shortened({Of(300, "a")}), ElementsAre(Of(120, "a") + "… (300 bytes)"));
  // One is the beginning of the other.
  EXPECT_THAT(Shortened({Of(250, "a"), Of(251, "a")}),
              ElementsAre("…" + Of(40, "a") + " (250 bytes)", "…" + Of(41, "a") + " (251 bytes)"));
}

TEST(TableTextTest, NoCharacterIsCutInTwo) {
  for (size_t before = 100; before < 104; ++before) {
    for (const std::string& text :
         Shortened({Of(before, "a") + Of(200, "ä") + "1", Of(before, "a") + Of(200, "ä") + "2"})) {
      const size_t begin = text.find("…") + std::string("…").size();
      EXPECT_NE(static_cast<unsigned char>(text[begin]) & 0xC0, 0x80) << text;
    }
    const std::string first = Shortened({Of(before, "a") + Of(200, "ä")}).front();
    EXPECT_EQ(first.substr(before, 2), "ä");
  }
}

}  // namespace
}  // namespace driftwood::coordinator
