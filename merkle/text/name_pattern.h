// Names chosen by patterns, as a shell chooses files: '*' stands for any characters, none too, and
// '?' for one. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driftwood {

// Immutable. Letter case counts.
class NamePattern {
 public:
  // A backslash before '*', '?' or another one makes that a plain character; before all else it is
  // one itself.
  explicit NamePattern(std::string_view text);

  // In time by the product of the sizes.
  bool Matches(std::string_view name) const;

  const std::string& text() const { return text_; }
  // Whether it is the one name that plain() is.
  bool is_plain() const { return wildcards_ == 0; }
  // Without its wildcards and backslashes.
  std::string plain() const;

 private:
  enum class Kind { kByte, kOne, kAny };
  struct Element {
    Kind kind;
    char byte = 0;
  };

  std::string text_;
  std::vector<Element> elements_;
  size_t wildcards_ = 0;
};

}  // namespace driftwood
