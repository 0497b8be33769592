#include "agent/stores/mysql/mysql_dated_time.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "agent/stores/mysql/mysql_tokens.h"
#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

// They give a TIME, but str_to_date() only where its format has no day, and addtime() and subtime()
// where they begin with one: what a text or a name begins with isn't known.
constexpr std::string_view kGivesTime[] = {"maketime", "sec_to_time", "str_to_date", "time",
                                           "timediff", "curtime",     "utc_time",    "current_time",
                                           "convert",  "addtime",     "subtime"};
// They read a TIME as a TIME or text, and give no TIME; or one that is looked at for itself.
constexpr std::string_view kTakesTime[] = {
    "concat", "concat_ws",   "count", "hour",        "isnull",      "microsecond", "minute",
    "second", "sec_to_time", "time",  "time_format", "time_to_sec", "timediff"};
constexpr std::string_view kCastToOther[] = {"binary",  "char",   "decimal", "double",
                                             "integer", "signed", "time",    "unsigned"};
constexpr std::string_view kComparisons[] = {"=", "<", ">", "<=", ">=", "<>", "!=", "<=>"};
// What a comparison can't reach beyond.
constexpr std::string_view kBefore[] = {"",       "(",      ",",        "and",  "or",
                                        "not",    "xor",    "on",       "when", "where",
                                        "having", "select", "distinct", "then", "else"};
constexpr std::string_view kBehind[] = {"",      ")",     ",",      "and",   "or",  "xor",
                                        "group", "order", "then",   "limit", "end", "as",
                                        "from",  "where", "having", "when",  "else"};
// Around what is selected, grouped or ordered by as it is.
constexpr std::string_view kItemBefore[] = {"select", "distinct", "all", ",", "by"};
constexpr std::string_view kItemBehind[] = {"",     "as",    ",",     "asc",    "desc",
                                            "from", "group", "order", "having", "limit"};
constexpr std::string_view kSetOperators[] = {"union", "except", "intersect", "minus"};

