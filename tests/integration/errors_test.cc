// Bad input: one clear line that says what, where and what to do, exit code 2, and never a verdict.
#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

class ErrorsTest : public DiffTest {
 protected:
  void SetUp() override {
    WriteFile("good.csv", "id,name\n1,a\n2,b\n");
    WriteFile("typed.jsonl", "{\"id\":1,\"name\":\"a\"}\n");
    Sql("good.db",
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO orders VALUES "
        "(1,'a'),(2,'b');"
        "CREATE TABLE nokey(id INTEGER, name TEXT)");
  }
};

TEST_F(ErrorsTest, NoSuchFile) {
  ExpectError({"csv:good.csv?key=id", "csv:goood.csv?key=id"}, {"goood.csv", "right"});
  ExpectError({"sqlite:none.db?table=t", "csv:good.csv?key=id"}, {"none.db", "left"});
}

TEST_F(ErrorsTest, BothSidesFailInOneLine) {
  ExpectError({"csv:one.csv?key=id", "csv:two.csv?key=id"},
              {"left: no such file: one.csv", "right: no such file: two.csv"});
}

TEST_F(ErrorsTest, WhatIsNoLmdbFileGetsNoLockFile) {
  ExpectError({"lmdb:good.csv", "csv:good.csv?key=id"}, {"good.csv", "not an LMDB file"});
  EXPECT_FALSE(std::filesystem::exists(dir_ / "good.csv-lock"));
}

TEST_F(ErrorsTest, TheReportNeverReplacesWhatIsCompared) {
  const std::string before = ReadFile(dir_ / "good.db");
  ExpectError({"sqlite:good.db?table=orders", "csv:good.csv?key=id", "--output", "good.db"},
              {"--output", "good.db", "another file"});
  EXPECT_EQ(ReadFile(dir_ / "good.db"), before);
}

TEST_F(ErrorsTest, WhatNoSideDidIsBlamedOnNoSide) {
  const Json document =
      DiffJson({"csv:good.csv?key=id", "csv:good.csv?key=id", "--digest-key-file", Path("no.key")});
  EXPECT_EQ(document.at("verdict"), "ERROR");
  EXPECT_TRUE(document.at("error").at("replica").is_null());
}

TEST_F(ErrorsTest, NoSuchTable) {
  ExpectError({"sqlite:good.db?table=order", "csv:good.csv?key=id"}, {"order", "orders"});
}

TEST_F(ErrorsTest, NotADatabase) {
  ExpectError({"sqlite:good.csv?table=t", "csv:good.csv?key=id"}, {"good.csv"});
}

TEST_F(ErrorsTest, NoKey) {
  ExpectError({"csv:good.csv", "csv:good.csv"}, {"key"});
  ExpectError({"sqlite:good.db?table=nokey", "csv:good.csv"}, {"key"});
}

TEST_F(ErrorsTest, AKeyColumnThatIsNotThere) {
  ExpectError({"csv:good.csv?key=id", "csv:good.csv?key=idd"}, {"idd", "id", "right"});
  ExpectError({"csv:good.csv?key=id", "csv:good.csv?key=id", "--key", "nam"}, {"nam", "name"});
}

TEST_F(ErrorsTest, ADuplicateKeyIsNamedWithBothLines) {
  WriteFile("twice.csv", "id,name\n1,a\n2,b\n3,c\n2,d\n");
  ExpectError({"csv:good.csv?key=id", "csv:twice.csv?key=id"},
              {"twice.csv", "line 3", "line 5", "2"});
}

TEST_F(ErrorsTest, AColumnThatOnlyOneSideHas) {
  WriteFile("wide.csv", "id,name,colour\n1,a,red\n2,b,blue\n");
  ExpectError({"csv:good.csv?key=id", "csv:wide.csv?key=id"}, {"colour", "--ignore", "--columns"});
  EXPECT_EQ(Verdict({"csv:good.csv?key=id", "csv:wide.csv?key=id", "--ignore", "colour"}),
            "IDENTICAL");
  EXPECT_EQ(Verdict({"csv:good.csv?key=id", "csv:wide.csv?key=id", "--columns", "id,name"}),
            "IDENTICAL");
}

