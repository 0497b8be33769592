#include "agent/source/key_source.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/agent/source/store_reading.h"

namespace driftwood::agent {
namespace {

using merkle::Tag;
using merkle::Value;

// As it is shown, of a value whose text, number and so on are those.
std::string Source(Tag tag, const std::string& text = "", int64_t number = 0,
                   Value::Special special = Value::Special::kNone) {
  Value value;
  value.tag = tag;
  value.text = text;
  value.number = number;
  value.special = special;
  value.name = "sjis";
  std::deque<std::string> bytes;
  return ShowValue(AsSource(value, &bytes));
}

TEST(KeySourceTest, AValueIsAskedForAsWhatItIs) {
  EXPECT_EQ(Source(Tag::kNull), "null");
  EXPECT_EQ(Source(Tag::kTrue), "true");
  EXPECT_EQ(Source(Tag::kFalse), "false");
  EXPECT_EQ(Source(Tag::kInteger, "", std::numeric_limits<int64_t>::min()),
            "int -9223372036854775808");
  EXPECT_EQ(Source(Tag::kUnsigned, "", -1), "uint 18446744073709551615");
  EXPECT_EQ(Source(Tag::kDecimal, "0.5"), "number 0.5");
  EXPECT_EQ(Source(Tag::kText, "a"), "text a");
  EXPECT_EQ(Source(Tag::kBytes, "a"), "bytes a");
  EXPECT_EQ(Source(Tag::kJson, "{}"), "json {}");
  EXPECT_EQ(Source(Tag::kForeignText, "a"), "foreign sjis a");
  EXPECT_EQ(Source(Tag::kDate, "", 1), "date 1970-01-02");
  EXPECT_EQ(Source(Tag::kTime, "", 1), "time 00:00:00.000001");
  EXPECT_EQ(Source(Tag::kTimestamp, "", -1), "timestamp 1969-12-31 23:59:59.999999");
  EXPECT_EQ(Source(Tag::kTimestampTz, "", 0, Value::Special::kPlusInfinity),
            "timestamptz infinity");
  EXPECT_EQ(Source(Tag::kDate, "", 0, Value::Special::kZeroDate), "date 0000-00-00");
}

TEST(KeySourceTest, WhatDidNotParseIsAskedForAsTheSourceHasIt) {
  EXPECT_EQ(Source(Tag::kUnparsedText, "12x"), "text 12x");
  EXPECT_EQ(Source(Tag::kUnparsedBytes, "\x01"), "bytes \x01");
}

// A store that took it for a text would look for that text, and find nothing.
TEST(KeySourceTest, WhatNoStoreLooksUpIsNoText) {
  for (const Tag tag : {Tag::kOpaque, Tag::kList, Tag::kSet, Tag::kBits}) {
    EXPECT_EQ(Source(tag, "a"), "foreign  a");
  }
}

TEST(KeySourceTest, TheBytesOfAUuidLiveAsLongAsTheirKeeper) {
  std::deque<std::string> bytes;
  std::vector<SourceValue> sources;
  Value value;
  value.tag = Tag::kUuid;
  for (int i = 0; i < 1000; ++i) {
    value.text = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd38" + std::to_string(1000 + i);
    sources.push_back(AsSource(value, &bytes));
  }
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(ShowValue(sources[static_cast<size_t>(i)]),
              "uuid a0eebc99-9c0b-4ef8-bb6d-6bb9bd38" + std::to_string(1000 + i));
  }
}

}  // namespace
}  // namespace driftwood::agent
