// Values as people read them. Of lists it takes their decoding, which values know nothing of.
#include <charconv>
#include <cmath>
#include <cstdint>

#include "merkle/record/elements.h"
#include "merkle/record/value.h"
#include "merkle/text/hex.h"

namespace driftwood::merkle {
namespace {

template <typename Number>
void AppendNumber(Number number, std::string* out) {
  char buffer[40];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

void AppendReal(double real, std::string* out) {
  if (std::isnan(real)) {
    out->append("NaN");
  } else if (std::isinf(real)) {
    out->append(real < 0 ? "-Infinity" : "Infinity");
  } else {
    AppendNumber(real, out);
  }
}

void AppendMoment(const Value& value, std::string* out) {
  switch (value.special) {
    case Value::Special::kMinusInfinity:
      out->append("-infinity");
      return;
    case Value::Special::kPlusInfinity:
      out->append("infinity");
      return;
    case Value::Special::kZeroDate:
      out->append(value.tag == Tag::kDate ? "0000-00-00" : "0000-00-00 00:00:00");
      return;
    case Value::Special::kNone:
      break;
  }
  if (value.tag == Tag::kDate) {
    AppendDateDisplay(value.number, out);
  } else {
    AppendTimestampDisplay(value.number, value.tag == Tag::kTimestampTz, out);
  }
}

void AppendBitDigits(const Value& value, std::string* out) {
  for (size_t i = 0; i < static_cast<size_t>(value.number); ++i) {
    out->push_back((static_cast<uint8_t>(value.text[i / 8]) >> (7 - i % 8) & 1) != 0 ? '1' : '0');
  }
}

void AppendElementsDisplay(const Value& value, std::string* out) {
  out->push_back('{');
  bool is_first = true;  // and perhaps empty
  ForEachElement(value.text, [&](const Value& element) {
    if (!is_first) out->push_back(',');
    element.AppendDisplay(out);
    is_first = false;
  });
  out->push_back('}');
}

}  // namespace

void Value::AppendDisplay(std::string* out) const {
  switch (tag) {
    case Tag::kNull:
      out->append("NULL");
      return;
    case Tag::kFalse:
      out->append("false");
      return;
    case Tag::kTrue:
      out->append("true");
      return;
    case Tag::kInteger:
      return AppendNumber(number, out);
    case Tag::kUnsigned:
      return AppendNumber(static_cast<uint64_t>(number), out);
    case Tag::kFloat64:
      return AppendReal(real, out);
    case Tag::kDate:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      return AppendMoment(*this, out);
    case Tag::kTime:
      return AppendTimeDisplay(number, out);
    case Tag::kBytes:
    case Tag::kForeignText:
    case Tag::kUnparsedBytes:
      out->append("\\x");
      return AppendHex(text, out);
    case Tag::kBits:
      return AppendBitDigits(*this, out);
    case Tag::kList:
    case Tag::kSet:
      return AppendElementsDisplay(*this, out);
    case Tag::kDecimal:
    case Tag::kText:
    case Tag::kOpaque:
    case Tag::kUuid:
    case Tag::kJson:
    case Tag::kUnparsedText:
      break;
  }
  out->append(text);
}

std::string Value::ToDisplay() const {
  std::string display;
  AppendDisplay(&display);
  return display;
}

}  // namespace driftwood::merkle
