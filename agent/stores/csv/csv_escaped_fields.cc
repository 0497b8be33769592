#include "agent/stores/csv/csv_escaped_fields.h"

#include <cstring>

#include "merkle/text/hex.h"

namespace driftwood::agent::csv {
namespace {

using Escapes = CsvDialect::Escapes;

constexpr char kDoubtfulEscapeMessage[] =
    "a backslash escape, which programs read in several ways; say dialect=copy (PostgreSQL's COPY "
    "wrote the file), dialect=mysql (mysql --batch or INTO OUTFILE did), or dialect=csv (a "
    "backslash is a backslash)";
constexpr char kDoubtfulQuoteMessage[] =
    "a quote at the beginning of a field, which programs read in two ways; say dialect=csv (the "
    "field is quoted), or dialect=copy or dialect=mysql (the quote belongs to the value)";
constexpr char kNullWordMessage[] =
    "the field NULL, which mysql --batch writes for NULL and INTO OUTFILE for the text NULL; say "
    "null=NULL for the one, null=%5CN for the other";
constexpr char kEscapeOutsideQuotesMessage[] =
    "the escape character in an unquoted field, which programs read in two ways; quote the field, "
    "or say quote=none";
constexpr char kEndMarkMessage[] =
    "\\. marks the end of COPY's data in a dump; remove this line and what follows it";
constexpr char kLineFeedMessage[] =
    "a line feed in an unquoted field of a file whose lines end with CR; quote the field";
constexpr char kOpenEscapeMessage[] = "the file ends in an escape; fetch the whole file again";

// The low digits of an octal or hexadecimal escape; -1: none.
int DigitOf(char c, int base) {
  const int digit = HexDigit(c);
  return digit < base ? digit : -1;
}

// What PostgreSQL's COPY means by a backslash and these bytes ("COPY", File Formats, Text Format).
void UnescapeCopy(const char** from, const char* end, char** to) {
  const char c = *(*from)++;
  const bool hex = c == 'x' && *from < end && DigitOf(**from, 16) >= 0;
  if (hex || DigitOf(c, 8) >= 0) {
    int value = hex ? 0 : DigitOf(c, 8);
    for (int digits = hex ? 0 : 1; digits < (hex ? 2 : 3) && *from < end; ++digits) {
      const int digit = DigitOf(**from, hex ? 16 : 8);
      if (digit < 0) break;
      value = value * (hex ? 16 : 8) + digit;
      ++*from;
    }
    *(*to)++ = static_cast<char>(value & 0xFF);
    return;
  }
  static constexpr char kLetters[] = "bfnrtv";
  static constexpr char kMeanings[] = "\b\f\n\r\t\v";
  const char* const letter = c == '\0' ? nullptr : std::strchr(kLetters, c);
  *(*to)++ = letter == nullptr ? c : kMeanings[letter - kLetters];
}

// And MySQL's LOAD DATA ("LOAD DATA", Field and Line Handling).
void UnescapeMysql(const char** from, char** to) {
  const char c = *(*from)++;
  static constexpr char kLetters[] = "0bnrtZ";
  static constexpr char kMeanings[] = "\0\b\n\r\t\x1A";
  const char* const letter = c == '\0' ? nullptr : std::strchr(kLetters, c);
  *(*to)++ = letter == nullptr ? c : kMeanings[letter - kLetters];
}

}  // namespace

After EscapedFields::Fail(const char* at, const char* message) {
  failure_ = {at, message};
  return After::kError;
}

size_t EscapedFields::LineEndAt(const char* at, bool quoted) const {
  if (dialect_.line_end == CsvDialect::LineEnd::kCr) {
    const bool added = newline_added_ && at + 1 == end_ && *at == '\n';
    return *at == '\r' || added ? 1 : 0;
  }
  if (*at == '\n') return 1;
  if (dialect_.line_end == CsvDialect::LineEnd::kLf && !quoted) return 0;
  return *at == '\r' && at + 1 < end_ && at[1] == '\n' ? 2 : 0;
}

After EscapedFields::End(const char* at, bool quoted) {
  if (*at == dialect_.delimiter) {
    next_ += at - next_ + 1;
    return After::kDelimiter;
  }
  next_ += at - next_ + static_cast<std::ptrdiff_t>(LineEndAt(at, quoted));
  return After::kRecord;
}

bool EscapedFields::IsDoubtful(const char* at) const {
  static constexpr char kMeant[] = "\\btnrfv0NZ.";
  const char next = at + 1 < end_ ? at[1] : '\n';
  return next == dialect_.delimiter || next == '\n' || next == '\r' ||
         (next != '\0' && std::strchr(kMeant, next) != nullptr);
}

// What may not stand in an unquoted field of a dialect without escapes there.
After EscapedFields::CheckPlain(const char* begin, const char* end) {
  const bool unsaid = dialect_.escapes == Escapes::kUnsaid;
  if (unsaid && begin < end && *begin == '"') return Fail(begin, kDoubtfulQuoteMessage);
  for (const char* at = begin; at < end; ++at) {
    if (*at == '\0') return Fail(at, kNulMessage);
    if (unsaid && *at == '\\' && IsDoubtful(at)) return Fail(at, kDoubtfulEscapeMessage);
    if (dialect_.quote && *at == *dialect_.quote) return Fail(at, kQuoteMessage);
    if (*at == '\n') return Fail(at, kLineFeedMessage);
    if (*at == '\r' && dialect_.escapes != Escapes::kMysql) return Fail(at, kCarriageReturnMessage);
    if (dialect_.escapes == Escapes::kCharacter && dialect_.quote && *at == dialect_.escape)
      return Fail(at, kEscapeOutsideQuotesMessage);
  }
  return After::kDelimiter;
}

void EscapedFields::Unescape(const char** from, char** to) const {
  ++*from;
  switch (dialect_.escapes) {
    case Escapes::kCopy:
      return UnescapeCopy(from, end_, to);
    case Escapes::kMysql:
      return UnescapeMysql(from, to);
    case Escapes::kNone:
    case Escapes::kCharacter:
    case Escapes::kUnsaid:
      *(*to)++ = *(*from)++;
  }
}

After EscapedFields::Read() {
  field_ = next_;
  null_ = false;
  if (dialect_.quote && *next_ == *dialect_.quote) return ReadQuoted(next_);
  return ReadPlain();
}

After EscapedFields::ReadPlain() {
  // With quotes, a plain escape means something within them only.
  const bool escapes =
      dialect_.has_escapes() && !(dialect_.escapes == Escapes::kCharacter && dialect_.quote);
  const char* from = field_;
  char* to = field_;
  while (from < end_ && *from != dialect_.delimiter && LineEndAt(from, false) == 0) {
    if (!escapes || *from != dialect_.escape) {
      if (escapes && CheckPlain(from, from + 1) == After::kError) return After::kError;
      ++from;
    } else {
      if (from + 1 >= end_) return Fail(from, kOpenEscapeMessage);
      from += 2;
    }
  }
  if (from >= end_) return Fail(end_ - 1, kOpenEscapeMessage);
  const std::string_view raw(field_, static_cast<size_t>(from - field_));
  if (!escapes && CheckPlain(field_, from) == After::kError) return After::kError;
  if (dialect_.escapes == Escapes::kCopy && raw == "\\.") return Fail(field_, kEndMarkMessage);
  if (dialect_.null_word_refused && raw == "NULL") return Fail(field_, kNullWordMessage);
  null_ = raw == dialect_.null_text || (dialect_.escapes == Escapes::kMysql && raw == "\\N");
  const char* const end = from;
  if (escapes) {
    for (const char* read = field_; read < end;) {
      if (*read == dialect_.escape)
        Unescape(&read, &to);
      else
        *to++ = *read++;
    }
    field_end_ = to;
  } else {
    field_end_ = end;
  }
  return End(end, false);
}

After EscapedFields::ReadQuoted(char* opening) {
  const char quote = *dialect_.quote;
  field_ = opening + 1;
  const char* from = field_;
  char* to = field_;
  while (from < end_) {
    if (*from == '\0') return Fail(from, kNulMessage);
    if (dialect_.has_escapes() && *from == dialect_.escape) {
      if (from + 1 >= end_) return Fail(opening, kUnterminatedMessage);
      Unescape(&from, &to);
      continue;
    }
    if (*from != quote) {
      *to++ = *from++;
      continue;
    }
    if (from + 1 < end_ && from[1] == quote) {
      *to++ = quote;
      from += 2;
      continue;
    }
    field_end_ = to;
    ++from;
    if (from >= end_ || (*from != dialect_.delimiter && LineEndAt(from, true) == 0))
      return Fail(from, kAfterQuoteMessage);
    return End(from, true);
  }
  return Fail(opening, kUnterminatedMessage);
}

size_t EscapedRecordEnds::After(std::string_view fresh) {
  const bool escapes = dialect_.has_escapes();
  // With quotes, a plain escape outside of them means nothing: the reader refuses it.
  const bool in_quotes_only = dialect_.escapes == Escapes::kCharacter && dialect_.quote;
  const char end = dialect_.line_end == CsvDialect::LineEnd::kCr ? '\r' : '\n';
  size_t last = 0;
  for (size_t i = 0; i < fresh.size(); ++i) {
    const char c = fresh[i];
    if (escaped_)
      escaped_ = false;
    else if (escapes && c == dialect_.escape && (in_quotes_ || !in_quotes_only))
      escaped_ = true;
    else if (dialect_.quote && c == *dialect_.quote)
      in_quotes_ = !in_quotes_;
    else if (c == end && !in_quotes_)
      last = i + 1;
  }
  return last;
}

}  // namespace driftwood::agent::csv
