#include "agent/index/unparsed.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "merkle/check.h"
#include "merkle/record/decimal.h"
#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;

constexpr size_t kExampleBytesMax = 64;

// The beginning of a text, without part of a character at its end.
std::string Beginning(std::string_view text) {
  if (text.size() <= kExampleBytesMax) return std::string(text);
  size_t size = kExampleBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return std::string(text.substr(0, size)) + "…";
}

std::string BytesText(std::string_view bytes) {
  return "\\x" + Hex(bytes.substr(0, kExampleBytesMax / 2));
}

std::string ExampleOf(const SourceValue& value) {
  std::array<char, 32> buffer;
  switch (value.kind) {
    case Kind::kBool:
      return value.boolean ? "true" : "false";
    case Kind::kInt64:
      return std::to_string(value.int64);
    case Kind::kUint64:
      return std::to_string(value.uint64);
    case Kind::kDouble:
      return std::string(merkle::ShortestDecimal(value.real, buffer));
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      return DisplayText(value);
    case Kind::kGroups:
      return Beginning(DisplayText(value));
    case Kind::kBytes:
    case Kind::kUuid:
    case Kind::kForeignText:
      return BytesText(value.text);
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
    case Kind::kNumber:
    case Kind::kOpaque:
    case Kind::kBits:
    case Kind::kJson: {
      std::string text = Beginning(value.text);
      return merkle::IsUtf8(text) ? text : BytesText(value.text);
    }
    case Kind::kNull:
      break;
  }
  return "";
}

void TakeLesser(std::string example, UnparsedColumn* column) {
  if (!column->example || example < *column->example) column->example = std::move(example);
}

}  // namespace

Unparsed::Unparsed(const merkle::Schema& schema) {
  for (const auto* columns : {&schema.key, &schema.values}) {
    for (const merkle::Column& column : *columns) columns_.push_back({column.name, 0, {}});
  }
}

void Unparsed::Add(size_t column, const SourceValue& value) {
  ++count_;
  ++columns_[column].count;
  TakeLesser(ExampleOf(value), &columns_[column]);
}

void Unparsed::Add(const Unparsed& other) {
  DRIFTWOOD_CHECK(columns_.size() == other.columns_.size());
  count_ += other.count_;
  for (size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].count += other.columns_[i].count;
    if (other.columns_[i].example) TakeLesser(*other.columns_[i].example, &columns_[i]);
  }
}

std::vector<UnparsedColumn> Unparsed::Columns() const {
  std::vector<UnparsedColumn> columns;
  for (const UnparsedColumn& column : columns_) {
    if (column.count > 0) columns.push_back(column);
  }
  return columns;
}

}  // namespace driftwood::agent
