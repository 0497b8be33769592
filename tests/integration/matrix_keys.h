// The edge values of every type that a key column may have, as each engine spells them.
#pragma once

#include <string>
#include <vector>

#include "tests/integration/matrix_copies.h"

namespace driftwood::testing {

// What a key may be. No two edges of a column are one key.
inline std::vector<MatrixColumn> KeyColumns() {
  using namespace std::string_literals;
  const auto edges = [](const std::vector<Spelling>& values) {
    std::vector<MatrixColumn::Edge> result;
    for (const Spelling& value : values) result.push_back({value, Null()});
    return result;
  };
  return {
      {"i64",
       "integer",
       {"bigint", "bigint", "BIGINT"},
       {},
       "",
       edges({Number("0"), Number("-1"), Each("1", "1", "1", "+01", "1.0"),
              Number("-9223372036854775808"), Number("9223372036854775807"),
              Number("9007199254740993"), Number("9007199254740992")})},
      {"exact",
       "decimal",
       {"numeric", "decimal(40,20)", "DECIMAL TEXT"},
       {},
       "",
       edges({Each("0.00", "-0.0", "'-0.0'", "-0", "0e7"), Number("-0.5"),
              Each("0.14", ".14", "'.14'", ".140", "0.14"),
              Each("-3000.00", "-3000", "'-3000.0'", "-3000.000", "-3e3"), Number("3000"),
              Number("10.25"), Number("9.5"), Number("0.00000000000000000001"),
              Number("99999999999999999999"), Number("99999999999999999998"),
              Without(kMaria, Word("NaN")), Without(kMaria, Word("-Infinity"))})},
      // Ledger row 31: each engine has another order, and their equality is not the same either.
      {"txt",
       "text",
       {"text COLLATE \"und-x-icu\"", "varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        "TEXT"},
       {},
       "",
       edges({Text(""),        Text("a"),      Text("A"),    Text("a "),         Text("b"),
              Text("Z"),       Text("_"),      Text("10"),   Text("9"),          Text("\u00e4"),
              Text("a\u0308"), Text("\u00df"), Text("ss"),   Text("\U0001f44d"), Text("\uff5e"),
              Text("a\tb"),    Text("a\r\nb"), Text("a\\b"), Text("it's"),       Text("\"q\""),
              Text("NULL"),    Text("a\0b"s),  Text("ab")})},
      {"raw",
       "bytes",
       {"bytea", "varbinary(60)", "BLOB"},
       {},
       "",
       edges({Bytes(""), Bytes("\0"s), Bytes("\0\0"s), Bytes("\0\xff"s), Bytes("\xff"), Bytes("a"),
              Bytes("a "), Bytes("A")})},
      {"uid",
       "uuid",
       {"uuid", "uuid", "UUID TEXT"},
       {},
       "",
       edges(
           {Each("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
                 "'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'", "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                 "\"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}\""),
            Word("00000000-0000-0000-0000-000000000000"),
            Word("ffffffff-0000-4000-8000-000000000000"),
            Word("00000000-ffff-4000-8000-000000000000")})},
      {"day",
       "date",
       {"date", "date", "DATE"},
       {},
       "",
       edges({Word("1969-12-31"), Word("1970-01-01"), Word("0001-01-01"), Word("9999-12-31"),
              Without(kMaria, Word("0044-03-15 BC")), Without(kMaria, Word("infinity")),
              Without(kMaria, Word("-infinity")), Without(kPostgres, Word("0000-00-00")),
              Without(kPostgres, Word("2024-00-01"))})},
      {"seen",
       "timestamp",
       {"timestamp", "datetime(6)", "DATETIME"},
       {},
       "",
       edges({Word("1969-12-31 23:59:59.999999"), Word("1970-01-01 00:00:00"),
              Each("'2024-01-01 00:00:00.120'", "'2024-01-01 00:00:00.12'",
                   "'2024-01-01T00:00:00.12'", "2024-01-01 00:00:00.120000",
                   "\"2024-01-01 00:00:00.12\""),
              Word("9999-12-31 23:59:59.999999"), Without(kMaria, Word("0044-03-15 00:00:00 BC")),
              Without(kMaria, Word("infinity"))})},
      {"at",
       "timestamptz",
       {"timestamptz", "timestamp(6)", "TIMESTAMPTZ"},
       {},
       "",
       edges({Each("'2024-10-27 02:30:00+02'", "'2024-10-27 02:30:00'", "'2024-10-27T00:30:00Z'",
                   "2024-10-27 00:30:00+00", "\"2024-10-26T20:30:00-04:00\""),
              Each("'2024-10-27 02:30:00+01'", "'2024-10-27 03:30:00'", "'2024-10-27T01:30:00Z'",
                   "2024-10-27 01:30:00Z", "\"2024-10-27T01:30:00Z\""),
              Without(kMaria, Word("1900-01-01 00:00:00Z"))})},
      {"clock",
       "time",
       {"time", "time(6)", "TIME"},
       {},
       "",
       edges({Word("00:00:00"), Word("24:00:00"), Word("12:00:00.5"),
              Without(kPostgres, Word("-00:00:01")), Without(kPostgres, Word("100:00:00"))})},
      {"f8",
       "float64",
       {"double precision", "double", "DOUBLE"},
       {kJsonl},
       "",
       edges({Each("'-0'", "-0e0", "-0.0", "-0.0", "-0.0"), Number("0.1"), Number("-1.5"),
              Number("1e300"), Number("2"), Number("10"),
              Each("'NaN'", kNone, kNone, "NaN", "\"NaN\"")})},
      {"flag",
       "bool",
       {"boolean", "tinyint(1)", "BOOLEAN"},
       {},
       "",
       edges({Each("true", "true", "1", "t", "true"), Each("false", "false", "0", "0", "false")}),
       {kPostgres, kSqlite}},
  };
}

}  // namespace driftwood::testing
