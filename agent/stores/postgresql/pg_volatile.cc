#include "agent/stores/postgresql/pg_volatile.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <string_view>
#include <vector>

#include "merkle/status_macros.h"
#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

bool IsNamePart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         (c & 0x80) != 0;
}

// Where what is in quotes from `begin` on ends, with doubled quotes in it.
size_t QuotedEnd(std::string_view text, size_t begin) {
  size_t end = begin + 1;
  while (end < text.size()) {
    if (text[end++] != text[begin]) continue;
    if (end >= text.size() || text[end] != text[begin]) break;
    ++end;
  }
  return end;
}

std::string Unquoted(std::string_view name) {
  std::string plain;
  for (size_t i = 1; i + 1 < name.size(); ++i) {
    plain += name[i];
    if (name[i] == '"') ++i;
  }
  return plain;
}

// The names that stand right before a '(', and all words (which are clocks' keywords, maybe).
// Literals are skipped.
struct PlanNames {
  std::set<std::string> called;
  std::set<std::string> words;

  void Add(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
      const size_t begin = i;
      if (text[i] == '\'') {
        i = QuotedEnd(text, i);
        continue;
      }
      const bool quoted = text[i] == '"';
      if (quoted) i = QuotedEnd(text, i);
      while (!quoted && i < text.size() && IsNamePart(text[i])) ++i;
      if (i == begin) {
        ++i;
        continue;
      }
      const std::string_view name = text.substr(begin, i - begin);
      if (!quoted) words.emplace(name);
      if (i < text.size() && text[i] == '(')
        called.insert(quoted ? Unquoted(name) : std::string(name));
    }
  }
};

// What an escape of the server's JSON stands for; `at` is behind its '\', and moves to its end.
char Unescaped(std::string_view json, size_t* at) {
  constexpr std::string_view kEscapes = "bfnrt", kMeanings = "\b\f\n\r\t";
  const char c = json[*at];
  if (c == 'u') {
    unsigned code = 0;  // of a control character: the others stand as they are
    std::from_chars(json.data() + *at + 1, json.data() + std::min(*at + 5, json.size()), code, 16);
    *at = std::min(*at + 4, json.size());
    return static_cast<char>(code);
  }
  const size_t which = kEscapes.find(c);
  return which == std::string_view::npos ? c : kMeanings[which];
}

// The strings of a JSON text, each by itself: a literal may have line breaks in it, and a name that
// stands in no quotes an odd one of its own.
std::vector<std::string> StringsOf(std::string_view json) {
  std::vector<std::string> strings;
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '"') continue;
    std::string& text = strings.emplace_back();
    for (++i; i < json.size() && json[i] != '"'; ++i) {
      const bool escaped = json[i] == '\\' && ++i < json.size();
      if (i < json.size()) text += escaped ? Unescaped(json, &i) : json[i];
    }
  }
  return strings;
}

// As PostgreSQL words them in a plan.
constexpr std::string_view kClockFunctions[] = {"now", "transaction_timestamp",
                                                "statement_timestamp"};
constexpr std::string_view kClockWords[] = {"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP",
                                            "LOCALTIME", "LOCALTIMESTAMP"};

// Which of the functions of a name in the list are such that the next statement may get something
// else of them. Where clocks count, so do functions of users that stand still within a statement
// only, since they may hide one, and those that ask the server about its state or this connection.
// What C code says of itself is believed: extensions' functions depend on settings, not on clocks.
constexpr std::string_view kIsVolatile = "provolatile OPERATOR(pg_catalog.=) 'v'";
constexpr std::string_view kMayHideAClock =
    "(provolatile OPERATOR(pg_catalog.=) 'v' OR provolatile OPERATOR(pg_catalog.=) 's' AND "
    "(oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND prolang NOT IN (SELECT l.oid FROM "
    "pg_catalog.pg_language l WHERE l.lanname IN ('internal', 'c')) "
    "OR proname::pg_catalog.text OPERATOR(pg_catalog.~) "
    "'^(pg_(stat|show)_|inet_(client|server)_|txid_|pg_(current_(snapshot|xact)|snapshot|listening|"
    "cursor|prepared|backend_pid|postmaster_start_time|conf_load_time|my_temp_schema|relation_"
    "file)|current_setting$|mxid_age$)'))";

}  // namespace

absl::StatusOr<std::string> MovingFunctionIn(
    const PgResult& plan, bool clocks,
    const std::function<absl::StatusOr<PgResult>(const std::string& sql)>& ask) {
  PlanNames names;
  for (int i = 0; i < plan.rows(); ++i) {
    for (const std::string& text : StringsOf(plan.Text(i, 0))) names.Add(text);
  }
  if (clocks) {
    for (const std::string_view name : kClockFunctions) {
      if (names.called.contains(std::string(name))) return std::string(name) + "()";
    }
    for (const std::string_view word : kClockWords) {
      if (names.words.contains(std::string(word))) return std::string(word);
    }
  }
  // How a plan says that a sample is drawn ("Sampling Method": "bernoulli").
  if (names.words.contains("Sampling")) return "TABLESAMPLE";
  if (names.called.empty()) return "";
  // In hexadecimal digits, which no setting of the session reads in another way.
  std::string list;
  for (const std::string& name : names.called) {
    list += (list.empty() ? "'" : ", '") + Hex(name) + "'";
  }
  ASSIGN_OR_RETURN(const PgResult found,
                   ask("SELECT pg_catalog.min(proname::pg_catalog.text) FROM pg_catalog.pg_proc "
                       "WHERE " +
                       std::string(clocks ? kMayHideAClock : kIsVolatile) +
                       " AND pg_catalog.encode(pg_catalog.convert_to(proname::pg_catalog.text, "
                       "pg_catalog.current_setting('client_encoding')), 'hex') "
                       "OPERATOR(pg_catalog.=) ANY (ARRAY[" +
                       list + "])"));
  return found.rows() == 0 || found.IsNull(0, 0) ? "" : found.Text(0, 0) + "()";
}

}  // namespace driftwood::agent
