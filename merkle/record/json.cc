// The canonical form of JSON (RFC 8259): one pass over the text, straight into the output. An
// object whose members are out of order is put in order when it ends: only then is it looked where
// they lie, so that nothing is kept for a member meanwhile. `{"":0,...` has five bytes for each.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/record/decimal.h"
#include "merkle/record/encoding.h"
#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::merkle {
namespace {

constexpr int kDepthMax = 512;
constexpr size_t kStringPartBytes = size_t{16} << 10;

// Where a member lies in the output, which has less than 4 GiB: no value of a record has more.
struct Member {
  uint32_t begin;
  uint32_t end;
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Letters of the escapes other than \u, and what they stand for, side by side.
constexpr std::string_view kEscapeLetters = "\"\\/bfnrt";
constexpr std::string_view kEscaped = "\"\\/\b\f\n\r\t";

void AppendEscaped(std::string_view text, std::string* out) {
  for (const char c : text) {
    const uint8_t byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
      out->push_back(c);
      continue;
    }
    out->push_back('\\');
    const size_t letter = kEscaped.find(c);
    if (letter != std::string_view::npos) {
      out->push_back(kEscapeLetters[letter]);
    } else {
      out->append("u00");
      AppendHex(c, out);
    }
  }
}

// The next byte of the canonical string that `*p` is in; -1 at its end.
int TakeByte(const char** p) {
  const char c = *(*p)++;
  if (c == '"') return -1;
  if (c != '\\') return static_cast<uint8_t>(c);
  const char letter = *(*p)++;
  if (letter != 'u') return kEscaped[kEscapeLetters.find(letter)];
  const int byte = HexDigit((*p)[2]) << 4 | HexDigit((*p)[3]);
  *p += 4;
  return byte;
}

// Compares the strings that begin at the quotes `a` and `b`, by the bytes that they stand for: less
// than 0, 0 or more.
int CompareStrings(const char* a, const char* b) {
  ++a;
  ++b;
  for (;;) {
    const int x = TakeByte(&a);
    const int y = TakeByte(&b);
    if (x != y || x < 0) return x - y;
  }
}

// The `count` members of the canonical object whose first one begins at `begin` and whose last one
// ends the text.
std::vector<Member> FindMembers(std::string_view text, size_t begin, size_t count) {
  std::vector<Member> members;
  members.reserve(count);
  int depth = 0;
  for (size_t at = begin; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      for (++at; text[at] != '"'; ++at) at += text[at] == '\\' ? 1 : 0;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ',' && depth == 0) {
      members.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(at)});
      begin = at + 1;
    }
  }
  members.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(text.size())});
  return members;
}

// Puts the members of the object at the output's end in order, those of one name as they came.
void Rearrange(size_t begin, size_t count, std::string* out) {
  std::vector<Member> members = FindMembers(*out, begin, count);
  // In place: a stable sort would want as much memory again.
  std::sort(members.begin(), members.end(), [out](const Member& a, const Member& b) {
    const int order = CompareStrings(out->data() + a.begin, out->data() + b.begin);
    return order != 0 ? order < 0 : a.begin < b.begin;
  });
  std::string arranged;
  arranged.reserve(out->size() - begin);
  for (const Member& member : members) {
    if (!arranged.empty()) arranged.push_back(',');
    arranged.append(*out, member.begin, member.end - member.begin);
  }
  out->replace(begin, std::string::npos, arranged);
}

class Canonicaliser {
 public:
  Canonicaliser(std::string_view json, std::string* out)
      : begin_(json.data()), p_(begin_), end_(p_ + json.size()), out_(out) {}

  bool Run() {
    if (!ReadValue(0)) return false;
    SkipSpace();
    return p_ == end_ || Fail("more after the value");
  }
  std::string Error() const {
    return std::string("not JSON at byte ") + std::to_string(p_ - begin_) + ": " + error_;
  }

