#include "agent/stores/mysql/mysql_rows.h"

#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <optional>

#include "merkle/record/datetime.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;
using Special = merkle::Value::Special;

constexpr int64_t kDayMicros = int64_t{86400} * 1000 * 1000;

absl::Status Malformed(const std::string& what) {
  return absl::DataLossError("the server sent " + what);
}

uint64_t GetLittle(const unsigned char* at, size_t size) {
  if (std::endian::native == std::endian::little && size == 8) {
    uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i) value = value << 8 | at[i - 1];
  return value;
}

// The parts of a date and time; absent ones are zero.
struct Moment {
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micros = 0;

  bool HasDate() const { return year != 0 || month != 0 || day != 0; }
  bool HasTime() const { return hour != 0 || minute != 0 || second != 0 || micros != 0; }
  int64_t TimeMicros() const {
    return (int64_t{hour} * 3600 + minute * 60 + second) * 1000 * 1000 + micros;
  }
};

std::optional<Moment> ParseMoment(std::string_view bytes) {
  const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
  const size_t size = bytes.size();
  if (size != 0 && size != 4 && size != 7 && size != 11) return std::nullopt;
  Moment moment;
  if (size >= 4) {
    moment.year = static_cast<unsigned>(GetLittle(at, 2));
    moment.month = at[2];
    moment.day = at[3];
  }
  if (size >= 7) moment.hour = at[4], moment.minute = at[5], moment.second = at[6];
  if (size == 11) moment.micros = static_cast<unsigned>(GetLittle(at + 7, 4));
  const bool in_range = moment.year <= 9999 && moment.month <= 12 && moment.day <= 31 &&
                        moment.hour <= 23 && moment.minute <= 59 && moment.second <= 59 &&
                        moment.micros <= 999999;
  return in_range ? std::optional<Moment>(moment) : std::nullopt;
}

