// The table of types in docs/diff.md is made from the code, so that it says what is so.
// DRIFTWOOD_UPDATE_GOLDEN=1 writes it anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "coordinator/audit/reconcile.h"
#include "tests/testing/paths.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;

constexpr int kTypes = 12;  // without dynamic, which no column is declared as

std::string Name(int type) {
  return std::string(merkle::ColumnTypeName(static_cast<ColumnType>(type)));
}

std::string Cell(int a, int b) {
  const auto merged = MergeTypes(static_cast<ColumnType>(a), static_cast<ColumnType>(b));
  return merged ? std::string(merkle::ColumnTypeName(*merged)) : "–";
}

std::string Table() {
  std::string head = "| |";
  std::string rule = "|---|";
  for (int b = 1; b <= kTypes; ++b) {
    head += " " + Name(b) + " |";
    rule += "---|";
  }
  std::string table = head + "\n" + rule + "\n";
  for (int a = 1; a <= kTypes; ++a) {
    table += "| **" + Name(a) + "** |";
    for (int b = 1; b <= kTypes; ++b) table += " " + Cell(a, b) + " |";
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
  for (int a = 1; a <= kTypes + 1; ++a) {
    EXPECT_EQ(MergeTypes(static_cast<ColumnType>(a), static_cast<ColumnType>(a)),
              static_cast<ColumnType>(a));
    for (int b = 1; b <= kTypes + 1; ++b) {
      EXPECT_EQ(MergeTypes(static_cast<ColumnType>(a), static_cast<ColumnType>(b)),
                MergeTypes(static_cast<ColumnType>(b), static_cast<ColumnType>(a)));
    }
  }
}

}  // namespace
}  // namespace driftwood::coordinator
