#include "agent/stores/csv/csv_dialect.h"

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"
#include "merkle/text/unicode.h"

namespace driftwood::agent {
namespace {

using Escapes = CsvDialect::Escapes;

bool IsOneCharacter(std::string_view text) {
  return text.size() == 1 && static_cast<unsigned char>(text[0]) < 0x80 && text[0] != '\n' &&
         text[0] != '\r' && text[0] != '\0';
}

absl::StatusOr<char> ParseDelimiter(const std::string& text) {
  static constexpr std::pair<std::string_view, char> kNames[] = {
      {"tab", '\t'}, {"comma", ','}, {"semicolon", ';'}, {"pipe", '|'}, {"space", ' '}};
  for (const auto& [name, delimiter] : kNames)
    if (text == name) return delimiter;
  if (!IsOneCharacter(text) || text[0] == '"')
    return absl::InvalidArgumentError(
        "delimiter=" + Printable(text) +
        ": give one ASCII character other than a quote or a line end, or one of tab, comma, "
        "semicolon, pipe, space");
  return text[0];
}

// The character of quote= or escape=; nullopt for "none".
absl::StatusOr<std::optional<char>> ParseCharacter(const char* parameter, const std::string& text,
                                                   char delimiter) {
  if (text == "none") return std::optional<char>();
  if (!IsOneCharacter(text) || text[0] == delimiter)
    return absl::InvalidArgumentError(std::string(parameter) + "=" + Printable(text) +
                                      ": give one ASCII character other than the delimiter and a "
                                      "line end, or none");
  return std::optional<char>(text[0]);
}

absl::Status CheckNullText(const std::string& text, const CsvDialect& dialect) {
  std::string not_in_fields = std::string("\r\n\0", 3) + dialect.delimiter;
  if (dialect.quote) not_in_fields += *dialect.quote;
  if (text.find_first_of(not_in_fields) == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "null=" + Printable(text) +
      ": no unquoted field can be that; give a text without delimiter, quote and line end");
}

// What dialect= stands for; the other parameters change parts of it.
absl::StatusOr<CsvDialect> NamedDialect(const StoreUrl& url) {
  const bool tsv = url.scheme == "tsv";
  const std::optional<std::string> name = url.Parameter("dialect");
  CsvDialect dialect;
  if (tsv) dialect.delimiter = '\t';
  if (name == "copy" || name == "mysql") {
    dialect.delimiter = '\t';
    dialect.quote.reset();
    dialect.escapes = name == "copy" ? Escapes::kCopy : Escapes::kMysql;
    dialect.null_text = "\\N";
    dialect.null_word_refused = name == "mysql";
  } else if (!name && tsv) {
    dialect.quote.reset();
    dialect.escapes = Escapes::kUnsaid;
  } else if (name && name != "csv") {
    return absl::InvalidArgumentError(
        "dialect=" + Printable(*name) +
        ": say csv (quotes, doubled in quotes), copy (as PostgreSQL's COPY writes) or mysql (as "
        "mysql --batch and INTO OUTFILE write)");
  }
  return dialect;
}

absl::Status ApplyQuoteAndEscape(const StoreUrl& url, CsvDialect* dialect) {
  const std::optional<std::string> quote = url.Parameter("quote");
  const std::optional<std::string> escape = url.Parameter("escape");
  if (quote && dialect->escapes == Escapes::kCopy)
    return absl::InvalidArgumentError("quote=: dialect=copy has no quotes; leave one of them out");
  if (escape && dialect->has_escapes())
    return absl::InvalidArgumentError(
        "escape=: dialect=copy and dialect=mysql have the backslash; leave one of them out");
  if (quote) {
    ASSIGN_OR_RETURN(dialect->quote, ParseCharacter("quote", *quote, dialect->delimiter));
  }
  if (escape) {
    ASSIGN_OR_RETURN(const std::optional<char> character,
                     ParseCharacter("escape", *escape, dialect->delimiter));
    if (character && character == dialect->quote)
      return absl::InvalidArgumentError(
          "escape=" + Printable(*escape) +
          ": a quote is escaped by itself already; leave escape= out");
    if (character) {
      dialect->escapes = Escapes::kCharacter;
      dialect->escape = *character;
    }
  }
  // Who says either has said how the file is to be read.
  if ((quote || escape) && dialect->escapes == Escapes::kUnsaid) dialect->escapes = Escapes::kNone;
  return absl::OkStatus();
}

// The words of true= and false=, which stand in place of the usual ones.
absl::Status ParseWords(const StoreUrl& url, TextForms* forms) {
  const bool has_true = url.Parameter("true").has_value();
  if (has_true != url.Parameter("false").has_value())
    return absl::InvalidArgumentError(
        "true= and false= say together how booleans are written: give both, as in "
        "true=yes&false=no");
  if (!has_true) return absl::OkStatus();
  forms->true_words = url.List("true");
  forms->false_words = url.List("false");
  std::set<std::string> seen;
  for (const auto* words : {&forms->true_words, &forms->false_words}) {
    for (const std::string& word : *words) {
      if (word.empty())
        return absl::InvalidArgumentError("true= and false=: an empty word says nothing");
      if (!seen.insert(merkle::FoldWord(word)).second)
        return absl::InvalidArgumentError("true= and false=: '" + Printable(word) +
                                          "' is there twice (letter case does not count)");
    }
  }
  return absl::OkStatus();
}

absl::Status ParseThousands(const StoreUrl& url, const std::string& decimal, TextForms* forms) {
  static constexpr std::pair<std::string_view, char> kMarks[] = {
      {"comma", ','}, {",", ','}, {"point", '.'},       {".", '.'},
      {"space", ' '}, {" ", ' '}, {"apostrophe", '\''}, {"'", '\''}};
  const std::optional<std::string> thousands = url.Parameter("thousands");
  if (!thousands) return absl::OkStatus();
  for (const auto& [name, mark] : kMarks) {
    if (*thousands == name) forms->thousands = mark;
  }
  if (forms->thousands == 0)
    return absl::InvalidArgumentError(
        "thousands=" + Printable(*thousands) +
        ": say what stands between groups of three digits: thousands=, for 1,234.5, "
        "thousands=.&decimal=, for 1.234,5, thousands=space or thousands=apostrophe");
  if (forms->thousands != decimal[0]) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "thousands=" + Printable(*thousands) + ": that is what fractions stand behind; " +
      (decimal == "," ? "leave one of thousands= and decimal= out"
                      : "for numbers such as 1.234,5 say thousands=.&decimal=,"));
}

absl::Status ParseForms(const StoreUrl& url, CsvDialect* dialect) {
  // What MySQL's programs write of a blob are its bytes.
  dialect->forms.raw_bytes = dialect->escapes == Escapes::kMysql;
  const std::string decimal = url.Parameter("decimal").value_or(".");
  if (decimal != "." && decimal != ",")
    return absl::InvalidArgumentError("decimal=" + Printable(decimal) +
                                      ": numbers have a point or a comma; say decimal=, for the "
                                      "comma");
  dialect->forms.decimal_comma = decimal == ",";
  RETURN_IF_ERROR(ParseThousands(url, decimal, &dialect->forms));
  return ParseWords(url, &dialect->forms);
}

std::string WordsText(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += std::to_string(word.size()) + ":" + word + ",";
  return text;
}

}  // namespace

