#include "coordinator/diff/table_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/diff/table_lists.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Names(const TableSelection& selection) {
  std::vector<std::string> names;
  for (const MatchedTable& table : selection.tables) names.push_back(table.name);
  return names;
}

std::vector<std::string> Skipped(const TableSelection& selection) {
  std::vector<std::string> names;
  for (const SkippedTable& table : selection.skipped)
    names.push_back(table.table + ": " + table.why);
  return names;
}

TEST(TableSelectionTest, TablesAreMatchedByTheirExactNames) {
  const std::vector<TableList> listings = {Listing({Table("a"), Table("B"), Table("c ")}),
                                           Listing({Table("a"), Table("b"), Table("c")})};
  DiffOptions exact;
  exact.exact_names = true;
  const TableSelection selection = *SelectTables(listings, kNames, exact, true);
  EXPECT_THAT(Names(selection), ElementsAre("B", "a", "b", "c", "c "));
  EXPECT_THAT(selection.tables[0].MissingIn(), ElementsAre(1));
  EXPECT_THAT(selection.tables[1].MissingIn(), IsEmpty());
  EXPECT_EQ(OtherSpellings(selection.tables[0], listings, kNames),
            "; right has 'b': letter case counts");
  EXPECT_EQ(OtherSpellings(selection.tables[3], listings, kNames), "");
}

TEST(TableSelectionTest, NamesOfAnotherLetterCaseMatchWhereOnlyOneCouldBeMeant) {
  TableEntry album = Table("Album", {"AlbumId"});
  album.columns = {"AlbumId", "Title", "note"};
  TableEntry folded = Table("album", {"albumid"});
  folded.columns = {"albumid", "title", "note"};
  const std::vector<TableList> listings = {Listing({album, Table("Two"), Table("two")}),
                                           Listing({folded, Table("TWO"), Table("two")})};
  DiffOptions options;
  const TableSelection selection = *SelectTables(listings, kNames, options, true);
  EXPECT_THAT(Names(selection), ElementsAre("Album", "TWO", "Two", "two"));
  EXPECT_THAT(selection.tables[0].MissingIn(), IsEmpty());
  EXPECT_THAT(selection.tables[1].MissingIn(), ElementsAre(0));
  EXPECT_THAT(OtherCases(selection.tables, kNames), ElementsAre("Album (album in right)"));
}

TEST(TableSelectionTest, OptionsNameATableInAnyLetterCaseWhereOnlyOneCouldBeMeant) {
  const std::vector<TableList> listings = {
      Listing({Table("Album"), Table("Two"), Table("two"), Table("LOG_1"), Table("log_2")}),
      Listing({Table("album"), Table("Two"), Table("two"), Table("Log_1"), Table("log_2")})};
  DiffOptions options;
  options.tables = {"ALBUM,log_*,two"};
  EXPECT_THAT(Names(*SelectTables(listings, kNames, options, true)),
              ElementsAre("Album", "LOG_1", "log_2", "two"));
  options.skip_tables = {"album"};
  EXPECT_THAT(std::string(SelectTables(listings, kNames, options, true).status().message()),
              HasSubstr("both name 'Album'"));
  options.tables.clear();
  options.skip_tables = {"album,LOG_?"};
  EXPECT_THAT(Names(*SelectTables(listings, kNames, options, true)), ElementsAre("Two", "two"));
  options.skip_tables = {"TWO"};
  EXPECT_EQ(
      std::string(SelectTables(listings, kNames, options, true).status().message()),
      "--skip-tables: 'TWO' may be one of the tables 'Two', 'two'; name it in its own letter case");
  options.skip_tables = {"album"};
  options.exact_names = true;
  EXPECT_THAT(Names(*SelectTables(listings, kNames, options, true)),
              ElementsAre("Album", "LOG_1", "Log_1", "Two", "log_2", "two"));
  options.skip_tables = {"ALBUM"};
  EXPECT_EQ(std::string(SelectTables(listings, kNames, options, true).status().message()),
            "--skip-tables: no replica has a table 'ALBUM' (did you mean 'Album'?)");
}

