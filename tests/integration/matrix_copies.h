// One dataset in five engines: each value in each engine's own spelling, or not there at all where
// the engine can't hold it. From the same rows come a PostgreSQL and a MariaDB table, a SQLite
// database, a CSV and a JSON Lines file.
#pragma once

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace driftwood::testing {

enum Engine : size_t { kPostgres, kMaria, kSqlite, kCsv, kJsonl, kEngines };
inline constexpr std::array<const char*, kEngines> kEngineNames = {"postgresql", "mariadb",
                                                                   "sqlite", "csv", "jsonl"};

// A SQL expression, a CSV field or a JSON value; absent: NULL, since the engine can't hold it.
using Literal = std::optional<std::string>;
inline constexpr std::nullopt_t kNone = std::nullopt;
using Spelling = std::array<Literal, kEngines>;

inline Spelling Each(Literal postgres, Literal maria, Literal sqlite, Literal csv, Literal jsonl) {
  return {std::move(postgres), std::move(maria), std::move(sqlite), std::move(csv),
          std::move(jsonl)};
}

inline std::string HexOf(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

inline std::string SqlQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

inline std::string CsvQuoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

// The same word everywhere: a number without quotes in JSON, ...
inline Spelling Number(const std::string& text) {
  return Each(SqlQuoted(text), SqlQuoted(text), SqlQuoted(text), text, text);
}
// ... anything else as a string there.
inline Spelling Word(const std::string& text) {
  return Each(SqlQuoted(text), SqlQuoted(text), SqlQuoted(text), CsvQuoted(text),
              nlohmann::json(text).dump());
}
// Any UTF-8. PostgreSQL's texts and CSV files have no NUL.
inline Spelling Text(const std::string& text) {
  const bool has_nul = text.find('\0') != std::string::npos;
  const std::string hex = "'" + HexOf(text) + "'";
  return Each(has_nul ? Literal() : "convert_from(decode(" + hex + ", 'hex'), 'UTF8')",
              "CONVERT(X" + hex + " USING utf8mb4)", "CAST(X" + hex + " AS TEXT)",
              has_nul ? Literal() : CsvQuoted(text), nlohmann::json(text).dump());
}
inline Spelling Bytes(const std::string& bytes) {
  const std::string hex = HexOf(bytes);
  return Each("decode('" + hex + "', 'hex')", "X'" + hex + "'", "X'" + hex + "'", "\\x" + hex,
              "\"\\\\x" + hex + "\"");
}
inline Spelling Null() { return {}; }

// `spelling`, but not there in one engine.
inline Spelling Without(Engine engine, Spelling spelling) {
  spelling[engine] = kNone;
  return spelling;
}

struct MatrixColumn {
  std::string name;
  std::string type;                     // the canonical one
  std::array<std::string, 3> declared;  // in PostgreSQL, MariaDB and SQLite
  // The engines beside which --types has to say it, since theirs is another type.
  std::vector<Engine> said_beside;
  std::string rule;  // if any, on both sides
  struct Edge {
    Spelling value;
    Spelling neighbour;  // means something else
  };
  std::vector<Edge> edges;
  // The engines that know this type: between two others --types has to say it.
  std::vector<Engine> known_to = {kPostgres, kMaria, kSqlite};
};

using MatrixRow = std::vector<Spelling>;  // in the order of the columns
using MatrixRows = std::vector<MatrixRow>;

// A row is in an engine's copy if the engine can hold its key, which are its first columns.
inline bool Holds(Engine engine, const MatrixRow& row, size_t key_columns) {
  for (size_t i = 0; i < key_columns; ++i) {
    if (!row[i][engine]) return false;
  }
  return true;
}

inline std::string SqlCreate(Engine engine, const std::string& table,
                             const std::vector<MatrixColumn>& columns, const std::string& key,
                             const std::string& after = "") {
  std::string sql = "CREATE TABLE " + table + "(";
  for (const MatrixColumn& column : columns) {
    sql += column.name + " " + column.declared[engine] + ", ";
  }
  return sql + "PRIMARY KEY (" + key + "))" + after + ";";
}

inline std::string SqlInsert(Engine engine, const std::string& table, const MatrixRows& rows,
                             size_t key_columns) {
  std::string sql;
  for (const MatrixRow& row : rows) {
    if (!Holds(engine, row, key_columns)) continue;
    sql += "INSERT INTO " + table + " VALUES (";
    for (const Spelling& value : row) {
      sql += (&value == &row.front() ? "" : ", ") + value[engine].value_or("NULL");
    }
    sql += ");\n";
  }
  return sql;
}

inline std::string CsvOf(const std::vector<MatrixColumn>& columns, const MatrixRows& rows,
                         size_t key_columns) {
  std::string csv;
  for (const MatrixColumn& column : columns) {
    csv += (&column == &columns.front() ? "" : ",") + column.name;
  }
  csv += "\n";
  for (const MatrixRow& row : rows) {
    if (!Holds(kCsv, row, key_columns)) continue;
    for (const Spelling& value : row) {
      csv += (&value == &row.front() ? "" : ",") + value[kCsv].value_or("");
    }
    csv += "\n";
  }
  return csv;
}

inline std::string JsonlOf(const std::vector<MatrixColumn>& columns, const MatrixRows& rows,
                           size_t key_columns) {
  std::string jsonl;
  for (const MatrixRow& row : rows) {
    if (!Holds(kJsonl, row, key_columns)) continue;
    std::string object;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (!row[i][kJsonl]) continue;
      object += (object.empty() ? "{\"" : ", \"") + columns[i].name + "\": " + *row[i][kJsonl];
    }
    jsonl += object + "}\n";
  }
  return jsonl;
}

}  // namespace driftwood::testing
