// A JSON document as a tree that keeps each number as it was written: a double would lose digits,
// and what differs only in them would look equal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace driftwood::agent {

struct JsonTree {
  enum class Kind : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  std::string text;                // of a number as it was written, of a string unescaped
  std::vector<std::string> names;  // of an object's members, which are `elements`
  std::vector<JsonTree> elements;

  // The member of an object, or the element of an array by its number; null: there is none.
  const JsonTree* Find(std::string_view name) const;
  // As JSON text.
  void AppendTo(std::string* out) const;
};

// InvalidArgument: no JSON, nested over 1,000 deep, or a member twice in one object.
absl::StatusOr<JsonTree> ParseJsonTree(std::string_view text);

// As JSON text.
void AppendJsonString(std::string_view text, std::string* out);

// RFC 6901: "/data/0/id"; "" is the whole document.
class JsonPointer {
 public:
  JsonPointer() = default;
  // InvalidArgument: it does not begin with a slash, or a ~ in it is no ~0 or ~1.
  static absl::StatusOr<JsonPointer> Parse(std::string_view text);
  // Null: nothing is there.
  const JsonTree* In(const JsonTree& document) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace driftwood::agent
