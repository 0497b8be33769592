#include "agent/stores/csv/csv_delimiter.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/source/messages.h"
#include "agent/stores/csv/csv_parser.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"
#include "merkle/text/shell_word.h"

namespace driftwood::agent {
namespace {

constexpr std::string_view kDelimiters = ",;\t|";
// With those that programs write, but people in names and values too.
constexpr std::string_view kAnyDelimiters = ";\t|,: ";
using Counts = std::array<size_t, kDelimiters.size()>;
constexpr std::string_view kMark = "\xEF\xBB\xBF";  // UTF-8's byte order mark

// How often a record has each, outside of quotes. `text` is left behind its line end.
Counts CountIn(std::string_view* text, std::optional<char> quote) {
  Counts counts = {};
  bool in_quotes = false;
  size_t at = 0;
  for (; at < text->size(); ++at) {
    const char c = (*text)[at];
    if (quote && c == *quote) in_quotes = !in_quotes;
    if (in_quotes) continue;
    if (c == '\n' || c == '\r') break;
    const size_t which = kDelimiters.find(c);
    if (which != std::string_view::npos) ++counts[which];
  }
  const size_t line_end = text->substr(at).starts_with("\r\n") ? 2 : 1;
  text->remove_prefix(std::min(at + line_end, text->size()));
  return counts;
}

// The first bytes, at most so many.
absl::StatusOr<std::string> HeadOf(const ByteSource& source, uint64_t begin, size_t bytes) {
  std::string head(static_cast<size_t>(std::min<uint64_t>(bytes, source.size() - begin)), '\0');
  RETURN_IF_ERROR(source.ReadAt(begin, head));
  return head;
}

std::string TakeLine(std::string_view* text) {
  const size_t end = std::min(text->find_first_of("\r\n"), text->size());
  std::string line(text->substr(0, end));
  const size_t line_end = text->substr(end).starts_with("\r\n") ? 2 : 1;
  text->remove_prefix(std::min(end + line_end, text->size()));
  return line;
}

// Of blanks, their runs: columns may be aligned by them.
size_t CountOf(char c, std::string_view line) {
  size_t count = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == c && (c != ' ' || i + 1 == line.size() || line[i + 1] != ' ')) ++count;
  }
  return count;
}

}  // namespace

absl::StatusOr<std::optional<SeparatorLine>> ReadSeparatorLine(const ByteSource& source) {
  constexpr std::string_view kBegin = "sep=";
  constexpr size_t kLine = kMark.size() + kBegin.size() + 3;  // the delimiter, CR, LF
  ASSIGN_OR_RETURN(const std::string head, HeadOf(source, 0, kLine));
  std::string_view rest = head;
  if (rest.starts_with(kMark)) rest.remove_prefix(kMark.size());
  if (!Lowercase(rest).starts_with(kBegin)) return std::optional<SeparatorLine>();
  rest.remove_prefix(kBegin.size());
  constexpr size_t kDelimiter = 1;
  if (rest.size() <= kDelimiter || std::string_view("\"\r\n").find(rest[0]) != rest.npos) {
    return std::optional<SeparatorLine>();
  }
  SeparatorLine line{rest[0], 0};
  rest.remove_prefix(kDelimiter);
  const size_t line_end = rest.starts_with("\r\n") ? 2 : rest.find_first_of("\r\n") == 0 ? 1 : 0;
  if (line_end == 0) return std::optional<SeparatorLine>();
  line.end = static_cast<uint64_t>(rest.data() - head.data()) + line_end;
  return std::optional<SeparatorLine>(line);
}

absl::StatusOr<SeparatorReading> PassSeparatorLine(const ByteSource& source,
                                                   const std::string& name, const StoreUrl& url,
                                                   const CsvDialect& dialect, bool header,
                                                   size_t columns, const ChunkOptions& options) {
  SeparatorReading reading;
  if (dialect.has_escapes()) return reading;
  ASSIGN_OR_RETURN(const std::optional<SeparatorLine> line, ReadSeparatorLine(source));
  if (!line) return reading;
  reading.begin = line->end;
  const bool is_said =
      url.scheme == "tsv" || url.Parameter("delimiter") || url.Parameter("dialect");
  if (!is_said) reading.delimiter = line->delimiter;
  const bool agrees = line->delimiter == dialect.delimiter;
  const std::string says = std::string("sep=") + Printable(std::string(1, line->delimiter));
  const std::string subject = Printable(name) + ", line 1: " + says;
  const std::string pass_by =
      "pass the line by, as in: tail -n +2 " + ShellWord(url.path) + " | driftwood csv:- …";
  if (!header) {
    const size_t fields = agrees ? 2 : 1;
    if (columns != fields) return reading;
    return absl::InvalidArgumentError(
        subject + " may say what separates the fields, as Excel has it, or be a record; " +
        pass_by + ", or put the fields of the record in quotes");
  }
  if (!is_said || agrees) return reading;
  const std::string ours = "delimiter=" + DelimiterName(dialect.delimiter);
  ASSIGN_OR_RETURN(const CsvFirstRecord first,
                   ReadFirstCsvRecord(source, dialect, header, options, line->end));
  if (!first.error && first.fields.size() > 1) {
    reading.doubt = "its first line says " + says + ", and its URL " + ours + ", which counts";
    return reading;
  }
  return absl::InvalidArgumentError(subject + " says another delimiter than the URL, which has " +
                                    ours + ", and what follows has no such; say delimiter=" +
                                    DelimiterName(line->delimiter) + ", or " + pass_by);
}