TEST(TableSelectionTest, ADotInANameIsNoSchema) {
  std::vector<TableList> listings = {Listing({Table("a.b"), Table("c")}),
                                     Listing({Table("a.b"), Table("\"a.b\""), Table("c")})};
  listings[1].qualified = true;
  QualifyAlike(&listings);
  const TableSelection selection = *SelectTables(listings, kNames, {}, true);
  EXPECT_THAT(Names(selection), ElementsAre("\"a.b\"", "a.b", "c"));
  EXPECT_THAT(selection.tables[0].MissingIn(), IsEmpty());
  EXPECT_THAT(selection.tables[1].MissingIn(), ElementsAre(0));
}

TEST(TableSelectionTest, AServerThatFoldsNamesIsSaidToDoSo) {
  std::vector<TableList> listings = {Listing({Table("Orders")}), Listing({Table("orders")})};
  listings[1].folds_names = true;
  DiffOptions exact;
  exact.exact_names = true;
  const TableSelection selection = *SelectTables(listings, kNames, exact, true);
  EXPECT_THAT(OtherSpellings(selection.tables[0], listings, kNames),
              HasSubstr("lower_case_table_names"));
}

TEST(TableSelectionTest, WhatIsNowhereATableIsSkippedAndSaid) {
  const std::vector<TableList> listings = {
      Listing({Table("v", {"id"}, "view"), Table("w", {"id"}, "view"), Table("t")}),
      Listing({Table("v", {"id"}, "view"), Table("w", {"id"}, "foreign table"),
               Table("t", {"id"}, "view"), Table("x", {"id"}, "materialised view")})};
  DiffOptions options;
  TableSelection selection = *SelectTables(listings, kNames, options, true);
  EXPECT_THAT(Names(selection), ElementsAre("t"));  // a table on one side
  EXPECT_THAT(Skipped(selection),
              ElementsAre("v: view in left and right", "w: foreign table in right, view in left",
                          "x: materialised view in right"));
  options.tables = {"v,x"};  // asked for by name, it is not passed over
  selection = *SelectTables(listings, kNames, options, true);
  EXPECT_THAT(Names(selection), ElementsAre("v", "x"));
}

TEST(TableSelectionTest, ChosenAndSkippedNamesMustExist) {
  const std::vector<TableList> listings = {Listing({Table("orders"), Table("a,b")}),
                                           Listing({Table("items"), Table("a,b")})};
  DiffOptions options;
  options.tables = {"orders", "items,a%2Cb"};
  EXPECT_THAT(Names(*SelectTables(listings, kNames, options, true)),
              ElementsAre("a,b", "items", "orders"));
  options.skip_tables = {"items"};
  EXPECT_THAT(std::string(SelectTables(listings, kNames, options, true).status().message()),
              HasSubstr("both name 'items'"));
  options.tables = {"order"};
  options.skip_tables.clear();
  EXPECT_EQ(std::string(SelectTables(listings, kNames, options, true).status().message()),
            "--tables: no replica has a table 'order' (did you mean 'orders'?)");
  EXPECT_THAT(Names(*SelectTables(listings, kNames, options, false)), IsEmpty());
  options.tables = {""};
  EXPECT_THAT(std::string(SelectTables(listings, kNames, options, true).status().message()),
              HasSubstr("an empty name"));
  options.tables.clear();
  options.skip_tables = {"item"};
  EXPECT_THAT(std::string(SelectTables(listings, kNames, options, true).status().message()),
              HasSubstr("--skip-tables: no replica has a table 'item'"));
  options.skip_tables = {"items"};
  const TableSelection selection = *SelectTables(listings, kNames, options, true);
  EXPECT_THAT(Names(selection), ElementsAre("a,b", "orders"));
  EXPECT_THAT(Skipped(selection), ElementsAre("items: --skip-tables"));
}

