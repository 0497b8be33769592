// The fields of a chunk of records in a dialect other than RFC 4180's, byte by byte: escapes, other
// quotes or none, records that end with CR. An interface like that of QuotedFields
// (csv_quoted_fields.h).
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/stores/csv/csv_dialect.h"
#include "agent/stores/csv/csv_quoted_fields.h"
#include "agent/stores/text/record_chunks.h"

namespace driftwood::agent::csv {

class EscapedFields {
 public:
  EscapedFields(const Chunk& chunk, char* begin, const CsvDialect& dialect)
      : dialect_(dialect), newline_added_(chunk.newline_added), next_(begin), end_(chunk.end()) {}

  bool AtEnd() const { return next_ >= end_; }
  const char* position() const { return next_; }
  // Of the field that Read() has read.
  std::string_view text() const { return {field_, static_cast<size_t>(field_end_ - field_)}; }
  bool null() const { return null_; }
  // The byte after the field, and after its quotes.
  const char* after() const { return next_ - 1; }
  const Failure& failure() const { return failure_; }

  After Read();

 private:
  After Fail(const char* at, const char* message);
  After ReadQuoted(char* opening);
  After ReadPlain();
  // Whether a record ends at `at`, and with how many bytes; 0: it doesn't. In a file of LF a CR
  // before it belongs to the line's end only behind a quoted field.
  size_t LineEndAt(const char* at, bool quoted) const;
  After End(const char* at, bool quoted);
  // An escape at `at` that a dialect which wasn't said would have.
  bool IsDoubtful(const char* at) const;
  After CheckPlain(const char* begin, const char* end);
  // Reads the escape at `*from`, passes it, and writes what it stands for.
  void Unescape(const char** from, char** to) const;

  const CsvDialect& dialect_;
  const bool newline_added_;
  char* next_;
  char* const end_;
  char* field_ = nullptr;
  const char* field_end_ = nullptr;
  bool null_ = false;
  Failure failure_;
};

// Where such records end.
class EscapedRecordEnds final : public RecordEnds {
 public:
  explicit EscapedRecordEnds(const CsvDialect& dialect) : dialect_(dialect) {}
  size_t After(std::string_view fresh) override;

 private:
  const CsvDialect dialect_;
  bool in_quotes_ = false;
  bool escaped_ = false;  // the next byte belongs to an escape
};

}  // namespace driftwood::agent::csv
