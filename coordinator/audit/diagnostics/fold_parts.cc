#include "coordinator/audit/diagnostics/fold_parts.h"

#include <string_view>
#include <utility>

#include "merkle/record/encoding.h"

namespace driftwood::coordinator {

using merkle::Column;
using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;

namespace {

// Appends the text as the column's type has it; false if it can't be read so.
bool AppendAs(ColumnType type, std::string_view text, std::string* out) {
  constexpr auto kPlace = merkle::Place::kValue;
  switch (type) {
    case ColumnType::kBool:
      return merkle::AppendBoolText(text, out);
    case ColumnType::kInteger:
      return merkle::AppendIntegerText(text, kPlace, out);
    case ColumnType::kDecimal:
      return merkle::AppendDecimalText(text, kPlace, out);
    case ColumnType::kFloat64:
      return merkle::AppendFloat64Text(text, kPlace, out);
    case ColumnType::kUuid:
      return merkle::AppendUuidText(text, kPlace, out);
    case ColumnType::kTime:
      return merkle::AppendTimeText(text, kPlace, out);
    case ColumnType::kJson:
      return merkle::AppendJsonText(text, kPlace, out);
    default:
      return false;
  }
}

}  // namespace

bool IsText(const Value& value) {
  return value.tag == Tag::kText || value.tag == Tag::kUnparsedText;
}

std::string Lower(const std::string& text) {
  std::string lower = text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

void ReadAs(ColumnType type, const std::string& text, Value* value) {
  std::string bytes;
  if (!AppendAs(type, text, &bytes)) return;
  if (auto read = merkle::DecodeValues(bytes, 1); read.ok()) *value = std::move(read->front());
}

Fold Plain(std::string text, FoldFamily family, void (*apply)(const Column&, Value*),
           std::string types) {
  Fold fold;
  fold.text = std::move(text);
  fold.family = family;
  fold.apply = apply;
  fold.types = std::move(types);
  return fold;
}

}  // namespace driftwood::coordinator
