#include "merkle/text/help_layout.h"

#include <gtest/gtest.h>

namespace driftwood {
namespace {

TEST(HelpLayoutTest, WordsAreWrappedBetweenThem) {
  EXPECT_EQ(Wrapped("", 10), "");
  EXPECT_EQ(Wrapped("one  two three", 7), "one two\nthree\n");
  EXPECT_EQ(Wrapped("one two three", 9, 2), "  one two\n  three\n");
  EXPECT_EQ(Wrapped("a unbreakable b", 5), "a\nunbreakable\nb\n");
  EXPECT_EQ(Wrapped("ä ö ü", 5), "ä ö ü\n");  // cells, not bytes
}

TEST(HelpLayoutTest, OptionsStandInTheirGroups) {
  const std::vector<OptionHelp> options = {
      {{"-k", "--key"}, "COLUMNS", "Columns that identify a record", "What"},
      {{"--a-long-one"}, "REPLICA:COLUMN", "Help below", "How"},
      {{"--all"}, "", "All tables of it, in the order of their names", "What"}};
  EXPECT_EQ(OptionListText(options, 50),
            "What:\n"
            "  -k, --key COLUMNS       Columns that identify a\n"
            "                          record\n"
            "      --all               All tables of it, in the\n"
            "                          order of their names\n"
            "\n"
            "How:\n"
            "      --a-long-one REPLICA:COLUMN\n"
            "                          Help below\n");
}

}  // namespace
}  // namespace driftwood
