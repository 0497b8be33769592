#include "proto/contract/database_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/testing/seed.h"

namespace driftwood {
namespace {

using ::testing::HasSubstr;

TEST(DatabaseTableTest, ATableIsNamedBehindItsDatabase) {
  EXPECT_EQ(DatasetOf({"shop", "public.orders"}), "shop?table=public.orders");
  EXPECT_EQ(DatasetOf({"shop", "a&b?c=d,e%/:@ #"}),
            "shop?table=a%26b%3Fc%3Dd%2Ce%25%2F%3A%40%20%23");
  EXPECT_EQ(DatasetOf({"shop", "t", "a=b,c=d", "at=UTC+2"}),
            "shop?table=t&rename=a=b,c=d&zone=at=UTC+2");
  EXPECT_TRUE(NamesTable("shop?table=t"));
  EXPECT_FALSE(NamesTable("shop"));
}

TEST(DatabaseTableTest, TheOrderAndTheEscapesOfWhatIsReadAreFree) {
  const auto read = ParseDatabaseTable("shop?zone=at=UTC&table=%61%20=b&rename=a=%2C");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, (DatabaseTable{"shop", "a =b", "a=%2C", "at=UTC"}));
}

TEST(DatabaseTableTest, WhatNamesNoTableIsRefused) {
  for (const char* text :
       {"shop", "shop?", "shop?table", "shop?table=", "shop?rename=a=b", "shop?table=a&",
        "shop?table=a&table=b", "shop?table=a&where=1", "shop?table=a&rename=", "shop?table=%6",
        "shop?table=a?table=b", "shop?table=a&rename=x?table=secret", "shop?table=a&&zone=b=UTC"}) {
    EXPECT_EQ(ParseDatabaseTable(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_THAT(std::string(ParseDatabaseTable("shop?tabel=a").status().message()),
              HasSubstr("did you mean 'table'?"));
  EXPECT_EQ(
      std::string(ParseDatabaseTable("shop?table=a&hunter2").status().message()).find("hunter2"),
      std::string::npos);
}

TEST(DatabaseTableTest, EveryNameComesBack) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 2000; ++round) {
    DatabaseTable table{"shop", ""};
    for (size_t i = 1 + random() % 8; i > 0; --i) {
      table.table += random() % 2 == 0 ? static_cast<char>(1 + random() % 255)
                                       : "%&?=,:@/# \"'"[random() % 12];
    }
    const std::string name = DatasetOf(table);
    const auto read = ParseDatabaseTable(name);
    ASSERT_TRUE(read.ok()) << name << read.status();
    ASSERT_EQ(*read, table) << name;
    ASSERT_EQ(DatasetOf(*read), name);
  }
}

}  // namespace
}  // namespace driftwood