absl::StatusOr<std::string> DoubtOneColumn(const ByteSource& source, uint64_t begin,
                                           const StoreUrl& url, const CsvDialect& dialect) {
  constexpr size_t kLookedAt = size_t{4} << 10;
  ASSIGN_OR_RETURN(const std::string head, HeadOf(source, begin, kLookedAt));
  std::string_view text = head;
  const std::string header = TakeLine(&text);
  const bool has_record = !text.empty();
  const std::string record = TakeLine(&text);
  if (dialect.quote && header.find(*dialect.quote) != std::string::npos) return std::string();
  for (const char delimiter : kAnyDelimiters) {
    const size_t count = CountOf(delimiter, header);
    if (delimiter == dialect.delimiter || count == 0) continue;
    if (has_record && CountOf(delimiter, record) != count) continue;
    const std::string has = "it has one column, named " + Printable(header) + "; ";
    if (delimiter == ' ' && header.find("  ") != std::string::npos) {
      return has + "if blanks align its columns, put a comma in their place, as in: sed -E " +
             ShellWord("s/ +/,/g") + " " + ShellWord(url.path) + " | driftwood csv:- …";
    }
    return has + "if its fields are separated otherwise, say so in its URL, as in " +
           ShellWord(url.With("delimiter", DelimiterName(delimiter)).ToString());
  }
  const std::string next = TakeLine(&text);
  for (const char delimiter : kDelimiters) {
    const size_t count = CountOf(delimiter, record);
    if (count == 0 || CountOf(delimiter, next) != count) continue;
    return "it has one column, named " + Printable(header) +
           "; if that is a title or a remark, pass it by, as in: tail -n +2 " +
           ShellWord(url.path) + " | driftwood csv:- …";
  }
  return std::string();
}

std::string DelimiterName(char delimiter) {
  switch (delimiter) {
    case ',':
      return "comma";
    case ';':
      return "semicolon";
    case '\t':
      return "tab";
    case '|':
      return "pipe";
    case ' ':
      return "space";
    default:
      return {delimiter};
  }
}

absl::StatusOr<std::optional<char>> DetectDelimiter(const ByteSource& source,
                                                    const std::string& name,
                                                    const CsvDialect& dialect,
                                                    const ChunkOptions& options) {
  const CsvDecoder decoder(dialect, {0}, 1);
  // What is found must not depend on how the file is read.
  ChunkOptions beginning = options;
  beginning.chunk_bytes = ChunkOptions().chunk_bytes;
  RecordChunks chunks(source, 0, source.size(), beginning, decoder.NewRecordEnds());
  ASSIGN_OR_RETURN(const RecordChunks::Step step, chunks.Next());
  const Chunk* const chunk = std::get_if<Chunk>(&step);
  if (chunk == nullptr) return std::optional<char>();  // what is wrong is found by who reads it
  std::string_view text(chunk->begin(), chunk->size);
  const Counts header = CountIn(&text, dialect.quote);
  const bool has_record = !text.empty();
  const Counts record = CountIn(&text, dialect.quote);
  std::vector<char> found, fitting;
  for (size_t i = 0; i < kDelimiters.size(); ++i) {
    if (header[i] == 0 || kDelimiters[i] == dialect.quote) continue;
    found.push_back(kDelimiters[i]);
    if (has_record && record[i] == header[i]) fitting.push_back(kDelimiters[i]);
  }
  if (found.empty()) return std::optional<char>();
  if (found.size() == 1) return std::optional<char>(found[0]);
  if (fitting.size() == 1) return std::optional<char>(fitting[0]);
  std::vector<std::string> names;
  for (const char each : fitting.empty() ? found : fitting) {
    names.push_back("delimiter=" + DelimiterName(each));
  }
  return absl::InvalidArgumentError(
      Printable(name) + ", line 1: its fields may be separated in more than one way; add " +
      JoinOr(names) + " to its URL");
}

}  // namespace driftwood::agent
