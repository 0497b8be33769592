#include "merkle/record/value.h"

#include <charconv>
#include <cmath>
#include <cstdint>

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
    case Tag::kUnparsedBytes:
      return DisplayBytes(text);
    case Tag::kDecimal:
    case Tag::kText:
    case Tag::kUuid:
    case Tag::kJson:
    case Tag::kUnparsedText:
      break;
  }
  return text;
}

}  // namespace driftwood::merkle
