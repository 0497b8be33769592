#include "agent/stores/csv/csv_parser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>
#include <variant>

#include "agent/stores/csv/csv_escaped_fields.h"
#include "agent/stores/csv/csv_quoted_fields.h"
#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using csv::After;

constexpr char kMarkBytes[] = "\xEF\xBB\xBF";  // UTF-8's byte order mark
constexpr size_t kMarkSize = 3;
// How much of a file is read at once to see what its lines end with; and in how much there is no
// LF, where they end with CR alone.
constexpr size_t kLineEndBytes = size_t{64} << 10;

std::string Fields(size_t count) {
  return std::to_string(count) + (count == 1 ? " field" : " fields");
}

RecordError ErrorAt(const Chunk& chunk, const char* at, std::string message) {
  return {chunk.offset + static_cast<uint64_t>(at - chunk.begin()), std::move(message)};
}

RecordError TooFew(const Chunk& chunk, const char* record, const char* at, size_t count,
                   size_t wanted) {
  const bool blank = count == 1 && (*record == '\n' || *record == '\r');
  if (blank)
    return ErrorAt(chunk, at,
                   "a blank line, where a record has " + Fields(wanted) + "; remove the line");
  return ErrorAt(chunk, at,
                 "this record has " + Fields(count) + " instead of " + std::to_string(wanted) +
                     "; correct it, or see that delimiter= is right");
}

RecordError TooMany(const Chunk& chunk, const char* at, size_t wanted) {
  return ErrorAt(chunk, at,
                 "this record has more than " + Fields(wanted) +
                     "; quote a value that has a delimiter in it, or see that "
                     "delimiter= is right");
}

std::unique_ptr<RecordEnds> RecordEndsOf(const CsvDialect& dialect) {
  if (dialect.IsRfc4180()) return std::make_unique<CsvRecordEnds>();
  return std::make_unique<csv::EscapedRecordEnds>(dialect);
}

// The chunk's rows. Where a column that is asked for goes in a row is `slots`; there is one place
// more, where the other values go.
template <typename FieldReader>
ChunkDecoder::Result DecodeRows(FieldReader fields, const Chunk& chunk,
                                const std::vector<uint32_t>& slots, size_t row_size,
                                const TextForms& forms, RowSink& sink) {
  const size_t columns = slots.size();
  std::vector<SourceValue> places(row_size + 1);
  for (SourceValue& place : places) place.forms = &forms;
  SourceValue* const row = places.data();
  const std::span<const SourceValue> wanted(row, row_size);
  ChunkDecoder::Result result;
  while (!fields.AtEnd()) {
    const char* const record = fields.position();
    size_t column = 0;
    while (true) {
      const char* const begin = fields.position();
      const After after = fields.Read();
      if (after == After::kError) {
        result.error = ErrorAt(chunk, fields.failure().at, fields.failure().message);
        return result;
      }
      if (column == columns) {
        result.error = TooMany(chunk, begin, columns);
        return result;
      }
      SourceValue& value = row[slots[column]];
      value.kind = fields.null() ? SourceValue::Kind::kNull : SourceValue::Kind::kText;
      value.text = fields.text();
      ++column;
      if (after == After::kRecord) break;
    }
    if (column != columns) {
      result.error = TooFew(chunk, record, fields.after(), column, columns);
      return result;
    }
    result.sink = sink.Row(wanted, chunk.offset + static_cast<uint64_t>(record - chunk.begin()));
    if (!result.sink.ok()) return result;
  }
  return result;
}

// The fields of the chunk's first record. Its size in the chunk; or what is wrong with it.
template <typename FieldReader>
size_t TakeFirstRecord(FieldReader fields, const Chunk& chunk, CsvFirstRecord* first) {
  After after = After::kDelimiter;
  while (after == After::kDelimiter) {
    after = fields.Read();
    if (after == After::kError) {
      first->error = ErrorAt(chunk, fields.failure().at, fields.failure().message);
      return 0;
    }
    first->fields.emplace_back(fields.text());
  }
  return static_cast<size_t>(fields.position() - chunk.begin());
}