 private:
  bool Fail(const char* error) {
    error_ = error;
    return false;
  }
  void SkipSpace() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
  }
  bool Take(char c) {
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }
  bool TakeDigits() {
    const char* const begin = p_;
    while (p_ != end_ && IsDigit(*p_)) ++p_;
    return p_ != begin;
  }

  bool ReadValue(int depth) {
    SkipSpace();
    const char first = p_ == end_ ? '\0' : *p_;
    if ((first == '{' || first == '[') && depth >= kDepthMax) return Fail("nested too deep");
    switch (first) {
      case '{':
        return ReadObject(depth);
      case '[':
        return ReadArray(depth);
      case '"':
        return ReadString();
      case 't':
        return ReadWord("true");
      case 'f':
        return ReadWord("false");
      case 'n':
        return ReadWord("null");
      default:
        return ReadNumber();
    }
  }

  bool ReadWord(std::string_view word) {
    if (!std::string_view(p_, static_cast<size_t>(end_ - p_)).starts_with(word)) {
      return Fail("a value is expected");
    }
    p_ += word.size();
    out_->append(word);
    return true;
  }

  // ParseDecimal() takes more than JSON does: the grammar is checked here.
  bool ReadNumber() {
    const char* const begin = p_;
    Take('-');
    if (!Take('0') && !TakeDigits()) return Fail("a value is expected");
    if (Take('.') && !TakeDigits()) return Fail("a digit is expected after '.'");
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (!TakeDigits()) return Fail("a digit is expected in the exponent");
    }
    const auto number = ParseDecimal({begin, static_cast<size_t>(p_ - begin)});
    if (!number) return Fail("the exponent is too large");
    AppendCanonicalDecimal(*number, out_);
    return true;
  }

  bool ReadArray(int depth) {
    ++p_;
    out_->push_back('[');
    SkipSpace();
    if (!Take(']')) {
      while (true) {
        if (!ReadValue(depth + 1)) return false;
        SkipSpace();
        if (Take(']')) break;
        if (!Take(',')) return Fail("',' or ']' is expected");
        out_->push_back(',');
      }
    }
    out_->push_back(']');
    return true;
  }

  bool ReadObject(int depth) {
    ++p_;
    out_->push_back('{');
    const size_t begin = out_->size();
    size_t last = begin;  // where the member before begins
    size_t count = 0;
    bool is_sorted = true;
    SkipSpace();
    if (!Take('}')) {
      while (true) {
        const size_t member = out_->size();
        if (!ReadMember(depth)) return false;
        if (CompareStrings(out_->data() + last, out_->data() + member) > 0) is_sorted = false;
        last = member;
        ++count;
        SkipSpace();
        if (Take('}')) break;
        if (!Take(',')) return Fail("',' or '}' is expected");
        out_->push_back(',');
      }
    }
    if (!is_sorted) {
      if (out_->size() > std::numeric_limits<uint32_t>::max()) return Fail("more than 4 GiB");
      Rearrange(begin, count, out_);
    }
    out_->push_back('}');
    return true;
  }

  bool ReadMember(int depth) {
    SkipSpace();
    if (p_ == end_ || *p_ != '"') return Fail("a member's name is expected");
    if (!ReadString()) return false;
    SkipSpace();
    if (!Take(':')) return Fail("':' is expected");
    out_->push_back(':');
    return ReadValue(depth + 1);
  }

  // A string of any length, without a second copy of it.
  bool ReadString() {
    out_->push_back('"');
    scratch_.clear();
    ++p_;
    while (!string_ended_) {
      if (!ReadStringPart(&scratch_, kStringPartBytes)) return false;
      AppendEscaped(scratch_, out_);
      scratch_.clear();
    }
    string_ended_ = false;
    out_->push_back('"');
    return true;
  }

  // Of the string that `p_` is in, unescaped: until `text` has `bytes_max`, or to its end, which
  // `string_ended_` says.
  bool ReadStringPart(std::string* text, size_t bytes_max) {
    while (p_ != end_) {
      if (text->size() >= bytes_max) return true;
      const uint8_t byte = static_cast<uint8_t>(*p_);
      if (byte == '"') {
        ++p_;
        string_ended_ = true;
        return true;
      }
      if (byte < 0x20) return Fail("a control character in a string");
      if (byte == '\\') {
        if (!ReadEscape(text)) return false;
        continue;
      }
      const size_t bytes = Utf8CharacterBytes(p_, end_);
      if (bytes == 0) return Fail("not UTF-8");
      text->append(p_, bytes);
      p_ += bytes;
    }
    return Fail("a string does not end");
  }

  bool ReadEscape(std::string* text) {
    ++p_;
    if (Take('u')) return ReadUnicodeEscape(text);
    const size_t letter = p_ == end_ ? std::string_view::npos : kEscapeLetters.find(*p_);
    if (letter == std::string_view::npos) return Fail("an unknown escape");
    text->push_back(kEscaped[letter]);
    ++p_;
    return true;
  }

  bool ReadUnicodeEscape(std::string* text) {
    uint32_t unit = 0;
    if (!ReadHex4(&unit)) return false;
    if (unit >= 0xD800 && unit < 0xE000) {
      uint32_t low = 0;
      if (unit >= 0xDC00 || !Take('\\') || !Take('u')) return Fail("a lone surrogate");
      if (!ReadHex4(&low)) return false;
      if (low < 0xDC00 || low >= 0xE000) return Fail("a lone surrogate");
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(unit, text);
    return true;
  }

  bool ReadHex4(uint32_t* unit) {
    if (end_ - p_ < 4) return Fail("four hexadecimal digits are expected");
    for (int i = 0; i < 4; ++i) {
      const int digit = HexDigit(*p_);
      if (digit < 0) return Fail("four hexadecimal digits are expected");
      *unit = *unit * 16 + static_cast<uint32_t>(digit);
      ++p_;
    }
    return true;
  }

  const char* const begin_;
  const char* p_;
  const char* const end_;
  std::string* const out_;
  std::string scratch_;
  bool string_ended_ = false;  // of ReadStringPart(); false outside
  const char* error_ = "";
};

}  // namespace

absl::StatusOr<std::string> CanonicalJson(std::string_view json) {
  std::string canonical;
  canonical.reserve(json.size());
  Canonicaliser canonicaliser(json, &canonical);
  if (!canonicaliser.Run()) return absl::InvalidArgumentError(canonicaliser.Error());
  return canonical;
}

// There is no white space in it, and escapes in strings are only those that JSON demands.
std::string MapJsonNumbers(const std::string& canonical,
                           const std::function<std::string(const std::string&)>& map) {
  std::string mapped;
  for (size_t i = 0; i < canonical.size();) {
    if (canonical[i] == '"') {
      const size_t begin = i++;
      while (canonical[i] != '"') i += canonical[i] == '\\' ? 2 : 1;
      mapped.append(canonical, begin, ++i - begin);
    } else if (canonical[i] == '-' || IsDigit(canonical[i])) {
      const size_t end = std::min(canonical.find_first_of(",]}", i), canonical.size());
      mapped += map(canonical.substr(i, end - i));
      i = end;
    } else {
      mapped += canonical[i++];
    }
  }
  const absl::StatusOr<std::string> result = CanonicalJson(mapped);
  return result.ok() ? *result : canonical;
}

}  // namespace driftwood::merkle