std::string_view Keep(std::string_view text, std::pmr::memory_resource* arena) {
  char* const copy = static_cast<char*>(arena->allocate(text.size() + 1, 1));
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

// "2024-00-15", "2024-02-31", "0000-00-00 12:00:00": no date, but what any export has of them.
SourceValue AsText(const Moment& moment, bool with_time, std::pmr::memory_resource* arena) {
  std::array<char, 64> text;
  int size = std::snprintf(text.data(), text.size(), "%04u-%02u-%02u", moment.year, moment.month,
                           moment.day);
  std::string out(text.data(), static_cast<size_t>(size));
  if (with_time) {
    size = std::snprintf(text.data(), text.size(), " %02u:%02u:%02u", moment.hour, moment.minute,
                         moment.second);
    out.append(text.data(), static_cast<size_t>(size));
    if (moment.micros != 0) {
      size = std::snprintf(text.data(), text.size(), ".%06u", moment.micros);
      out.append(text.data(), static_cast<size_t>(size));
    }
  }
  return SourceValue::Text(Keep(out, arena));
}

absl::Status DecodeMoment(Kind kind, std::string_view bytes, std::pmr::memory_resource* arena,
                          SourceValue* value) {
  const std::optional<Moment> moment = ParseMoment(bytes);
  if (!moment || (kind == Kind::kDate && moment->HasTime())) return Malformed("a malformed date");
  const merkle::CivilDate date{moment->year, moment->month, moment->day};
  if (!moment->HasDate() && !moment->HasTime()) {
    *value = SourceValue::SpecialMoment(kind, Special::kZeroDate);
  } else if (!merkle::IsDay(date)) {
    *value = AsText(*moment, kind != Kind::kDate, arena);
  } else if (kind == Kind::kDate) {
    *value = SourceValue::Moment(kind, merkle::DaysFromCivil(date));
  } else {
    const int64_t days = merkle::DaysFromCivil(date);
    *value = SourceValue::Moment(kind, days * kDayMicros + moment->TimeMicros());
  }
  return absl::OkStatus();
}

absl::Status DecodeTime(std::string_view bytes, SourceValue* value) {
  const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
  const size_t size = bytes.size();
  if (size != 0 && size != 8 && size != 12) return Malformed("a malformed time");
  int64_t total = 0;
  if (size != 0) {
    const auto days = static_cast<int64_t>(GetLittle(at + 1, 4));
    const int64_t micros = size == 12 ? static_cast<int64_t>(GetLittle(at + 8, 4)) : 0;
    if (at[0] > 1 || days > 34 || at[5] > 23 || at[6] > 59 || at[7] > 59 || micros > 999999) {
      return Malformed("a malformed time");
    }
    const int64_t seconds = ((days * 24 + at[5]) * 60 + at[6]) * 60 + at[7];
    total = seconds * 1000 * 1000 + micros;
    if (at[0] == 1) total = -total;
  }
  *value = SourceValue::Moment(Kind::kTime, total);
  return absl::OkStatus();
}

int64_t SignExtended(uint64_t value, size_t size) {
  switch (size) {
    case 1:
      return static_cast<int8_t>(value);
    case 2:
      return static_cast<int16_t>(value);
    case 4:
      return static_cast<int32_t>(value);
    default:
      return static_cast<int64_t>(value);
  }
}

// As digits, as many as the column has; above them the first byte has zeros.
absl::Status DecodeBit(unsigned count, std::string_view bytes, std::pmr::memory_resource* arena,
                       SourceValue* value) {
  if (count == 0 || count > 64 || bytes.size() != (count + 7) / 8) {
    return Malformed("other bits than the column has");
  }
  uint64_t bits = 0;
  for (const char c : bytes) bits = bits << 8 | static_cast<unsigned char>(c);
  if (count < 64 && bits >> count != 0) return Malformed("more bits than the column has");
  char* const digits = static_cast<char*>(arena->allocate(count, 1));
  for (unsigned i = 0; i < count; ++i) digits[i] = (bits >> (count - 1 - i) & 1) != 0 ? '1' : '0';
  *value = SourceValue::OfText(Kind::kBits, {digits, count});
  return absl::OkStatus();
}

// `value` may live as long as `arena` and `bytes`, a value without its length. DataLoss if `bytes`
// are not of that form.
absl::Status DecodeValue(const MysqlColumnForm& column, std::string_view bytes,
                         std::pmr::memory_resource* arena, SourceValue* value) {
  const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
  switch (column.form) {
    case MysqlForm::kInteger:
      *value = SourceValue::Int64(SignExtended(GetLittle(at, bytes.size()), bytes.size()));
      break;
    case MysqlForm::kUnsigned:
    case MysqlForm::kYear:
      *value = SourceValue::Uint64(GetLittle(at, bytes.size()));
      break;
    case MysqlForm::kFloat:
      *value = SourceValue::Double(std::bit_cast<float>(static_cast<uint32_t>(GetLittle(at, 4))));
      break;
    case MysqlForm::kDouble:
      *value = SourceValue::Double(std::bit_cast<double>(GetLittle(at, 8)));
      break;
    case MysqlForm::kDecimal:
      *value = SourceValue::OfText(Kind::kNumber, bytes);
      break;
    case MysqlForm::kText:
    case MysqlForm::kConvertedText:
    case MysqlForm::kUuidText:
      *value = SourceValue::Text(bytes);
      break;
    case MysqlForm::kStored:
    case MysqlForm::kConvertedStored:
      *value = SourceValue::OfText(Kind::kStored, bytes);
      break;
    case MysqlForm::kBytes:
      *value = SourceValue::Bytes(bytes);
      break;
    case MysqlForm::kBit:
      return DecodeBit(column.bits, bytes, arena, value);
    case MysqlForm::kDate:
      return DecodeMoment(Kind::kDate, bytes, arena, value);
    case MysqlForm::kTime:
      return DecodeTime(bytes, value);
    case MysqlForm::kTimestamp:
      return DecodeMoment(Kind::kTimestamp, bytes, arena, value);
    case MysqlForm::kTimestampTz:
      return DecodeMoment(Kind::kTimestampTz, bytes, arena, value);
    case MysqlForm::kUnmapped:
      return absl::InternalError("a column without a mapping was read");
  }
  return absl::OkStatus();
}

}  // namespace

bool MysqlWireFits(MysqlForm form, MysqlWire wire) {
  switch (form) {
    case MysqlForm::kUnmapped:
      return false;
    case MysqlForm::kInteger:
    case MysqlForm::kUnsigned:
      return MysqlWireBytes(wire) != 0;
    case MysqlForm::kYear:
      return wire == MysqlWire::k2;
    case MysqlForm::kFloat:
      return wire == MysqlWire::k4;
    case MysqlForm::kDouble:
      return wire == MysqlWire::k8;
    default:
      return wire == MysqlWire::kBytes || wire == MysqlWire::kNothing;
  }
}

