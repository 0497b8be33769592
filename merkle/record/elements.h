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
#include "merkle/record/value.h"

namespace driftwood::merkle {

// `elements` are columns, appended one after the other as Place::kKey. Lists within them must not
// be nested deeper than kListDepthMax - 1.
void AppendList(std::string_view elements, Place place, std::string* out);
// In any order, and each as often as it likes.
void AppendSet(std::vector<std::string> elements, Place place, std::string* out);

// A JSON array of scalars and such arrays. False, with `out` as it was, if it is none.
bool AppendListJson(std::string_view json, Place place, std::string* out);
bool AppendSetJson(std::string_view json, Place place, std::string* out);

// Calls `take` with each element of a body. False if it is not in canonical form: `take` may have
// had some of it.
bool ForEachElement(std::string_view body, const std::function<void(const Value&)>& take);

}  // namespace driftwood::merkle
