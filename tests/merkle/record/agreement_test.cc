#include "merkle/record/agreement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "merkle/record/schema.h"

namespace driftwood::merkle {
namespace {

Agreement Orders() {
  Agreement agreement;
  agreement.schema.key = {{"region", ColumnType::kText}, {"id", ColumnType::kInteger}};
  agreement.schema.values = {{"amount", ColumnType::kDecimal}, {"note", ColumnType::kText}};
  agreement.rules = {"amount:round=2", "note:trim"};
  agreement.key_id = "\x01\x02\xff";
  return agreement;
}

struct Change {
  std::function<void(Agreement*)> make;
  std::string description;
};

Agreement WithoutKey() {
  Agreement agreement = Orders();
  agreement.schema.multiset = true;
  agreement.schema.values.insert(agreement.schema.values.end(), agreement.schema.key.begin(),
                                 agreement.schema.key.end());
  agreement.schema.key.clear();
  std::sort(agreement.schema.values.begin(), agreement.schema.values.end(),
            [](const Column& a, const Column& b) { return a.name < b.name; });
  return agreement;
}

// Every part of an agreement, and what is said when two differ in it.
std::vector<Change> Changes() {
  return {
      {[](Agreement* a) { a->encoding_version = 1; },
       "encoding version differs: left has 2, right has 1"},
      {[](Agreement* a) { a->key_id = "\x0a"; },
       "digest key differs: left has key id 0102ff, right has key id 0a; give both the same digest "
       "key file"},
      {[](Agreement* a) { a->schema.key.pop_back(); },
       "key columns differ: left has (region text, id integer), right has (region text)"},
      {[](Agreement* a) { a->schema = WithoutKey().schema; },
       "keys differ: left has (region text, id integer), right has none ('*': a multiset)"},
      {[](Agreement* a) { std::swap(a->schema.key[0], a->schema.key[1]); },
       "key columns differ: left has (region text, id integer), right has (id integer, region "
       "text)"},
      {[](Agreement* a) { a->schema.values[1].type = ColumnType::kJson; },
       "column \"note\" differs: left has type text, right has type json"},
      {[](Agreement* a) { a->schema.values.pop_back(); },
       "column \"note\" differs: left has type text, right has none"},
      {[](Agreement* a) {
         a->schema.values[1] = {"note", ColumnType::kOpaque, "tsrange"};
       },
       "column \"note\" differs: left has type text, right has type opaque \"tsrange\""},
      {[](Agreement* a) {
         a->schema.values.push_back({"zip", ColumnType::kText});
       },
       "column \"zip\" differs: left has none, right has type text"},
      {[](Agreement* a) { a->rules.pop_back(); },
       R"(rules differ: left has ("amount:round=2", "note:trim"), right has ("amount:round=2"))"},
      {[](Agreement* a) { a->rules = {"amount:round=2, note:trim"}; },
       R"(rules differ: left has ("amount:round=2", "note:trim"), right has ("amount:round=2, note:trim"))"},
      {[](Agreement* a) { a->params.leaf_size = 17; },
       "leaf size and fanout differ: left has 16/32, right has 17/32"},
      {[](Agreement* a) { a->params.fanout = 64; },
       "leaf size and fanout differ: left has 16/32, right has 16/64"},
  };
}

TEST(SchemaTest, AMultisetHasColumnsAndNoKey) {
  Agreement agreement = WithoutKey();
  EXPECT_TRUE(agreement.Validate().ok()) << agreement.Validate();
  EXPECT_EQ(agreement.schema.key_columns(), 1u);
  agreement.schema.multiset = false;
  EXPECT_TRUE(absl::IsInvalidArgument(agreement.Validate()));
  EXPECT_NE(agreement.Fingerprint(), WithoutKey().Fingerprint());
  agreement = Orders();
  agreement.schema.multiset = true;
  EXPECT_TRUE(absl::IsInvalidArgument(agreement.Validate()));
  agreement = WithoutKey();
  agreement.schema.values.clear();
  agreement.rules.clear();
  EXPECT_TRUE(absl::IsInvalidArgument(agreement.Validate()));
}

// Ledger row 21: sides that used different versions of the encoding were compared.
TEST(SchemaTest, LedgerRow21ADifferenceInAnyPartChangesTheFingerprintAndIsNamed) {
  std::set<std::string> fingerprints = {Orders().Fingerprint()};
  for (const Change& change : Changes()) {
    Agreement changed = Orders();
    change.make(&changed);
    EXPECT_TRUE(fingerprints.insert(changed.Fingerprint()).second) << change.description;
    EXPECT_EQ(DescribeDifference("left", Orders(), "right", changed), change.description);
  }
  EXPECT_EQ(DescribeDifference("left", Orders(), "right", Orders()), "");
  EXPECT_EQ(Orders().Fingerprint().size(), 32u);
}

TEST(SchemaTest, AFingerprintFramesItsParts) {
  Agreement one = Orders();
  Agreement other = Orders();
  one.schema.values = {{"a", ColumnType::kText}};
  other.schema.key.push_back({"a", ColumnType::kText});
  other.schema.values.clear();
  EXPECT_NE(one.Fingerprint(), other.Fingerprint());
}

TEST(SchemaTest, AnOpaqueColumnsTypeIsPartOfTheAgreement) {
  Agreement one = Orders();
  one.rules.pop_back();
  one.schema.values[1] = {"note", ColumnType::kOpaque, "tsrange"};
  EXPECT_TRUE(one.Validate().ok()) << one.Validate();
  Agreement other = one;
  other.schema.values[1].opaque = "daterange";
  EXPECT_NE(one.Fingerprint(), other.Fingerprint());
}

TEST(SchemaTest, WhatAListIsMadeOfIsPartOfTheAgreement) {
  Agreement agreement = Orders();
  agreement.rules.pop_back();
  std::set<std::string> fingerprints;
  for (const ColumnType element :
       {ColumnType::kDynamic, ColumnType::kText, ColumnType::kInteger, ColumnType::kBits}) {
    agreement.schema.values[1] = {"note", ColumnType::kList, "", element};
    EXPECT_TRUE(agreement.Validate().ok()) << agreement.Validate();
    EXPECT_TRUE(fingerprints.insert(agreement.Fingerprint()).second);
  }
  for (const char* name : {"tsrange", "daterange"}) {
    agreement.schema.values[1] = {"note", ColumnType::kList, name, ColumnType::kOpaque};
    EXPECT_TRUE(agreement.Validate().ok()) << agreement.Validate();
    EXPECT_TRUE(fingerprints.insert(agreement.Fingerprint()).second);
  }
}

TEST(SchemaTest, AnAgreementIsValidated) {
  EXPECT_TRUE(Orders().Validate().ok());
  const std::vector<Change> bad = {
      {[](Agreement* a) { a->schema.key.clear(); }, "the schema has no key column"},
      {[](Agreement* a) { a->schema.values[0].name = "id"; }, "column \"id\" is there twice"},
      {[](Agreement* a) { a->schema.values[0].name = "note"; }, "column \"note\" is there twice"},
      {[](Agreement* a) { a->schema.values[0].name = "zip"; },
       "the value columns are not sorted by name"},
      {[](Agreement* a) { a->schema.key[0].name = ""; }, "a column has no name"},
      {[](Agreement* a) { a->schema.key[0].type = static_cast<ColumnType>(18); },
       "column \"region\" has the unknown type 18"},
      {[](Agreement* a) { a->schema.values[1].type = ColumnType::kOpaque; },
       "column \"note\" is opaque, and of no type that has a name"},
      {[](Agreement* a) { a->schema.values[1].opaque = "tsrange"; },
       "column \"note\" is not opaque, and has a type's name"},
      {[](Agreement* a) { a->schema.values[1].element = ColumnType::kText; },
       "column \"note\" has elements, and is no list"},
      {[](Agreement* a) {
         a->schema.values[1] = {"note", ColumnType::kList, "", ColumnType::kJson};
       },
       "column \"note\" is a list of json, which no list is made of"},
      {[](Agreement* a) {
         a->rules.pop_back();
         a->schema.values[1] = {"note", ColumnType::kList, "", ColumnType::kText, "money"};
       },
       "column \"note\" is a list of text, which are not read as 'money'"},
      {[](Agreement* a) {
         a->schema.values[1] = {"note", ColumnType::kList, "", ColumnType::kOpaque};
       },
       "column \"note\" is opaque, and of no type that has a name"},
      {[](Agreement* a) {
         a->rules.pop_back();
         a->schema.values[1] = {"note", ColumnType::kOpaque, std::string("ts\0range", 8)};
       },
       "column \"note\" is opaque, and of no type that has a name"},
      {[](Agreement* a) { std::swap(a->rules[0], a->rules[1]); }, "the rules are not sorted"},
      {[](Agreement* a) { a->rules[1] = "region:round=2"; },
       "rule 'region:round=2' does nothing to column 'region', which is compared as text"},
  };
  for (const Change& change : bad) {
    Agreement agreement = Orders();
    change.make(&agreement);
    const absl::Status status = agreement.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), change.description);
  }
  Agreement agreement = Orders();
  agreement.params.fanout = 1;
  EXPECT_EQ(agreement.Validate().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SchemaTest, TypesHaveNames) {
  for (int number = 1; number <= 17; ++number) {
    const ColumnType type = static_cast<ColumnType>(number);
    EXPECT_EQ(ColumnTypeFromName(ColumnTypeName(type)), type);
  }
  EXPECT_EQ(ColumnTypeName(ColumnType::kTimestampTz), "timestamptz");
  EXPECT_EQ(ColumnTypeName(ColumnType::kDynamic), "dynamic");
  EXPECT_EQ(ColumnTypeFromName("varchar"), std::nullopt);
  EXPECT_EQ(ColumnTypeFromName(""), std::nullopt);
}

}  // namespace
}  // namespace driftwood::merkle
