#include "coordinator/diff/table_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/diff/table_lists.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TableOptionsTest : public ::testing::Test {
 protected:
  TableOptionsTest()
      : listings_({Listing({Table("a", {"id", "x,y", "when"}), Table("b", {"id", "note"})}),
                   Listing({Table("a", {"id", "x,y", "at"}), Table("b", {"id", "note"})})}) {}

  // Those of one table, as MakeDiffPlan() would read them.
  DiffOptions For(const std::string& table) {
    const TableSelection selection = *SelectTables(listings_, kNames, {}, true);
    const absl::StatusOr<TableOptions> columns =
        TableOptions::Create(options_, kNames, selection.tables);
    EXPECT_TRUE(columns.ok()) << columns.status();
    DiffOptions result = options_;
    for (const MatchedTable& match : selection.tables) {
      if (match.name == table && columns.ok()) columns->Apply(match, &result);
    }
    return result;
  }
  std::string Refusal() {
    const TableSelection selection = *SelectTables(listings_, kNames, {}, true);
    return std::string(TableOptions::Create(options_, kNames, selection.tables).status().message());
  }

  std::vector<TableList> listings_;
  DiffOptions options_;
};

TEST_F(TableOptionsTest, EachTableGetsThoseOfItsColumns) {
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

TEST_F(TableOptionsTest, AColumnThatNoTableHasIsAMistake) {
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

TEST_F(TableOptionsTest, NamesOfAnotherLetterCaseAreRenamed) {
  listings_ = {Listing({Table("Album", {"AlbumId", "Title", "note"})}),
               Listing({Table("album", {"albumid", "title", "note"})})};
  EXPECT_THAT(For("Album").renames, ElementsAre("right:albumid=AlbumId", "right:title=Title"));
  options_.renames = {"right:title=Title"};  // what its user says is not said again
  EXPECT_THAT(For("Album").renames, ElementsAre("right:title=Title", "right:albumid=AlbumId"));
  options_ = {};
  options_.ignore = {"title"};  // as either side has it
  options_.types = {"Title=text,albumid=integer"};
  EXPECT_THAT(For("Album").ignore, ElementsAre("Title"));
  EXPECT_THAT(For("Album").types, ElementsAre("Title=text", "AlbumId=integer"));
  options_ = {};
  options_.exact_names = true;
  listings_[1] = Listing({Table("Album", {"albumid", "title", "note"})});
  EXPECT_THAT(For("Album").renames, IsEmpty());
}

TEST_F(TableOptionsTest, OptionsCallTablesAndColumnsInAnyLetterCaseWhereOnlyOneCouldBeMeant) {
  listings_ = {Listing({Table("A", {"ID", "NOTE", "when"}), Table("b", {"id", "note", "Note"})}),
               Listing({Table("a", {"Id", "Note", "When"}), Table("b", {"id", "note", "Note"})})};
  options_.ignore = {"nOTE"};
  EXPECT_THAT(For("A").ignore, ElementsAre("NOTE"));
  EXPECT_THAT(For("b").ignore, IsEmpty());  // could be either
  options_ = {};
  options_.ignore = {"note"};
  EXPECT_THAT(For("A").ignore, ElementsAre("NOTE"));
  EXPECT_THAT(For("b").ignore, ElementsAre("note"));
  options_ = {};
  options_.types = {"note=text,a.Note=json"};  // the second takes the place of the first
  options_.rules = {"a.noTE:trim"};
  options_.zones = {"right:a.When=UTC+2"};
  options_.key = {"a:id,wheN"};
  options_.columns = {"a.note"};
  EXPECT_THAT(For("A").types, ElementsAre("NOTE=json"));
  EXPECT_THAT(For("b").types, ElementsAre("note=text"));
  EXPECT_THAT(For("A").rules, ElementsAre("NOTE:trim"));
  EXPECT_THAT(For("A").zones, ElementsAre("right:When=UTC+2"));
  EXPECT_THAT(For("A").key, ElementsAre("ID", "when"));
  EXPECT_THAT(For("A").columns, ElementsAre("NOTE"));
  options_ = {};
  options_.table_items = {{"a", &DiffOptions::ignore, "note"}, {"a", &DiffOptions::key, "id"}};
  EXPECT_THAT(For("A").ignore, ElementsAre("NOTE"));
  EXPECT_THAT(For("A").key, ElementsAre("ID"));
  options_ = {};
  options_.ignore = {"iD"};
  options_.exact_names = true;
  EXPECT_EQ(Refusal(), "--ignore: no table has a column 'iD' (did you mean 'ID'?)");
  options_.ignore = {"B.note"};
  EXPECT_THAT(Refusal(), HasSubstr("--ignore: no table has a column 'B.note' (did you mean 'b."));
}

TEST_F(TableOptionsTest, AThirdLetterCaseIsFollowedAmongThreeReplicas) {
  const std::vector<std::string> names = {"one", "two", "three"};
  listings_ = {Listing({Table("t", {"id", "Note"})}), Listing({Table("t", {"id", "NOTE"})}),
               Listing({Table("t", {"id", "note"})})};
  options_.types = {"nOte=text"};
  const TableSelection selection = *SelectTables(listings_, names, {}, true);
  const auto columns = TableOptions::Create(options_, names, selection.tables);
  ASSERT_TRUE(columns.ok()) << columns.status();
  DiffOptions result = options_;
  columns->Apply(selection.tables[0], &result);
  EXPECT_THAT(result.types, ElementsAre("Note=text"));
  EXPECT_THAT(result.renames, ElementsAre("two:NOTE=Note", "three:note=Note"));
}

TEST_F(TableOptionsTest, ATableBeforeAColumnSaysWhichOneIsMeant) {
  listings_ = {Listing({Table("a", {"id", "note", "when"}), Table("b", {"id", "note", "when"})}),
               Listing({Table("a", {"id", "note", "at"}), Table("b", {"id", "note", "at"})})};
  options_.ignore = {"a.note"};
  options_.types = {"b.note=text"};
  options_.rules = {"b.note:rtrim,a.at:precision=s,b.at:ignore"};
  options_.renames = {"left:a.when=at,left:b.when=at"};
  options_.zones = {"left:a.when=UTC+2"};
  options_.columns = {"b.note"};
  const DiffOptions a = For("a");
  EXPECT_THAT(a.ignore, ElementsAre("note"));
  EXPECT_THAT(a.types, IsEmpty());
  EXPECT_THAT(a.rules, ElementsAre("at:precision=s"));
  EXPECT_THAT(a.renames, ElementsAre("left:when=at"));
  EXPECT_THAT(a.zones, ElementsAre("left:when=UTC+2"));
  EXPECT_THAT(a.columns, IsEmpty());
  const DiffOptions b = For("b");
  EXPECT_THAT(b.ignore, IsEmpty());
  EXPECT_THAT(b.types, ElementsAre("note=text"));
  EXPECT_THAT(b.rules, ElementsAre("note:rtrim", "at:ignore"));
  EXPECT_THAT(b.renames, ElementsAre("left:when=at"));
  EXPECT_THAT(b.zones, IsEmpty());
  EXPECT_THAT(b.columns, ElementsAre("note"));
}

TEST_F(TableOptionsTest, WhatIsSaidOfOneTableTakesThePlaceOfWhatIsSaidOfAll) {
  listings_ = {Listing({Table("a", {"id", "note"}), Table("b", {"id", "note"})}),
               Listing({Table("a", {"id", "note"}), Table("b", {"id", "note"})})};
  options_.types = {"note=text,a.note=json"};
  options_.ignore = {"note,a.note"};
  EXPECT_THAT(For("a").types, ElementsAre("note=json"));
  EXPECT_THAT(For("b").types, ElementsAre("note=text"));
  EXPECT_THAT(For("a").ignore, ElementsAre("note"));
  EXPECT_THAT(For("b").ignore, ElementsAre("note"));
}

TEST_F(TableOptionsTest, WhatExistsDecidesWhereTheDotIs) {
  listings_ = {Listing({Table("s.a", {"id", "x.y"}), Table("b", {"id", "x.y"})}),
               Listing({Table("s.a", {"id", "x.y"}), Table("b", {"id", "x.y"})})};
  options_.ignore = {"s.a.x.y"};
  EXPECT_THAT(For("s.a").ignore, ElementsAre("x.y"));
  EXPECT_THAT(For("b").ignore, IsEmpty());
  options_.ignore = {"x.y"};
  EXPECT_THAT(For("b").ignore, ElementsAre("x.y"));
  listings_[0].tables.push_back(Table("x", {"id", "y"}));
  listings_[1].tables.push_back(Table("x", {"id", "y"}));
  EXPECT_EQ(
      Refusal(),
      "--ignore: 'x.y' may be the column 'x.y' of 'b', the column 'y' of 'x'; a configuration "
      "file tells them apart, in its [dataset.NAME.table.TABLE]");
  options_.ignore.clear();
  options_.table_items = {{"b", &DiffOptions::ignore, "x.y"}};
  EXPECT_THAT(For("b").ignore, ElementsAre("x.y"));
  EXPECT_THAT(For("s.a").ignore, IsEmpty());
  EXPECT_THAT(For("x").ignore, IsEmpty());
}

TEST_F(TableOptionsTest, AKeyIsOfOneTable) {
  listings_ = {Listing({Table("a", {"id", "n"}), Table("log", {"at", "line"}), Table("none")}),
               Listing({Table("a", {"id", "n"}), Table("log", {"at", "line"}), Table("none")})};
  for (TableList& listing : listings_) listing.tables[2].key.clear();
  options_.key = {"log:at,line"};
  EXPECT_THAT(For("log").key, ElementsAre("at", "line"));
  EXPECT_THAT(For("a").key, IsEmpty());
  EXPECT_THAT(For("none").key, IsEmpty());
  options_.key = {"*", "log:line", "a:*"};
  EXPECT_THAT(For("log").key, ElementsAre("line"));
  EXPECT_THAT(For("a").key, ElementsAre("*"));
  EXPECT_THAT(For("none").key, ElementsAre("*"));
  options_.key = {"log:at", "log:line"};
  EXPECT_EQ(Refusal(), "--key names table 'log' twice");
  options_.key = {"lgo:at"};
  EXPECT_EQ(Refusal(), "--key 'lgo:at': no table 'lgo' is compared (did you mean 'log'?)");
  options_.key = {"log:at,lin"};
  EXPECT_EQ(Refusal(),
            "--key 'log:at,lin': table 'log' has no column 'lin' (did you mean 'line'?)");
  options_.key = {};
  options_.table_items = {{"log", &DiffOptions::key, "at"}, {"log", &DiffOptions::key, "line"}};
  EXPECT_THAT(For("log").key, ElementsAre("at", "line"));
  options_.table_items = {{"none", &DiffOptions::key, "*"}};
  EXPECT_THAT(For("none").key, ElementsAre("*"));
}

TEST_F(TableOptionsTest, MistakesNameWhatIsNearest) {
  options_.ignore = {"b.nots"};
  EXPECT_EQ(Refusal(), "--ignore: no table has a column 'b.nots' (did you mean 'b.note'?)");
  options_ = {};
  options_.table_items = {{"bb", &DiffOptions::ignore, "note"}};
  EXPECT_EQ(Refusal(), "options of table 'bb': no such table is compared (did you mean 'b'?)");
  options_.table_items = {{"b", &DiffOptions::ignore, "not"}};
  EXPECT_EQ(Refusal(), "--ignore: table 'b' has no column 'not' (did you mean 'note'?)");
}

TEST_F(TableOptionsTest, SomeOptionsNeedATable) {
  DiffOptions options;
  options.columns = {"a.note"};
  options.key = {"*", "log:id"};
  EXPECT_TRUE(CheckTableOptions(options).ok());
  options.columns = {"note"};
  EXPECT_THAT(std::string(CheckTableOptions(options).message()), HasSubstr("--columns TABLE.note"));
  options.columns = {};
  options.key = {"id,n"};
  EXPECT_THAT(std::string(CheckTableOptions(options).message()), HasSubstr("--key TABLE:id,n"));
}

}  // namespace
}  // namespace driftwood::coordinator
