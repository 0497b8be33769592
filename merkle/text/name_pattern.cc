#include "merkle/text/name_pattern.h"

#include <optional>

namespace driftwood {

namespace {

bool IsSpecial(char c) { return c == '*' || c == '?' || c == '\\'; }

// The end of the UTF-8 character at `at`; of what is none, of its byte.
size_t AfterCharacter(std::string_view text, size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

}  // namespace

NamePattern::NamePattern(std::string_view text) : text_(text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*' || text[i] == '?') {
      elements_.push_back({text[i] == '*' ? Kind::kAny : Kind::kOne});
      ++wildcards_;
      continue;
    }
    if (text[i] == '\\' && i + 1 < text.size() && IsSpecial(text[i + 1])) ++i;
    elements_.push_back({Kind::kByte, text[i]});
  }
}

std::string NamePattern::plain() const {
  std::string name;
  for (const Element& element : elements_) {
    if (element.kind == Kind::kByte) name += element.byte;
  }
  return name;
}

bool NamePattern::Matches(std::string_view name) const {
  struct Place {
    size_t element, at;
  };
  Place now{0, 0};
  std::optional<Place> again;  // behind the last '*', with one character more in it
  while (true) {
    if (now.element == elements_.size() && now.at == name.size()) return true;
    if (now.element < elements_.size()) {
      const Element& element = elements_[now.element];
      if (element.kind == Kind::kAny) {
        again = {++now.element, now.at};
        continue;
      }
      if (now.at < name.size() && (element.kind == Kind::kOne || element.byte == name[now.at])) {
        now = {now.element + 1,
               element.kind == Kind::kOne ? AfterCharacter(name, now.at) : now.at + 1};
        continue;
      }
    }
    if (!again || again->at == name.size()) return false;
    ++again->at;
    now = *again;
  }
}

}  // namespace driftwood
