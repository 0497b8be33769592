// Objects of JSON, one a line or in an array, strictly as RFC 8259 has it. Values point into the
// text; strings are unescaped in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/source/source_value.h"

namespace driftwood::agent {

// Takes what stands in a JSON text, in its order. False ends it.
class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  virtual bool Open(bool is_object) = 0;  // else an array
  virtual bool Close() = 0;
  // Of an object's next member; views live as long as the text.
  virtual bool Name(std::string_view name) = 0;
  // A null, a boolean, a number as it is written, or a string.
  virtual bool Scalar(const SourceValue& value) = 0;
};

struct JsonError {
  const char* what;
  const char* at;
};

// All of one JSON text, whatever it is. [begin, end) may be written to, and has JsonLine::kPadding
// readable bytes after it. Absent: it is JSON, and `visitor` has all of it.
std::optional<JsonError> VisitJson(char* begin, char* end, JsonVisitor* visitor);

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
  friend std::optional<JsonError> VisitJson(char* begin, char* end, JsonVisitor* visitor);

  bool VisitAll();
  bool Fail(const char* at, const char* error);
  bool FailVisit();
  bool FailCutOff();
  void SkipSpace();
  bool ParseName();
  bool ParseValue();
  bool ParseScalar();
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
  JsonVisitor* visitor_ = nullptr;  // takes what is nested; null: it is only checked
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
