// CSV, strictly: a chunk of whole records into rows of fields. As RFC 4180 has it:
//
//   record  = field *(delimiter field) line-end      every record has as many fields as the header
//   field   = *character                             unquoted: no delimiter, '"', CR, LF
//           | '"' *(character | '""') '"'            quoted: anything, '"' doubled
//
// or in another dialect (csv_dialect.h). A line ends with LF or CR LF, or, in a file that has none
// of these, with CR. NUL bytes are refused. What is no such text is an error at its first wrong
// byte, never guessed at. Bytes are not checked to be UTF-8: that is for who knows the column's
// type. Values point into the chunk, and are unescaped in place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/stores/csv/csv_dialect.h"
#include "agent/stores/text/file_scan.h"
#include "agent/stores/text/record_chunks.h"

namespace driftwood::agent {

// A record ends at a line end before which the file has an even number of quotes. That holds up to
// the first malformed record, which is hence found in the chunk that has its beginning.
class CsvRecordEnds final : public RecordEnds {
 public:
  size_t After(std::string_view fresh) override;

 private:
  bool in_quotes_ = false;
};

class CsvDecoder final : public ChunkDecoder {
 public:
  // `slots`: for each of the file's columns its place in the rows, `row_size` if it isn't needed.
  CsvDecoder(const CsvDialect& dialect, std::vector<uint32_t> slots, size_t row_size);

  std::unique_ptr<RecordEnds> NewRecordEnds() const override;
  Result Decode(Chunk& chunk, RowSink& sink) const override;

 private:
  const CsvDialect dialect_;
  const std::vector<uint32_t> slots_;
  const size_t row_size_;
};

// The first record of a file, whatever its number of fields; a header, or data. `begin`: where it
// is, if something else than a byte order mark stands before it.
struct CsvFirstRecord {
  std::vector<std::string> fields;
  CsvDialect::LineEnd line_end = CsvDialect::LineEnd::kLf;  // of the file
  uint64_t begin = 0;                                       // after a byte order mark
  uint64_t end = 0;                                         // where the second record begins
  bool present = false;
  std::optional<RecordError> error;
  // Of the records after it, from the first chunk; nullopt if there is nothing to go by.
  std::optional<uint64_t> records_estimate;
};
absl::StatusOr<CsvFirstRecord> ReadFirstCsvRecord(const ByteSource& source, CsvDialect dialect,
                                                  bool header, const ChunkOptions& options,
                                                  uint64_t begin = 0);

// Whether a Ctrl-Z (0x1A) stands alone in the last line, where old programs end a file so.
absl::StatusOr<bool> EndsInMark(const ByteSource& source, uint64_t first_record);

// Where the records end: line ends after the last one hold nothing, nor does a Ctrl-Z alone in the
// last line. In a file of one column a blank line is a record, and that character one too.
absl::StatusOr<uint64_t> EndOfCsvRecords(const ByteSource& source, uint64_t first_record,
                                         size_t columns, const CsvDialect& dialect);

}  // namespace driftwood::agent
