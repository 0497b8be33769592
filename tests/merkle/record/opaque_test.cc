#include "merkle/record/opaque.h"

#include <gtest/gtest.h>

#include <string>

namespace driftwood::merkle {
namespace {

std::string Bytes(std::string_view type, std::string_view text) {
  std::string out;
  const bool parsed = AppendOpaqueText(type, text, Place::kValue, &out);
  EXPECT_EQ(parsed, !out.empty());
  return out;
}

TEST(OpaqueTest, TextStaysAsItIsUnderTheNameOfItsType) {
  EXPECT_NE(Bytes("int4range", "[1,2)"), Bytes("int4range", "[1, 2)"));
  EXPECT_NE(Bytes("int4range", "[1,2)"), Bytes("int8range", "[1,2)"));
  EXPECT_NE(Bytes("public.interval", "1 day"), Bytes("public.interval", "P1D"));
  EXPECT_EQ(Bytes("int4range", "\xff"), "");
  EXPECT_TRUE(ReadsOpaqueText("interval"));
  EXPECT_FALSE(ReadsOpaqueText("int4range"));
}

TEST(OpaqueTest, IntervalsAreReadInAllStyles) {
  EXPECT_EQ(Bytes("interval", "1 day"), Bytes("interval", "P1D"));
  EXPECT_EQ(Bytes("interval", "@ 1 day"), Bytes("interval", "1 0:00:00"));
  EXPECT_NE(Bytes("interval", "1 day"), Bytes("interval", "24:00:00"));
  EXPECT_NE(Bytes("interval", "infinity"), Bytes("interval", "-infinity"));
  EXPECT_EQ(Bytes("interval", "one day"), "");
}

}  // namespace
}  // namespace driftwood::merkle