TEST_F(ErrorsTest, TypesThatCantBeReconciled) {
  Sql("real.db", "CREATE TABLE orders(id TEXT PRIMARY KEY, name REAL)");
  ExpectError({"sqlite:good.db?table=orders", "sqlite:real.db?table=orders"},
              {"integer", "text", "--types"});
}

TEST_F(ErrorsTest, AMalformedCsvLineIsNamedWithLineAndColumn) {
  WriteFile("bad.csv", "id,name\n1,a\n2,b,c\n");
  ExpectError({"csv:good.csv?key=id", "csv:bad.csv?key=id"}, {"bad.csv", "line 3"});
  WriteFile("bad.csv", "id,name\n1,a\n2,\"b\n");
  ExpectError({"csv:good.csv?key=id", "csv:bad.csv?key=id"}, {"bad.csv", "line 3"});
  WriteFile("bad.csv", "id,name\n1,\"a\"x\n");
  ExpectError({"csv:good.csv?key=id", "csv:bad.csv?key=id"}, {"bad.csv", "line 2", "column"});
}

TEST_F(ErrorsTest, AMalformedJsonLineIsNamedWithLineAndColumn) {
  WriteFile("bad.jsonl", "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":}\n");
  ExpectError({"jsonl:bad.jsonl?key=id", "jsonl:typed.jsonl?key=id"},
              {"bad.jsonl", "line 2", "column"});
}

TEST_F(ErrorsTest, AnLmdbDatabaseWithDuplicatesIsRefusedByName) {
  Lmdb("dup", {{"a", "1"}}, "tags", MDB_DUPSORT);
  Lmdb("plain", {{"a", "1"}});
  ExpectError({"lmdb:plain", "lmdb:dup?db=tags"}, {"tags", "DUPSORT"});
}

TEST_F(ErrorsTest, WrongWords) {
  ExpectError({"csv:good.csv?key=id"}, {"two"});
  ExpectError({"cvs:good.csv?key=id", "csv:good.csv?key=id"}, {"cvs", "csv"});
  ExpectError({"csv:good.csv?kye=id", "csv:good.csv?key=id"}, {"kye", "key"});
  ExpectError({"csv:good.csv?key=id", "csv:good.csv?key=id", "--format", "xml"}, {"xml", "jsonl"});
  ExpectError({"csv:good.csv?key=id", "csv:good.csv?key=id", "--name", "a", "--name", "a"},
              {"a", "--name"});
  ExpectError({"csv:good.csv?key=id", "csv:good.csv?key=id", "--types", "id=int3ger"},
              {"int3ger", "integer"});
  ExpectError({"csv:good.csv?key=id", "csv:good.csv?key=id", "--formta", "json"}, {"--formta"});
  ExpectError({"csv:good.csv?key=id", "csv:good.csv?key=id", "--output", "no/such/x.json"},
              {"no/such"});
}

TEST_F(ErrorsTest, HelpAndVersionSucceed) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--help"}, {"diff", "--help"}, {"--version"}}) {
    const ProcessResult result = Driftwood(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.out, "");
    EXPECT_EQ(result.err, "");
  }
  EXPECT_EQ(Driftwood({}).exit_code, 2);
  EXPECT_EQ(Driftwood({"dif"}).exit_code, 2);
}

TEST_F(ErrorsTest, AnErrorIsAlsoADocument) {
  const Json document = DiffJson({"csv:good.csv?key=id", "csv:goood.csv?key=id"});
  EXPECT_EQ(document.at("verdict"), "ERROR");
  EXPECT_EQ(document.at("error").at("replica"), "right");
  EXPECT_NE(document.at("error").at("message").get<std::string>().find("goood.csv"),
            std::string::npos);
}

}  // namespace
}  // namespace driftwood::testing
