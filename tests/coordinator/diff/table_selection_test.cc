#include "coordinator/diff/table_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string> kNames = {"left", "right"};

TableEntry Table(const std::string& name, std::vector<std::string> columns = {"id"},
                 const std::string& kind = "table") {
  return {name, kind, kind == "table", {columns[0]}, columns, "sqlite:x.db?table=" + name};
}

TableList Listing(std::vector<TableEntry> tables) {
  TableList listing;
  listing.tables = std::move(tables);
  return listing;
}

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
  ColumnOptions::Create(options, kNames, selection.tables)->Apply(selection.tables[0], &options);
  EXPECT_THAT(options.renames, ElementsAre("right:albumid=AlbumId", "right:title=Title"));
  options = {};
  options.renames = {"right:title=Title"};  // what its user says is not said again
  ColumnOptions::Create(options, kNames, selection.tables)->Apply(selection.tables[0], &options);
  EXPECT_THAT(options.renames, ElementsAre("right:title=Title", "right:albumid=AlbumId"));
  options = {};
  options.ignore = {"title"};  // as either side has it
  options.types = {"Title=text,albumid=integer"};
  ColumnOptions::Create(options, kNames, selection.tables)->Apply(selection.tables[0], &options);
  EXPECT_THAT(options.ignore, ElementsAre("Title"));
  EXPECT_THAT(options.types, ElementsAre("Title=text", "AlbumId=integer"));
  options = {};
  options.exact_names = true;
  ColumnOptions::Create(options, kNames, selection.tables)->Apply(selection.tables[0], &options);
  EXPECT_THAT(options.renames, IsEmpty());
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

class ColumnOptionsTest : public ::testing::Test {
 protected:
  ColumnOptionsTest()
      : listings_({Listing({Table("a", {"id", "x,y", "when"}), Table("b", {"id", "note"})}),
                   Listing({Table("a", {"id", "x,y", "at"}), Table("b", {"id", "note"})})}) {}

  // Those of one table, as MakeDiffPlan() would read them.
  DiffOptions For(const std::string& table) {
    const TableSelection selection = *SelectTables(listings_, kNames, {}, true);
    const absl::StatusOr<ColumnOptions> columns =
        ColumnOptions::Create(options_, kNames, selection.tables);
    EXPECT_TRUE(columns.ok()) << columns.status();
    DiffOptions result = options_;
    for (const MatchedTable& match : selection.tables) {
      if (match.name == table && columns.ok()) columns->Apply(match, &result);
    }
    return result;
  }
  std::string Refusal() {
    const TableSelection selection = *SelectTables(listings_, kNames, {}, true);
    return std::string(
        ColumnOptions::Create(options_, kNames, selection.tables).status().message());
  }

  std::vector<TableList> listings_;
  DiffOptions options_;
};

TEST_F(ColumnOptionsTest, EachTableGetsThoseOfItsColumns) {
  options_.ignore = {"x%2Cy,note"};
  options_.types = {"note=text", "id=integer"};
  options_.rules = {"note:rtrim,at:precision=s,at:ignore"};
  options_.renames = {"left:when=at"};
  options_.zones = {"left:when=UTC+2"};
  const DiffOptions a = For("a");
  EXPECT_THAT(a.ignore, ElementsAre("x%2Cy"));
  EXPECT_THAT(a.types, ElementsAre("id=integer"));
  EXPECT_THAT(a.rules, ElementsAre("at:precision=s", "at:ignore"));
  EXPECT_THAT(a.renames, ElementsAre("left:when=at"));
  EXPECT_THAT(a.zones, ElementsAre("left:when=UTC+2"));
  const DiffOptions b = For("b");
  EXPECT_THAT(b.ignore, ElementsAre("note"));
  EXPECT_THAT(b.types, ElementsAre("note=text", "id=integer"));
  EXPECT_THAT(b.rules, ElementsAre("note:rtrim"));
  EXPECT_THAT(b.renames, IsEmpty());
  EXPECT_THAT(b.zones, IsEmpty());
}

TEST_F(ColumnOptionsTest, AColumnThatNoTableHasIsAMistake) {
  options_.ignore = {"nots"};
  EXPECT_EQ(Refusal(), "--ignore: no table has a column 'nots' (did you mean 'note'?)");
  options_ = {};
  options_.renames = {"right:when=at"};
  EXPECT_EQ(Refusal(), "--rename: no table of right has a column 'when'");
  options_ = {};
  options_.renames = {"left:when=at"};
  options_.rules = {"when:precision=s"};  // it goes by its other name, except in the zone
  EXPECT_EQ(Refusal(), "--rule: no table has a column 'when'");
  options_ = {};
  options_.types = {"nosuch=text"};
  EXPECT_THAT(Refusal(), HasSubstr("--types: no table has a column 'nosuch'"));
}

}  // namespace
}  // namespace driftwood::coordinator