// What the file's first line ends with, outside of quotes and escapes. `header`: that is no data.
absl::StatusOr<CsvDialect::LineEnd> LineEndOf(const ByteSource& source, uint64_t begin,
                                              const CsvDialect& dialect, bool header) {
  // With quotes, a plain escape means something within them only.
  const bool in_quotes_only = dialect.escapes == CsvDialect::Escapes::kCharacter && dialect.quote;
  // A row of MySQL's may end in a CR that is data.
  const bool may_be_data = dialect.escapes == CsvDialect::Escapes::kMysql && !header;
  bool in_quotes = false, escaped = false, carriage_return = false;
  char before = '\0';
  std::vector<char> bytes;
  // A line of many columns is long. But who has met a CR by then goes on no longer, unless it was
  // the last byte: its LF may be the next one.
  for (uint64_t at = begin; at < source.size() && (!carriage_return || before == '\r');
       at += bytes.size()) {
    bytes.resize(static_cast<size_t>(std::min<uint64_t>(source.size() - at, kLineEndBytes)));
    RETURN_IF_ERROR(source.ReadAt(at, bytes));
    for (const char c : bytes) {
      const char previous = std::exchange(before, c);
      if (std::exchange(escaped, false)) continue;
      escaped = dialect.has_escapes() && c == dialect.escape && (in_quotes || !in_quotes_only);
      if (escaped) continue;
      if (dialect.quote && c == *dialect.quote) in_quotes = !in_quotes;
      if (in_quotes) continue;
      if (c == '\n') {
        const bool pair = previous == '\r' && !may_be_data;
        return pair ? CsvDialect::LineEnd::kCrLf : CsvDialect::LineEnd::kLf;
      }
      if (c == '\r') carriage_return = true;
    }
  }
  // In a file of MySQL's a CR ends nothing.
  if (!carriage_return || dialect.escapes == CsvDialect::Escapes::kMysql) {
    return CsvDialect::LineEnd::kLf;
  }
  return CsvDialect::LineEnd::kCr;
}

}  // namespace

size_t CsvRecordEnds::After(std::string_view fresh) {
  // Whether quotes are odd in number: the only pass over all bytes; the compiler vectorises it.
  uint8_t odd = 0;
  for (const char c : fresh) odd = static_cast<uint8_t>(odd ^ static_cast<uint8_t>(c == '"'));
  in_quotes_ ^= odd != 0;
  // From the end back to the last line end outside quotes: seldom further than one record.
  bool in_quotes = in_quotes_;
  for (size_t i = fresh.size(); i > 0; --i) {
    const char c = fresh[i - 1];
    if (c == '"') in_quotes = !in_quotes;
    if (c == '\n' && !in_quotes) return i;
  }
  return 0;
}

CsvDecoder::CsvDecoder(const CsvDialect& dialect, std::vector<uint32_t> slots, size_t row_size)
    : dialect_(dialect), slots_(std::move(slots)), row_size_(row_size) {
  DRIFTWOOD_CHECK(!slots_.empty());
}

std::unique_ptr<RecordEnds> CsvDecoder::NewRecordEnds() const { return RecordEndsOf(dialect_); }

ChunkDecoder::Result CsvDecoder::Decode(Chunk& chunk, RowSink& sink) const {
  if (dialect_.IsRfc4180())
    return DecodeRows(csv::QuotedFields(chunk, chunk.begin(), dialect_), chunk, slots_, row_size_,
                      dialect_.forms, sink);
  return DecodeRows(csv::EscapedFields(chunk, chunk.begin(), dialect_), chunk, slots_, row_size_,
                    dialect_.forms, sink);
}

