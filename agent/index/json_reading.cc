#include "agent/index/json_reading.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "agent/index/natural_value.h"
#include "merkle/record/decimal.h"
#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

using merkle::Place;
using Kind = SourceValue::Kind;

// A JSON text of one string.
std::string JsonString(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      json += "\\u00";
      AppendHex(c, &json);
    } else {
      json += c;
    }
  }
  return json + '"';
}

}  // namespace

bool AppendAsJson(const SourceValue& value, Place place, std::string* out) {
  std::array<char, 32> number;
  std::string made;
  std::string_view json = value.text;
  const auto set_number = [&](const auto& n) {
    const auto result = std::to_chars(number.data(), number.data() + number.size(), n);
    json = {number.data(), static_cast<size_t>(result.ptr - number.data())};
  };
  switch (value.kind) {
    case Kind::kBool:
      json = value.boolean ? "true" : "false";
      break;
    case Kind::kInt64:
      set_number(value.int64);
      break;
    case Kind::kUint64:
      set_number(value.uint64);
      break;
    case Kind::kDouble:
      if (!std::isfinite(value.real)) return AppendNatural(value, place, out);
      json = merkle::ShortestDecimal(value.real, number);
      break;
    case Kind::kString:
      made = JsonString(value.text);
      json = made;
      break;
    case Kind::kGroups:
      made = DisplayText(value);
      json = made;
      break;
    case Kind::kText:
    case Kind::kStored:
    case Kind::kNumber:
    case Kind::kJson:
      break;
    default:
      return AppendNatural(value, place, out);
  }
  return merkle::AppendJsonText(json, place, out) || AppendNatural(value, place, out);
}

// What a server calls a list, and what may be one's export, is an array's text; a JSON string is
// never the JSON that it may spell. A store that tells JSON from text has no array's text: "{}" is
// an object there.
bool AppendAsList(const SourceValue& value, merkle::ElementType of, Place place, std::string* out) {
  const bool is_untyped = value.kind == Kind::kText;
  const bool may_be_array =
      is_untyped || value.kind == Kind::kOpaque || value.kind == Kind::kString;
  const bool may_be_json = is_untyped || value.kind == Kind::kStored || value.kind == Kind::kJson;
  return (may_be_array && merkle::AppendListText(value.text, place, out, of)) ||
         (may_be_json && merkle::AppendListJson(value.text, place, out, of)) ||
         AppendNatural(value, place, out);
}

bool AppendAsDynamicList(const SourceValue& value, Place place, std::string* out) {
  return AppendAsList(value, {}, place, out);
}

bool AppendAsSet(const SourceValue& value, Place place, std::string* out) {
  const bool parsed =
      value.IsText() ? merkle::AppendSetText(value.text, place, out)
      : value.kind == Kind::kOpaque
          ? merkle::AppendSetArrayText(value.text, place, out)
          : value.kind == Kind::kJson && merkle::AppendSetJson(value.text, place, out);
  return parsed || AppendNatural(value, place, out);
}

}  // namespace driftwood::agent
