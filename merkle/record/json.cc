// The canonical form of JSON (RFC 8259): one pass over the text, straight into the output. An
// object whose members are out of order is put in order when it ends.
#include <algorithm>
#include <cstdint>
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

// A member of the object being read: its key as it sorts, and where the output has it.
struct Member {
  std::string key;
  size_t begin;
  size_t end;
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

void AppendString(std::string_view text, std::string* out) {
  out->push_back('"');
  AppendEscaped(text, out);
  out->push_back('"');
}

// The members' text, from the first one's begin on, in the order of `members`.
void Rearrange(const std::vector<Member>& members, size_t begin, std::string* out) {
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
        return ReadStringValue();
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
    std::vector<Member> members;
    SkipSpace();
    if (!Take('}')) {
      while (true) {
        if (!ReadMember(depth, &members)) return false;
        SkipSpace();
        if (Take('}')) break;
        if (!Take(',')) return Fail("',' or '}' is expected");
        out_->push_back(',');
      }
    }
    // std::string compares its characters as unsigned bytes.
    const auto before = [](const Member& a, const Member& b) { return a.key < b.key; };
    if (!std::is_sorted(members.begin(), members.end(), before)) {
      std::stable_sort(members.begin(), members.end(), before);
      Rearrange(members, begin, out_);
    }
    out_->push_back('}');
    return true;
  }

  bool ReadMember(int depth, std::vector<Member>* members) {
    SkipSpace();
    if (p_ == end_ || *p_ != '"') return Fail("a member's name is expected");
    Member member;
    if (!ReadString(&member.key)) return false;
    SkipSpace();
    if (!Take(':')) return Fail("':' is expected");
    member.begin = out_->size();
    AppendString(member.key, out_);
    out_->push_back(':');
    if (!ReadValue(depth + 1)) return false;
    member.end = out_->size();
    members->push_back(std::move(member));
    return true;
  }

  // A string of any length, without a second copy of it.
  bool ReadStringValue() {
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

  // A quoted string, unescaped.
  bool ReadString(std::string* text) {
    text->clear();
    ++p_;
    if (!ReadStringPart(text, std::numeric_limits<size_t>::max())) return false;
    string_ended_ = false;
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

}  // namespace driftwood::merkle
