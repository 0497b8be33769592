#include "coordinator/peer/table_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood::coordinator {
namespace {

using ::testing::HasSubstr;

constexpr char kTable[] =
    "{\"table\":\"or\\\"ders\",\"kind\":\"table\",\"is_table\":true,\"key\":[\"id\"],"
    "\"columns\":[\"id\",\"x\"],\"url\":\"sqlite:a.db?table=orders\"}\n";
constexpr char kEnd[] =
    "{\"tables\":1,\"source\":\"sqlite:a.db\",\"folds_names\":true,\"warnings\":[\"w\"]}\n";

TEST(TableListingTest, AListIsReadAsItWasWritten) {
  const auto listing = ParseTableListing(std::string(kTable) + kEnd);
  ASSERT_TRUE(listing.ok()) << listing.status();
  ASSERT_EQ(listing->tables.size(), 1u);
  EXPECT_EQ(listing->tables[0].columns, (std::vector<std::string>{"id", "x"}));
  EXPECT_EQ(listing->source, "sqlite:a.db");
  EXPECT_TRUE(listing->folds_names);
  EXPECT_EQ(listing->warnings, std::vector<std::string>{"w"});
  EXPECT_EQ(listing->tables[0].name, "or\"ders");
}

// No table is lost because a list was.
TEST(TableListingTest, APartOfAListIsNoList) {
  const std::string whole = std::string(kTable) + kEnd;
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseTableListing(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(ParseTableListing(kEnd).ok());  // it says 1
  EXPECT_FALSE(ParseTableListing(whole + kTable).ok());
  EXPECT_FALSE(ParseTableListing(whole + kEnd).ok());
  EXPECT_FALSE(ParseTableListing(std::string(kTable) + kTable + kEnd).ok());
  EXPECT_FALSE(ParseTableListing("listening on unix:/x\n").ok());
  EXPECT_FALSE(ParseTableListing("[]\n").ok());
}

TEST(TableListingTest, AMemberOfAnotherTypeOrANameThatIsNoUtf8IsRefused) {
  const std::string whole = std::string(kTable) + kEnd;
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"is_table\":true", "\"is_table\":1"},
                                                        {"[\"id\"]", "[1]"},
                                                        {"\"tables\":1", "\"tables\":-1"},
                                                        {"\"tables\":1", "\"tables\":2"},
                                                        {"or\\\"ders", "\xff"},
                                                        {"\"kind\"", "\"kin\""}}) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_EQ(ParseTableListing(changed).status().code(), absl::StatusCode::kDataLoss) << to;
  }
}

}  // namespace
}  // namespace driftwood::coordinator
