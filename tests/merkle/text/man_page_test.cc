#include "merkle/text/man_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood {
namespace {

using ::testing::HasSubstr;

ManPage Small() {
  ManPage page;
  page.name = "tool";
  page.version = "1.2";
  page.summary = "does a thing";
  page.synopsis = {"tool FILE…"};
  page.description = "Does it.\n\nAnd then:\n    tool --key 'a.b'\n    .hidden\nDone.\n";
  page.options = {{{"-k", "--key"}, "COLUMNS", "Which \\ columns", "What"},
                  {{"--all"}, "", ".begins with a dot", "What"},
                  {{"-h", "--help"}, "", "Print this", "General"}};
  page.sections = {{"EXIT STATUS", "0  fine\n"}};
  page.see_also = {"other(1)"};
  return page;
}

TEST(ManPageTest, HasAllThatTheHelpHas) {
  const std::string text = ManPageText(Small());
  EXPECT_TRUE(
      text.starts_with(".TH \"TOOL\" 1 \"\" \"tool 1.2\"\n.SH \"NAME\"\ntool \\- does a thing\n"))
      << text;
  EXPECT_THAT(text, HasSubstr(".SH \"OPTIONS\"\n.SS \"What\"\n.TP\n\\fB\\-k\\fR, \\fB\\-\\-key\\fR "
                              "\\fICOLUMNS\\fR\nWhich \\e columns\n"));
  EXPECT_THAT(text, HasSubstr(".SS \"General\"\n.TP\n\\fB\\-h\\fR"));
  EXPECT_THAT(text, HasSubstr(".SH \"EXIT STATUS\"\n0  fine\n"));
  EXPECT_THAT(text, HasSubstr(".SH \"SEE ALSO\"\nother(1)\n"));
}

TEST(ManPageTest, ExamplesStandAsTheyAre) {
  EXPECT_THAT(
      ManPageText(Small()),
      HasSubstr("Does it.\n.PP\nAnd then:\n.PP\n.nf\n    tool \\-\\-key 'a.b'\n    .hidden\n.fi\n"
                ".PP\nDone.\n"));
}

TEST(ManPageTest, NoTextIsARequest) {
  EXPECT_THAT(ManPageText(Small()), HasSubstr("\n\\&.begins with a dot\n"));
}

}  // namespace
}  // namespace driftwood
