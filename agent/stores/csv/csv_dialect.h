// How the records of a CSV or TSV file are written, as its URL says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/source/source_value.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

struct CsvDialect {
  enum class LineEnd : uint8_t {
    // LF. A CR before it may belong to the value, which few programs quote for it: an unquoted
    // field
    // that ends so is refused, or, in the dialect of MySQL, which never escapes a CR, has it.
    kLf,
    kCrLf,  // CR LF, or LF
    kCr,    // CR alone, as old Macintosh programs write it
  };
  // What stands before a character that a field can't hold as it is.
  enum class Escapes : uint8_t {
    kNone,       // nothing: a quote in a quoted field is doubled
    kCharacter,  // `escape`: the next character is meant as it stands
    kCopy,       // a backslash, as PostgreSQL's COPY reads it
    kMysql,      // a backslash, as MySQL's LOAD DATA reads it
    // A file of tab-separated values whose dialect wasn't said. What two programs would read in two
    // ways is refused: a backslash escape, and a quote at the beginning of a field.
    kUnsaid,
  };

  char delimiter = ',';
  std::optional<char> quote = '"';  // around fields; nullopt: a quote is a character like others
  Escapes escapes = Escapes::kNone;
  char escape = '\\';
  // A field with this text, unquoted and before its escapes are read, is NULL; nullopt: none is.
  std::optional<std::string> null_text = "";
  // kMysql: `mysql --batch` writes NULL for NULL, INTO OUTFILE for the text. Such a field is
  // refused until null= says which it is.
  bool null_word_refused = false;
  LineEnd line_end = LineEnd::kLf;  // of the file: not said, seen
  TextForms forms;                  // of what stands in the fields

  // RFC 4180 but for the delimiter and NULL, which has a fast parser.
  bool IsRfc4180() const {
    return quote == '"' && escapes == Escapes::kNone && line_end != LineEnd::kCr;
  }
  bool has_escapes() const { return escapes != Escapes::kNone && escapes != Escapes::kUnsaid; }
  // Every row of the file is read in the same way if this text is the same.
  std::string ToString() const;
};

// Of the URL's dialect=, delimiter=, quote=, escape=, null=, decimal=, thousands=, true= and
// false=.
// InvalidArgument for what makes no sense.
absl::StatusOr<CsvDialect> CsvDialectOf(const StoreUrl& url);

}  // namespace driftwood::agent
