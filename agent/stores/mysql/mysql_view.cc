#include "agent/stores/mysql/mysql_view.h"

#include <set>

namespace driftwood::agent {
namespace {

// Names in backquotes that are joined by dots, with what stands around them.
struct Chain {
  std::vector<std::string> names;
  bool is_call = false;     // "(" follows
  bool alias_next = false;  // another name follows: this one is a table, that one its alias
  bool after_from = false;  // "from" or "join" precedes, perhaps with "("
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // False if the text is not of the form that the server writes.
  bool Run(std::vector<Chain>* chains) {
    bool after_from = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\'') {
        if (!SkipString()) return false;
        after_from = false;
      } else if (c == '`') {
        Chain chain;
        chain.after_from = after_from;
        if (!ReadChain(&chain)) return false;
        const bool directly = !chains->empty() && space_since_chain_;
        if (directly) chains->back().alias_next = true;
        chains->push_back(std::move(chain));
        after_from = false;
        space_since_chain_ = at_ < text_.size() && text_[at_] == ' ';
        if (space_since_chain_) ++at_;
        continue;
      } else if (IsLetter(c)) {
        const std::string_view word = Word();
        after_from = word == "from" || word == "join" || word == "straight_join";
      } else {
        if (c != ' ' && c != '(') after_from = false;
        ++at_;
      }
      space_since_chain_ = false;
    }
    return true;
  }

 private:
  static bool IsLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }

  std::string_view Word() {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (IsLetter(text_[at_]) || (text_[at_] >= '0' && text_[at_] <= '9'))) {
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  bool SkipString() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '\'') {
        ++at_;
        if (at_ >= text_.size() || text_[at_] != '\'') return true;
      }
    }
    return false;
  }

  bool ReadChain(Chain* chain) {
    for (;;) {
      std::string name;
      for (++at_;; ++at_) {
        if (at_ >= text_.size()) return false;
        if (text_[at_] == '`' && (at_ + 1 >= text_.size() || text_[at_ + 1] != '`')) break;
        if (text_[at_] == '`') ++at_;
        name += text_[at_];
      }
      ++at_;
      chain->names.push_back(std::move(name));
      if (at_ + 1 >= text_.size() || text_[at_] != '.' || text_[at_ + 1] != '`') break;
      ++at_;
    }
    chain->is_call = at_ < text_.size() && text_[at_] == '(';
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
  bool space_since_chain_ = false;
};

}  // namespace

MysqlViewSources SourcesOfMysqlView(std::string_view definition) {
  MysqlViewSources sources;
  std::vector<Chain> chains;
  if (definition.empty() || !Lexer(definition).Run(&chains)) {
    sources.has_unknown = true;
    return sources;
  }
  std::set<std::string> aliases;
  for (const Chain& chain : chains) {
    if (chain.names.size() == 1) aliases.insert(chain.names[0]);
    // A view without an alias goes by its name alone.
    if (chain.names.size() == 2 && chain.after_from) aliases.insert(chain.names[1]);
  }
  std::set<std::pair<std::string, std::string>> tables;
  for (const Chain& chain : chains) {
    if (chain.is_call) sources.has_unknown = true;
    if (chain.names.size() < 2) continue;
    const bool is_table = chain.names.size() == 3 || chain.alias_next || chain.after_from ||
                          !aliases.contains(chain.names[0]);
    if (is_table) tables.emplace(chain.names[0], chain.names[1]);
  }
  sources.tables.assign(tables.begin(), tables.end());
  return sources;
}

}  // namespace driftwood::agent
