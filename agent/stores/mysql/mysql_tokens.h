// SQL under an empty sql_mode, cut into tokens without its comments. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driftwood::agent {

struct MysqlToken {
  enum class Kind {
    kName,    // a name, a keyword or a number
    kText,    // in '' or "", without the quotes, as it is written
    kSymbol,  // one character
  };
  Kind kind = Kind::kSymbol;
  std::string text;
  // Of names:
  bool is_quoted = false;
  bool is_qualified = false;   // a dot stands before it or behind it
  bool is_called = false;      // "(" follows
  bool has_arguments = false;  // and then no ")"
};

struct MysqlTokens {
  std::vector<MysqlToken> tokens;
  // False: there is something that has no end, or the server runs what is in a comment.
  bool is_readable = true;
};

MysqlTokens MysqlTokensIn(std::string_view sql);

}  // namespace driftwood::agent