absl::StatusOr<CsvFirstRecord> ReadFirstCsvRecord(const ByteSource& source, CsvDialect dialect,
                                                  bool header, const ChunkOptions& options,
                                                  uint64_t begin) {
  CsvFirstRecord first;
  first.begin = begin;
  char mark[kMarkSize];
  if (begin == 0 && source.size() >= kMarkSize) {
    RETURN_IF_ERROR(source.ReadAt(0, mark));
    if (std::memcmp(mark, kMarkBytes, kMarkSize) == 0) first.begin = kMarkSize;
  }
  first.end = first.begin;
  ASSIGN_OR_RETURN(dialect.line_end, LineEndOf(source, first.begin, dialect, header));
  first.line_end = dialect.line_end;
  RecordChunks chunks(source, first.begin, source.size(), options, RecordEndsOf(dialect));
  ASSIGN_OR_RETURN(RecordChunks::Step step, chunks.Next());
  if (RecordError* error = std::get_if<RecordError>(&step)) first.error = std::move(*error);
  Chunk* chunk = std::get_if<Chunk>(&step);
  if (chunk == nullptr) return first;

  first.present = true;
  const size_t size =
      dialect.IsRfc4180()
          ? TakeFirstRecord(csv::QuotedFields(*chunk, chunk->begin(), dialect), *chunk, &first)
          : TakeFirstRecord(csv::EscapedFields(*chunk, chunk->begin(), dialect), *chunk, &first);
  if (first.error) return first;
  first.end = std::min(chunk->offset + size, source.size());

  uint64_t lines = 0;
  bool in_quotes = false;
  const char* const rest = chunk->begin() + size;
  const char line_end = dialect.line_end == CsvDialect::LineEnd::kCr ? '\r' : '\n';
  for (const char* p = rest; p < chunk->end(); ++p) {
    if (dialect.quote && *p == *dialect.quote) in_quotes = !in_quotes;
    if (*p == line_end && !in_quotes) ++lines;
  }
  const auto seen = static_cast<uint64_t>(chunk->end() - rest);
  const uint64_t total = source.size() - first.end;
  if (total == 0)
    first.records_estimate = 0;
  else if (lines > 0)
    first.records_estimate = seen >= total ? lines
                                           : static_cast<uint64_t>(static_cast<double>(lines) *
                                                                   static_cast<double>(total) /
                                                                   static_cast<double>(seen));
  return first;
}

absl::StatusOr<bool> EndsInMark(const ByteSource& source, uint64_t first_record) {
  constexpr char kMark = '\x1A';
  if (source.size() <= first_record) return false;
  // What stands before the first record ends in a line end.
  std::array<char, 2> last = {'\n', '\0'};
  const uint64_t size = std::min<uint64_t>(last.size(), source.size() - first_record);
  RETURN_IF_ERROR(
      source.ReadAt(source.size() - size, std::span(last).last(static_cast<size_t>(size))));
  return last[1] == kMark && (last[0] == '\n' || last[0] == '\r');
}

absl::StatusOr<uint64_t> EndOfCsvRecords(const ByteSource& source, uint64_t first_record,
                                         size_t columns, const CsvDialect& dialect) {
  const char end_byte = dialect.line_end == CsvDialect::LineEnd::kCr ? '\r' : '\n';
  const auto is = [&](uint64_t at, char c) -> absl::StatusOr<bool> {
    if (at < first_record) return false;
    char found;
    RETURN_IF_ERROR(source.ReadAt(at, {&found, 1}));
    return found == c;
  };
  uint64_t end = source.size();
  ASSIGN_OR_RETURN(const bool has_mark, EndsInMark(source, first_record));
  // Behind an escaped line end it would be a part of the value.
  if (has_mark && columns > 1 && !dialect.has_escapes()) --end;
  while (columns > 1 && end > first_record) {
    ASSIGN_OR_RETURN(const bool line_end, is(end - 1, end_byte));
    if (!line_end) break;
    uint64_t begin = end - 1;
    if (dialect.line_end == CsvDialect::LineEnd::kCrLf && begin > first_record) {
      ASSIGN_OR_RETURN(const bool pair, is(begin - 1, '\r'));
      if (pair) --begin;
    }
    // Only a line end after another one, or at the beginning, ends a blank line.
    if (begin > first_record) {
      ASSIGN_OR_RETURN(const bool blank, is(begin - 1, end_byte));
      if (!blank) break;
    }
    end = begin;
  }
  return end;
}

}  // namespace driftwood::agent
