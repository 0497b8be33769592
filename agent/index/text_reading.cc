#include "agent/index/text_reading.h"

#include <string_view>

#include "agent/index/natural_value.h"
#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

using merkle::Place;
using Kind = SourceValue::Kind;

// "\x0aff", as PostgreSQL writes bytes.
bool AppendHexText(std::string_view text, Place place, std::string* out) {
  if (!IsHexText(text)) return false;
  std::string bytes;
  bytes.reserve(HexTextBytes(text));
  ForEachHexPiece(text, [&bytes](std::string_view piece) { bytes += piece; });
  merkle::AppendBytes(bytes, place, out);
  return true;
}

}  // namespace

// A number is never made a text: how it is spelled would be our choice.
bool AppendAsText(const SourceValue& value, Place place, std::string* out) {
  switch (value.kind) {
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
    case Kind::kOpaque:
    case Kind::kBits:
      return merkle::AppendText(value.text, place, out);
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      return merkle::AppendText(DisplayText(value), place, out);
    case Kind::kUuid:
      if (value.text.size() != kUuidBytes) return AppendNatural(value, place, out);
      return merkle::AppendText(DisplayText(value), place, out);
    default:
      return AppendNatural(value, place, out);
  }
}

bool AppendAsBytes(const SourceValue& value, Place place, std::string* out) {
  if (value.kind == Kind::kBytes) {
    merkle::AppendBytes(value.text, place, out);
    return true;
  }
  if (value.kind == Kind::kText && value.forms != nullptr && value.forms->raw_bytes) {
    merkle::AppendBytes(value.text, place, out);
    return true;
  }
  const bool from_text = value.kind == Kind::kText || value.kind == Kind::kString;
  return (from_text && AppendHexText(value.text, place, out)) || AppendNatural(value, place, out);
}

bool AppendAsUuid(const SourceValue& value, Place place, std::string* out) {
  if ((value.kind == Kind::kUuid || value.kind == Kind::kBytes) &&
      value.text.size() == kUuidBytes) {
    AppendUuidBytes(value.text, place, out);
    return true;
  }
  return (value.IsText() && merkle::AppendUuidText(value.text, place, out)) ||
         AppendNatural(value, place, out);
}

// "0101", and as literals B'0101' and b'0101'. Not 0x05: how many bits those are, nothing tells.
bool AppendAsBits(const SourceValue& value, Place place, std::string* out) {
  std::string_view digits = value.text;
  if (value.IsText() && digits.size() >= 3 && (digits[0] == 'B' || digits[0] == 'b') &&
      digits[1] == '\'' && digits.back() == '\'') {
    digits = digits.substr(2, digits.size() - 3);
  }
  const bool may_be_bits =
      value.IsText() || value.kind == Kind::kBits || value.kind == Kind::kOpaque;
  return (may_be_bits && merkle::AppendBitsText(digits, place, out)) ||
         AppendNatural(value, place, out);
}

}  // namespace driftwood::agent
