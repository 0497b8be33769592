// Every pair of engines, every canonical type: what means the same is equal, what looks much like
// it is not, and what one of the two can't hold is never equal to anything there.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/diff_fixture.h"
#include "tests/integration/matrix_copies.h"
#include "tests/integration/matrix_keys.h"
#include "tests/integration/matrix_values.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

using Cell = std::pair<int64_t, std::string>;  // the row's id, the column

class MatrixTest : public DiffTest {
 protected:
  void SetUp() override {
    postgres_ = PostgresServer::Get();
    maria_ = MariadbServer::Get();
    DRIFTWOOD_NEEDS_POSTGRES(postgres_);
    DRIFTWOOD_NEEDS_MARIADB(maria_);
  }

  // A copy in each engine, called `name`; the first columns are its key. Files have their rows
  // the other way round.
  void MakeCopies(const std::string& name, const std::vector<MatrixColumn>& columns,
                  const MatrixRows& rows, size_t keys = 1) {
    const std::string key = KeyOf(columns, keys);
    const MatrixRows reversed(rows.rbegin(), rows.rend());
    postgres_->Sql("DROP TABLE IF EXISTS " + name + "; " +
                   "DO $$ BEGIN CREATE TYPE matrix_mood AS ENUM ('sad', 'Happy', ''); EXCEPTION "
                   "WHEN duplicate_object THEN NULL; END $$; SET lc_monetary = 'C';" +
                   SqlCreate(kPostgres, name, columns, key) +
                   SqlInsert(kPostgres, name, rows, keys));
    maria_->Sql(
        "SET NAMES utf8mb4; SET sql_mode = 'ALLOW_INVALID_DATES'; SET time_zone = "
        "'+02:00'; DROP TABLE IF EXISTS " +
        name + ";" +
        SqlCreate(kMaria, name, columns, key,
                  " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin ROW_FORMAT=DYNAMIC") +
        SqlInsert(kMaria, name, rows, keys));
    Sql(name + ".db", "DROP TABLE IF EXISTS " + name + ";" +
                          SqlCreate(kSqlite, name, columns, key) +
                          SqlInsert(kSqlite, name, rows, keys));
    WriteFile(name + ".csv", CsvOf(columns, reversed, keys));
    WriteFile(name + ".jsonl", JsonlOf(columns, reversed, keys));
  }

  static std::string KeyOf(const std::vector<MatrixColumn>& columns, size_t keys) {
    std::string key;
    for (size_t i = 0; i < keys; ++i) key += (i == 0 ? "" : ",") + columns[i].name;
    return key;
  }

  std::string UrlOf(Engine engine, const std::string& name,
                    const std::vector<MatrixColumn>& columns, size_t keys = 1) const {
    const std::string key = KeyOf(columns, keys);
    switch (engine) {
      case kPostgres:
        return postgres_->Url(name);
      case kMaria:
        return maria_->Url(name);
      case kSqlite:
        return "sqlite:" + name + ".db?table=" + name;
      case kCsv:
        return "csv:" + name + ".csv?key=" + key;
      default: {
        std::string names;  // also those that no line has
        for (const MatrixColumn& column : columns) {
          names += (names.empty() ? "" : ",") + column.name;
        }
        return "jsonl:" + name + ".jsonl?key=" + key + "&columns=" + names;
      }
    }
  }

  // What a user would have to say for these two.
  static std::vector<std::string> Words(const std::vector<MatrixColumn>& columns, Engine a,
                                        Engine b) {
    std::vector<std::string> words = {"--max-divergences", "10000", "--no-why"};
    const auto among = [&](const std::vector<Engine>& engines) {
      return std::any_of(engines.begin(), engines.end(),
                         [&](Engine e) { return e == a || e == b; });
    };
    for (const MatrixColumn& column : columns) {
      if (among(column.said_beside) || !among(column.known_to))
        words.insert(words.end(), {"--types", column.name + "=" + column.type});
      if (!column.rule.empty()) {
        words.insert(words.end(), {"--rule", column.name + ":" + column.rule});
      }
    }
    return words;
  }

  PostgresServer* postgres_ = nullptr;
  MariadbServer* maria_ = nullptr;
};

const std::string kId = "id";

std::vector<MatrixColumn> WithId(std::vector<MatrixColumn> columns) {
  columns.insert(columns.begin(),
                 MatrixColumn{kId, "integer", {"bigint", "bigint", "INTEGER"}, {}, "", {}});
  return columns;
}

// A row for each edge: the first edges of all columns, the second ones, …
MatrixRows RowsOf(const std::vector<MatrixColumn>& columns, bool neighbours) {
  size_t count = 0;
  for (const MatrixColumn& column : columns) count = std::max(count, column.edges.size());
  MatrixRows rows;
  for (size_t i = 0; i < count; ++i) {
    MatrixRow& row = rows.emplace_back();
    row.push_back(Number(std::to_string(i + 1)));
    for (const MatrixColumn& column : columns) {
      if (column.name == kId) continue;
      if (i >= column.edges.size()) {
        row.push_back(Null());
      } else {
        row.push_back(neighbours ? column.edges[i].neighbour : column.edges[i].value);
      }
    }
  }
  return rows;
}

