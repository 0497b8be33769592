// Values of sources in tests, and how a column reads one.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/index/row_encoder.h"

namespace driftwood::agent {

inline SourceValue Number(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kNumber, text);
}
inline SourceValue Json(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kJson, text);
}
inline SourceValue Text(std::string_view text) { return SourceValue::Text(text); }
inline SourceValue Stored(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kStored, text);
}
inline SourceValue String(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kString, text);
}
inline SourceValue Opaque(std::string_view text) {
  return SourceValue::OfText(SourceValue::Kind::kOpaque, text);
}
inline SourceValue Bits(std::string_view digits) {
  return SourceValue::OfText(SourceValue::Kind::kBits, digits);
}
inline SourceValue Int(int64_t value) { return SourceValue::Int64(value); }
inline SourceValue Real(double value) { return SourceValue::Double(value); }

inline std::string TagName(const merkle::Value& value) {
  switch (value.tag) {
    case merkle::Tag::kNull:
      return "null";
    case merkle::Tag::kFalse:
    case merkle::Tag::kTrue:
      return "bool";
    case merkle::Tag::kInteger:
    case merkle::Tag::kUnsigned:
      return "integer";
    case merkle::Tag::kDecimal:
      return "decimal";
    case merkle::Tag::kFloat64:
      return "float64";
    case merkle::Tag::kText:
      return "text";
    case merkle::Tag::kBytes:
      return "bytes";
    case merkle::Tag::kDate:
      return "date";
    case merkle::Tag::kTime:
      return "time";
    case merkle::Tag::kTimestamp:
      return "timestamp";
    case merkle::Tag::kTimestampTz:
      return "timestamptz";
    case merkle::Tag::kUuid:
      return "uuid";
    case merkle::Tag::kJson:
      return "json";
    case merkle::Tag::kUnparsedText:
      return "mismatched-text";
    case merkle::Tag::kUnparsedBytes:
      return "mismatched-bytes";
    case merkle::Tag::kForeignText:
      return "foreign-text(" + value.name + ")";
    case merkle::Tag::kOpaque:
      return "opaque(" + value.name + ")";
    case merkle::Tag::kBits:
      return "bits";
    case merkle::Tag::kList:
      return "list";
    case merkle::Tag::kSet:
      return "set";
  }
  return "?";
}

inline merkle::Column ColumnNamed(const std::string& name, merkle::ColumnType type) {
  merkle::Column column{name, type};
  if (type == merkle::ColumnType::kOpaque) column.opaque = "tsrange";
  return column;
}

// One value, read as a column of `type`, as it comes back: "integer 7", "mismatched-text x !" where
// the mark says that it was counted.
inline std::string Read(merkle::ColumnType type, const SourceValue& source) {
  RowEncoder as_value({{{"k", merkle::ColumnType::kInteger}}, {ColumnNamed("v", type)}}, {});
  const std::vector<SourceValue> row = {Int(1), source};
  EXPECT_TRUE(as_value.Encode(row).ok());
  const auto values = merkle::DecodeValues(as_value.value(), 1);
  if (!values.ok()) return std::string(values.status().message());

  // In all three places the value is the same.
  RowEncoder as_key({{ColumnNamed("a", type), ColumnNamed("b", type)}, {}}, {});
  EXPECT_TRUE(as_key.Encode(std::vector<SourceValue>{source, source}).ok());
  const auto key = merkle::DecodeKey(as_key.key(), 2);
  if (!key.ok()) return std::string(key.status().message());
  for (const merkle::Value& in_key : *key) {
    EXPECT_EQ(in_key.tag, (*values)[0].tag);
    EXPECT_EQ(in_key.ToDisplay(), (*values)[0].ToDisplay());
  }
  EXPECT_EQ(as_key.unparsed(), 2 * as_value.unparsed());

  const merkle::Value& value = (*values)[0];
  return TagName(value) + " " + value.ToDisplay() + (as_value.unparsed() == 0 ? "" : " !");
}

// How one column of a type reads a value.
inline std::string ReadAs(const merkle::ValueType& type, const SourceValue& source) {
  const merkle::Column column{"v", type.type, type.opaque, type.element};
  RowEncoder encoder({{{"k", merkle::ColumnType::kInteger}}, {column}}, {});
  const std::vector<SourceValue> row = {Int(1), source};
  EXPECT_TRUE(encoder.Encode(row).ok());
  const merkle::Value value = merkle::DecodeValues(encoder.value(), 1).value()[0];
  return TagName(value) + " " + value.ToDisplay() + (encoder.unparsed() == 0 ? "" : " !");
}

}  // namespace driftwood::agent