template <size_t kCount>
bool Among(std::string_view word, const std::string_view (&words)[kCount]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// '8:00', '08:00:00.5': read as a TIME beside one.
bool IsTimeText(std::string_view text) {
  return !text.empty() && text.size() <= 17 && text.find(':') != std::string_view::npos &&
         text.find_first_not_of("0123456789:.") == std::string_view::npos;
}

// Names with all that qualifies them, comparisons and brackets as one each.
struct Term {
  enum class Kind { kName, kWord, kText, kSymbol };
  Kind kind = Kind::kSymbol;
  std::string text;  // of names the last, in lower case; of words in lower case
  bool is_called = false;
  size_t depth = 0;   // of brackets; both are of what stands outside of them
  size_t opened = 0;  // 1 + the place of the "(" that it stands in; 0: in none
};

bool IsSymbol(const Term& term, std::string_view text) {
  return term.kind == Term::Kind::kSymbol && term.text == text;
}
bool IsDigit(std::string_view text) { return !text.empty() && text[0] >= '0' && text[0] <= '9'; }
bool IsComparing(std::string_view symbol) {
  return symbol.find_first_not_of("<>=!") == std::string_view::npos;
}

std::vector<Term> TermsOf(const std::vector<MysqlToken>& tokens) {
  std::vector<Term> terms;
  std::vector<size_t> open;
  for (const MysqlToken& token : tokens) {
    const bool is_name = token.kind == MysqlToken::Kind::kName;
    // A digit behind a dot is a number's.
    if (is_name && !terms.empty() && IsSymbol(terms.back(), ".") && !IsDigit(token.text)) {
      terms.pop_back();
      if (!terms.empty() && terms.back().kind != Term::Kind::kSymbol) terms.pop_back();
    }
    if (token.text == ")" && token.kind == MysqlToken::Kind::kSymbol && !open.empty()) {
      open.pop_back();
    }
    if (token.kind == MysqlToken::Kind::kSymbol && IsComparing(token.text) && !terms.empty() &&
        terms.back().kind == Term::Kind::kSymbol && IsComparing(terms.back().text)) {
      terms.back().text += token.text;
      continue;
    }
    Term term{Term::Kind::kSymbol, token.text, token.is_called, open.size(),
              open.empty() ? 0 : open.back() + 1};
    if (token.kind == MysqlToken::Kind::kText) term.kind = Term::Kind::kText;
    if (is_name) {
      const bool is_plain = !token.is_quoted && !token.is_qualified;
      term.kind = is_plain ? Term::Kind::kWord : Term::Kind::kName;
      term.text = Lowercase(token.text);
    }
    if (term.kind == Term::Kind::kSymbol && term.text == "(") open.push_back(terms.size());
    terms.push_back(std::move(term));
  }
  return terms;
}

// What stands at [begin, end) is a TIME.
struct Span {
  size_t begin = 0;
  size_t end = 0;
};

class Finder {
 public:
  Finder(std::vector<Term> terms, const std::set<std::string>& time_columns)
      : terms_(std::move(terms)), time_columns_(time_columns) {
    size_t selects = 0, set_operators = 0, betweens = 0;
    for (size_t i = 0; i < terms_.size(); ++i) {
      if (terms_[i].text == "between") ++betweens;
      if (terms_[i].kind != Term::Kind::kWord) continue;
      if (terms_[i].depth == 0 && terms_[i].text == "select") ++selects;
      if (terms_[i].depth == 0 && Among(terms_[i].text, kSetOperators)) ++set_operators;
    }
    // Elsewhere other queries or columns of types of their own read it.
    selects_as_is_ = selects == 1 && set_operators == 0;
    for (size_t i = 0; i < terms_.size(); ++i) {
      if (const std::optional<Span> span = TimeAt(i)) times_.push_back(*span);
    }
    for (const Span& time : times_) betweens -= std::min<size_t>(betweens, IsBetween(time) ? 1 : 0);
    // Whose "and" is meant is not known then.
    has_other_between_ = betweens > 0;
  }

  std::string Find() const {
    for (const Span& time : times_) {
      if (StaysTime(time)) continue;
      const Term& first = terms_[time.begin];
      return first.is_called ? first.text + "()" : first.text;
    }
    return "";
  }

 private:
  bool IsSymbol(size_t i, std::string_view text) const {
    return i < terms_.size() && agent::IsSymbol(terms_[i], text);
  }
  bool IsWord(size_t i, std::string_view text) const {
    return i < terms_.size() && terms_[i].kind == Term::Kind::kWord && terms_[i].text == text;
  }
  // Empty at the ends; names and texts are none of the words that are looked for.
  std::string_view Word(size_t i) const {
    if (i >= terms_.size()) return "";
    const Term& term = terms_[i];
    const bool counts = term.kind == Term::Kind::kWord || term.kind == Term::Kind::kSymbol;
    return counts ? std::string_view(term.text) : "`";
  }
  std::string_view WordBefore(size_t i) const { return i == 0 ? "" : Word(i - 1); }

  // Behind the ")" of the "(" at `open`.
  size_t CloseOf(size_t open) const {
    size_t at = open + 1;
    while (at < terms_.size() && !(IsSymbol(at, ")") && terms_[at].depth == terms_[open].depth)) {
      ++at;
    }
    return std::min(at + 1, terms_.size());
  }

  std::optional<Span> TimeAt(size_t i) const {
    const Term& term = terms_[i];
    if (term.kind == Term::Kind::kText || term.kind == Term::Kind::kSymbol) return std::nullopt;
    const bool is_word = term.kind == Term::Kind::kWord;
    if (is_word && term.text == "time" && IsWord(i - 1, "as") && term.depth > 0) {
      // cast(x as time): "as" is of the bracket that this one stands in.
      const size_t open = term.opened - 1;
      return Span{open == 0 ? 0 : open - 1, CloseOf(open)};
    }
    if (is_word && term.is_called && Among(term.text, kGivesTime)) return CallAt(i);
    // TIME'10:00', {t '10:00'}
    const bool is_literal = is_word && i + 1 < terms_.size() &&
                            terms_[i + 1].kind == Term::Kind::kText &&
                            (term.text == "time" || term.text == "t");
    if (is_literal) return Span{i, i + 2};
    if (term.is_called || IsWord(i - 1, "as")) return std::nullopt;
    // A type elsewhere is one of JSON_TABLE(… columns(a time path …)).
    const bool is_clock = term.text == "current_time" || term.text == "utc_time";
    const bool is_time =
        time_columns_.contains(term.text) || (is_word && (is_clock || term.text == "time"));
    return is_time ? std::optional<Span>({i, i + 1}) : std::nullopt;
  }

  std::optional<Span> CallAt(size_t i) const {
    const Span call{i, CloseOf(i + 1)};
    const std::string& name = terms_[i].text;
    if (name == "str_to_date" && call.end >= 2) {
      // A literal format with a day or a year gives a date.
      const Term& format = terms_[call.end - 2];
      const bool is_literal =
          format.kind == Term::Kind::kText && IsSymbol(call.end - 3, ",") && call.end - 3 > i;
      for (const char* const day : {"%d", "%e", "%Y", "%y", "%j", "%m", "%c"}) {
        if (is_literal && format.text.find(day) != std::string::npos) return std::nullopt;
      }
    }
    // CONVERT(x USING utf8) and CONVERT(x, CHAR): its type is a word behind the last comma.
    if (name == "convert") {
      for (size_t at = i + 2; at + 1 < call.end; ++at) {
        if (terms_[at].opened == i + 2 && IsSymbol(at, ",") && IsWord(at + 1, "time")) return call;
      }
      return std::nullopt;
    }
    return call;
  }

  // Behind a TIME, or a text that is read as one, at `i`.
  std::optional<size_t> OperandFrom(size_t i) const {
    if (i >= terms_.size()) return std::nullopt;
    for (const Span& time : times_) {
      if (time.begin == i) return time.end;
    }
    if (terms_[i].kind == Term::Kind::kText && IsTimeText(terms_[i].text)) return i + 1;
    return std::nullopt;
  }
  std::optional<size_t> OperandUntil(size_t end) const {
    for (const Span& time : times_) {
      if (time.end == end) return time.begin;
    }
    if (end > 0 && terms_[end - 1].kind == Term::Kind::kText && IsTimeText(terms_[end - 1].text)) {
      return end - 1;
    }
    return std::nullopt;
  }

  // "time between '8:00' and '9:00'", of its first.
  bool IsBetween(const Span& time) const {
    size_t at = time.end;
    if (IsWord(at, "not")) ++at;
    if (!IsWord(at, "between") || !Among(WordBefore(time.begin), kBefore)) return false;
    const std::optional<size_t> low = OperandFrom(at + 1);
    if (!low || !IsWord(*low, "and")) return false;
    const std::optional<size_t> high = OperandFrom(*low + 1);
    return high && Among(Word(*high), kBehind);
  }

  bool IsCompared(const Span& time) const {
    if (Among(Word(time.end), kComparisons)) {
      const std::optional<size_t> end = OperandFrom(time.end + 1);
      return end && Among(WordBefore(time.begin), kBefore) && Among(Word(*end), kBehind);
    }
    if (!Among(WordBefore(time.begin), kComparisons)) return false;
    const std::optional<size_t> begin = OperandUntil(time.begin - 1);
    return begin && Among(WordBefore(*begin), kBefore) && Among(Word(time.end), kBehind);
  }

  // An end of a "between" that IsBetween().
  bool IsEndOfBetween(const Span& time) const {
    return std::any_of(times_.begin(), times_.end(), [&](const Span& first) {
      if (first.end > time.begin || !IsBetween(first)) return false;
      const size_t low = first.end + (IsWord(first.end, "not") ? 2 : 1);
      return time.begin == low || time.begin == *OperandFrom(low) + 1;
    });
  }

  bool IsItem(const Span& time) const {
    return selects_as_is_ && terms_[time.begin].depth == 0 &&
           Among(WordBefore(time.begin), kItemBefore) && Among(Word(time.end), kItemBehind);
  }

  bool IsArgument(const Span& time) const {
    const size_t opened = terms_[time.begin].opened;
    if (opened < 2) return false;
    const Term& function = terms_[opened - 2];
    if (function.kind != Term::Kind::kWord || !function.is_called) return false;
    const std::string_view before = WordBefore(time.begin), behind = Word(time.end);
    if (function.text == "cast") {
      return before == "(" && behind == "as" && Among(Word(time.end + 1), kCastToOther);
    }
    return Among(function.text, kTakesTime) && (before == "(" || before == ",") &&
           (behind == ")" || behind == ",");
  }

  bool StaysTime(const Span& time) const {
    if (IsItem(time) || IsArgument(time)) return true;
    if (has_other_between_) return false;
    if (IsWord(time.end, "is") && Among(WordBefore(time.begin), kBefore)) return true;
    return IsCompared(time) || IsBetween(time) || IsEndOfBetween(time);
  }

  const std::vector<Term> terms_;
  const std::set<std::string>& time_columns_;
  std::vector<Span> times_;
  bool selects_as_is_ = false;
  bool has_other_between_ = false;
};

}  // namespace

std::string MysqlDatedTimeIn(std::string_view sql, const std::set<std::string>& time_columns) {
  const MysqlTokens found = MysqlTokensIn(sql);
  if (!found.is_readable) return "what can't be read";
  return Finder(TermsOf(found.tokens), time_columns).Find();
}

}  // namespace driftwood::agent
