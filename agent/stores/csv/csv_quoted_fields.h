// The fields of a chunk of RFC 4180 records: the fast reader of csv_parser.cc.
//
// How it is fast: blocks of 64 bytes become bit masks of the few bytes that mean something
// (after Langdale and Lemire, "Parsing Gigabytes of JSON per Second"), so that ordinary characters
// are never looked at one by one. Everything is inlined into the caller's loop: were a reader's
// address to escape, each field would pay for loads and stores of the state.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "agent/stores/csv/csv_dialect.h"
#include "agent/stores/text/record_chunks.h"
#include "merkle/check.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace driftwood::agent::csv {

inline constexpr size_t kBlock = 64;
static_assert(kBlock <= kChunkPadding);

// What follows a field.
enum class After : uint8_t { kDelimiter, kRecord, kError };

struct Failure {
  const char* at = nullptr;
  const char* message = nullptr;
};

inline constexpr char kNulMessage[] =
    "a NUL byte: CSV is text, without them; is the file damaged, or UTF-16 without a byte order "
    "mark? Then say encoding=utf-16le or utf-16be";
inline constexpr char kQuoteMessage[] =
    "a quote in the middle of an unquoted field; quote the whole field and double the quotes in it";
inline constexpr char kCarriageReturnMessage[] =
    "a carriage return in an unquoted field, not part of a line end; quote the field";
inline constexpr char kMixedLineEndMessage[] =
    "this line ends with CR LF, the file's first with LF, so that the carriage return may belong "
    "to "
    "the value; quote the field, or convert the file's line ends";
inline constexpr char kAfterQuoteMessage[] =
    "text after a closing quote; a quote inside a quoted field must be doubled";
inline constexpr char kAfterEscapedQuoteMessage[] =
    "text after a closing quote; if the backslash before it escapes a quote, say escape=%5C in the "
    "file's URL";
inline constexpr char kUnterminatedMessage[] =
    "the quoted field that begins here is not closed before the end of the file; close it, or "
    "fetch the whole file again";

// Hands out, in order, the positions of the bytes that may mean something: the delimiter, '"', and
// all from NUL to CR (one comparison; the others among those are rare in text, and no harm).
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

// The fields of one chunk, in order.
class QuotedFields {
 public:
  QuotedFields(const Chunk& chunk, char* begin, const CsvDialect& dialect)
      : specials_(begin, chunk.end(), dialect.delimiter),
        next_(begin),
        end_(chunk.end()),
        delimiter_(dialect.delimiter),
        null_text_(dialect.null_text.value_or("")),
        has_null_(dialect.null_text.has_value()),
        lf_only_(dialect.line_end == CsvDialect::LineEnd::kLf) {}

  bool AtEnd() const { return next_ >= end_; }
  const char* position() const { return next_; }
  // Of the field that Read() has read.
  std::string_view text() const { return {field_, static_cast<size_t>(field_end_ - field_)}; }
  bool null() const {
    const std::string_view found = text();
    return !quoted_ && found.size() == null_text_.size() && has_null_ &&
           std::memcmp(found.data(), null_text_.data(), found.size()) == 0;
  }
  // The byte after the field, and after its quotes.
  const char* after() const { return next_ - 1; }
  const Failure& failure() const { return failure_; }

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
        return EndRecord(at);
      }
      if (c == '"') {
        if (at != field_) return Fail(at, kQuoteMessage);
        return ReadQuoted(at);
      }
      if (c == '\r') {
        if (at[1] != '\n') return Fail(at, kCarriageReturnMessage);
        if (lf_only_) return Fail(at, kMixedLineEndMessage);
        field_end_ = at;
        return EndRecord(specials_.Next());
      }
      if (c == '\0') return Fail(at, kNulMessage);
    }
  }

 private:
  [[gnu::always_inline]] inline After Fail(const char* at, const char* message) {
    failure_ = {at, message};
    return After::kError;
  }

  [[gnu::always_inline]] inline After EndRecord(char* newline) {
    next_ = newline + 1;
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
    if (*at != delimiter_ && *at != '\n' && !carriage_return) {
      // Behind the opening quote there is a byte before the closing one.
      return Fail(at, at[-2] == '\\' ? kAfterEscapedQuoteMessage : kAfterQuoteMessage);
    }
    char* special = specials_.Next();
    DRIFTWOOD_CHECK(special == at);
    if (*at == delimiter_) {
      next_ = at + 1;
      return After::kDelimiter;
    }
    if (carriage_return) special = specials_.Next();
    return EndRecord(special);
  }

  SpecialBytes specials_;
  char* next_;
  char* const end_;
  char* field_ = nullptr;
  const char* field_end_ = nullptr;
  const char delimiter_;
  const std::string null_text_;
  const bool has_null_;
  const bool lf_only_;
  bool quoted_ = false;
  Failure failure_;
};

}  // namespace driftwood::agent::csv
