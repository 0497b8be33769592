#include "agent/stores/postgresql/pg_types.h"

#include <gtest/gtest.h>

#include <set>

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using merkle::TypeText;

// A catalogue, type by type.
class PgTypesTest : public ::testing::Test {
 protected:
  uint32_t Add(PgType type) {
    const uint32_t oid = next_++;
    if (type.opaque.empty() && !type.is_array) type.opaque = type.name;
    if (type.output.empty()) type.output = "out_of_" + type.name;
    types_[oid] = std::move(type);
    return oid;
  }
  uint32_t System(const std::string& name, char kind = 'b') {
    PgType type;
    type.name = name;
    type.is_system = true;
    type.kind = kind;
    return Add(type);
  }
  uint32_t Of(char kind, const std::string& name, const std::vector<uint32_t>& parts,
              const std::string& opaque = "") {
    PgType type;
    type.name = name;
    type.kind = kind;
    type.parts = parts;
    type.opaque = opaque;
    return Add(type);
  }
  uint32_t ArrayOf(uint32_t element) {
    PgType type;
    type.name = "_" + types_.at(element).name;
    type.is_system = types_.at(element).is_system;
    type.is_array = true;
    type.parts = {element};
    return Add(type);
  }
  PgMapping Map(uint32_t oid) const { return MapPgType(types_, oid); }
  std::string TypeOf(uint32_t oid) const {
    const PgMapping mapping = Map(oid);
    return mapping.form == PgForm::kUnmapped ? "none" : TypeText(mapping.type);
  }

  PgTypes types_;
  uint32_t next_ = 1;
};

TEST_F(PgTypesTest, TypesOfTheCatalogueAreReadInTheirOwnForm) {
  for (const auto& [name, form, type, reading] :
       std::initializer_list<std::tuple<const char*, PgForm, const char*, const char*>>{
           {"bool", PgForm::kBool, "bool", ""},
           {"int2", PgForm::kInt2, "integer", ""},
           {"int8", PgForm::kInt8, "integer", ""},
           {"oid", PgForm::kOid, "integer", ""},
           {"float4", PgForm::kFloat4, "float64", "single"},
           {"float8", PgForm::kFloat8, "float64", ""},
           {"numeric", PgForm::kNumeric, "decimal", ""},
           {"varchar", PgForm::kText, "text", ""},
           {"bpchar", PgForm::kPaddedText, "text", "padded"},
           {"bytea", PgForm::kBytes, "bytes", ""},
           {"timestamptz", PgForm::kTimestampTz, "timestamptz", ""},
           {"json", PgForm::kText, "json", ""},
           {"jsonb", PgForm::kJsonb, "json", ""}}) {
    const PgMapping mapping = Map(System(name));
    EXPECT_EQ(mapping.form, form) << name;
    EXPECT_EQ(TypeText(mapping.type), type) << name;
    EXPECT_EQ(mapping.reading, reading) << name;
    EXPECT_EQ(mapping.cast + mapping.function, "") << name;
  }
}

// A schema may have a type of any name.
TEST_F(PgTypesTest, ATypeOfAUserIsNoneOfTheCatalogueWhateverItsName) {
  for (const char* const name : {"int4", "money", "bit", "inet", "text", "regclass"}) {
    const uint32_t oid = Of('b', name, {}, std::string("app.") + name);
    EXPECT_EQ(TypeOf(oid), std::string("opaque \"app.") + name + "\"") << name;
    EXPECT_EQ(Map(oid).function, std::string("out_of_") + name);
  }
}

TEST_F(PgTypesTest, WhatHasOneTextIsAskedForItAndReadAsText) {
  for (const char* const name : {"char", "timetz", "inet", "cidr", "macaddr", "macaddr8"}) {
    const PgMapping mapping = Map(System(name));
    EXPECT_EQ(mapping.form, PgForm::kText) << name;
    EXPECT_EQ(mapping.cast, "::pg_catalog.text") << name;
    EXPECT_EQ(mapping.function, std::string("out_of_") + name);
  }
  EXPECT_EQ(TypeOf(Of('b', "citext", {}, "citext")), "text");
  EXPECT_EQ(TypeOf(Of('b', "citext", {}, "app.citext")), "opaque \"app.citext\"");
  EXPECT_EQ(TypeOf(System("point")), "opaque \"point\"");
  EXPECT_EQ(TypeOf(System("bit")), "bits");
  EXPECT_EQ(Map(System("bit")).form, PgForm::kBits);
  EXPECT_EQ(Map(System("varbit")).form, PgForm::kOpaque);
}

