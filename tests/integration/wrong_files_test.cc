// What is given in place of a table, and how a CSV file is separated: what is found in the file is
// said, and never a way to another verdict than the file's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class WrongFilesTest : public DiffTest {
 protected:
  void SetUp() override { WriteFile("a.csv", "id,v\n1,x\n2,y\n"); }
};

TEST_F(WrongFilesTest, TheDelimiterIsThatOfTheHeader) {
  WriteFile("b.csv", "id;v\n1;x\n2;y\n");
  WriteFile("c.csv", "id;v\n1;x\n2;z\n");
  const ProcessResult result = Driftwood({"b.csv", "c.csv", "--key", "id"});
  EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
  EXPECT_NE(result.err.find("left: its fields are separated by the semicolon"), std::string::npos);
  EXPECT_NE(result.err.find("right: its fields are separated by the semicolon"), std::string::npos);
  EXPECT_EQ(Verdict({"a.csv", "csv:b.csv?delimiter=;", "--key", "id"}), "IDENTICAL");
  EXPECT_EQ(Verdict({"csv:a.csv?delimiter=comma", "b.csv", "--key", "id"}), "IDENTICAL");
  Sql("t.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'x'), "
      "(2, 'y')");
  EXPECT_EQ(Verdict({"sqlite:t.db?table=t", "b.csv"}), "IDENTICAL");
}

TEST_F(WrongFilesTest, FilesSeparatedInTwoWaysThatNobodySaidAreRefused) {
  WriteFile("b.csv", "id;v\n1;x\n2;y\n");
  WriteFile("c.csv", "id\tv\n1\tx\n2\ty\n");
  WriteFile("d.csv", "id;v,w\n1;x,1\n");
  const ProcessResult result = Driftwood({"a.csv", "b.csv", "--key", "id"});
  EXPECT_EQ(result.exit_code, 2) << result.out;
  EXPECT_NE(result.err.find("left is read with delimiter=comma and right with delimiter=semicolon"),
            std::string::npos)
      << result.err;
  EXPECT_EQ(Driftwood({"a.csv", "c.csv", "--key", "id"}).exit_code, 2);
  ExpectError({"a.csv", "d.csv", "--key", "id"}, {"delimiter=comma or delimiter=semicolon"});
  EXPECT_EQ(Driftwood({"a.csv", "b.csv?delimiter=comma", "--key", "id"}).exit_code, 2);
}

TEST_F(WrongFilesTest, WhatIsNoTableIsNamed) {
  using std::string_literals::operator""s;
  WriteFile("sheet.xlsx", "PK\x03\x04"s + std::string(26, 'x') + "[Content_Types].xml");
  WriteFile("image.csv", "\x89PNG\r\n\x1A\n123");
  WriteFile("page.csv", "<!DOCTYPE html><title>Log in</title>");
  WriteFile("data.parquet", "PAR1\x15\x04");
  Sql("shop.db", "CREATE TABLE t(id INTEGER PRIMARY KEY)");
  std::filesystem::create_directory(Path("d"));
  ExpectError({"sheet.xlsx", "a.csv", "--key", "id"},
              {"an Excel workbook", "save its sheet as CSV"});
  ExpectError({"csv:sheet.xlsx", "a.csv", "--key", "id"}, {"an Excel workbook"});
  ExpectError({"image.csv", "a.csv", "--key", "id"}, {"a PNG image"});
  ExpectError({"page.csv", "a.csv", "--key", "id"}, {"an HTML page"});
  ExpectError({"data.parquet", "a.csv", "--key", "id"}, {"a Parquet file"});
  ExpectError({"jsonl:data.parquet", "a.csv", "--key", "id"}, {"a Parquet file"});
  ExpectError({"csv:shop.db", "a.csv", "--key", "id"},
              {"an SQLite database", "'sqlite:shop.db?table=NAME'"});
  ExpectError({"csv:d", "a.csv", "--key", "id"}, {"d is a directory", "name a file in it"});
}

