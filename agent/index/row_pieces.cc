// Long values go piece by piece to where they are shown or hashed, and are never copied unless
// their bytes must be made first. Which bytes a value becomes must be the same as in
// column_reading.h, and a test compares the two.
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "agent/index/row_encoder.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/record/hashed_form.h"
#include "merkle/record/opaque.h"
#include "merkle/record/rule.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::agent {

using merkle::ColumnType;
using merkle::Tag;
using Kind = SourceValue::Kind;

// What a long value becomes: a tag, a length, and that many bytes, in two parts; or, if it has no
// tag, a whole column in `made`.
struct LongColumn {
  std::optional<Tag> tag{};
  bool parsed = true;
  std::string front{};                // a name and the zero byte that ends it, mostly nothing
  std::string_view source{};          // the bytes as the source has them
  bool is_hex = false;                // they are written in hexadecimal
  std::optional<std::string> made{};  // in place of `source`

  std::string_view bytes() const { return made ? std::string_view(*made) : source; }
  size_t body_bytes() const {
    return front.size() + (is_hex ? HexTextBytes(source) : bytes().size());
  }
  template <typename Take>
  void TakeBody(const Take& take) const {
    if (!front.empty()) take(std::string_view(front));
    if (is_hex) {
      ForEachHexPiece(source, take);
    } else {
      take(bytes());
    }
  }
};

namespace {

constexpr size_t kBytesMax = std::numeric_limits<uint32_t>::max();

absl::Status TooLong(size_t bytes) {
  return absl::InvalidArgumentError("a value has " + std::to_string(bytes) +
                                    " bytes, the longest possible has " +
                                    std::to_string(kBytesMax));
}

LongColumn Framed(Tag tag, bool parsed, std::string_view source) {
  LongColumn column;
  column.tag = tag;
  column.parsed = parsed;
  column.source = source;
  return column;
}

LongColumn Named(Tag tag, bool parsed, std::string_view name, std::string_view source) {
  LongColumn column = Framed(tag, parsed, source);
  column.front = name;
  column.front.push_back('\0');
  return column;
}

// Text that parsed as what `tag` says, if it is UTF-8 at all.
LongColumn OfText(Tag tag, bool parsed, std::string_view text) {
  if (!merkle::IsUtf8(text)) return Named(Tag::kForeignText, false, "", text);
  return Framed(tag, parsed, text);
}

LongColumn OfJson(std::string_view text, bool parsed) {
  absl::StatusOr<std::string> canonical = merkle::CanonicalJson(text);
  if (!canonical.ok()) return OfText(Tag::kUnparsedText, false, text);
  LongColumn column = Framed(Tag::kJson, parsed, "");
  column.made = *std::move(canonical);
  return column;
}

// Nothing for what is no text, or whose bytes have to be made in another way: numbers, say.
std::optional<LongColumn> ColumnOf(ColumnType type, std::string_view opaque,
                                   const SourceValue& value) {
  const bool is_opaque = value.kind == Kind::kOpaque;
  if (value.IsText() || is_opaque) {
    if (type == ColumnType::kText || (type == ColumnType::kDynamic && !is_opaque)) {
      return OfText(Tag::kText, true, value.text);
    }
    if (type == ColumnType::kOpaque && !merkle::ReadsOpaqueText(opaque) &&
        merkle::IsUtf8(value.text)) {
      return Named(Tag::kOpaque, true, opaque, value.text);
    }
    if (is_opaque) return std::nullopt;
    if (type == ColumnType::kJson && value.kind != Kind::kString) return OfJson(value.text, true);
    if (type != ColumnType::kBytes) return std::nullopt;
    if (value.kind == Kind::kText && value.forms != nullptr && value.forms->raw_bytes) {
      return Framed(Tag::kBytes, true, value.text);
    }
    if (value.kind == Kind::kStored || !IsHexText(value.text)) {
      return OfText(Tag::kUnparsedText, false, value.text);
    }
    LongColumn column = Framed(Tag::kBytes, true, value.text);
    column.is_hex = true;
    return column;
  }
  const bool dynamic = type == ColumnType::kDynamic;
  if (value.kind == Kind::kBytes) {
    return Framed(Tag::kBytes, type == ColumnType::kBytes || dynamic, value.text);
  }
  if (value.kind == Kind::kForeignText) {
    return Named(Tag::kForeignText, false, value.character_set, value.text);
  }
  if (value.kind == Kind::kJson && type != ColumnType::kList && type != ColumnType::kSet) {
    return OfJson(value.text, type == ColumnType::kJson || dynamic);
  }
  return std::nullopt;
}

// How many times as long as its text a column may be that is made from it. An element of a list has
// two characters at least, and perhaps its type's name.
size_t GrowthMax(ColumnType type, std::string_view opaque) {
  if (type == ColumnType::kJson) return 6;  // a control character is "\u00xx"
  if (type != ColumnType::kList && type != ColumnType::kSet) return 1;
  // Each list around a zero byte escapes it once more.
  return (merkle::kListDepthMax + 1) * (1 + opaque.size());
}

// The same as a value that rules can change. Those that have names are under no rule that does.
merkle::Value ValueOf(LongColumn column) {
  merkle::Value value;
  value.tag = *column.tag;
  if (column.is_hex) {
    value.text.reserve(column.body_bytes());
    column.TakeBody([&value](std::string_view piece) { value.text += piece; });
  } else {
    value.text = column.made ? *std::move(column.made) : std::string(column.source);
  }
  return value;
}

bool HasOnlyBytes(Tag tag) {
  return tag == Tag::kText || tag == Tag::kBytes || tag == Tag::kJson ||
         tag == Tag::kUnparsedText || tag == Tag::kUnparsedBytes;
}

void UnderRules(const merkle::Column& of, const std::vector<merkle::Rule>& rules,
                LongColumn* column) {
  merkle::Value value = ValueOf(std::move(*column));
  for (const merkle::Rule& rule : rules) merkle::ApplyRule(rule, of, &value);
  column->source = "";
  column->is_hex = false;
  if (HasOnlyBytes(value.tag)) {
    column->tag = value.tag;
    column->made = std::move(value.text);
    return;
  }
  column->tag.reset();
  column->made.emplace();
  merkle::AppendValue(value, merkle::Place::kValue, &*column->made);
  if (value.tag == Tag::kNull) column->parsed = true;
}

}  // namespace