size_t MysqlValueCount(const std::vector<MysqlColumnForm>& forms) {
  size_t count = forms.size();
  for (const MysqlColumnForm& form : forms) count += IsConverted(form.form) ? 1 : 0;
  return count;
}

namespace {

// Takes one value after the other from a batch's bytes.
class MysqlFieldReader {
 public:
  MysqlFieldReader(const unsigned char* at, const unsigned char* end) : at_(at), end_(end) {}

  bool done() const { return at_ == end_; }
  bool StartRow(size_t values) {
    const size_t size = (values + 7) / 8;
    if (static_cast<size_t>(end_ - at_) < size) return false;
    nulls_ = at_;
    at_ += size;
    index_ = 0;
    return true;
  }
  // False if the bytes end before the value does; else the value, or nothing for NULL.
  bool Take(MysqlWire wire, std::optional<std::string_view>* value) {
    const bool is_null = (nulls_[index_ / 8] >> (index_ % 8) & 1) != 0;
    ++index_;
    value->reset();
    if (is_null) return true;
    uint64_t length = MysqlWireBytes(wire);
    if (wire == MysqlWire::kBytes) at_ = TakeMysqlLength(at_, end_, &length);
    if (at_ == nullptr || static_cast<uint64_t>(end_ - at_) < length) return false;
    *value = {reinterpret_cast<const char*>(at_), static_cast<size_t>(length)};
    at_ += length;
    return true;
  }

 private:
  const unsigned char* at_;
  const unsigned char* const end_;
  const unsigned char* nulls_ = nullptr;
  size_t index_ = 0;
};

}  // namespace

absl::StatusOr<std::string> MysqlBatch::LastInteger(size_t column) const {
  const std::vector<MysqlColumnForm>& forms = *forms_;
  const auto* const begin = reinterpret_cast<const unsigned char*>(bytes_.data());
  MysqlFieldReader reader(begin + last_, begin + bytes_.size());
  std::optional<std::string_view> bytes;
  bool taken = rows_ > 0 && reader.StartRow(MysqlValueCount(forms));
  for (size_t i = 0; taken && i <= column; ++i) {
    const bool is_double = i > 0 && IsConverted(forms[i - 1].form);
    taken = (!is_double || reader.Take(MysqlWire::kBytes, &bytes)) &&
            reader.Take(forms[i].wire, &bytes);
  }
  std::pmr::monotonic_buffer_resource arena;
  SourceValue value;
  if (!taken || !bytes) return Malformed("a row without its key");
  RETURN_IF_ERROR(DecodeValue(forms[column], *bytes, &arena, &value));
  if (value.kind == Kind::kInt64) return std::to_string(value.int64);
  if (value.kind == Kind::kUint64) return std::to_string(value.uint64);
  return Malformed("a key that is no integer");
}

absl::Status MysqlBatch::Decode(RowSink& sink) {
  const std::vector<MysqlColumnForm>& forms = *forms_;
  const size_t values = MysqlValueCount(forms);
  std::vector<SourceValue> row(forms.size());
  std::pmr::monotonic_buffer_resource arena(size_t{1} << 12);
  const auto* const begin = reinterpret_cast<const unsigned char*>(bytes_.data());
  MysqlFieldReader reader(begin, begin + bytes_.size());
  for (uint64_t i = 0; i < rows_; ++i) {
    if (!reader.StartRow(values)) return Malformed("a row cut short");
    for (size_t column = 0; column < forms.size(); ++column) {
      const MysqlColumnForm& form = forms[column];
      std::optional<std::string_view> value, stored;
      if (!reader.Take(form.wire, &value)) return Malformed("a row cut short");
      if (IsConverted(form.form) && !reader.Take(MysqlWire::kBytes, &stored)) {
        return Malformed("a row cut short");
      }
      if (stored) {
        row[column] = SourceValue::Bytes(*stored);
      } else if (value) {
        RETURN_IF_ERROR(DecodeValue(form, *value, &arena, &row[column]));
      } else {
        row[column] = SourceValue::Null();
      }
    }
    RETURN_IF_ERROR(sink.Row(row, first() + i));
  }
  if (!reader.done()) return Malformed("more than its rows");
  return absl::OkStatus();
}

}  // namespace driftwood::agent
