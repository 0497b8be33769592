#include "agent/stores/mysql/mysql_tokens.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

bool IsSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool IsNamePart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         (c & 0x80) != 0;
}

// Only before one of these, or the end, "--" begins a comment.
bool IsSpaceOrControl(char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7F; }

class Reader {
 public:
  explicit Reader(std::string_view sql) : sql_(sql) {}

  MysqlTokens Read() {
    MysqlTokens found;
    found.is_readable = LeaveOutComments();
    bool after_dot = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '`' || IsNamePart(c)) {
        MysqlToken& name = found.tokens.emplace_back();
        name.is_qualified = after_dot;
        ReadName(&name);
      } else if (c == '\'' || c == '"') {
        const size_t begin = std::exchange(at_, TextEnd(text_, at_));
        found.tokens.push_back({MysqlToken::Kind::kText, text_.substr(begin + 1, at_ - begin - 2)});
      } else {
        if (!IsSpace(c)) found.tokens.push_back({MysqlToken::Kind::kSymbol, std::string(1, c)});
        ++at_;
      }
      after_dot = c == '.' || (after_dot && IsSpace(c));
    }
    return found;
  }

 private:
  static char At(std::string_view text, size_t at) { return at < text.size() ? text[at] : '\0'; }

  // Behind what is in quotes from `begin` on.
  static size_t TextEnd(std::string_view text, size_t begin) {
    const char quote = text[begin];
    for (size_t at = begin + 1; at < text.size(); ++at) {
      if (text[at] == '\\' && quote != '`') {
        ++at;
      } else if (text[at] == quote && At(text, ++at) != quote) {
        return at;
      }
    }
    return text.size() + 1;  // it has no end
  }

  // A comment separates words as a space does. False: there is something that has no end, or the
  // server runs what is in a comment.
  bool LeaveOutComments() {
    for (size_t at = 0; at < sql_.size();) {
      const char c = sql_[at], next = At(sql_, at + 1);
      const size_t begin = at;
      if (c == '\'' || c == '"' || c == '`') {
        at = TextEnd(sql_, at);
        if (at > sql_.size()) return false;
        text_ += sql_.substr(begin, at - begin);
      } else if (c == '/' && next == '*') {
        const char kind = At(sql_, at + 2);
        at = sql_.find("*/", at + 2);
        if (at == std::string_view::npos || kind == '!' || kind == 'M') return false;
        at += 2;
        text_ += ' ';
      } else if (c == '#' || (c == '-' && next == '-' && IsSpaceOrControl(At(sql_, at + 2)))) {
        at = std::min(sql_.find('\n', at), sql_.size());
      } else {
        text_ += sql_[at++];
      }
    }
    return true;
  }

  void ReadName(MysqlToken* name) {
    name->kind = MysqlToken::Kind::kName;
    name->is_quoted = text_[at_] == '`';
    if (name->is_quoted) {
      const size_t end = TextEnd(text_, at_);
      for (size_t i = at_ + 1; i + 1 < end; ++i) {
        name->text += text_[i];
        if (text_[i] == '`') ++i;
      }
      at_ = end;
    } else {
      while (at_ < text_.size() && IsNamePart(text_[at_])) name->text += text_[at_++];
    }
    const size_t next = SkipSpace(at_);
    name->is_qualified = name->is_qualified || At(text_, next) == '.';
    name->is_called = At(text_, next) == '(' && !IsTableHead(next);
    name->has_arguments = name->is_called && At(text_, SkipSpace(next + 1)) != ')';
  }

  // "with recursive name(columns) as (", from the "(" on: no call.
  bool IsTableHead(size_t at) const {
    int depth = 0;
    do {
      const char c = At(text_, at);
      if (c == '(') ++depth;
      if (c == ')') --depth;
      at = c == '\'' || c == '"' || c == '`' ? TextEnd(text_, at) : at + 1;
    } while (depth > 0 && at < text_.size());
    at = SkipSpace(at);
    const std::string_view rest = std::string_view(text_).substr(std::min(at, text_.size()));
    if (Lowercase(rest.substr(0, 2)) != "as") return false;
    return At(text_, SkipSpace(at + 2)) == '(';
  }

  size_t SkipSpace(size_t at) const {
    while (at < text_.size() && IsSpace(text_[at])) ++at;
    return at;
  }

  const std::string_view sql_;
  std::string text_;  // without comments
  size_t at_ = 0;
};

}  // namespace

MysqlTokens MysqlTokensIn(std::string_view sql) { return Reader(sql).Read(); }

}  // namespace driftwood::agent
