#include "agent/index/json_reading.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/agent/index/read_value.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

TEST(JsonReadingTest, JsonComesAsTextNumbersAndBooleans) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kJson, v); };
  EXPECT_EQ(read(Json("{ \"b\": 1.0, \"a\": [] }")), read(Text("{\"a\":[],\"b\":1}")));
  for (const SourceValue& v :
       {Number("1.0"), Text("1e0"), Int(1), SourceValue::Uint64(1), Real(1)}) {
    EXPECT_EQ(read(v), "json 1");
  }
  EXPECT_EQ(read(SourceValue::Bool(true)), "json true");
  EXPECT_EQ(read(Text("\"a\"")), "json \"a\"");
  EXPECT_EQ(read(Text("a")), "mismatched-text a !");
  EXPECT_EQ(read(Real(std::numeric_limits<double>::infinity())), "float64 Infinity !");
  EXPECT_EQ(read(SourceValue::Bytes("{}")), "bytes \\x7b7d !");
}

TEST(JsonReadingTest, ListsReadFromArraysAndJsonAsTheirDeclaredElements) {
  const auto integers = [](const SourceValue& v) {
    return ReadAs(merkle::ValueType::ListOf(ColumnType::kInteger), v);
  };
  for (const SourceValue& value : {Opaque("{1,NULL}"), Text("{1,NULL}"), Text("[1,null]"),
                                   Stored("[1, null]"), Json("[1,null]"), String("{1,NULL}")}) {
    EXPECT_EQ(integers(value), "list {1,NULL}") << value.text;
  }
  EXPECT_EQ(integers(Opaque("{{1,2},{3,4}}")), "list {{1,2},{3,4}}");
  // No list: its bounds would be lost.
  EXPECT_EQ(integers(Opaque("[0:1]={1,2}")), "mismatched-text [0:1]={1,2} !");
  // An object of a store that has JSON is no empty array.
  EXPECT_EQ(integers(Stored("{}")), "mismatched-text {} !");
  EXPECT_EQ(integers(Json("{}")), "json {} !");
  EXPECT_EQ(integers(Opaque("{}")), "list {}");
  EXPECT_EQ(integers(Opaque("[]")), "mismatched-text [] !");
  EXPECT_EQ(integers(String("[1]")), "mismatched-text [1] !");
  EXPECT_EQ(integers(Json("[\"1\"]")), "json [\"1\"] !");
  const merkle::ValueType intervals =
      merkle::ValueType::ListOf(merkle::ValueType::Opaque("interval"));
  EXPECT_EQ(ReadAs(intervals, Text("{\"1 day\"}")), "list {P1D}");
  EXPECT_EQ(ReadAs(intervals, Json("[\"P1D\"]")), "list {P1D}");
}

TEST(JsonReadingTest, SetsReadFromTheirTextAndFromArrays) {
  const auto read = [](const SourceValue& v) { return Read(ColumnType::kSet, v); };
  EXPECT_EQ(read(Stored("b,a")), "set {a,b}");
  EXPECT_EQ(read(Text("a,b,a")), "set {a,b}");
  EXPECT_EQ(read(Stored("")), "set {}");
  EXPECT_EQ(read(Opaque("{b,a}")), "set {a,b}");
  EXPECT_EQ(read(Stored("[\"a\"]")), "mismatched-text [\"a\"] !");
  EXPECT_EQ(read(Text("{a,b}")), "mismatched-text {a,b} !");
}

TEST(JsonReadingTest, ListsAndSetsReadFromJsonArraysOfScalars) {
  const auto list = [](const SourceValue& v) { return Read(ColumnType::kList, v); };
  EXPECT_EQ(list(Json("[ 1.0, \"a\\u0041\\n\", null, true, [2, []] ]")),
            "list {1,aA\n,NULL,true,{2,{}}}");
  EXPECT_EQ(list(Text("[]")), "list {}");
  EXPECT_EQ(list(Json("[{}]")), "json [{}] !");
  EXPECT_EQ(list(Text("{1,2}")), "list {1,2}");
  EXPECT_EQ(list(SourceValue::OfText(SourceValue::Kind::kString, "[1]")), "mismatched-text [1] !");
  EXPECT_EQ(list(Json(std::string(17, '[') + std::string(17, ']'))).substr(0, 5), "json ");
  const auto set = [](const SourceValue& v) { return Read(ColumnType::kSet, v); };
  EXPECT_EQ(set(Json("[\"b\",\"a\",\"b\"]")), "set {a,b}");
  EXPECT_EQ(set(Json("[1.0, 1, 1e0]")), "set {1}");
}

}  // namespace
}  // namespace driftwood::agent
