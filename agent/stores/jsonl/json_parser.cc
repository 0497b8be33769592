#include "agent/stores/jsonl/json_parser.h"

#include <bit>
#include <bitset>
#include <cstring>
#include <string>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::agent {
namespace {

// Arrays and objects in one another; a limit on what a hostile line can do.
constexpr size_t kDepthMax = 1024;
constexpr char kCutOff[] = "the line ends inside its object; is it cut off?";
constexpr char kCutOffInArray[] = "the array ends inside an object; is the file cut off?";
constexpr char kOpenString[] = "the string that begins here is not closed in its line";
constexpr char kOpenStringInArray[] = "the string that begins here is not closed";
// What programs write though JSON has no such numbers, and what to write.
constexpr std::pair<std::string_view, const char*> kNoNumbers[] = {
    {"NaN",
     "NaN, which JSON does not have; write null, or the string \"NaN\", where this file is made"},
    {"Infinity",
     "Infinity, which JSON does not have; write null, or the string \"Infinity\", where this file "
     "is made"},
    {"-Infinity",
     "-Infinity, which JSON does not have; write null, or the string \"-Infinity\", where this "
     "file is made"},
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The first byte from `at` on that a string can't simply contain: '"', '\', a control character or
// one that is not ASCII; `end` if there is none.
[[gnu::always_inline]] inline char* SkipPlain(char* at, char* end) {
#if defined(__SSE2__)
  static_assert(JsonLine::kPadding >= 16);
  while (at < end) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // Signed: below ' ' are the control characters and all that is not ASCII.
    const __m128i odd = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')),
                                     _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                  _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(odd));
    if (mask != 0) {
      at += std::countr_zero(mask);
      return at < end ? at : end;
    }
    at += 16;
  }
  return end;
#else
  while (at < end && static_cast<unsigned char>(*at) >= ' ' &&
         static_cast<unsigned char>(*at) < 0x80 && *at != '"' && *at != '\\')
    ++at;
  return at;
#endif
}

char* WriteUtf8(char* to, unsigned code) {
  std::string bytes;
  merkle::AppendUtf8(static_cast<char32_t>(code), &bytes);
  return to + bytes.copy(to, bytes.size());
}

}  // namespace

JsonLine::JsonLine(char* begin, char* end, Text text) : at_(begin), end_(end), text_(text) {
  SkipSpace();
  blank_ = at_ == end_;
  done_ = blank_;
}

bool JsonLine::Fail(const char* at, const char* error) {
  done_ = true;
  error_ = error;
  error_position_ = at;
  return false;
}

bool JsonLine::FailVisit() { return Fail(at_, "not taken"); }

bool JsonLine::FailCutOff() { return Fail(at_, text_ == Text::kLine ? kCutOff : kCutOffInArray); }

void JsonLine::SkipSpace() {
  while (at_ < end_ && IsSpace(*at_)) ++at_;
}

bool JsonLine::Next() {
  if (done_) return false;
  if (!begun_) {
    begun_ = true;
    if (*at_ != '{')
      return Fail(at_, text_ == Text::kLine
                           ? "each line must be one JSON object, beginning with {"
                           : "each element of the array must be a JSON object, beginning with {");
    ++at_;
    SkipSpace();
    if (at_ < end_ && *at_ == '}') return Finish();
  } else {
    SkipSpace();
    if (at_ == end_) return FailCutOff();
    if (*at_ == '}') return Finish();
    if (*at_ != ',') return Fail(at_, "expected , or } after a member");
    ++at_;
    SkipSpace();
  }
  return ParseName() && ParseValue();
}

// And the ':' after it.
bool JsonLine::ParseName() {
  if (at_ == end_) return FailCutOff();
  if (*at_ != '"') return Fail(at_, "expected the name of a member in quotes");
  name_position_ = at_;
  if (!ParseText(&name_, true)) return false;
  SkipSpace();
  if (at_ == end_) return FailCutOff();
  if (*at_ != ':') return Fail(at_, "expected : after the name of a member");
  ++at_;
  SkipSpace();
  return true;
}

// At the object's '}'.
bool JsonLine::Finish() {
  ++at_;
  done_ = true;
  if (text_ == Text::kInArray) return false;
  SkipSpace();
  if (at_ != end_) return Fail(at_, "text after the object; put one object on each line");
  return false;
}

