#include "proto/contract/store_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood {
namespace {

using ::testing::ElementsAre;

StoreKinds SomeKinds() {
  StoreKindDescription file{{"csv", "tsv"}, "csv:PATH?key=\"a\",ü"};
  file.endings = {{".csv", "csv"}, {".tsv", "tsv"}};
  file.magic = std::string("\x01 a\0b", 5);
  StoreKindDescription server{{"postgresql"}, "postgresql://USER@HOST/DB?table=T"};
  server.database_form = "postgresql://USER@HOST/DB";
  server.is_server = true;
  server.password_variable = "PGPASSWORD";
  return {file, server};
}

TEST(StoreKindTest, WhatIsWrittenIsReadAsItWas) {
  for (const StoreKinds& kinds : {SomeKinds(), StoreKinds{}}) {
    const auto read = ParseStoreKinds(StoreKindsText(kinds));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, kinds);
  }
}

TEST(StoreKindTest, AKindIsFoundByAnyOfItsSchemes) {
  const StoreKinds kinds = SomeKinds();
  EXPECT_EQ(FindStoreKind(kinds, "tsv"), &kinds[0]);
  EXPECT_EQ(FindStoreKind(kinds, "postgresql"), &kinds[1]);
  EXPECT_EQ(FindStoreKind(kinds, ""), nullptr);
  EXPECT_EQ(FindStoreKind(kinds, "cs"), nullptr);
  EXPECT_THAT(AllSchemes(kinds), ElementsAre("csv", "tsv", "postgresql"));
}

TEST(StoreKindTest, APartOfAListOrAnotherTypeIsRefused) {
  const std::string whole = StoreKindsText(SomeKinds());
  for (size_t size = 0; size + 1 < whole.size(); ++size) {
    EXPECT_EQ(ParseStoreKinds(whole.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"schemes\"", "\"scheme\""},
                                                        {"\"csv\"", "1"},
                                                        {"true", "1"},
                                                        {"\"endings\": []", "\"endings\": [1]"},
                                                        {"\"endings\": []", "\"endings\": [{}]"},
                                                        {"\"PGPASSWORD\"", "null"}}) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_FALSE(ParseStoreKinds(changed).ok()) << from;
  }
  EXPECT_FALSE(ParseStoreKinds("{}").ok());
  EXPECT_FALSE(ParseStoreKinds("[1]").ok());
}

}  // namespace
}  // namespace driftwood