TEST(TableSelectionTest, PatternsChooseSeveralTables) {
  const std::vector<TableList> listings = {
      Listing({Table("log_1"), Table("log_2"), Table("log*"), Table("shop"),
               Table("log_v", {"id"}, "view")}),
      Listing({Table("log_1"), Table("log_3"), Table("log*"), Table("shop"),
               Table("log_v", {"id"}, "view")})};
  DiffOptions options;
  options.tables = {"log_*"};
  TableSelection selection = *SelectTables(listings, kNames, options, true);
  EXPECT_THAT(Names(selection), ElementsAre("log_1", "log_2", "log_3"));
  EXPECT_THAT(Skipped(selection),
              ElementsAre("log*: not among --tables", "log_v: view in left and right",
                          "shop: not among --tables"));
  options.tables = {"log_?,log_v"};
  options.skip_tables = {"log_3"};
  EXPECT_THAT(Names(*SelectTables(listings, kNames, options, true)),
              ElementsAre("log_1", "log_2", "log_v"));
  options.tables = {"log\\*"};
  EXPECT_THAT(Names(*SelectTables(listings, kNames, options, true)), ElementsAre("log*"));
  options.tables = {"log_1"};
  options.skip_tables = {"log*"};
  EXPECT_THAT(std::string(SelectTables(listings, kNames, options, true).status().message()),
              HasSubstr("both name 'log_1'"));
  options = {};
  options.tables = {"shopp*"};
  EXPECT_EQ(std::string(SelectTables(listings, kNames, options, true).status().message()),
            "--tables: no replica has a table that 'shopp*' matches (did you mean 'shop'?)");
  options.tables = {"zzz*"};
  EXPECT_EQ(std::string(SelectTables(listings, kNames, options, true).status().message()),
            "--tables: no replica has a table that 'zzz*' matches; there are log*, log_1, log_2, "
            "log_3, log_v, shop");
}

class RenameTablesTest : public ::testing::Test {
 protected:
  // What the tables of both sides are called then, or the refusal.
  std::vector<std::string> Renamed(const std::vector<std::string>& renames,
                                   bool exact_names = false) {
    DiffOptions options;
    options.table_renames = renames;
    options.exact_names = exact_names;
    std::vector<TableList> listings = {Listing({Table("a"), Table("b=c"), Table("b")}),
                                       Listing({Table("x"), Table("y")})};
    const absl::Status status = RenameTables(options, kNames, true, &listings);
    if (!status.ok()) return {std::string(status.message())};
    std::vector<std::string> names;
    for (const TableList& listing : listings) {
      for (const TableEntry& table : listing.tables) names.push_back(table.name);
    }
    return names;
  }
};

TEST_F(RenameTablesTest, TablesOfOneReplicaGetOtherNames) {
  EXPECT_THAT(Renamed({"right:x=a,right:y=b"}), ElementsAre("a", "b=c", "b", "a", "b"));
  EXPECT_THAT(Renamed({"left:b=c=n"}), ElementsAre(HasSubstr("it could be 'b=c' or 'b'")));
  EXPECT_THAT(Renamed({"right:x=y", "right:y=x"}), ElementsAre("a", "b=c", "b", "y", "x"));
}

TEST_F(RenameTablesTest, ATableIsNamedInAnyLetterCaseWhereOnlyOneCouldBeMeant) {
  EXPECT_THAT(Renamed({"right:X=a"}), ElementsAre("a", "b=c", "b", "a", "y"));
  EXPECT_THAT(Renamed({"left:B=c=n"}), ElementsAre(HasSubstr("it could be 'b=c' or 'b'")));
  EXPECT_THAT(Renamed({"right:X=a"}, /*exact_names=*/true),
              ElementsAre(HasSubstr("there is no table 'X' in that replica (did you mean 'x'?)")));
  std::vector<TableList> listings = {Listing({}), Listing({Table("x"), Table("X")})};
  DiffOptions options;
  options.table_renames = {"right:X=a"};
  ASSERT_TRUE(RenameTables(options, kNames, true, &listings).ok());
  EXPECT_EQ(listings[1].tables[0].name, "x");
  EXPECT_EQ(listings[1].tables[1].name, "a");
}

TEST_F(RenameTablesTest, MistakesAreRefused) {
  EXPECT_THAT(Renamed({"right:z=a"}), ElementsAre(HasSubstr("there is no table 'z'")));
  EXPECT_THAT(Renamed({"rihgt:x=a"}),
              ElementsAre("--rename-table 'rihgt:x=a': there is no replica 'rihgt' (did you mean "
                          "'right'?); there are left and right"));
  EXPECT_THAT(Renamed({"right:x"}), ElementsAre(HasSubstr("expected REPLICA:TABLE=NAME")));
  EXPECT_THAT(Renamed({"right:x="}), ElementsAre(HasSubstr("expected REPLICA:TABLE=NAME")));
  EXPECT_THAT(Renamed({"right:x=y"}),
              ElementsAre("--rename-table: right then has two tables 'y'; rename the other one "
                          "too"));
}

}  // namespace
}  // namespace driftwood::coordinator
