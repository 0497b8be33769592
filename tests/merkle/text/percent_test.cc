#include "merkle/text/percent.h"

#include <gtest/gtest.h>

namespace driftwood {
namespace {

TEST(PercentTest, EscapesAreDecodedAndWhatIsNoneStays) {
  EXPECT_EQ(PercentDecode("a%20b%2Fc%2f%00"), std::string("a b/c/\0", 7));
  EXPECT_EQ(PercentDecode("100%, %2, %zz, %"), "100%, %2, %zz, %");
  EXPECT_EQ(PercentDecode(""), "");
}

TEST(PercentTest, OnlyTwoDigitsMakeAnEscape) {
  EXPECT_TRUE(PercentIsWellFormed(""));
  EXPECT_TRUE(PercentIsWellFormed("a%20%2f"));
  for (const char* const text : {"%", "%2", "a%", "%g0", "%0g", "%20%"}) {
    EXPECT_FALSE(PercentIsWellFormed(text)) << text;
  }
}

TEST(PercentTest, EveryByteComesBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string encoded = PercentEncode(all, "%&?,");
  EXPECT_TRUE(PercentIsWellFormed(encoded));
  EXPECT_EQ(PercentDecode(encoded), all);
  EXPECT_EQ(PercentEncode("a b\n%", "%"), "a b%0A%25");
}

}  // namespace
}  // namespace driftwood
