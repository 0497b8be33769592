#include "agent/index/unparsed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/index/indexed_state.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;

const merkle::Schema kSchema = {
    {{"id", merkle::ColumnType::kInteger}},
    {{"a", merkle::ColumnType::kDate}, {"b", merkle::ColumnType::kDate}}};

TEST(UnparsedTest, ColumnsAreCountedEachWithTheLeastOfItsValues) {
  Unparsed unparsed(kSchema);
  unparsed.Add(1, SourceValue::Text("tomorrow"));
  unparsed.Add(1, SourceValue::Text("today"));
  unparsed.Add(0, SourceValue::Bytes("\x01\xff"));
  EXPECT_EQ(unparsed.count(), 3u);
  EXPECT_THAT(unparsed.Columns(),
              ElementsAre(UnparsedColumn{"id", 1, "\\x01ff"}, UnparsedColumn{"a", 2, "today"}));
}

TEST(UnparsedTest, HowTheRowsWereDividedMakesNoDifference) {
  const std::vector<std::string> texts = {"x", "", "zzz", "b", "aa"};
  Unparsed whole(kSchema);
  for (const std::string& text : texts) whole.Add(2, SourceValue::Text(text));
  for (size_t cut = 0; cut <= texts.size(); ++cut) {
    Unparsed first(kSchema), second(kSchema);
    for (size_t i = 0; i < texts.size(); ++i) {
      (i < cut ? first : second).Add(2, SourceValue::Text(texts[i]));
    }
    first.Add(second);
    EXPECT_EQ(first.Columns(), whole.Columns()) << cut;
    EXPECT_EQ(first.count(), whole.count());
  }
  EXPECT_THAT(whole.Columns(), ElementsAre(UnparsedColumn{"b", 5, ""}));
}

TEST(UnparsedTest, AnExampleIsShortAndUnicode) {
  Unparsed unparsed(kSchema);
  std::string long_text(63, 'x');
  for (int i = 0; i < 100; ++i) long_text += "ü";
  unparsed.Add(1, SourceValue::Text(long_text));
  unparsed.Add(2, SourceValue::Text("\xff"));
  EXPECT_THAT(unparsed.Columns(), ElementsAre(UnparsedColumn{"a", 1, std::string(63, 'x') + "…"},
                                              UnparsedColumn{"b", 1, "\\xff"}));
}

TEST(UnparsedTest, AKeptIndexRemembersThem) {
  IndexedState state{"position", 3, "", 7};
  state.unparsed_columns = {{"a", 2, "x"}, {"b", 1, std::nullopt}};
  const std::string bytes = state.Encode();
  const auto back = IndexedState::Decode(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->unparsed_columns, state.unparsed_columns);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(IndexedState::Decode(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
}

}  // namespace
}  // namespace driftwood::agent
