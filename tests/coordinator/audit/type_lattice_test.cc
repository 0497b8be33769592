// The table of types in docs/diff.md is made from the code, so that it says what is so.
// DRIFTWOOD_UPDATE_GOLDEN=1 writes it anew.
#include "coordinator/audit/type_lattice.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/testing/paths.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;

// Without dynamic, which no column is declared as.
constexpr ColumnType kTypes[] = {
    ColumnType::kBool,      ColumnType::kInteger,     ColumnType::kDecimal, ColumnType::kFloat64,
    ColumnType::kText,      ColumnType::kBytes,       ColumnType::kDate,    ColumnType::kTime,
    ColumnType::kTimestamp, ColumnType::kTimestampTz, ColumnType::kUuid,    ColumnType::kJson,
    ColumnType::kBits,      ColumnType::kList,        ColumnType::kSet,     ColumnType::kOpaque};

std::string Name(ColumnType type) { return std::string(merkle::ColumnTypeName(type)); }

std::string Cell(ColumnType a, ColumnType b) {
  const auto merged = MergeTypes(a, b);
  return merged ? std::string(merkle::ColumnTypeName(*merged)) : "–";
}

std::string Table() {
  std::string head = "| |";
  std::string rule = "|---|";
  for (const ColumnType b : kTypes) {
    head += " " + Name(b) + " |";
    rule += "---|";
  }
  std::string table = head + "\n" + rule + "\n";
  for (const ColumnType a : kTypes) {
    table += "| **" + Name(a) + "** |";
    for (const ColumnType b : kTypes) table += " " + Cell(a, b) + " |";
    table += "\n";
  }
  return table;
}

TEST(TypeLatticeTest, TheTableInTheReadmeIsWhatTheCodeDoes) {
  const std::string path = testing::SourceDir() + "/docs/diff.md";
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string begin = "<!-- types: begin -->\n";
  const std::string end = "<!-- types: end -->\n";
  const size_t from = text.find(begin);
  const size_t to = text.find(end);
  ASSERT_NE(from, std::string::npos) << path;
  ASSERT_NE(to, std::string::npos) << path;
  const size_t at = from + begin.size();
  if (std::getenv("DRIFTWOOD_UPDATE_GOLDEN") != nullptr) {
    text.replace(at, to - at, Table());
    in.close();
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  EXPECT_EQ(text.substr(at, to - at), Table());
}

TEST(TypeLatticeTest, TheOrderOfTheSidesDoesNotMatter) {
  for (int a = 1; merkle::IsColumnType(static_cast<ColumnType>(a)); ++a) {
    EXPECT_EQ(MergeTypes(static_cast<ColumnType>(a), static_cast<ColumnType>(a)),
              static_cast<ColumnType>(a));
    for (int b = 1; merkle::IsColumnType(static_cast<ColumnType>(b)); ++b) {
      EXPECT_EQ(MergeTypes(static_cast<ColumnType>(a), static_cast<ColumnType>(b)),
                MergeTypes(static_cast<ColumnType>(b), static_cast<ColumnType>(a)));
    }
  }
}

// What a server writes for a type of its own is read as nothing else unasked.
TEST(TypeLatticeTest, OpaqueTypesMergeUnderOneNameAndListsByTheirElements) {
  using merkle::ValueType;
  const ValueType range = ValueType::Opaque("int4range");
  EXPECT_EQ(MergeTypes(range, range), range);
  EXPECT_EQ(MergeTypes(range, ValueType::Opaque("int8range")), std::nullopt);
  for (const ColumnType type : kTypes) {
    const ValueType other = type == ColumnType::kOpaque ? ValueType::Opaque("hstore") : type;
    EXPECT_EQ(MergeTypes(range, other), std::nullopt) << Name(type);
    EXPECT_EQ(MergeTypes(other, range), std::nullopt) << Name(type);
  }
  const ValueType integers = ValueType::ListOf(ColumnType::kInteger);
  const ValueType decimals = ValueType::ListOf(ColumnType::kDecimal);
  EXPECT_EQ(MergeTypes(integers, decimals), decimals);
  EXPECT_EQ(MergeTypes(decimals, integers), decimals);
  EXPECT_EQ(MergeTypes(integers, ValueType(ColumnType::kJson)), integers);
  EXPECT_EQ(MergeTypes(ValueType(ColumnType::kJson), integers), integers);
  for (const ValueType& other :
       {ValueType::ListOf(ColumnType::kText), ValueType::ListOf(ColumnType::kFloat64),
        ValueType::ListOf(range), ValueType(ColumnType::kText), ValueType(ColumnType::kSet),
        ValueType(ColumnType::kInteger)}) {
    EXPECT_EQ(MergeTypes(integers, other), std::nullopt) << merkle::TypeText(other);
    EXPECT_EQ(MergeTypes(other, integers), std::nullopt) << merkle::TypeText(other);
  }
}

}  // namespace
}  // namespace driftwood::coordinator
