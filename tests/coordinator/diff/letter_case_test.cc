#include "coordinator/diff/letter_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::coordinator {

void PrintTo(const CaseRename& rename, std::ostream* out) {
  *out << rename.from << " -> " << rename.to;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Names = std::vector<std::string>;

TEST(LetterCaseTest, NamesOfAnotherCaseBecomeThoseOfTheReference) {
  EXPECT_THAT(RenamesByCase({"AlbumId", "Title", "same"}, {"albumid", "TITLE", "same", "more"}),
              ElementsAre(CaseRename{"albumid", "AlbumId"}, CaseRename{"TITLE", "Title"}));
}

TEST(LetterCaseTest, NothingIsRenamedWhereItHasTwoReadings) {
  EXPECT_THAT(RenamesByCase({"Id", "ID"}, {"id"}), IsEmpty());
  EXPECT_THAT(RenamesByCase({"Id"}, {"id", "ID"}), IsEmpty());
  EXPECT_THAT(RenamesByCase({"Id"}, {"Id", "id"}), IsEmpty());
  EXPECT_THAT(RenamesByCase({}, {"id"}), IsEmpty());
  EXPECT_THAT(RenamesByCase({"id"}, Names()), IsEmpty());
}

TEST(LetterCaseTest, AnOptionsNameIsRenamedUnlessAColumnHasItStill) {
  const std::vector<CaseRename> renames = {{"id", "Id"}, {"NAME", "Name"}};
  EXPECT_EQ(NameUnderRenames("id", renames, {"Id", "Name"}), "Id");
  EXPECT_EQ(NameUnderRenames("id", renames, {"Id", "Name", "id"}), "id");
}

TEST(LetterCaseTest, AnOptionsNameIsTheOneColumnThatDiffersInCaseOnly) {
  EXPECT_EQ(NameUnderRenames("ID", {{"id", "Id"}}, {"Id", "Name"}), "Id");
  EXPECT_EQ(NameUnderRenames("id", {}, {"ID", "Name"}), "ID");
  EXPECT_EQ(NameUnderRenames("id", {}, {"ID", "Id"}), "id");
  EXPECT_EQ(NameUnderRenames("id", {}, {"ID", "id"}), "id");
  EXPECT_EQ(NameUnderRenames("no", {}, {"Name"}), "no");
}

TEST(LetterCaseTest, OnlyAsciiLettersHaveACase) {
  EXPECT_THAT(RenamesByCase({"GRÖSSE"}, {"größe", "grÖsse"}),
              ElementsAre(CaseRename{"grÖsse", "GRÖSSE"}));
}

}  // namespace
}  // namespace driftwood::coordinator
