// Lists and sets: what is between the head and the end of their column. Pure functions.
//
// The body is the elements one after the other, each a column as it stands in a key before others
// (Place::kKey): each shows its own end, and memcmp orders lists by their elements. Numbers are
// decimals and strings texts, whatever the declared type of the elements is, so that arrays of one
// store and JSON arrays of another meet. A list may hold lists. A set's elements ascend, each once.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/record/encoding.h"
#include "merkle/record/encoding_format.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::merkle {

// `elements` are columns, appended one after the other as Place::kKey. Lists within them must not
// be nested deeper than kListDepthMax - 1.
void AppendList(std::string_view elements, Place place, std::string* out);
// In any order, and each as often as it likes.
void AppendSet(std::vector<std::string> elements, Place place, std::string* out);

// What the elements of a list are read as. Of kDynamic: as a JSON array has them, strings as texts.
struct ElementType {
  ColumnType type = ColumnType::kDynamic;  // IsElementType()
  std::string_view opaque{};               // of kOpaque
  bool is_money = false;                   // of kDecimal: texts as PlainMoney() too
};

// All below return false, with `out` as it was, if the text is none of theirs, or one of its
// elements is not of that type.

// A JSON array of scalars and such arrays. A string is a number only if JSON has none for it (NaN
// and the infinities); a bool is no text, nor the other way round.
bool AppendListJson(std::string_view json, Place place, std::string* out, ElementType of = {});
// An array as PostgreSQL writes it (array_text.h).
bool AppendListText(std::string_view text, Place place, std::string* out, ElementType of = {});

bool AppendSetJson(std::string_view json, Place place, std::string* out);
// MySQL's text of a set: "a,b"; "" has no element. What begins like an array or an object is none.
bool AppendSetText(std::string_view text, Place place, std::string* out);
// The same of an array as PostgreSQL writes it.
bool AppendSetArrayText(std::string_view text, Place place, std::string* out);

// Calls `take` with each element of a body. False if it is not in canonical form: `take` may have
// had some of it.
bool ForEachElement(std::string_view body, const std::function<void(const Value&)>& take);

}  // namespace driftwood::merkle
