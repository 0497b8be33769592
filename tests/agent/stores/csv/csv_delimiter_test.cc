#include "agent/stores/csv/csv_delimiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

// The delimiter, "none", or what is wrong.
std::string Found(std::string_view text) {
  const MemorySource source(text);
  const auto found = DetectDelimiter(source, "a.csv", CsvDialect(), ChunkOptions());
  if (!found.ok()) return std::string(found.status().message());
  return *found ? DelimiterName(**found) : "none";
}

TEST(CsvDelimiterTest, TheHeadersOnlyOneCounts) {
  EXPECT_EQ(Found("id,v\n1;2;3,4\n"), "comma");
  EXPECT_EQ(Found("id;v\n1;2,5\n"), "semicolon");
  EXPECT_EQ(Found("id\tv\r\n1\t2\r\n"), "tab");
  EXPECT_EQ(Found("id|v\r1|2\r"), "pipe");
  EXPECT_EQ(Found("\xEF\xBB\xBFid;v\n"), "semicolon");
  EXPECT_EQ(Found("id\n1;2\n"), "none");
  EXPECT_EQ(Found(""), "none");
  EXPECT_EQ(Found("\n"), "none");
}

TEST(CsvDelimiterTest, WhatIsQuotedIsNoDelimiter) {
  EXPECT_EQ(Found("\"a,b\";\"c\nd,\"\n1;2\n"), "semicolon");
  EXPECT_EQ(Found("\"a;\"\"b\",c\n"), "comma");
  EXPECT_EQ(Found("\"a,b\"\n1\n"), "none");
}

TEST(CsvDelimiterTest, OfSeveralTheOneThatTheRecordHasAsOften) {
  EXPECT_EQ(Found("id,a|b,c\n1,2,3\n"), "comma");
  EXPECT_EQ(Found("id;a,b\n1;2\n"), "semicolon");
  EXPECT_THAT(Found("id;a,b\n1;2,5\n"), HasSubstr("delimiter=comma or delimiter=semicolon"));
  EXPECT_THAT(Found("id;a,b\n"), HasSubstr("a.csv, line 1"));
  EXPECT_THAT(Found("id|a\tb\nx\n"), HasSubstr("delimiter=tab or delimiter=pipe"));
}

}  // namespace
}  // namespace driftwood::agent
