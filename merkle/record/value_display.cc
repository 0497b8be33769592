// Values as people read them. Of lists it takes their decoding, which values know nothing of.
#include <charconv>
#include <cmath>
#include <cstdint>

#include "merkle/record/elements.h"
#include "merkle/record/value.h"
#include "merkle/text/hex.h"

namespace driftwood::merkle {
namespace {

std::string DisplayBytes(std::string_view bytes) { return "\\x" + Hex(bytes); }

std::string DisplayReal(double real) {
  if (std::isnan(real)) return "NaN";
  if (std::isinf(real)) return real < 0 ? "-Infinity" : "Infinity";
  char buffer[40];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, real).ptr);
}

std::string DisplayDate(const Value& value) {
  std::string text;
  switch (value.special) {
    case Value::Special::kMinusInfinity:
      return "-infinity";
    case Value::Special::kPlusInfinity:
      return "infinity";
    case Value::Special::kZeroDate:
      return value.tag == Tag::kDate ? "0000-00-00" : "0000-00-00 00:00:00";
    case Value::Special::kNone:
      break;
  }
  if (value.tag == Tag::kDate) {
    AppendDateDisplay(value.number, &text);
  } else {
    AppendTimestampDisplay(value.number, value.tag == Tag::kTimestampTz, &text);
  }
  return text;
}

std::string DisplayBits(const Value& value) {
  std::string text;
  for (size_t i = 0; i < static_cast<size_t>(value.number); ++i) {
    text.push_back((static_cast<uint8_t>(value.text[i / 8]) >> (7 - i % 8) & 1) != 0 ? '1' : '0');
  }
  return text;
}

std::string DisplayElements(const Value& value) {
  std::string text = "{";
  bool is_first = true;  // and perhaps empty
  ForEachElement(value.text, [&](const Value& element) {
    text += (is_first ? "" : ",") + element.ToDisplay();
    is_first = false;
  });
  return text + "}";
}

}  // namespace

std::string Value::ToDisplay() const {
  std::string display;
  switch (tag) {
    case Tag::kNull:
      return "NULL";
    case Tag::kFalse:
      return "false";
    case Tag::kTrue:
      return "true";
    case Tag::kInteger:
      return std::to_string(number);
    case Tag::kUnsigned:
      return std::to_string(static_cast<uint64_t>(number));
    case Tag::kFloat64:
      return DisplayReal(real);
    case Tag::kDate:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      return DisplayDate(*this);
    case Tag::kTime:
      AppendTimeDisplay(number, &display);
      return display;
    case Tag::kBytes:
    case Tag::kForeignText:
    case Tag::kUnparsedBytes:
      return DisplayBytes(text);
    case Tag::kBits:
      return DisplayBits(*this);
    case Tag::kList:
    case Tag::kSet:
      return DisplayElements(*this);
    case Tag::kDecimal:
    case Tag::kText:
    case Tag::kOpaque:
    case Tag::kUuid:
    case Tag::kJson:
    case Tag::kUnparsedText:
      break;
  }
  return text;
}

}  // namespace driftwood::merkle