bool JsonLine::ParseValue() {
  if (at_ == end_) return FailCutOff();
  if (*at_ != '{' && *at_ != '[') return ParseScalar();
  const char* const begin = at_;
  if (!ParseNested()) return false;
  value_ = SourceValue::OfText(SourceValue::Kind::kJson, {begin, static_cast<size_t>(at_ - begin)});
  return true;
}

bool JsonLine::ParseScalar() {
  const char* const begin = at_;
  switch (*at_) {
    case '"': {
      std::string_view text;
      if (!ParseText(&text, true)) return false;
      value_ = SourceValue::OfText(SourceValue::Kind::kString, text);
      return true;
    }
    case 't':
      value_ = SourceValue::Bool(true);
      return ParseLiteral("true");
    case 'f':
      value_ = SourceValue::Bool(false);
      return ParseLiteral("false");
    case 'n':
      value_ = SourceValue::Null();
      return ParseLiteral("null");
    default:
      if (!ParseNumber()) return false;
      value_ = SourceValue::OfText(SourceValue::Kind::kNumber,
                                   {begin, static_cast<size_t>(at_ - begin)});
      return true;
  }
}

bool JsonLine::ParseLiteral(std::string_view literal) {
  const std::string_view left(at_, static_cast<size_t>(end_ - at_));
  if (left.substr(0, literal.size()) != literal) return Fail(at_, "expected a JSON value");
  at_ += literal.size();
  return true;
}

// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
bool JsonLine::ParseNumber() {
  const auto digits = [this] {
    const char* const begin = at_;
    while (at_ < end_ && IsDigit(*at_)) ++at_;
    return at_ != begin;
  };
  const char* const begin = at_;
  const std::string_view left(begin, static_cast<size_t>(end_ - begin));
  for (const auto& [name, error] : kNoNumbers) {
    if (left.starts_with(name)) return Fail(begin, error);
  }
  if (*at_ == '-') ++at_;
  if (at_ == end_ || !IsDigit(*at_))
    return Fail(begin, *begin == '-' ? "a minus sign without a number" : "expected a JSON value");
  if (*at_ == '0') {
    ++at_;
    if (at_ < end_ && IsDigit(*at_)) return Fail(begin, "a number with a leading zero");
  } else {
    digits();
  }
  if (at_ < end_ && *at_ == '.') {
    ++at_;
    if (!digits()) return Fail(begin, "a number without digits after its point");
  }
  if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!digits()) return Fail(begin, "a number without digits in its exponent");
  }
  return true;
}

// At the opening quote. The unescaped text is never longer than the escaped one: it is written over
// it.
bool JsonLine::ParseText(std::string_view* text, bool unescape) {
  char* const opening = at_++;
  char* const begin = at_;
  char* written = begin;
  while (true) {
    char* const plain = at_;
    at_ = SkipPlain(at_, end_);
    const auto length = static_cast<size_t>(at_ - plain);
    if (unescape && written != plain) std::memmove(written, plain, length);
    written += length;
    if (at_ == end_) return Fail(opening, text_ == Text::kLine ? kOpenString : kOpenStringInArray);
    if (*at_ == '"') {
      ++at_;
      *text = {begin, static_cast<size_t>(written - begin)};
      return true;
    }
    if (*at_ == '\\') {
      if (!ParseEscape(&written, unescape)) return false;
      continue;
    }
    const size_t bytes = merkle::Utf8CharacterBytes(at_, end_);
    if (bytes == 0) return Fail(at_, "a byte that is not UTF-8; say which encoding= the file has");
    if (bytes == 1) return Fail(at_, "a control character in a string; write it as \\u00XX");
    if (unescape && written != at_) std::memmove(written, at_, bytes);
    written += bytes;
    at_ += bytes;
  }
}

bool JsonLine::ParseHex4(unsigned* code) {
  *code = 0;
  if (end_ - at_ < 4) return false;
  for (int i = 0; i < 4; ++i) {
    const int digit = HexDigit(*at_++);
    if (digit < 0) return false;
    *code = *code * 16 + static_cast<unsigned>(digit);
  }
  return true;
}

