#include "proto/contract/table_list.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/testing/seed.h"

namespace driftwood {
namespace {

TEST(TableListTest, TheTextIsJsonLinesWithTheirNumberAtTheEnd) {
  TableList list;
  list.source = "sqlite:a.db";
  list.tables = {{"or\"d\\er\n\x01s", "table", true, {"id"}, {"id", "x"}, "sqlite:a.db?table=x"},
                 {"v", "view", false, {}, {}, "sqlite:a.db?table=v"}};
  list.warnings = {"beware"};
  list.identity = "7f";
  EXPECT_EQ(TableListText(list),
            "{\"table\":\"or\\\"d\\\\er\\u000a\\u0001s\",\"kind\":\"table\",\"is_table\":true,"
            "\"key\":[\"id\"],\"columns\":[\"id\",\"x\"],\"url\":\"sqlite:a.db?table=x\"}\n"
            "{\"table\":\"v\",\"kind\":\"view\",\"is_table\":false,\"key\":[],\"columns\":[],"
            "\"url\":\"sqlite:a.db?table=v\"}\n"
            "{\"tables\":2,\"source\":\"sqlite:a.db\",\"scope\":\"\",\"qualified\":false,\"folds_"
            "names\":false,"
            "\"warnings\":[\"beware\"],\"identity\":\"7f\"}\n");
}

// Any UTF-8, with what JSON escapes.
std::string SomeText(std::mt19937_64* random) {
  static const std::vector<std::string> kPieces = {
      "a", "Z", "\"", "\\", "\n", "\x01", "/", "ü", "\u2028", "\U0001F600", "\x7f", "{", "]", " "};
  std::string text;
  for (size_t i = (*random)() % 6; i > 0; --i) text += kPieces[(*random)() % kPieces.size()];
  return text;
}

std::vector<std::string> SomeTexts(std::mt19937_64* random) {
  std::vector<std::string> texts((*random)() % 4);
  for (std::string& text : texts) text = SomeText(random);
  return texts;
}

TEST(TableListTest, WhatIsWrittenIsReadAsItWas) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 500; ++round) {
    TableList list;
    list.source = SomeText(&random);
    for (size_t i = random() % 4; i > 0; --i) {
      list.tables.push_back({SomeText(&random) + std::to_string(i), SomeText(&random),
                             random() % 2 == 0, SomeTexts(&random), SomeTexts(&random),
                             SomeText(&random)});
    }
    list.warnings = SomeTexts(&random);
    list.scope = SomeText(&random);
    list.identity = SomeText(&random);
    list.qualified = random() % 2 == 0;
    list.folds_names = random() % 2 == 0;
    const auto read = ParseTableList(TableListText(list));
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << TableListText(list);
    ASSERT_EQ(*read, list) << TableListText(list);
  }
}

constexpr char kTable[] =
    "{\"table\":\"or\\\"ders\",\"kind\":\"table\",\"is_table\":true,\"key\":[\"id\"],"
    "\"columns\":[\"id\",\"x\"],\"url\":\"sqlite:a.db?table=orders\"}\n";
constexpr char kEnd[] =
    "{\"tables\":1,\"source\":\"sqlite:a.db\",\"scope\":\"\",\"qualified\":false,\"folds_names\":"
    "true,\"warnings\":[\"w\"],\"identity\":\"7f\"}\n";

TEST(TableListTest, AListIsReadAsItWasWritten) {
  const auto list = ParseTableList(std::string(kTable) + kEnd);
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->tables.size(), 1u);
  EXPECT_EQ(list->tables[0].columns, (std::vector<std::string>{"id", "x"}));
  EXPECT_EQ(list->source, "sqlite:a.db");
  EXPECT_TRUE(list->folds_names);
  EXPECT_EQ(list->warnings, std::vector<std::string>{"w"});
  EXPECT_EQ(list->tables[0].name, "or\"ders");
}

// No table is lost because a list was.
TEST(TableListTest, APartOfAListIsNoList) {
  const std::string whole = std::string(kTable) + kEnd;
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseTableList(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(ParseTableList(kEnd).ok());  // it says 1
  EXPECT_FALSE(ParseTableList(whole + kTable).ok());
  EXPECT_FALSE(ParseTableList(whole + kEnd).ok());
  EXPECT_FALSE(ParseTableList(std::string(kTable) + kTable + kEnd).ok());
  EXPECT_FALSE(ParseTableList("listening on unix:/x\n").ok());
  EXPECT_FALSE(ParseTableList("[]\n").ok());
}

TEST(TableListTest, AMemberOfAnotherTypeOrANameThatIsNoUtf8IsRefused) {
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
    EXPECT_EQ(ParseTableList(changed).status().code(), absl::StatusCode::kDataLoss) << to;
  }
}

}  // namespace
}  // namespace driftwood
