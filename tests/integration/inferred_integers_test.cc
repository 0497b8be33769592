// Keys of two files that hold nothing but canonical integers are integers, and nothing else is: the
// rows that differ are those of a comparison as text, whatever is in the files.
#include <gtest/gtest.h>

#include <random>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/seed.h"

namespace driftwood::testing {
namespace {

class InferredIntegersTest : public DiffTest {
 protected:
  Json Compare(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"csv:a.csv", "csv:b.csv", "--key", "id"};
    words.insert(words.end(), more.begin(), more.end());
    return DiffJson(words);
  }
  static std::string KeyType(const Json& document) {
    const Json& column = document.at("compared").at("key").at(0);
    return column.at("type").get<std::string>() +
           (column.value("inferred", false) ? ", inferred" : "");
  }
  static std::vector<std::string> Keys(const Json& document) {
    std::vector<std::string> keys;
    for (const Json& record : document.at("differences")) {
      keys.push_back(record.at("key").at("id").dump());
    }
    return keys;
  }
};

TEST_F(InferredIntegersTest, KeysSortAsNumbersAndTheReportSaysSo) {
  WriteFile("a.csv", "id,v\n10,a\n9,a\n1,a\n2,a\n100,a\n-3,a\n");
  WriteFile("b.csv", "id,v\n10,b\n9,b\n1,b\n2,b\n100,b\n-3,b\n");
  const Json document = Compare();
  EXPECT_EQ(KeyType(document), "integer, inferred");
  EXPECT_EQ(Keys(document), (std::vector<std::string>{"-3", "1", "2", "9", "10", "100"}));
  EXPECT_NE(
      Diff({"csv:a.csv", "csv:b.csv", "--key", "id"}).out.find("key id (integer by its values)"),
      std::string::npos);
  const Json text = Compare({"--types", "id=text"});
  EXPECT_EQ(KeyType(text), "text");
  EXPECT_EQ(Keys(text)[1], "\"1\"");
  EXPECT_EQ(KeyType(Compare({"--types", "id=integer"})), "integer");
}

TEST_F(InferredIntegersTest, WhatIsNoCanonicalIntegerMakesAColumnText) {
  for (const char* key : {"007", "+7", "-0", "7.0", " 7", "x", "9223372036854775808"}) {
    WriteFile("a.csv", "id,v\n7,a\n8,a\n");
    WriteFile("b.csv", std::string("id,v\n") + key + ",a\n8,a\n");
    const Json document = Compare();
    EXPECT_EQ(KeyType(document), "text") << key;
    EXPECT_EQ(Found(document).size(), 2u) << key;
  }
  // A rule of texts says that it is one.
  WriteFile("b.csv", "id,v\n7,a\n8,a\n");
  EXPECT_EQ(KeyType(Compare({"--rule", "id:trim"})), "text");
}

TEST_F(InferredIntegersTest, WhatComesLateInALargeFileMakesItTextToo) {
  std::string rows = "id,v\n";
  for (int i = 0; rows.size() < (size_t{3} << 20); ++i) rows += std::to_string(i) + ",a\n";
  WriteFile("a.csv", rows + "x,a\n");
  WriteFile("b.csv", rows + "007,a\n");
  const Json document = Compare();
  EXPECT_EQ(KeyType(document), "text");
  EXPECT_EQ(Found(document), (std::set<std::string>{"x missing in right", "007 missing in left"}));
  EXPECT_EQ(document.at("warnings"), Json::array()) << document.at("warnings");
  WriteFile("b.csv", rows + "x,a\n");
  EXPECT_EQ(Compare().value("verdict", ""), "IDENTICAL");
}

TEST_F(InferredIntegersTest, RandomFilesDifferAsTheyDoAsText) {
  const Seed seed;
  std::mt19937_64 random(seed.value());
  const std::vector<std::string> strange = {"007", "+7", "-0", "7.0", " 7", "x", "1e3", "00"};
  for (int round = 0; round < 12; ++round) {
    const bool clean = random() % 2 == 0;
    for (const char* file : {"a.csv", "b.csv"}) {
      std::set<std::string> keys;
      for (int i = 0; i < 20; ++i) {
        keys.insert(!clean && random() % 15 == 0
                        ? strange[random() % strange.size()]
                        : std::to_string(static_cast<int>(random() % 60) - 30));
      }
      std::string text = "id,v\n";
      for (const std::string& key : keys) text += key + "," + std::to_string(random() % 3) + "\n";
      WriteFile(file, text);
    }
    const Json inferred = Compare();
    const Json text = Compare({"--types", "id=text"});
    EXPECT_EQ(Found(inferred), Found(text));
    EXPECT_EQ(inferred.at("verdict"), text.at("verdict"));
    if (clean) {
      EXPECT_EQ(KeyType(inferred), "integer, inferred");
    }
  }
}

}  // namespace
}  // namespace driftwood::testing
