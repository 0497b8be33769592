#include "agent/stores/mysql/mysql_rows.h"

#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <optional>

#include "merkle/datetime.h"
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
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i) value = value << 8 | at[i - 1];
  return value;
}

size_t SizeOf(MysqlWire wire) {
  switch (wire) {
    case MysqlWire::k1:
      return 1;
    case MysqlWire::k2:
      return 2;
    case MysqlWire::k4:
      return 4;
    case MysqlWire::k8:
      return 8;
    default:
      return 0;
  }
}

// Reads the length before a value of varying length; null if it does not fit.
const unsigned char* TakeLength(const unsigned char* at, const unsigned char* end,
                                uint64_t* length) {
  if (at >= end) return nullptr;
  const unsigned first = *at++;
  if (first <= 250) {
    *length = first;
    return at;
  }
  const size_t size = first == 252 ? 2 : first == 253 ? 3 : first == 254 ? 8 : 0;
  if (size == 0 || static_cast<size_t>(end - at) < size) return nullptr;
  *length = GetLittle(at, size);
  return at + size;
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

// A day that the calendar has.
bool IsDay(const Moment& moment) {
  if (moment.month == 0 || moment.day == 0) return false;
  const merkle::CivilDate date{moment.year, moment.month, moment.day};
  return merkle::CivilFromDays(merkle::DaysFromCivil(date)) == date;
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

absl::StatusOr<SourceValue> DecodeMoment(Kind kind, std::string_view bytes,
                                         std::pmr::memory_resource* arena) {
  const std::optional<Moment> moment = ParseMoment(bytes);
  if (!moment || (kind == Kind::kDate && moment->HasTime())) return Malformed("a malformed date");
  if (!moment->HasDate() && !moment->HasTime()) {
    return SourceValue::SpecialMoment(kind, Special::kZeroDate);
  }
  if (!IsDay(*moment)) return AsText(*moment, kind != Kind::kDate, arena);
  const int64_t days = merkle::DaysFromCivil({moment->year, moment->month, moment->day});
  if (kind == Kind::kDate) return SourceValue::Moment(kind, days);
  return SourceValue::Moment(kind, days * kDayMicros + moment->TimeMicros());
}

absl::StatusOr<SourceValue> DecodeTime(std::string_view bytes) {
  const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
  const size_t size = bytes.size();
  if (size == 0) return SourceValue::Moment(Kind::kTime, 0);
  if (size != 8 && size != 12) return Malformed("a malformed time");
  const auto days = static_cast<int64_t>(GetLittle(at + 1, 4));
  const int64_t micros = size == 12 ? static_cast<int64_t>(GetLittle(at + 8, 4)) : 0;
  if (at[0] > 1 || days > 34 || at[5] > 23 || at[6] > 59 || at[7] > 59 || micros > 999999) {
    return Malformed("a malformed time");
  }
  const int64_t seconds = ((days * 24 + at[5]) * 60 + at[6]) * 60 + at[7];
  const int64_t total = seconds * 1000 * 1000 + micros;
  return SourceValue::Moment(Kind::kTime, at[0] == 1 ? -total : total);
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

absl::StatusOr<SourceValue> DecodeBit(std::string_view bytes) {
  if (bytes.size() > 8) return Malformed("more than 64 bits");
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return SourceValue::Uint64(value);
}

}  // namespace

const unsigned char* MysqlValueEnd(MysqlWire wire, const unsigned char* at,
                                   const unsigned char* end) {
  uint64_t length = SizeOf(wire);
  if (wire == MysqlWire::kBytes) {
    at = TakeLength(at, end, &length);
    if (at == nullptr) return nullptr;
  }
  if (static_cast<uint64_t>(end - at) < length) return nullptr;
  return at + length;
}

bool MysqlWireFits(MysqlForm form, MysqlWire wire) {
  switch (form) {
    case MysqlForm::kUnmapped:
      return false;
    case MysqlForm::kInteger:
    case MysqlForm::kUnsigned:
      return SizeOf(wire) != 0;
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
  for (const MysqlColumnForm& form : forms) count += form.form == MysqlForm::kConvertedText ? 1 : 0;
  return count;
}

absl::StatusOr<SourceValue> DecodeMysqlValue(MysqlForm form, std::string_view bytes,
                                             std::pmr::memory_resource* arena) {
  const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
  switch (form) {
    case MysqlForm::kInteger:
      return SourceValue::Int64(SignExtended(GetLittle(at, bytes.size()), bytes.size()));
    case MysqlForm::kUnsigned:
    case MysqlForm::kYear:
      return SourceValue::Uint64(GetLittle(at, bytes.size()));
    case MysqlForm::kBit:
      return DecodeBit(bytes);
    case MysqlForm::kFloat:
      return SourceValue::Double(std::bit_cast<float>(static_cast<uint32_t>(GetLittle(at, 4))));
    case MysqlForm::kDouble:
      return SourceValue::Double(std::bit_cast<double>(GetLittle(at, 8)));
    case MysqlForm::kDecimal:
      return SourceValue::OfText(Kind::kNumber, bytes);
    case MysqlForm::kText:
    case MysqlForm::kConvertedText:
    case MysqlForm::kUuidText:
      return SourceValue::Text(bytes);
    case MysqlForm::kBytes:
      return SourceValue::Bytes(bytes);
    case MysqlForm::kDate:
      return DecodeMoment(Kind::kDate, bytes, arena);
    case MysqlForm::kTime:
      return DecodeTime(bytes);
    case MysqlForm::kTimestamp:
      return DecodeMoment(Kind::kTimestamp, bytes, arena);
    case MysqlForm::kTimestampTz:
      return DecodeMoment(Kind::kTimestampTz, bytes, arena);
    case MysqlForm::kUnmapped:
      break;
  }
  return absl::InternalError("a column without a mapping was read");
}

namespace {

// Takes one value after the other from a batch's bytes.
class ValueReader {
 public:
  ValueReader(const unsigned char* at, const unsigned char* end) : at_(at), end_(end) {}

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
    uint64_t length = SizeOf(wire);
    if (wire == MysqlWire::kBytes) at_ = TakeLength(at_, end_, &length);
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

absl::Status MysqlBatch::Decode(RowSink& sink) {
  const std::vector<MysqlColumnForm>& forms = *forms_;
  const size_t values = MysqlValueCount(forms);
  std::vector<SourceValue> row(forms.size());
  std::pmr::monotonic_buffer_resource arena(size_t{1} << 12);
  const auto* const begin = reinterpret_cast<const unsigned char*>(bytes_.data());
  ValueReader reader(begin, begin + bytes_.size());
  for (uint64_t i = 0; i < rows_; ++i) {
    if (!reader.StartRow(values)) return Malformed("a row cut short");
    for (size_t column = 0; column < forms.size(); ++column) {
      const MysqlColumnForm& form = forms[column];
      std::optional<std::string_view> value, stored;
      if (!reader.Take(form.wire, &value)) return Malformed("a row cut short");
      if (form.form == MysqlForm::kConvertedText && !reader.Take(MysqlWire::kBytes, &stored)) {
        return Malformed("a row cut short");
      }
      if (stored) {
        row[column] = SourceValue::Bytes(*stored);
      } else if (value) {
        ASSIGN_OR_RETURN(row[column], DecodeMysqlValue(form.form, *value, &arena));
      } else {
        row[column] = SourceValue::Null();
      }
    }
    RETURN_IF_ERROR(sink.Row(row, first_ + i));
  }
  if (!reader.done()) return Malformed("more than its rows");
  return absl::OkStatus();
}

}  // namespace driftwood::agent
