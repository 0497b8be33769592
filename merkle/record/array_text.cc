// array_out() quotes what is empty, spells NULL in any case, or has one of "\{}, or white space in
// it; in quotes a backslash stands before each " and \.
#include "merkle/record/array_text.h"

namespace driftwood::merkle {
namespace {

bool IsNull(std::string_view word) {
  constexpr std::string_view kNull = "null";
  if (word.size() != kNull.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if ((word[i] | 0x20) != kNull[i]) return false;
  }
  return true;
}

class Reader {
 public:
  Reader(std::string_view text, ArrayTaker& take) : rest_(text), take_(take) {}

  bool Read() { return ReadArray() && rest_.empty(); }

 private:
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Not by calling itself: how deep the text goes is not ours.
  bool ReadArray() {
    if (!Take('{') || !take_.Begin()) return false;
    bool is_fresh = true;  // nothing stands in the array yet
    for (size_t depth = 1; depth > 0;) {
      if (is_fresh && Take('}')) {
        if (!take_.End()) return false;
        --depth;
      } else if (Take('{')) {
        if (!take_.Begin()) return false;
        ++depth;
        is_fresh = true;
        continue;
      } else if (!ReadElement()) {
        return false;
      }
      // Behind an element.
      while (depth > 0 && Take('}')) {
        if (!take_.End()) return false;
        --depth;
      }
      if (depth > 0 && !Take(',')) return false;
      is_fresh = false;
    }
    return true;
  }

  bool ReadElement() {
    if (Take('"')) return ReadQuoted();
    constexpr std::string_view kSpecial("{},\"\\ \t\n\v\f\r");
    const size_t size = rest_.find_first_of(kSpecial);
    if (size == 0 || size == std::string_view::npos) return false;
    const std::string_view word = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return take_.Element(IsNull(word) ? std::nullopt : std::optional(word));
  }

  bool ReadQuoted() {
    text_.clear();
    while (!Take('"')) {
      if (Take('\\') && rest_.empty()) return false;
      if (rest_.empty()) return false;
      text_ += rest_.front();
      rest_.remove_prefix(1);
    }
    return take_.Element(text_);
  }

  std::string_view rest_;
  ArrayTaker& take_;
  std::string text_;
};

}  // namespace

bool ReadArrayText(std::string_view text, ArrayTaker& take) { return Reader(text, take).Read(); }

}  // namespace driftwood::merkle
