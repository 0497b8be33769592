#include "merkle/record/elements.h"

#include <gtest/gtest.h>

#include <string>

#include "merkle/record/decoding.h"

namespace driftwood::merkle {
namespace {

std::string Shown(const std::string& encoded, bool parsed) {
  if (!parsed) {
    EXPECT_EQ(encoded, "");
    return "none";
  }
  const auto values = DecodeValues(encoded, 1);
  return values.ok() ? (*values)[0].ToDisplay() : std::string(values.status().message());
}
std::string FromText(std::string_view text, ElementType of) {
  std::string out;
  const bool parsed = AppendListText(text, Place::kValue, &out, of);
  return Shown(out, parsed);
}
std::string FromJson(std::string_view json, ElementType of) {
  std::string out;
  const bool parsed = AppendListJson(json, Place::kValue, &out, of);
  return Shown(out, parsed);
}
// Under each type the one bytes of both.
void ExpectSame(ElementType of, std::string_view text, std::string_view json) {
  std::string from_text, from_json;
  EXPECT_TRUE(AppendListText(text, Place::kValue, &from_text, of)) << text;
  EXPECT_TRUE(AppendListJson(json, Place::kValue, &from_json, of)) << json;
  EXPECT_EQ(from_text, from_json) << text << " " << json;
}

TEST(ElementsTest, AnArrayAndItsJsonAreOneList) {
  ExpectSame({ColumnType::kInteger}, "{1,NULL,-3}", "[1, null, -3.0]");
  ExpectSame({ColumnType::kInteger}, "{}", "[]");
  ExpectSame({ColumnType::kInteger}, "{{1,2},{3,4}}", "[[1,2],[3,4]]");
  ExpectSame({ColumnType::kDecimal}, "{1.50,NaN}", "[1.5,\"NaN\"]");
  ExpectSame({ColumnType::kFloat64}, "{1e+20,-Infinity,-0}", "[1e+20,\"-Infinity\",0]");
  ExpectSame({ColumnType::kText}, R"({a,"b c",NULL,"NULL",1})", R"(["a","b c",null,"NULL","1"])");
  ExpectSame({ColumnType::kBool}, "{t,f,NULL}", "[true,false,null]");
  ExpectSame({ColumnType::kBytes}, R"({"\\x0aff"})", R"(["\\x0aff"])");
  ExpectSame({ColumnType::kDate}, "{2024-02-29,infinity}", R"(["2024-02-29","infinity"])");
  ExpectSame({ColumnType::kTime}, "{12:00:00.5}", R"(["12:00:00.500"])");
  ExpectSame({ColumnType::kTimestamp}, R"({"2024-02-29 12:00:00"})", R"(["2024-02-29T12:00:00"])");
  ExpectSame({ColumnType::kTimestampTz}, R"({"2024-02-29 13:00:00+01"})",
             R"(["2024-02-29T12:00:00+00:00"])");
  ExpectSame({ColumnType::kUuid}, "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
             R"(["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"])");
  ExpectSame({ColumnType::kBits}, "{0101}", R"(["0101"])");
  ExpectSame({ColumnType::kOpaque, "interval"}, R"({P1D,"1 mon"})", R"(["1 day","P1M"])");
  ExpectSame({ColumnType::kOpaque, "int4range"}, "{\"[1,5)\"}", "[\"[1,5)\"]");
}

TEST(ElementsTest, AnElementOfAnotherTypeMakesNoList) {
  EXPECT_EQ(FromJson("[1]", {ColumnType::kText}), "none");
  EXPECT_EQ(FromJson("[true]", {ColumnType::kText}), "none");
  EXPECT_EQ(FromJson("[\"1\"]", {ColumnType::kInteger}), "none");
  EXPECT_EQ(FromJson("[true]", {ColumnType::kInteger}), "none");
  EXPECT_EQ(FromJson("[\"t\"]", {ColumnType::kBool}), "none");
  EXPECT_EQ(FromJson("[1]", {ColumnType::kBool}), "none");
  EXPECT_EQ(FromJson("[1]", {ColumnType::kDate}), "none");
  EXPECT_EQ(FromJson("[{}]", {ColumnType::kText}), "none");
  EXPECT_EQ(FromJson("{}", {ColumnType::kText}), "none");
  EXPECT_EQ(FromText("{x}", {ColumnType::kInteger}), "none");
  EXPECT_EQ(FromText("{x}", {ColumnType::kOpaque, "interval"}), "none");
  EXPECT_EQ(FromText("[1]", {ColumnType::kInteger}), "none");
  EXPECT_EQ(FromText("[0:1]={1,2}", {ColumnType::kInteger}), "none");
  EXPECT_EQ(FromText("{\xff}", {ColumnType::kText}), "none");
  EXPECT_EQ(FromText(std::string(17, '{') + std::string(17, '}'), {ColumnType::kText}), "none");
  EXPECT_EQ(FromText("{1,2}", {ColumnType::kText}), "{1,2}");
}

TEST(ElementsTest, NullIsNoTextAndNestingIsKept) {
  const auto bytes = [](std::string_view text) {
    std::string out;
    EXPECT_TRUE(AppendListText(text, Place::kValue, &out, {ColumnType::kText})) << text;
    return out;
  };
  EXPECT_NE(bytes("{NULL}"), bytes("{\"NULL\"}"));
  EXPECT_NE(bytes("{{1},{2}}"), bytes("{{1,2}}"));
  EXPECT_NE(bytes("{{1},{2}}"), bytes("{1,2}"));
  EXPECT_NE(bytes("{1}"), bytes("{{1}}"));
  EXPECT_NE(bytes("{}"), bytes("{\"\"}"));
  EXPECT_EQ(FromText("{{1,2},{3,4}}", {ColumnType::kInteger}), "{{1,2},{3,4}}");
}

TEST(ElementsTest, SetsReadFromTheirTextWithoutOrderAndDoubles) {
  const auto read = [](std::string_view text) {
    std::string out;
    const bool parsed = AppendSetText(text, Place::kValue, &out);
    return Shown(out, parsed);
  };
  EXPECT_EQ(read(""), "{}");
  EXPECT_EQ(read("b,a"), "{a,b}");
  EXPECT_EQ(read("a,a"), "{a}");
  EXPECT_EQ(read("a,"), "{,a}");
  EXPECT_EQ(read(","), "{}");
  EXPECT_EQ(read("[a]"), "none");
  EXPECT_EQ(read("{a,b}"), "none");
  EXPECT_EQ(read("\xff"), "none");
  std::string from_text, from_array, from_json;
  EXPECT_TRUE(AppendSetText("b,a", Place::kValue, &from_text));
  EXPECT_TRUE(AppendSetArrayText("{a,b,a}", Place::kValue, &from_array));
  EXPECT_TRUE(AppendSetJson("[\"a\",\"b\"]", Place::kValue, &from_json));
  EXPECT_EQ(from_text, from_array);
  EXPECT_EQ(from_text, from_json);
}

// As PostgreSQL exports money[].
TEST(ElementsTest, AmountsWithTheirSignAreDecimalsWhereThatIsSaid) {
  const ElementType money{ColumnType::kDecimal, "", true};
  const ElementType plain{ColumnType::kDecimal};
  std::string expected;
  ASSERT_TRUE(AppendListText("{1234.50,NULL,-5}", Place::kValue, &expected, plain));
  std::string text, json;
  EXPECT_TRUE(AppendListText(R"({"$1,234.50",NULL,-$5.00})", Place::kValue, &text, money));
  EXPECT_TRUE(AppendListJson(R"(["$1,234.50",null,-5])", Place::kValue, &json, money));
  EXPECT_EQ(text, expected);
  EXPECT_EQ(json, expected);
  EXPECT_FALSE(AppendListText("{$1.00}", Place::kValue, &text, plain));
  EXPECT_FALSE(AppendListText("{$1.0}", Place::kValue, &text, money));
  EXPECT_FALSE(AppendListJson(R"(["1.00"])", Place::kValue, &json, money));
}

}  // namespace
}  // namespace driftwood::merkle
