#include "agent/stores/text/json_beginning.h"

#include <gtest/gtest.h>

namespace driftwood::agent {
namespace {

bool Begins(std::string_view text) { return BeginsAsJson(MemorySource(text)).value(); }

TEST(JsonBeginningTest, AnObjectWithMembersOrAnArrayOfThemIsJson) {
  EXPECT_TRUE(Begins("{\"id\":1}\n"));
  EXPECT_TRUE(Begins("\xEF\xBB\xBF \r\n{ \"id\":1}"));
  EXPECT_TRUE(Begins("[{\"id\":1}]"));
  EXPECT_TRUE(Begins("[\n  {\n    \"id\": 1"));
}

TEST(JsonBeginningTest, WhatMayBeTheHeaderOfATableIsNot) {
  for (const char* text : {"", "{", "[", "id,v\n", "\"id\",\"v\"\n", "[id],[v]\n", "{id},v\n",
                           "\"{\"\"a\"\"}\",v\n", "[\"a\",\"b\"]\n"}) {
    EXPECT_FALSE(Begins(text)) << text;
  }
}

}  // namespace
}  // namespace driftwood::agent
