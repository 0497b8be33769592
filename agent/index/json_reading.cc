#include "agent/index/json_reading.h"

#include <optional>
#include <string_view>
#include <utility>

#include "agent/index/natural_value.h"
#include "agent/index/number_reading.h"
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
  std::string made;
  std::string_view json;
  switch (value.kind) {
    case Kind::kBool:
      json = value.boolean ? "true" : "false";
      break;
    case Kind::kInt64:
    case Kind::kUint64:
    case Kind::kDouble:
    case Kind::kGroups: {
      std::optional<std::string> number = NumberText(value);
      if (!number) return AppendNatural(value, place, out);
      made = *std::move(number);
      json = made;
      break;
    }
    case Kind::kString:
      made = JsonString(value.text);
      json = made;
      break;
    case Kind::kText:
    case Kind::kStored:
    case Kind::kNumber:
    case Kind::kJson:
      json = value.text;
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
