#include "agent/stores/postgresql/pg_rows.h"

#include <bit>
#include <cstring>
#include <limits>

#include "merkle/record/datetime.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;
using Special = merkle::Value::Special;

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
// PostgreSQL counts from 2000-01-01.
constexpr int64_t kEpochDays = 10957;
constexpr int64_t kDayMicros = int64_t{86'400} * 1'000'000;
constexpr int64_t kEpochMicros = kEpochDays * kDayMicros;

uint16_t Get16(const char* at) {
  const auto* b = reinterpret_cast<const unsigned char*>(at);
  return static_cast<uint16_t>(b[0] << 8 | b[1]);
}

uint32_t Get32(const char* at) { return uint32_t{Get16(at)} << 16 | Get16(at + 2); }

uint64_t Get64(const char* at) { return uint64_t{Get32(at)} << 32 | Get32(at + 4); }

absl::Status Malformed(const char* what) {
  return absl::DataLossError("PostgreSQL sent " + std::string(what));
}

std::string_view Keep(std::string_view text, std::pmr::memory_resource* arena) {
  char* const to = static_cast<char*>(arena->allocate(text.size() + 1, 1));
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

// numeric_send(): number of groups, weight of the first (power of 10,000), sign, display scale, and
// the groups of four decimal digits.
absl::Status DecodeNumeric(std::string_view bytes, SourceValue* value) {
  const auto word = [value](std::string_view text) {
    *value = SourceValue::OfText(Kind::kNumber, text);
    return absl::OkStatus();
  };
  constexpr uint16_t kNegative = 0x4000, kNaN = 0xC000, kInfinity = 0xD000, kMinusInfinity = 0xF000;
  if (bytes.size() < 8) return Malformed("a numeric that is too short");
  const int count = Get16(bytes.data());
  const auto weight = static_cast<int16_t>(Get16(bytes.data() + 2));
  const uint16_t sign = Get16(bytes.data() + 4);
  if (sign == kNaN) return word("NaN");
  if (sign == kInfinity) return word("Infinity");
  if (sign == kMinusInfinity) return word("-Infinity");
  if (sign != 0 && sign != kNegative) return Malformed("a numeric with an unknown sign");
  const char* const groups = bytes.data() + 8;
  if (bytes.size() != 8 + 2 * static_cast<size_t>(count)) return Malformed("a numeric cut short");
  for (int i = 0; i < count; ++i) {
    if (Get16(groups + 2 * i) > 9999) return Malformed("a numeric with a digit over 9999");
  }
  *value = SourceValue::Groups({sign == kNegative, weight, bytes.substr(8)});
  return absl::OkStatus();
}

SourceValue DecodeDate(int32_t days) {
  if (days == std::numeric_limits<int32_t>::max()) {
    return SourceValue::SpecialMoment(Kind::kDate, Special::kPlusInfinity);
  }
  if (days == std::numeric_limits<int32_t>::min()) {
    return SourceValue::SpecialMoment(Kind::kDate, Special::kMinusInfinity);
  }
  return SourceValue::Moment(Kind::kDate, days + kEpochDays);
}

// Of the last thirty years that PostgreSQL knows the microseconds since 1970 don't fit 64 bits:
// their text is what any other source has of them too.
SourceValue BeyondMicros(Kind kind, int64_t micros, std::pmr::memory_resource* arena) {
  std::string text, time;
  merkle::AppendDateDisplay(micros / kDayMicros + kEpochDays, &text);
  merkle::AppendTimeDisplay(micros % kDayMicros, &time);
  text += " " + time + (kind == Kind::kTimestampTz ? "+00" : "");
  return SourceValue::Text(Keep(text, arena));
}

SourceValue DecodeTimestamp(Kind kind, int64_t micros, std::pmr::memory_resource* arena) {
  if (micros == std::numeric_limits<int64_t>::max()) {
    return SourceValue::SpecialMoment(kind, Special::kPlusInfinity);
  }
  if (micros == std::numeric_limits<int64_t>::min()) {
    return SourceValue::SpecialMoment(kind, Special::kMinusInfinity);
  }
  if (micros > std::numeric_limits<int64_t>::max() - kEpochMicros) {
    return BeyondMicros(kind, micros, arena);
  }
  return SourceValue::Moment(kind, micros + kEpochMicros);
}

// Bytes of the form; 0 if that varies.
size_t SizeOf(PgForm form) {
  switch (form) {
    case PgForm::kBool:
      return 1;
    case PgForm::kInt2:
      return 2;
    case PgForm::kInt4:
    case PgForm::kOid:
    case PgForm::kFloat4:
    case PgForm::kDate:
      return 4;
    case PgForm::kInt8:
    case PgForm::kFloat8:
    case PgForm::kTime:
    case PgForm::kTimestamp:
    case PgForm::kTimestampTz:
      return 8;
    case PgForm::kUuid:
      return 16;
    default:
      return 0;
  }
}

}  // namespace

absl::Status TakeCopyHeader(std::string_view* bytes) {
  constexpr size_t kFixed = 19;
  if (bytes->size() < kFixed || !bytes->starts_with(kSignature)) {
    return Malformed("no header of COPY BINARY");
  }
  if (Get32(bytes->data() + 11) != 0) return Malformed("an unknown kind of COPY BINARY");
  const size_t extension = Get32(bytes->data() + 15);
  if (extension > bytes->size() - kFixed) return Malformed("a header of COPY BINARY cut short");
  bytes->remove_prefix(kFixed + extension);
  return absl::OkStatus();
}

bool IsCopyTrailer(std::string_view bytes) {
  return bytes.size() == 2 && Get16(bytes.data()) == 0xFFFF;
}

absl::Status DecodePgValue(PgForm form, std::string_view bytes, std::pmr::memory_resource* arena,
                           SourceValue* value) {
  const size_t size = SizeOf(form);
  if (size != 0 && bytes.size() != size) return Malformed("a value of a wrong length");
  const char* const at = bytes.data();
  switch (form) {
    case PgForm::kBool:
      *value = SourceValue::Bool(*at != 0);
      break;
    case PgForm::kInt2:
      *value = SourceValue::Int64(static_cast<int16_t>(Get16(at)));
      break;
    case PgForm::kInt4:
      *value = SourceValue::Int64(static_cast<int32_t>(Get32(at)));
      break;
    case PgForm::kInt8:
      *value = SourceValue::Int64(static_cast<int64_t>(Get64(at)));
      break;
    case PgForm::kOid:
      *value = SourceValue::Int64(Get32(at));
      break;
    case PgForm::kFloat4:
      *value = SourceValue::Double(std::bit_cast<float>(Get32(at)));
      break;
    case PgForm::kFloat8:
      *value = SourceValue::Double(std::bit_cast<double>(Get64(at)));
      break;
    case PgForm::kNumeric:
      return DecodeNumeric(bytes, value);
    case PgForm::kText:
      *value = SourceValue::OfText(Kind::kStored, bytes);
      break;
    case PgForm::kPaddedText:
      *value = SourceValue::OfText(Kind::kStored, bytes.substr(0, bytes.find_last_not_of(' ') + 1));
      break;
    case PgForm::kBytes:
      *value = SourceValue::Bytes(bytes);
      break;
    case PgForm::kDate:
      *value = DecodeDate(static_cast<int32_t>(Get32(at)));
      break;
    case PgForm::kTime:
      *value = SourceValue::Moment(Kind::kTime, static_cast<int64_t>(Get64(at)));
      break;
    case PgForm::kTimestamp:
      *value = DecodeTimestamp(Kind::kTimestamp, static_cast<int64_t>(Get64(at)), arena);
      break;
    case PgForm::kTimestampTz:
      *value = DecodeTimestamp(Kind::kTimestampTz, static_cast<int64_t>(Get64(at)), arena);
      break;
    case PgForm::kUuid:
      *value = SourceValue::OfText(Kind::kUuid, bytes);
      break;
    case PgForm::kJsonb:
      if (bytes.empty() || bytes[0] != 1) return Malformed("jsonb of an unknown version");
      *value = SourceValue::OfText(Kind::kStored, bytes.substr(1));
      break;
    case PgForm::kOpaque:
      *value = SourceValue::OfText(Kind::kOpaque, bytes);
      break;
    case PgForm::kBits:
      *value = SourceValue::OfText(Kind::kBits, bytes);
      break;
    case PgForm::kUnmapped:
      return absl::InternalError("a column without a mapping was read");
  }
  return absl::OkStatus();
}

absl::Status PgBatch::Decode(RowSink& sink) {
  const std::vector<PgForm>& forms = *forms_;
  std::vector<SourceValue> row(forms.size());
  std::vector<char> room(size_t{1} << 12);
  std::pmr::monotonic_buffer_resource arena(room.data(), room.size());
  const std::string_view bytes = buffer_ == nullptr ? std::string_view(bytes_) : row_;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  for (uint64_t i = 0; i < rows_; ++i) {
    if (end - at < 2 || Get16(at) != forms.size()) return Malformed("a row with other columns");
    at += 2;
    for (size_t column = 0; column < forms.size(); ++column) {
      if (end - at < 4) return Malformed("a row cut short");
      const auto length = static_cast<int32_t>(Get32(at));
      at += 4;
      if (length == -1) {
        row[column] = SourceValue::Null();
        continue;
      }
      if (length < 0 || end - at < length) return Malformed("a row cut short");
      RETURN_IF_ERROR(
          DecodePgValue(forms[column], {at, static_cast<size_t>(length)}, &arena, &row[column]));
      at += length;
    }
    RETURN_IF_ERROR(sink.Row(row, first() + i));
    arena.release();
  }
  if (at != end) return Malformed("more than one row in a message");
  return absl::OkStatus();
}

}  // namespace driftwood::agent
