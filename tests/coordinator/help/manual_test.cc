#include "coordinator/help/manual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "coordinator/help/help_text.h"

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;

TEST(ManualTest, NamesEachOptionCommandAndTopic) {
  std::string page = ManualPage("9.9");
  page.erase(std::remove(page.begin(), page.end(), '\\'), page.end());
  EXPECT_THAT(page, HasSubstr("driftwood 9.9"));
  for (const OptionHelp& option : DiffOptionHelp()) {
    for (const std::string& name : option.names) EXPECT_THAT(page, HasSubstr("fB" + name + "fR"));
  }
  for (const CommandHelp& command : Commands()) EXPECT_THAT(page, HasSubstr(command.summary));
  EXPECT_THAT(page, HasSubstr(".SH \"EXIT STATUS\""));
  EXPECT_THAT(page, HasSubstr(".SH \"URLS\""));
}

}  // namespace
}  // namespace driftwood::coordinator
