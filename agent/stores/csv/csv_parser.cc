#include "agent/stores/csv/csv_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <variant>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using LineEnd = CsvDialect::LineEnd;

constexpr size_t kBlock = 64;
static_assert(kBlock <= kChunkPadding);
constexpr char kMarkBytes[] = "\xEF\xBB\xBF";  // UTF-8's byte order mark
constexpr size_t kMarkSize = 3;

// Hands out, in order, the positions of the bytes that may mean something: the delimiter, '"', and
// all from NUL to CR (one comparison; the others among those are rare in text, and no harm).
// Everything is inlined into the caller's loop, so that its members live in registers.
class SpecialBytes {
 public:
  SpecialBytes(char* begin, char* end, char delimiter)
      : block_(begin), end_(end), delimiter_(delimiter) {
    mask_ = begin < end ? MaskOf(begin) : 0;
  }

  // At or after the end: there are no more.
  [[gnu::always_inline]] inline char* Next() {
    while (mask_ == 0) {
      block_ += kBlock;
      if (block_ >= end_) return end_;
      mask_ = MaskOf(block_);
    }
    char* found = block_ + std::countr_zero(mask_);
    mask_ &= mask_ - 1;
    return found;
  }

 private:
#if defined(__SSE2__)
  [[gnu::always_inline]] inline uint64_t MaskOf(const char* block) const {
    const __m128i delimiter = _mm_set1_epi8(delimiter_);
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i highest = _mm_set1_epi8('\r');
    uint64_t mask = 0;
    for (int i = 0; i < 4; ++i) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * i));
      const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest), bytes);
      const __m128i special = _mm_or_si128(
          low, _mm_or_si128(_mm_cmpeq_epi8(bytes, delimiter), _mm_cmpeq_epi8(bytes, quote)));
      mask |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(special))) << (16 * i);
    }
    return mask;
  }
#else
  uint64_t MaskOf(const char* block) const {
    uint64_t mask = 0;
    for (size_t i = 0; i < kBlock; ++i) {
      const char c = block[i];
      const bool special = c == delimiter_ || c == '"' || static_cast<unsigned char>(c) <= '\r';
      mask |= uint64_t{special} << i;
    }
    return mask;
  }
#endif

  char* block_;
  char* const end_;
  const char delimiter_;
  uint64_t mask_;
};

// What follows a field.
enum class After : uint8_t { kDelimiter, kRecord, kError };

struct Failure {
  const char* at = nullptr;
  const char* message = nullptr;
};

constexpr char kNulMessage[] =
    "a NUL byte: CSV is text, without them; is the file damaged, or UTF-16? Convert it to UTF-8";
constexpr char kQuoteMessage[] =
    "a quote in the middle of an unquoted field; quote the whole field and double the quotes in it";
constexpr char kCarriageReturnMessage[] =
    "a carriage return in an unquoted field, not part of a line end; quote the field";
constexpr char kCrLfMessage[] =
    "this line ends with CR LF, the file's first with LF; convert the file to one of them, or "
    "quote the field if the carriage return belongs to it";
constexpr char kLfMessage[] =
    "this line ends with LF, the file's first with CR LF; convert the file to one of them";
constexpr char kAfterQuoteMessage[] =
    "text after a closing quote; a quote inside a quoted field must be doubled";
constexpr char kUnterminatedMessage[] =
    "the quoted field that begins here is not closed before the end of the file; close it, or "
    "fetch the whole file again";

// The fields of one chunk, in order. Everything is inlined: were its address to escape, each field
// would pay for loads and stores of the state.
class FieldReader {
 public:
  FieldReader(const Chunk& chunk, char* begin, const CsvDialect& dialect)
      : specials_(begin, chunk.end(), dialect.delimiter),
        next_(begin),
        end_(chunk.end()),
        delimiter_(dialect.delimiter),
        line_end_(dialect.line_end),
        newline_added_(chunk.newline_added) {}

  bool AtEnd() const { return next_ >= end_; }
  const char* position() const { return next_; }
  // Of the field that Read() has read.
  std::string_view text() const { return {field_, static_cast<size_t>(field_end_ - field_)}; }
  bool quoted() const { return quoted_; }
  // The byte after the field, and after its quotes.
  const char* after() const { return next_ - 1; }
  const Failure& failure() const { return failure_; }
  LineEnd line_end() const { return line_end_; }

  [[gnu::always_inline]] inline After Read() {
    field_ = next_;
    quoted_ = false;
    while (true) {
      char* const at = specials_.Next();
      const char c = *at;
      if (c == delimiter_) {
        field_end_ = at;
        next_ = at + 1;
        return After::kDelimiter;
      }
      if (c == '\n') {
        field_end_ = at;
        return EndRecord(at, false);
      }
      if (c == '"') {
        if (at != field_) return Fail(at, kQuoteMessage);
        return ReadQuoted(at);
      }
      if (c == '\r') {
        if (at[1] != '\n') return Fail(at, kCarriageReturnMessage);
        field_end_ = at;
        return EndRecord(specials_.Next(), true);
      }
      if (c == '\0') return Fail(at, kNulMessage);
    }
  }

 private:
  [[gnu::always_inline]] inline After Fail(const char* at, const char* message) {
    failure_ = {at, message};
    return After::kError;
  }

  [[gnu::always_inline]] inline After EndRecord(char* newline, bool carriage_return) {
    const LineEnd line_end = carriage_return ? LineEnd::kCrLf : LineEnd::kLf;
    next_ = newline + 1;
    if (line_end == line_end_) return After::kRecord;
    return EndOddRecord(newline, line_end);
  }