class ValueMatrixTest : public MatrixTest {
 protected:
  // Every cell of a's values that is another in b's copy, which are its values or its neighbours.
  std::set<Cell> Expected(Engine a, Engine b, bool neighbours) const {
    std::set<Cell> cells;
    for (size_t r = 0; r < values_.size(); ++r) {
      for (size_t c = 1; c < columns_.size(); ++c) {
        const Literal& left = values_[r][c][a];
        const Literal& right = (neighbours ? neighbours_ : values_)[r][c][b];
        const bool equal = left && right ? !neighbours : !left && !right;
        if (!equal) cells.insert({static_cast<int64_t>(r) + 1, columns_[c].name});
      }
    }
    return cells;
  }

  static std::set<Cell> FoundCells(const Json& document) {
    std::set<Cell> cells;
    for (const Json& record : document.value("differences", Json::array())) {
      EXPECT_EQ(record.at("kind"), "changed");
      EXPECT_EQ(record.at("status"), "confirmed");
      for (const Json& column : record.at("columns")) {
        cells.insert({record.at("key").at("id").get<int64_t>(), column.get<std::string>()});
      }
    }
    return cells;
  }

  static std::string Short(const std::string& text) {
    return text.size() <= 80 ? text : text.substr(0, 80) + "…";
  }

  std::string Describe(const Cell& cell, Engine a, Engine b, bool neighbours,
                       const Json& document) const {
    const auto row = static_cast<size_t>(cell.first - 1);
    size_t column = 1;
    while (columns_[column].name != cell.second) ++column;
    const Spelling& left = values_[row][column];
    const Spelling& right = (neighbours ? neighbours_ : values_)[row][column];
    std::string text = cell.second + " of row " + std::to_string(cell.first) + ": " +
                       Short(left[a].value_or("NULL")) + " against " +
                       Short(right[b].value_or("NULL"));
    for (const Json& record : document.value("differences", Json::array())) {
      if (record.at("key").at("id") != cell.first) continue;
      for (const auto& [replica, values] : record.at("values").items()) {
        text += "; " + replica + " has " + Short(values.at(cell.second).dump());
      }
    }
    return text;
  }

  void Compare(Engine a, Engine b, bool neighbours) {
    SCOPED_TRACE(std::string(kEngineNames[a]) + " and " + kEngineNames[b] +
                 (neighbours ? ", neighbours" : ", the same"));
    std::vector<std::string> words = Words(columns_, a, b);
    words.insert(words.begin(), {UrlOf(a, "matrix", columns_),
                                 UrlOf(b, neighbours ? "neighbours" : "matrix", columns_)});
    const Json document = DiffJson(words);
    const std::set<Cell> expected = Expected(a, b, neighbours);
    const std::set<Cell> found = FoundCells(document);
    ASSERT_EQ(document.value("verdict", ""), expected.empty() ? "IDENTICAL" : "DIVERGENT")
        << document["error"].dump();
    for (const Cell& cell : expected) {
      EXPECT_TRUE(found.contains(cell))
          << "taken for equal: " << Describe(cell, a, b, neighbours, document);
    }
    for (const Cell& cell : found) {
      EXPECT_TRUE(expected.contains(cell))
          << "taken for different: " << Describe(cell, a, b, neighbours, document);
    }
  }

  const std::vector<MatrixColumn> columns_ = WithId(ValueColumns());
  const MatrixRows values_ = RowsOf(columns_, /*neighbours=*/false);
  const MatrixRows neighbours_ = RowsOf(columns_, /*neighbours=*/true);
};

TEST_F(ValueMatrixTest, WhatMeansTheSameIsEqualInEveryPairAndNothingElseIs) {
  MakeCopies("matrix", columns_, values_);
  MakeCopies("neighbours", columns_, neighbours_);
  for (const Engine a : {kPostgres, kMaria, kSqlite, kCsv, kJsonl}) {
    for (const Engine b : {kPostgres, kMaria, kSqlite, kCsv, kJsonl}) {
      if (a <= b) Compare(a, b, /*neighbours=*/false);
      Compare(a, b, /*neighbours=*/true);
    }
  }
}

// A row for each edge of each of the key's columns; the other columns hold `filler`, which is no
// edge. The last column numbers the rows.
MatrixRows KeyRows(const std::vector<MatrixColumn>& keys, const MatrixRow& filler) {
  MatrixRows rows;
  for (size_t c = 0; c < keys.size(); ++c) {
    for (const MatrixColumn::Edge& edge : keys[c].edges) {
      MatrixRow& row =
          rows.emplace_back(filler.begin(), filler.begin() + static_cast<ptrdiff_t>(keys.size()));
      row[c] = edge.value;
      row.push_back(Number(std::to_string(rows.size())));
    }
  }
  return rows;
}