absl::StatusOr<LongColumn> RowEncoder::MakeLong(const ColumnPlan& plan, const SourceValue& source) {
  const SourceValue value = plan.reading.WithoutPadding(source);
  const ColumnType type = plan.reading.column().type;
  const std::string& opaque = plan.reading.column().opaque;
  std::optional<LongColumn> column = ColumnOf(type, opaque, value);
  if (!column) {
    constexpr size_t kSlackBytes = 16;
    if (value.text.size() > kBytesMax / GrowthMax(type, opaque) - kSlackBytes) {
      return TooLong(value.text.size());
    }
    column.emplace();
    column->made.emplace();
    column->parsed = AppendRead(plan, value, &*column->made);
    RETURN_IF_ERROR(TakeError());
  } else if (!plan.rules.empty() && column->front.empty()) {
    UnderRules(plan.reading.column(), plan.rules, &*column);
  }
  if (column->tag && column->body_bytes() > kBytesMax) return TooLong(column->body_bytes());
  if (!column->parsed) unparsed_.Add(plan.number, source);
  return *std::move(column);
}

absl::Status RowEncoder::TakeLong(const ColumnPlan& plan, const SourceValue& value,
                                  const TakePiece& take) {
  ASSIGN_OR_RETURN(const LongColumn column, MakeLong(plan, value));
  if (column.tag) {
    std::string head;
    merkle::AppendHead(*column.tag, static_cast<uint32_t>(column.body_bytes()), &head);
    take(head);
  }
  column.TakeBody(take);
  return absl::OkStatus();
}

absl::Status RowEncoder::AppendLongHashed(const ColumnPlan& plan, const SourceValue& value) {
  ASSIGN_OR_RETURN(const LongColumn column, MakeLong(plan, value));
  scratch_ = std::string();  // rules may have left another copy there
  if (!column.tag) {
    const size_t begin = value_.size();
    value_ += *column.made;
    merkle::HashColumnIfLong(begin, &*hasher_, &value_);
    return absl::OkStatus();
  }
  merkle::AppendHead(*column.tag, static_cast<uint32_t>(column.body_bytes()), &value_);
  if (column.body_bytes() <= merkle::kBodyBytesMax) {
    column.TakeBody([this](std::string_view piece) { value_ += piece; });
  } else {
    hasher_->Begin();
    column.TakeBody([this](std::string_view piece) { hasher_->Add(piece); });
    hasher_->End(&value_);
  }
  return absl::OkStatus();
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
    if (IsLong(*value)) {
      take_short();
      RETURN_IF_ERROR(TakeLong(plan, *value, take));
    } else {
      Append(plan, *value, &value_);
      if (value_.size() >= kLongValueBytes) take_short();
    }
    if (end_column) {
      take_short();
      end_column();
    }
    ++value;
  }
  take_short();
  value_ = std::string();
  scratch_ = std::string();
  return TakeError();
}

}  // namespace driftwood::agent