bool JsonLine::ParseEscape(char** written, bool unescape) {
  static constexpr std::string_view kEscapes = "\"\\/bfnrt";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  char* const begin = at_++;
  if (at_ == end_) return Fail(begin, "an escape that JSON does not have");
  const char kind = *at_++;
  if (kind != 'u') {
    const size_t which = kEscapes.find(kind);
    if (which == std::string_view::npos) return Fail(begin, "an escape that JSON does not have");
    if (unescape) **written = kMeanings[which];
    ++*written;
    return true;
  }
  unsigned code = 0;
  if (!ParseHex4(&code)) return Fail(begin, "\\u without four hexadecimal digits");
  if (code >= 0xDC00 && code <= 0xDFFF) return Fail(begin, "half of a surrogate pair");
  if (code >= 0xD800 && code <= 0xDBFF) {
    unsigned low = 0;
    const bool follows = end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u';
    if (follows) at_ += 2;
    if (!follows || !ParseHex4(&low) || low < 0xDC00 || low > 0xDFFF)
      return Fail(begin, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  if (unescape) *written = WriteUtf8(*written, code);
  return true;
}

// At a '{' or '['. Where nobody visits it, it is checked and not interpreted: its text is taken as
// it is. Not recursive.
bool JsonLine::ParseNested() {
  std::bitset<kDepthMax> is_object;
  size_t depth = 0;
  while (true) {
    // At a value.
    if (at_ == end_) return FailCutOff();
    const char c = *at_;
    bool value_ended = true;
    if (c == '{' || c == '[') {
      if (depth == kDepthMax) return Fail(at_, "arrays and objects nested more than 1024 deep");
      if (visitor_ != nullptr && !visitor_->Open(c == '{')) return FailVisit();
      is_object[depth++] = c == '{';
      ++at_;
      SkipSpace();
      value_ended = at_ < end_ && *at_ == (c == '{' ? '}' : ']');
      if (value_ended) {
        if (visitor_ != nullptr && !visitor_->Close()) return FailVisit();
        ++at_;
        --depth;
      }
    } else if (!ParseNestedScalar()) {
      return false;
    }
    // After a value: a comma, or the ends of what it is in.
    while (value_ended) {
      if (depth == 0) return true;
      SkipSpace();
      if (at_ == end_) return FailCutOff();
      const bool in_object = is_object[depth - 1];
      const char next = *at_;
      if (next != ',' && next != (in_object ? '}' : ']'))
        return Fail(
            at_, in_object ? "expected , or } after a member" : "expected , or ] after an element");
      ++at_;
      if (next == ',') {
        SkipSpace();
        break;
      }
      if (visitor_ != nullptr && !visitor_->Close()) return FailVisit();
      --depth;
    }
    if (!is_object[depth - 1]) continue;
    std::string_view name;
    if (at_ == end_) return FailCutOff();
    if (*at_ != '"') return Fail(at_, "expected the name of a member in quotes");
    if (!ParseText(&name, visitor_ != nullptr)) return false;
    if (visitor_ != nullptr && !visitor_->Name(name)) return FailVisit();
    SkipSpace();
    if (at_ == end_) return FailCutOff();
    if (*at_ != ':') return Fail(at_, "expected : after the name of a member");
    ++at_;
    SkipSpace();
  }
}

bool JsonLine::ParseNestedScalar() {
  if (visitor_ != nullptr) return ParseScalar() && (visitor_->Scalar(value_) || FailVisit());
  std::string_view ignored;
  switch (*at_) {
    case '"':
      return ParseText(&ignored, false);
    case 't':
      return ParseLiteral("true");
    case 'f':
      return ParseLiteral("false");
    case 'n':
      return ParseLiteral("null");
    default:
      return ParseNumber();
  }
}

bool JsonLine::VisitAll() {
  if (at_ == end_) return FailCutOff();
  const bool is_nested = *at_ == '{' || *at_ == '[';
  if (is_nested ? !ParseNested() : !ParseNestedScalar()) return false;
  SkipSpace();
  return at_ == end_ || Fail(at_, "text after the value");
}

std::optional<JsonError> VisitJson(char* begin, char* end, JsonVisitor* visitor) {
  JsonLine text(begin, end, JsonLine::Text::kInArray);
  text.visitor_ = visitor;
  if (text.VisitAll()) return std::nullopt;
  return JsonError{text.error_, text.error_position_};
}

}  // namespace driftwood::agent
