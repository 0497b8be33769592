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

// "; ends at 6", or "none".
std::string Separator(std::string_view text) {
  const auto line = ReadSeparatorLine(MemorySource(text));
  if (!line.ok()) return std::string(line.status().message());
  return *line ? std::string(1, (*line)->delimiter) + " ends at " + std::to_string((*line)->end)
               : "none";
}

TEST(CsvDelimiterTest, ASeparatorLineStandsAloneInTheFirstLine) {
  EXPECT_EQ(Separator("sep=;\nid;v\n"), "; ends at 6");
  EXPECT_EQ(Separator("\xEF\xBB\xBFSEP=\t\r\nid\tv\r\n"), "\t ends at 10");
  EXPECT_EQ(Separator("sep=,\r"), ", ends at 6");
  for (const char* text : {"", "sep=", "sep=;", "sep=\n", "sep=\"\n", "sep=;;\n", "sep=;v\n",
                           "sep;=\n", "id,sep=;\n", " sep=;\n"}) {
    EXPECT_EQ(Separator(text), "none") << text;
  }
}

// "; from 6" where the line is one; "none", or what is wrong.
std::string Passed(std::string_view text, const std::string& url, bool header = true,
                   size_t columns = 0) {
  const StoreUrl parsed = StoreUrl::Parse(url).value();
  const auto reading =
      PassSeparatorLine(MemorySource(text), "a.csv", parsed, CsvDialectOf(parsed).value(), header,
                        columns, ChunkOptions());
  if (!reading.ok()) return std::string(reading.status().message());
  if (reading->begin == 0) return "none";
  return (reading->delimiter ? std::string(1, *reading->delimiter) : "said") + " from " +
         std::to_string(reading->begin) + reading->doubt;
}

TEST(CsvDelimiterTest, WhatTheUrlSaysCountsAboveASeparatorLine) {
  EXPECT_EQ(Passed("sep=;\nid;v\n", "csv:a.csv"), "; from 6");
  EXPECT_EQ(Passed("sep=;\nid;v\n", "csv:a.csv?delimiter=;"), "said from 6");
  EXPECT_EQ(Passed("sep=;\nid,v\n1,2\n", "csv:a.csv?delimiter=,"),
            "said from 6its first line says sep=;, and its URL delimiter=comma, which counts");
  EXPECT_THAT(Passed("sep=;\nid;v\n", "csv:a.csv?delimiter=,"),
              HasSubstr("a.csv, line 1: sep=; says another delimiter than the URL, which has "
                        "delimiter=comma, and what follows has no such; say delimiter=semicolon, "
                        "or pass the line by, as in: tail -n +2 a.csv"));
  EXPECT_EQ(Passed("id;v\n", "csv:a.csv"), "none");
  EXPECT_EQ(Passed("sep=;\n1;2\n", "csv:a.csv?dialect=copy"), "none");
}

TEST(CsvDelimiterTest, WithoutAHeaderASeparatorLineIsOneUnlessItCouldBeARecord) {
  EXPECT_EQ(Passed("sep=;\n1;2;3\n", "csv:a.csv?delimiter=;", false, 3), "said from 6");
  EXPECT_EQ(Passed("sep=;\n1;2\n", "csv:a.csv", false, 2), "; from 6");
  EXPECT_EQ(Passed("sep=;\n1,2\n", "csv:a.csv?delimiter=,", false, 2), "said from 6");
  EXPECT_THAT(Passed("sep=;\n1;2\n", "csv:a.csv?delimiter=;", false, 2),
              HasSubstr("or be a record; pass the line by, as in: tail -n +2 a.csv"));
  EXPECT_THAT(Passed("sep=;\n1\n", "csv:a.csv", false, 1), HasSubstr("or be a record"));
}

std::string Doubt(std::string_view text) {
  return DoubtOneColumn(MemorySource(text), 0, StoreUrl::Parse("csv:a b.csv?key=id").value(),
                        CsvDialect())
      .value();
}

TEST(CsvDelimiterTest, OneColumnThatIsSeparatedOtherwiseIsDoubted) {
  EXPECT_THAT(Doubt("id:v\n1:x\n"), HasSubstr("as in 'csv:a b.csv?delimiter=:&key=id'"));
  EXPECT_THAT(Doubt("id v\n1 x\n"), HasSubstr("as in 'csv:a b.csv?delimiter=space&key=id'"));
  EXPECT_THAT(Doubt("id  v\n1   x\n"),
              HasSubstr("sed -E 's/ +/,/g' 'a b.csv' | driftwood csv:- …"));
  EXPECT_THAT(Doubt("# of today\nid,v\n1,x\n"), HasSubstr("tail -n +2 'a b.csv' | driftwood"));
  EXPECT_THAT(Doubt("id;v"), HasSubstr("delimiter=semicolon"));
  for (const char* text :
       {"", "id\n1:2\n", "time:utc\n12:00:00\n", "first name\nAnn\n", "\"id:v\"\n1:x\n"}) {
    EXPECT_EQ(Doubt(text), "") << text;
  }
}

}  // namespace
}  // namespace driftwood::agent
