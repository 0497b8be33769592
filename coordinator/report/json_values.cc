#include "coordinator/report/json_values.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/text/hex.h"

namespace driftwood::coordinator {

namespace {

using OrderedJson = nlohmann::ordered_json;
using Json = nlohmann::json;
using merkle::ColumnType;
using merkle::Place;
using merkle::Tag;
using merkle::Value;

// Beyond this a reader that keeps numbers as doubles would change them.
constexpr int64_t kSafeInteger = int64_t{1} << 53;

bool IsSafe(int64_t number) { return number <= kSafeInteger && number >= -kSafeInteger; }

OrderedJson BytesJson(const std::string& bytes) { return OrderedJson{{"hex", Hex(bytes)}}; }

Value Of(Tag tag, std::string text = "") {
  Value value;
  value.tag = tag;
  value.text = std::move(text);
  return value;
}

// What a string in a column of this type stands for, appended to `out`. False if it is no such
// value.
bool AppendString(const merkle::Column& column, const std::string& text, std::string* out) {
  constexpr Place kPlace = Place::kValue;
  switch (column.type) {
    case ColumnType::kText:
    case ColumnType::kDynamic:
      return merkle::AppendText(text, kPlace, out);
    case ColumnType::kInteger:
      return merkle::AppendIntegerText(text, kPlace, out);
    case ColumnType::kDecimal:
      return merkle::AppendDecimalText(text, kPlace, out);
    case ColumnType::kFloat64:
      return merkle::AppendFloat64Text(text, kPlace, out);
    case ColumnType::kDate:
      return merkle::AppendDateText(text, kPlace, out);
    case ColumnType::kTime:
      return merkle::AppendTimeText(text, kPlace, out);
    case ColumnType::kTimestamp:
      return merkle::AppendTimestampText(text, kPlace, out);
    case ColumnType::kTimestampTz:
      return merkle::AppendTimestampTzText(text, kPlace, out);
    case ColumnType::kUuid:
      return merkle::AppendUuidText(text, kPlace, out);
    case ColumnType::kJson:
      return merkle::AppendJsonText(text, kPlace, out);
    case ColumnType::kOpaque:
      return merkle::AppendOpaque(column.opaque, text, kPlace, out);
    case ColumnType::kBits:
      return merkle::AppendBitsText(text, kPlace, out);
    case ColumnType::kBool:
    case ColumnType::kBytes:
    case ColumnType::kList:
    case ColumnType::kSet:
      break;
  }
  return false;
}

// {"hex": …}, {"unparsed": …}
std::optional<Value> ReadObject(const Json& json) {
  if (json.contains("hex") && json.size() == 1 && json["hex"].is_string()) {
    std::optional<std::string> bytes = BytesOfHex(json["hex"].get<std::string>());
    if (bytes) return Of(Tag::kBytes, *std::move(bytes));
  }
  if (json.size() != 1 || !json.contains("unparsed")) return std::nullopt;
  const Json& unparsed = json["unparsed"];
  if (unparsed.is_string()) return Of(Tag::kUnparsedText, unparsed.get<std::string>());
  if (!unparsed.is_object() || !unparsed.contains("hex") || !unparsed["hex"].is_string()) {
    return std::nullopt;
  }
  std::optional<std::string> bytes = BytesOfHex(unparsed["hex"].get<std::string>());
  if (!bytes) return std::nullopt;
  Value value = Of(Tag::kUnparsedBytes, *std::move(bytes));
  if (unparsed.size() == 1) return value;
  if (unparsed.size() != 2 || !unparsed.contains("character_set") ||
      !unparsed["character_set"].is_string()) {
    return std::nullopt;
  }
  value.tag = Tag::kForeignText;
  value.name = unparsed["character_set"].get<std::string>();
  return value;
}

std::string EncodedValue(const Value& value) {
  std::string bytes;
  merkle::AppendValue(value, Place::kValue, &bytes);
  return bytes;
}

// What JsonSaysAll() need not try: most of the values that there are.
bool IsPlain(ColumnType type, const Value& value) {
  switch (value.tag) {
    case Tag::kNull:
    case Tag::kFalse:
    case Tag::kTrue:
    case Tag::kBytes:
      return true;
    case Tag::kInteger:
      return IsSafe(value.number);
    case Tag::kText:
      return type == ColumnType::kText || type == ColumnType::kDynamic;
    default:
      return false;
  }
}

// Nothing if it names other columns than the schema's key has.
std::optional<ReportKey> ReadColumns(const merkle::Schema& schema, const Json& json) {
  if (json.size() != schema.key.size()) return std::nullopt;
  ReportKey key;
  std::vector<Value>& values = key.columns.emplace();
  for (const merkle::Column& column : schema.key) {
    const auto member = json.find(column.name);
    if (member == json.end()) return std::nullopt;
    std::optional<Value> value;
    if (!schema.multiset) {
      value = ReadValueJson(column, *member);
    } else if (member->is_string()) {
      std::optional<std::string> digest = BytesOfHex(member->get<std::string>());
      if (digest) value = Of(Tag::kBytes, *std::move(digest));
    }
    if (!value) return std::nullopt;
    const bool last = values.size() + 1 == schema.key.size();
    merkle::AppendValue(*value, last ? Place::kKeyLast : Place::kKey, &key.encoded);
    values.push_back(*std::move(value));
  }
  return key;
}

}  // namespace

OrderedJson ValueJson(const Value& value) {
  switch (value.tag) {
    case Tag::kNull:
      return nullptr;
    case Tag::kFalse:
      return false;
    case Tag::kTrue:
      return true;
    case Tag::kInteger:
      if (!IsSafe(value.number)) return std::to_string(value.number);
      return value.number;
    case Tag::kUnsigned:
      return std::to_string(static_cast<uint64_t>(value.number));
    case Tag::kFloat64:
      if (std::isnan(value.real)) return "NaN";
      if (std::isinf(value.real)) return value.real > 0 ? "Infinity" : "-Infinity";
      return value.real;
    case Tag::kBytes:
      return BytesJson(value.text);
    case Tag::kForeignText: {
      OrderedJson bytes = BytesJson(value.text);
      if (!value.name.empty()) bytes["character_set"] = value.name;
      return OrderedJson{{"unparsed", bytes}};
    }
    case Tag::kOpaque:
      return value.text;
    case Tag::kBits:
      break;
    case Tag::kList:
    case Tag::kSet: {
      OrderedJson elements = OrderedJson::array();
      merkle::ForEachElement(value.text,
                             [&](const Value& element) { elements.push_back(ValueJson(element)); });
      return elements;
    }
    case Tag::kUnparsedText:
      return OrderedJson{{"unparsed", value.text}};
    case Tag::kUnparsedBytes:
      return OrderedJson{{"unparsed", BytesJson(value.text)}};
    case Tag::kDecimal:
    case Tag::kText:
    case Tag::kUuid:
    case Tag::kJson:
      return value.text;
    case Tag::kDate:
    case Tag::kTime:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      break;
  }
  return value.ToDisplay();
}

std::optional<Value> ReadValueJson(const merkle::Column& column, const Json& json) {
  if (json.is_null()) return Value();
  if (json.is_boolean()) return Of(json.get<bool>() ? Tag::kTrue : Tag::kFalse);
  if (json.is_object()) return ReadObject(json);
  if (json.is_number_float()) {
    Value value = Of(Tag::kFloat64);
    value.real = json.get<double>();
    return value;
  }
  if (json.is_number_integer()) {
    Value value = Of(Tag::kInteger);
    value.number = json.get<int64_t>();
    if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{kSafeInteger}) {
      return std::nullopt;
    }
    return IsSafe(value.number) ? std::optional(value) : std::nullopt;
  }
  if (!json.is_string()) return std::nullopt;  // a list is never plain
  std::string bytes;
  if (!AppendString(column, json.get_ref<const std::string&>(), &bytes)) return std::nullopt;
  absl::StatusOr<std::vector<Value>> values = merkle::DecodeValues(bytes, 1);
  if (!values.ok()) return std::nullopt;
  return std::move(values->front());
}