  // A line end unlike the first one, or the first one.
  [[gnu::always_inline]] inline After EndOddRecord(const char* newline, LineEnd line_end) {
    if (newline_added_ && newline + 1 == end_ && line_end == LineEnd::kLf) return After::kRecord;
    if (line_end_ != LineEnd::kUnknown)
      return Fail(newline, line_end == LineEnd::kCrLf ? kCrLfMessage : kLfMessage);
    line_end_ = line_end;
    return After::kRecord;
  }

  [[gnu::always_inline]] inline After ReadQuoted(char* opening) {
    quoted_ = true;
    field_ = opening + 1;
    char* written = field_;     // up to here the value is unescaped
    const char* read = field_;  // from here on it isn't
    while (true) {
      char* const at = specials_.Next();
      if (at >= end_) return Fail(opening, kUnterminatedMessage);
      if (*at == '\0') return Fail(at, kNulMessage);
      if (*at != '"') continue;
      // Unescaping begins with the first doubled quote: before it nothing moves.
      const auto length = static_cast<size_t>(at - read);
      if (written != read) std::memmove(written, read, length);
      written += length;
      if (at[1] != '"') {
        field_end_ = written;
        return AfterQuoted(at + 1);
      }
      *written++ = '"';
      read = specials_.Next() + 1;
    }
  }

  [[gnu::always_inline]] inline After AfterQuoted(char* at) {
    const bool carriage_return = *at == '\r' && at[1] == '\n';
    if (*at != delimiter_ && *at != '\n' && !carriage_return) return Fail(at, kAfterQuoteMessage);
    char* special = specials_.Next();
    DRIFTWOOD_CHECK(special == at);
    if (*at == delimiter_) {
      next_ = at + 1;
      return After::kDelimiter;
    }
    if (carriage_return) special = specials_.Next();
    return EndRecord(special, carriage_return);
  }

  SpecialBytes specials_;
  char* next_;
  char* const end_;
  char* field_ = nullptr;
  const char* field_end_ = nullptr;
  const char delimiter_;
  LineEnd line_end_;
  const bool newline_added_;
  bool quoted_ = false;
  Failure failure_;
};

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

}  // namespace

std::string CsvDialect::ToString() const {
  return std::string("delimiter=") + delimiter + " null" + (null_text ? "=" + *null_text : " off");
}

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

std::unique_ptr<RecordEnds> CsvDecoder::NewRecordEnds() const {
  return std::make_unique<CsvRecordEnds>();
}

ChunkDecoder::Result CsvDecoder::Decode(Chunk& chunk, RowSink& sink) const {
  const size_t columns = slots_.size();
  const uint32_t* const slots = slots_.data();
  const bool has_null = dialect_.null_text.has_value();
  const std::string_view null_text = has_null ? *dialect_.null_text : std::string_view();
  // One place more, where the values that nobody wants go.
  std::vector<SourceValue> places(row_size_ + 1);
  SourceValue* const row = places.data();
  const std::span<const SourceValue> wanted(row, row_size_);

  FieldReader fields(chunk, chunk.begin(), dialect_);
  Result result;
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
      const std::string_view text = fields.text();
      SourceValue& value = row[slots[column]];
      const bool null = !fields.quoted() && text.size() == null_text.size() && has_null &&
                        std::memcmp(text.data(), null_text.data(), text.size()) == 0;
      value.kind = null ? SourceValue::Kind::kNull : SourceValue::Kind::kText;
      value.text = text;
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

absl::StatusOr<CsvFirstRecord> ReadFirstCsvRecord(const ByteSource& source,
                                                  const CsvDialect& dialect,
                                                  const ChunkOptions& options) {
  CsvFirstRecord first;
  char mark[kMarkSize];
  if (source.size() >= kMarkSize) {
    RETURN_IF_ERROR(source.ReadAt(0, mark));
    if (std::memcmp(mark, kMarkBytes, kMarkSize) == 0) first.begin = kMarkSize;
  }
  first.end = first.begin;
  RecordChunks chunks(source, first.begin, options, std::make_unique<CsvRecordEnds>());
  ASSIGN_OR_RETURN(RecordChunks::Step step, chunks.Next());
  if (RecordError* error = std::get_if<RecordError>(&step)) first.error = std::move(*error);
  Chunk* chunk = std::get_if<Chunk>(&step);
  if (chunk == nullptr) return first;

  CsvDialect unknown = dialect;
  unknown.line_end = LineEnd::kUnknown;
  FieldReader fields(*chunk, chunk->begin(), unknown);
  first.present = true;
  After after = After::kDelimiter;
  while (after == After::kDelimiter) {
    after = fields.Read();
    if (after == After::kError) {
      first.error = ErrorAt(*chunk, fields.failure().at, fields.failure().message);
      return first;
    }
    first.fields.emplace_back(fields.text());
  }
  first.line_end = fields.line_end();
  const auto size = static_cast<uint64_t>(fields.position() - chunk->begin());
  first.end = std::min(chunk->offset + size, source.size());

  uint64_t lines = 0;
  bool in_quotes = false;
  const char* const rest = fields.position();
  for (const char* p = rest; p < chunk->end(); ++p) {
    if (*p == '"') in_quotes = !in_quotes;
    if (*p == '\n' && !in_quotes) ++lines;
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

}  // namespace driftwood::agent