absl::StatusOr<CsvDialect> CsvDialectOf(const StoreUrl& url) {
  ASSIGN_OR_RETURN(CsvDialect dialect, NamedDialect(url));
  if (const auto delimiter = url.Parameter("delimiter")) {
    if (url.scheme == "tsv")
      return absl::InvalidArgumentError("tsv: has the tab as its delimiter; use csv: for another");
    ASSIGN_OR_RETURN(dialect.delimiter, ParseDelimiter(*delimiter));
    if (dialect.has_escapes() && dialect.delimiter == dialect.escape)
      return absl::InvalidArgumentError(
          "delimiter=\\: the backslash is the escape of this dialect; give another delimiter");
  }
  RETURN_IF_ERROR(ApplyQuoteAndEscape(url, &dialect));
  if (const auto null = url.Parameter("null")) {
    dialect.null_word_refused = false;
    if (*null == "none")
      dialect.null_text.reset();
    else
      dialect.null_text = *null;
    RETURN_IF_ERROR(CheckNullText(*null, dialect));
  }
  RETURN_IF_ERROR(ParseForms(url, &dialect));
  return dialect;
}

std::string CsvDialect::ToString() const {
  std::string text = std::string("delimiter=") + delimiter;
  text += " quote" + (quote ? std::string("=") + *quote : " off");
  text += " escapes=" + std::to_string(static_cast<int>(escapes)) + escape;
  text += std::string(" null") + (null_text ? "=" + *null_text : " off");
  if (forms.decimal_comma) text += " decimal-comma";
  if (forms.thousands != 0) text += std::string(" thousands=") + forms.thousands;
  if (forms.raw_bytes) text += " raw-bytes";
  if (forms.has_words())
    text += " true=" + WordsText(forms.true_words) + " false=" + WordsText(forms.false_words);
  return text + (null_word_refused ? " null-word-refused" : "");
}

}  // namespace driftwood::agent
