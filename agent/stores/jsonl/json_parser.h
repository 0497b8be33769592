// Objects of JSON, one a line or in an array, strictly as RFC 8259 has it. Values point into the
// text; strings are unescaped in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/source/source_value.h"

namespace driftwood::agent {

// The members of one object, one after the other. One thread.
//
//   JsonLine line(begin, end);
//   while (line.Next()) use(line.name(), line.value());
//   if (line.error() != nullptr) ...
class JsonLine {
 public:
  // What stands in [begin, end), white space aside.
  enum class Text : uint8_t {
    kLine,     // the object, or nothing
    kInArray,  // the object, which goes over lines perhaps, and then anything: see object_end()
  };
  // [begin, end): a line without its '\n'; it may be written to. kPadding bytes after `end` must be
  // readable.
  static constexpr size_t kPadding = 16;
  JsonLine(char* begin, char* end, Text text = Text::kLine);

  // Only white space: there is no object.
  bool blank() const { return blank_; }

  // False after the last member, and at the first error. Views live as long as the line's bytes.
  bool Next();
  std::string_view name() const { return name_; }
  const char* name_position() const { return name_position_; }
  const SourceValue& value() const { return value_; }
  // Behind its }, once Next() was false without an error.
  char* object_end() const { return at_; }

  // Null: none so far.
  const char* error() const { return error_; }
  const char* error_position() const { return error_position_; }

 private:
  bool Fail(const char* at, const char* error);
  bool FailCutOff();
  void SkipSpace();
  bool ParseName();
  bool ParseValue();
  bool ParseText(std::string_view* text, bool unescape);
  bool ParseEscape(char** written, bool unescape);
  bool ParseHex4(unsigned* code);
  bool ParseNumber();
  bool ParseLiteral(std::string_view literal);
  bool ParseNested();
  bool ParseNestedScalar();
  bool Finish();

  char* at_;
  char* const end_;
  const Text text_;
  bool blank_ = false;
  bool begun_ = false;
  bool done_ = false;
  std::string_view name_;
  const char* name_position_ = nullptr;
  SourceValue value_;
  const char* error_ = nullptr;
  const char* error_position_ = nullptr;
};

}  // namespace driftwood::agent