TEST_F(PgTypesTest, MoneyIsANumberAloneAndInArraysAndNowhereElse) {
  const uint32_t money = System("money");
  EXPECT_EQ(TypeOf(money), "decimal");
  EXPECT_EQ(Map(money).cast, "::pg_catalog.numeric");
  EXPECT_EQ(Map(money).reading, "money");
  EXPECT_EQ(TypeOf(ArrayOf(money)), "list:decimal");
  EXPECT_EQ(TypeOf(ArrayOf(Of('d', "price", {money}))), "list:decimal");
  EXPECT_EQ(TypeOf(Of('c', "priced", {money})), "none");
  EXPECT_EQ(TypeOf(Of('r', "prices", {money})), "none");
  EXPECT_EQ(TypeOf(ArrayOf(Of('c', "priced2", {money}))), "none");
}

TEST_F(PgTypesTest, NamesThatTheCatalogueMayChangeAreNoText) {
  for (const char* const name :
       {"regproc", "regprocedure", "regoper", "regoperator", "regclass", "regtype", "regrole",
        "regnamespace", "regcollation", "regconfig", "regdictionary", "aclitem"}) {
    const uint32_t oid = System(name);
    EXPECT_EQ(TypeOf(oid), "none") << name;
    EXPECT_EQ(TypeOf(ArrayOf(oid)), "none") << name;
    EXPECT_EQ(TypeOf(Of('d', "domain", {oid})), "none") << name;
    EXPECT_EQ(TypeOf(Of('c', "composite", {System("int4"), oid})), "none") << name;
  }
  EXPECT_EQ(TypeOf(System("record", 'p')), "none");
  EXPECT_EQ(TypeOf(ArrayOf(System("cstring", 'p'))), "none");
}

TEST_F(PgTypesTest, ADomainIsItsBase) {
  const uint32_t domain = Of('d', "inner", {System("int4")});
  EXPECT_EQ(TypeOf(Of('d', "outer", {domain})), "integer");
  EXPECT_EQ(TypeOf(Of('d', "moods", {Of('e', "mood", {})})), "text");
  EXPECT_EQ(TypeOf(Of('d', "list", {ArrayOf(System("int4"))})), "list:integer");
  EXPECT_EQ(TypeOf(Of('d', "lost", {12345})), "none");
  EXPECT_EQ(TypeOf(Of('d', "empty", {})), "none");
}

TEST_F(PgTypesTest, ArraysAreListsWhereAnElementsTextShowsItsValue) {
  EXPECT_EQ(TypeOf(ArrayOf(System("int4"))), "list:integer");
  EXPECT_EQ(TypeOf(ArrayOf(System("text"))), "list:text");
  EXPECT_EQ(TypeOf(ArrayOf(Of('e', "mood", {}))), "list:text");
  EXPECT_EQ(TypeOf(ArrayOf(Of('d', "age", {System("int4")}))), "list:integer");
  EXPECT_EQ(TypeOf(ArrayOf(Of('r', "span", {System("int4")}, "app.span"))),
            "list:opaque \"app.span\"");
  // As single precision, without padding, or as JSON they would be read otherwise alone.
  EXPECT_EQ(TypeOf(ArrayOf(System("float4"))), "opaque \"float4[]\"");
  EXPECT_EQ(TypeOf(ArrayOf(System("bpchar"))), "opaque \"bpchar[]\"");
  EXPECT_EQ(TypeOf(ArrayOf(System("jsonb"))), "opaque \"jsonb[]\"");
  // The array's text has another delimiter.
  const uint32_t box = System("box");
  types_[box].delimiter = ';';
  EXPECT_EQ(TypeOf(ArrayOf(box)), "opaque \"box[]\"");
  PgType lost;
  lost.name = "_lost";
  lost.is_array = true;
  lost.parts = {12345};
  EXPECT_EQ(TypeOf(Add(lost)), "none");
}