TEST_F(WrongFilesTest, AFileOfAnotherKindThanItsNameSaysIsAnsweredWithItsUrl) {
  WriteFile("lines.csv", "{\"id\":1,\"v\":\"x\"}\n{\"id\":2,\"v\":\"y\"}\n");
  WriteFile("array.tsv", "[{\"id\":1,\"v\":\"x\"},\n{\"id\":2,\"v\":\"y\"}]\n");
  WriteFile("table.jsonl", "id,v\n1,x\n2,y\n");
  WriteFile("pretty.jsonl", "{\n  \"id\": 1,\n  \"v\": \"x\"\n}\n");
  ExpectError({"lines.csv", "a.csv", "--key", "id"}, {"holds JSON", "write jsonl:lines.csv"});
  ExpectError({"array.tsv", "a.csv", "--key", "id"}, {"holds JSON", "write jsonl:array.tsv"});
  ExpectError({"table.jsonl", "a.csv", "--key", "id"}, {"if this is CSV, write csv:table.jsonl"});
  ExpectError({"pretty.jsonl", "a.csv", "--key", "id"},
              {"jq -c . pretty.jsonl | driftwood jsonl:-"});
  EXPECT_EQ(Verdict({"jsonl:lines.csv", "jsonl:array.tsv", "--key", "id"}), "IDENTICAL");
  EXPECT_EQ(Verdict({"csv:table.jsonl", "a.csv", "--key", "id"}), "IDENTICAL");
}

TEST_F(WrongFilesTest, ADelimiterThatIsNotLookedForIsGuessedAtInTheMessage) {
  WriteFile("colon.csv", "id:v\n1:x\n2:y\n");
  WriteFile("blank.csv", "id v\n1 x\n2 y\n");
  const auto error = [&](const std::string& left, const std::string& right) {
    const ProcessResult result = Driftwood({left, right, "--key", "id"});
    EXPECT_EQ(result.exit_code, 2) << result.out;
    return result.err;
  };
  EXPECT_THAT(error("colon.csv", "a.csv"), HasSubstr("'csv:colon.csv?delimiter=:'"));
  EXPECT_THAT(error("a.csv", "blank.csv"), HasSubstr("'csv:blank.csv?delimiter=space'"));
  EXPECT_THAT(error("colon.csv", "blank.csv"),
              AllOf(HasSubstr("'csv:colon.csv?delimiter=:'"), HasSubstr("left has id:v")));
  EXPECT_EQ(Verdict({"csv:colon.csv?delimiter=:", "a.csv", "--key", "id"}), "IDENTICAL");
  EXPECT_EQ(Verdict({"csv:blank.csv?delimiter=space", "a.csv", "--key", "id"}), "IDENTICAL");
}

TEST_F(WrongFilesTest, NamesThatAreHardlyMeantAreDoubted) {
  WriteFile("single.csv", "'id','v'\n1,'x'\n2,'y'\n");
  WriteFile("title.csv", "Orders,,\nid,v,w\n1,x,1\n2,y,2\n");
  const auto error = [&](const std::string& file) {
    return Driftwood({file, "a.csv", "--key", "id"}).err;
  };
  EXPECT_THAT(error("single.csv"), HasSubstr("as in 'csv:single.csv?quote='\\''"));
  EXPECT_THAT(error("title.csv"), HasSubstr("tail -n +2 title.csv | driftwood csv:- …"));
  EXPECT_EQ(Verdict({"csv:single.csv?quote='", "a.csv", "--key", "id"}), "IDENTICAL");
}

