// Arrays as PostgreSQL writes them: {1,NULL,"b c",{…}}. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace driftwood::merkle {

// What takes the parts of an array, in their order. The first array is begun and ended too.
class ArrayTaker {
 public:
  virtual ~ArrayTaker() = default;
  virtual bool Begin() = 0;
  virtual bool End() = 0;
  // Nothing for NULL. The text lives during the call.
  virtual bool Element(std::optional<std::string_view> text) = 0;
};

// False if `text` is no such array, or `take` has said so: it may then have had some parts. An
// array whose bounds are written ("[0:1]={1,2}") is none: in a list the bounds would be lost.
bool ReadArrayText(std::string_view text, ArrayTaker& take);

}  // namespace driftwood::merkle
