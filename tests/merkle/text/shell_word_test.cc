#include "merkle/text/shell_word.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <random>

#include "merkle/text/display.h"

namespace driftwood {
namespace {

TEST(ShellTextTest, IsQuotedWhereItHasToBe) {
  EXPECT_EQ(ShellWord("price=TYPE"), "price=TYPE");
  EXPECT_EQ(ShellWord("left:at=UTC+02:00"), "left:at=UTC+02:00");
  EXPECT_EQ(ShellWord("COLUMN,…"), "COLUMN,…");
  EXPECT_EQ(ShellWord("größe"), "größe");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("*"), "'*'");
  EXPECT_EQ(ShellWord(" v,v"), "' v,v'");
  EXPECT_EQ(ShellWord("Global Code,Land (LLDC)"), "'Global Code,Land (LLDC)'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord("\xEF\xBB\xBFv"), "$'\\357\\273\\277v'");
  EXPECT_EQ(ShellWord("a\nb'\\"), "$'a\\012b\\'\\\\'");
}

// What a shell makes of it.
std::string Pasted(const std::string& word) {
  const std::string command =
      "exec bash -c \"$(cat <<'END_OF_COMMAND'\nprintf %s " + word + "\nEND_OF_COMMAND\n)\"";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string output;
  char buffer[256];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe.get())) {
    output.append(buffer, got);
  }
  return output;
}

TEST(ShellTextTest, AShellReadsTheWordThatWasMeant) {
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string_view pieces[] = {
      "a",  " ", "'", "\"", "\\", "$x",  "`",    "*",    "~", "!", ";",     "\n",
      "\t", "7", "#", "ä",  "-",  "\\n", "\x7F", "\xFF", "&", "(", "{a,b}", "\xE2\x80\x8B"};
  for (int round = 0; round < 40; ++round) {
    std::string word;
    for (size_t n = 1 + random() % 6; n > 0; --n) word += pieces[random() % std::size(pieces)];
    const std::string quoted = ShellWord(word);
    EXPECT_EQ(Pasted(quoted), word) << quoted;
    EXPECT_EQ(EscapeForDisplay(quoted), quoted);
  }
}

}  // namespace
}  // namespace driftwood