TEST_F(WrongFilesTest, ALineThatSaysTheDelimiterIsNoHeader) {
  WriteFile("sep.csv", "\xEF\xBB\xBFsep=;\r\nid;v\r\n1;x\r\n2;y\r\n");
  EXPECT_EQ(Verdict({"sep.csv", "a.csv", "--key", "id"}), "IDENTICAL");
  EXPECT_EQ(Verdict({"csv:sep.csv?delimiter=;", "a.csv", "--key", "id"}), "IDENTICAL");
  EXPECT_EQ(Driftwood({"csv:sep.csv?delimiter=comma", "a.csv", "--key", "id"}).exit_code, 2);
  WriteFile("sep.csv", "sep=;\nid;v\n1;x\n2;z\n");
  EXPECT_EQ(Found(DiffJson({"sep.csv", "a.csv", "--key", "id"})),
            std::set<std::string>{"2 changed"});
  WriteFile("sep.csv", "sep=;\nid;v\n1;x;y\n");
  ExpectError({"sep.csv", "a.csv", "--key", "id"}, {"line 3, column 5"});
  WriteFile("sep.csv", "sep=;\nid,v\n1,x\n2,y\n");
  const ProcessResult result = Driftwood({"csv:sep.csv?delimiter=comma", "a.csv", "--key", "id"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("says sep=;, and its URL delimiter=comma, which counts"));
  WriteFile("sep.csv", "sep=;\n1;x;\n2;y;\n");
  EXPECT_EQ(Verdict({"csv:sep.csv?header=no&columns=id,v,w&delimiter=;", "a.csv", "--key", "id",
                     "--ignore", "w"}),
            "IDENTICAL");
}

TEST_F(WrongFilesTest, ACtrlZBehindTheLastLineEndsTheFile) {
  WriteFile("dos.csv", "id,v\r\n1,x\r\n2,y\r\n\x1A");
  EXPECT_EQ(Verdict({"dos.csv", "a.csv", "--key", "id"}), "IDENTICAL");
  EXPECT_EQ(Verdict({"csv:dos.csv?header=skip&columns=id,v", "a.csv", "--key", "id"}), "IDENTICAL");
  WriteFile("one.csv", "id\n1\n2\n\x1A");
  ExpectError({"one.csv", "a.csv", "--key", "id", "--ignore", "v"},
              {"Ctrl-Z (0x1A) alone", "head -c -1 one.csv | driftwood csv:- …"});
}

TEST_F(WrongFilesTest, NamesThatAreMissingOrTwiceCanBeSaid) {
  WriteFile("r.csv", "\"id\",\"v\"\n\"1\",1,\"x\"\n\"2\",2,\"y\"\n");
  WriteFile("end.csv", "id,v\n1,x,\n2,y,\n");
  WriteFile("twice.csv", "id,v,v\n1,x,a\n2,y,b\n");
  WriteFile("none.csv", "1,x\n2,y\n");
  const std::string r = "csv:r.csv?columns=column_1,id,v&header=skip";
  const std::string end = "csv:end.csv?columns=id,v,column_3&header=skip";
  const std::string twice = "csv:twice.csv?columns=id,v,v_2&header=skip";
  ExpectError({"r.csv", "a.csv", "--key", "id"}, {"'" + r + "'"});
  ExpectError({"end.csv", "a.csv", "--key", "id"}, {"'" + end + "'"});
  ExpectError({"twice.csv", "a.csv", "--key", "id"}, {"'" + twice + "'"});
  ExpectError({"none.csv", "a.csv", "--key", "id"}, {"add header=no&columns=a,b,c to its URL"});
  EXPECT_EQ(Verdict({r, "a.csv", "--key", "id", "--ignore", "column_1"}), "IDENTICAL");
  EXPECT_EQ(Verdict({end, "a.csv", "--key", "id", "--ignore", "column_3"}), "IDENTICAL");
  EXPECT_EQ(Verdict({twice, "a.csv", "--key", "id", "--ignore", "v_2"}), "IDENTICAL");
  EXPECT_EQ(Verdict({"csv:none.csv?header=no&columns=id,v", "a.csv", "--key", "id"}), "IDENTICAL");
}

TEST_F(WrongFilesTest, MistypedNamesAreAnsweredWithTheNearest) {
  WriteFile("orders.csv", "id,v\n1,x\n");
  Sql("shop.db", "CREATE TABLE t(id INTEGER PRIMARY KEY)");
  ExpectError({"csv:ordres.csv", "a.csv", "--key", "id"}, {"did you mean 'orders.csv'?"});
  ExpectError({"csv:./ordres.csv", "a.csv", "--key", "id"}, {"did you mean './orders.csv'?"});
  ExpectError({"sqlite:shpo.db?table=t", "a.csv"}, {"did you mean 'shop.db'?"});
  ExpectError({"csv:orders.csv?kee=id", "a.csv"}, {"did you mean 'key'?"});
  ExpectError({"postgresql://u@h/db?tabel=t", "a.csv"}, {"did you mean 'table'?"});
  ExpectError({"mysql://u@h/db?tabel=t", "a.csv"}, {"did you mean 'table'?"});
  ExpectError({"postgre://u@h/db?table=t", "a.csv"}, {"did you mean 'postgres'?"});
}

}  // namespace
}  // namespace driftwood::testing
