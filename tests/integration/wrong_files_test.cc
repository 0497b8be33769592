// What is given in place of a table, and how a CSV file is separated: what is found in the file is
// said, and never a way to another verdict than the file's own.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

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