// The same text of a type of that name at another server may be another value.
TEST_F(PgTypesTest, ATypeIsKnownByAllThatItIsMadeOf) {
  const uint32_t int4 = System("int4");
  const uint32_t first = Of('c', "inner", {int4}, "app.inner(a int4)");
  const uint32_t second = Of('c', "inner", {int4}, "app.inner(b int4)");
  const uint32_t outer = Of('c', "outer", {first, int4}, "app.outer(x app.inner)");
  EXPECT_EQ(TypeOf(outer), "opaque \"app.outer(x app.inner) of app.inner(a int4)\"");
  types_[outer].parts = {second, int4};
  EXPECT_EQ(TypeOf(outer), "opaque \"app.outer(x app.inner) of app.inner(b int4)\"");
  types_[outer].parts = {ArrayOf(second)};
  EXPECT_EQ(TypeOf(outer), "opaque \"app.outer(x app.inner) of app.inner(b int4)\"");
  types_[outer].parts = {Of('d', "checked", {first}, "app.checked")};
  EXPECT_EQ(TypeOf(outer), "opaque \"app.outer(x app.inner) of app.checked of app.inner(a int4)\"");
}

TEST_F(PgTypesTest, ALongDefinitionIsItsNameAndAHashOfAllOfIt) {
  const std::string name = "app.wide(" + std::string(300, 'a');
  const uint32_t wide = Of('c', "wide", {System("int4")}, name + "x)");
  const uint32_t other = Of('c', "wide", {System("int4")}, name + "y)");
  const std::string shown = Map(wide).type.opaque;
  EXPECT_TRUE(shown.starts_with("app.wide ")) << shown;
  EXPECT_LE(shown.size(), 50u);
  EXPECT_NE(shown, Map(other).type.opaque);
  const uint32_t array = ArrayOf(wide);
  EXPECT_EQ(Map(array).type.opaque, shown);  // a list of those
  types_[wide].delimiter = ';';
  EXPECT_EQ(Map(array).type.opaque, shown + "[]");
}

TEST_F(PgTypesTest, WhatIsNotThereHasNoMapping) {
  EXPECT_EQ(TypeOf(0), "none");
  EXPECT_EQ(TypeOf(12345), "none");
  EXPECT_EQ(TypeOf(Of('c', "outer", {12345})), "none");
  EXPECT_EQ(TypeOf(Of('c', "dropped", {0, System("int4")})), "opaque \"dropped\"");
}

// No catalogue has such, and none may end an agent.
TEST_F(PgTypesTest, TypesThatAreMadeOfThemselvesHaveNoMapping) {
  const uint32_t domain = Of('d', "a", {next_});
  EXPECT_EQ(TypeOf(domain), "none");
  types_[domain].parts = {Of('d', "b", {domain})};
  EXPECT_EQ(TypeOf(domain), "none");
  const uint32_t array = ArrayOf(System("int4"));
  types_[array].parts = {array};
  TypeOf(array);
  const uint32_t composite = Of('c', "c", {next_});
  TypeOf(composite);
}

TEST_F(PgTypesTest, ATypeThatIsMadeOfManyIsReadInNoTimeAndATowerIsRefused) {
  uint32_t type = System("int4");
  for (int i = 0; i < 30; ++i) type = Of('c', "c" + std::to_string(i), {type, type, type});
  EXPECT_TRUE(Map(type).type.opaque.starts_with("c29")) << TypeOf(type);
  for (int i = 30; i < 40; ++i) type = Of('c', "c" + std::to_string(i), {type, type, type});
  EXPECT_EQ(TypeOf(type), "none");
  for (int i = 0; i < 100'000; ++i) type = ArrayOf(Of('d', "d", {type}));
  EXPECT_EQ(TypeOf(type), "none");
}

}  // namespace
}  // namespace driftwood::agent