bool JsonSaysAll(const merkle::Column& column, const Value& value) {
  if (IsPlain(column.type, value)) return true;
  const std::optional<Value> read = ReadValueJson(column, Json(ValueJson(value)));
  return read && EncodedValue(*read) == EncodedValue(value);  // there is one NaN
}

OrderedJson KeyJson(const std::optional<merkle::Schema>& schema, const ReportKey& key) {
  if (!key.columns || !schema) return nullptr;
  if (schema->multiset) return OrderedJson{{"*", Hex(key.columns->front().text)}};
  OrderedJson object = OrderedJson::object();
  for (size_t i = 0; i < key.columns->size() && i < schema->key.size(); ++i) {
    object[schema->key[i].name] = ValueJson((*key.columns)[i]);
  }
  return object;
}

OrderedJson BoundJson(const std::optional<merkle::Schema>& schema, const ReportKey& key) {
  OrderedJson decoded = KeyJson(schema, key);
  return decoded.is_null() ? OrderedJson{{"key_encoded", Hex(key.encoded)}} : decoded;
}

std::optional<ReportKey> ReadKeyJson(const std::optional<merkle::Schema>& schema,
                                     const Json& json) {
  if (!json.is_object()) return std::nullopt;
  if (schema) {
    if (std::optional<ReportKey> key = ReadColumns(*schema, json)) return key;
  }
  const auto encoded = json.find("key_encoded");
  if (json.size() != 1 || encoded == json.end() || !encoded->is_string()) return std::nullopt;
  std::optional<std::string> bytes = BytesOfHex(encoded->get<std::string>());
  if (!bytes) return std::nullopt;
  return ReportKey{*std::move(bytes), std::nullopt};
}

bool JsonSaysAll(const std::optional<merkle::Schema>& schema, const ReportKey& key) {
  const std::optional<ReportKey> read = ReadKeyJson(schema, Json(BoundJson(schema, key)));
  const bool shown = schema && key.columns;
  return read && read->encoded == key.encoded && read->columns.has_value() == shown;
}

}  // namespace driftwood::coordinator
