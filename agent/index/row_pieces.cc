// Long rows: their values go piece by piece to where they are hashed (RowEncoder::EncodeValue()).
// What takes part here is told by length and kind alone; which bytes a value becomes must be the
// same as in row_encoder.cc, and a test compares the two.
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "agent/index/row_encoder.h"
#include "merkle/record/encoding.h"
#include "merkle/record/rule.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using merkle::Tag;
using Kind = SourceValue::Kind;

constexpr size_t kLongRowBytes = size_t{1} << 20;
// A value from which on it is handed out by itself.
constexpr size_t kLongValueBytes = size_t{64} << 10;

// What a long value becomes: a tag, and bytes behind their length.
struct Body {
  Tag tag = Tag::kText;
  bool parsed = true;
  std::string_view source{};          // the bytes as the source has them
  bool is_hex = false;                // they are written in hexadecimal
  std::optional<std::string> made{};  // in place of `source`
};

// Text that did not parse.
Body Unparsed(std::string_view text) {
  return {merkle::IsUtf8(text) ? Tag::kUnparsedText : Tag::kUnparsedBytes, false, text};
}

Body TextBody(std::string_view text) {
  const bool is_utf8 = merkle::IsUtf8(text);
  return {is_utf8 ? Tag::kText : Tag::kUnparsedBytes, is_utf8, text};
}

Body JsonBody(std::string_view text, bool parsed) {
  absl::StatusOr<std::string> canonical = merkle::CanonicalJson(text);
  if (!canonical.ok()) return Unparsed(text);
  Body body{Tag::kJson, parsed};
  body.made = *std::move(canonical);
  return body;
}

// Nothing for what is no text, or whose bytes have to be made in another way: numbers, say.
std::optional<Body> BodyOf(ColumnType type, const SourceValue& value) {
  const bool takes_text = type == ColumnType::kText || type == ColumnType::kDynamic;
  if (value.IsText()) {
    if (takes_text) return TextBody(value.text);
    if (type == ColumnType::kJson && value.kind != Kind::kString) {
      return JsonBody(value.text, true);
    }
    if (type != ColumnType::kBytes) return std::nullopt;
    if (value.kind == Kind::kStored || !IsHexText(value.text)) return Unparsed(value.text);
    return Body{Tag::kBytes, true, value.text, true};
  }
  if (value.kind == Kind::kBytes) {
    return Body{Tag::kBytes, type == ColumnType::kBytes || type == ColumnType::kDynamic,
                value.text};
  }
  if (value.kind == Kind::kJson) {
    return JsonBody(value.text, type == ColumnType::kJson || type == ColumnType::kDynamic);
  }
  return std::nullopt;
}

absl::Status TakeHead(Tag tag, size_t bytes, const RowEncoder::TakePiece& take) {
  if (bytes > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError("a value has " + std::to_string(bytes) +
                                      " bytes, the longest possible has " +
                                      std::to_string(std::numeric_limits<uint32_t>::max()));
  }
  std::string head;
  merkle::AppendHead(tag, static_cast<uint32_t>(bytes), &head);
  take(head);
  return absl::OkStatus();
}

absl::Status TakeBody(const Body& body, const RowEncoder::TakePiece& take) {
  if (!body.is_hex) {
    const std::string_view bytes = body.made ? std::string_view(*body.made) : body.source;
    RETURN_IF_ERROR(TakeHead(body.tag, bytes.size(), take));
    take(bytes);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(TakeHead(body.tag, HexTextBytes(body.source), take));
  ForEachHexPiece(body.source, take);
  return absl::OkStatus();
}

// The same as a value that rules can change.
merkle::Value ValueOf(Body body) {
  merkle::Value value;
  value.tag = body.tag;
  if (body.is_hex) {
    value.text.reserve(HexTextBytes(body.source));
    ForEachHexPiece(body.source, [&value](std::string_view piece) { value.text += piece; });
  } else {
    value.text = body.made ? *std::move(body.made) : std::string(body.source);
  }
  return value;
}

bool HasBytes(Tag tag) {
  return tag == Tag::kText || tag == Tag::kBytes || tag == Tag::kJson ||
         tag == Tag::kUnparsedText || tag == Tag::kUnparsedBytes;
}

}  // namespace

bool RowEncoder::IsLong(std::span<const SourceValue> row) {
  size_t bytes = 0;
  for (const SourceValue& value : row) bytes += value.text.size();
  return bytes > kLongRowBytes;
}

void RowEncoder::EncodeKey(std::span<const SourceValue> row) {
  key_.clear();
  const SourceValue* value = row.data();
  for (const ColumnPlan& plan : key_plans_) Append(plan, *value++, &key_);
}

absl::Status RowEncoder::EncodeValue(std::span<const SourceValue> row, const TakePiece& take,
                                     const std::function<void()>& end_column) {
  value_.clear();
  const auto take_short = [&] {
    take(value_);
    value_.clear();
  };
  const SourceValue* value = row.data() + key_plans_.size();
  for (const ColumnPlan& plan : value_plans_) {
    if (value->text.size() < kLongValueBytes || value->kind == Kind::kNull) {
      Append(plan, *value, &value_);
      if (value_.size() >= kLongValueBytes) take_short();
    } else {
      take_short();
      ASSIGN_OR_RETURN(const bool parsed, TakeLong(plan, *value, take));
      if (!parsed) ++unparsed_;
    }
    if (end_column) {
      take_short();
      end_column();
    }
    ++value;
  }
  take_short();
  ReleaseValueBuffers();
  return absl::OkStatus();
}

absl::StatusOr<bool> RowEncoder::TakeLong(const ColumnPlan& plan, const SourceValue& value,
                                          const TakePiece& take) {
  std::optional<Body> body = BodyOf(plan.type, value);
  if (body && plan.rules.empty()) {
    RETURN_IF_ERROR(TakeBody(*body, take));
    return body->parsed;
  }
  if (!body) {
    std::string encoded;
    const bool parsed = plan.rules.empty() ? plan.append(value, plan.place, &encoded)
                                           : AppendUnderRules(plan, value, &encoded);
    take(encoded);
    return parsed;
  }
  const bool parsed = body->parsed;
  merkle::Value canonical = ValueOf(*std::move(body));
  for (const merkle::Rule& rule : plan.rules) merkle::ApplyRule(rule, &canonical);
  if (HasBytes(canonical.tag)) {
    RETURN_IF_ERROR(TakeHead(canonical.tag, canonical.text.size(), take));
    take(canonical.text);
  } else {
    std::string encoded;
    merkle::AppendValue(canonical, plan.place, &encoded);
    take(encoded);
  }
  return parsed || canonical.tag == Tag::kNull;
}

}  // namespace driftwood::agent