class KeyMatrixTest : public MatrixTest {
 protected:
  // Copies "whole", and "fewer", which lacks the third row and every ninth after it.
  void MakeKeys(const std::vector<MatrixColumn>& keys, const MatrixRow& filler) {
    columns_ = keys;
    columns_.push_back({"number", "integer", {"int", "int", "INTEGER"}, {}, "", {}});
    rows_ = KeyRows(keys, filler);
    fewer_.clear();
    for (size_t r = 0; r < rows_.size(); ++r) {
      if (r % 9 != 2) fewer_.push_back(rows_[r]);
    }
    MakeCopies("whole", columns_, rows_, keys.size());
    MakeCopies("fewer", columns_, fewer_, keys.size());
  }

  std::string UrlOfKeys(Engine engine, const std::string& name) const {
    return UrlOf(engine, name, columns_, columns_.size() - 1);
  }

  // The numbers of the rows of a copy in an engine.
  std::set<std::string> NumbersIn(Engine engine, const MatrixRows& rows) const {
    std::set<std::string> numbers;
    for (const MatrixRow& row : rows) {
      if (Holds(engine, row, columns_.size() - 1)) numbers.insert(*row.back()[kCsv]);
    }
    return numbers;
  }

  // All keys of a's copy that b's lacks, and the other way round.
  void Compare(Engine a, Engine b, bool fewer) {
    SCOPED_TRACE(std::string(kEngineNames[a]) + " and " + kEngineNames[b] +
                 (fewer ? ", with fewer keys" : ", the same") + ", key of " + columns_[0].name);
    std::vector<std::string> words = Words(columns_, a, b);
    words.insert(words.begin(), {UrlOfKeys(a, "whole"), UrlOfKeys(b, fewer ? "fewer" : "whole")});
    const Json document = DiffJson(words);
    const std::set<std::string> left = NumbersIn(a, rows_);
    const std::set<std::string> right = NumbersIn(b, fewer ? fewer_ : rows_);
    std::set<std::string> expected, found;
    for (const std::string& number : left) {
      if (!right.contains(number)) expected.insert(number + " only in left");
    }
    for (const std::string& number : right) {
      if (!left.contains(number)) expected.insert(number + " only in right");
    }
    for (const Json& record : document.value("differences", Json::array())) {
      EXPECT_EQ(record.at("status"), "confirmed");
      EXPECT_EQ(record.at("kind"), "only_in");
      ASSERT_EQ(record.at("only_in").size(), 1u) << record;
      const std::string name = record.at("only_in").at(0);
      found.insert(record.at("values").at(name).at("number").dump() + " only in " + name);
    }
    ASSERT_EQ(document.value("verdict", ""), expected.empty() ? "IDENTICAL" : "DIVERGENT")
        << document["error"].dump();
    EXPECT_EQ(found, expected) << document["differences"].dump(1).substr(0, 20'000);
    EXPECT_EQ(document["coverage"]["complete"], true);
  }

  std::vector<MatrixColumn> columns_;
  MatrixRows rows_;
  MatrixRows fewer_;
};

// Of each column's type, and no edge of it.
MatrixRow Fillers() {
  return {Number("7"),
          Number("7"),
          Text("x"),
          Bytes("x"),
          Word("11111111-1111-4111-8111-111111111111"),
          Word("2000-01-01"),
          Word("2000-01-01 00:00:00"),
          Each("'2000-01-01 00:00:00Z'", "'2000-01-01 02:00:00'", "'2000-01-01 00:00:00Z'",
               "2000-01-01 00:00:00Z", "\"2000-01-01 00:00:00Z\""),
          Word("01:00:00"),
          Number("7"),
          Each("true", "true", "1", "true", "true")};
}

TEST_F(KeyMatrixTest, KeysOfAllTypesAreTheSameInEveryPairAndMissingOnesAreFound) {
  std::vector<MatrixColumn> keys = KeyColumns();
  keys.back().edges.pop_back();  // true is the filler of the others
  keys.back().edges[0].value = Each("false", "0", "0", "false", "false");
  MakeKeys(keys, Fillers());
  for (const Engine a : {kPostgres, kMaria, kSqlite, kCsv, kJsonl}) {
    for (const Engine b : {kPostgres, kMaria, kSqlite, kCsv, kJsonl}) {
      if (a <= b) Compare(a, b, /*fewer=*/false);
      Compare(a, b, /*fewer=*/true);
    }
  }
}

TEST_F(KeyMatrixTest, AKeyOfOneColumnIsTheSameWhateverItsType) {
  for (const MatrixColumn& key : KeyColumns()) {
    MakeKeys({key}, {Null()});
    for (const auto& [a, b] : {std::pair{kPostgres, kMaria}, std::pair{kMaria, kSqlite},
                               std::pair{kSqlite, kPostgres}, std::pair{kMaria, kPostgres}}) {
      Compare(a, b, /*fewer=*/true);
    }
  }
}

}  // namespace
}  // namespace driftwood::testing
