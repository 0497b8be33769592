// Any text as a date, time, timestamp, money or a number of seconds, and by any format: the first
// line of an input is the format, the rest is what is read.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "merkle/check.h"
#include "merkle/record/datetime_forms.h"
#include "merkle/record/decimal.h"
#include "merkle/record/reading.h"

namespace driftwood::merkle {
namespace {

// What is read as it is, is read the same where finer digits may be cut.
void CheckMoment(const Reading& reading, std::string_view text) {
  const std::optional<Instant> plain = reading.Moment(text);
  if (!plain) return;
  const std::optional<Instant> cut = reading.Moment(text, FinerDigits::kCut);
  DRIFTWOOD_CHECK(cut.has_value());
  DRIFTWOOD_CHECK(plain->number == cut->number && plain->special == cut->special);
}

void Read(const std::string& format, std::string_view text) {
  for (const ColumnType type :
       {ColumnType::kDate, ColumnType::kTimestamp, ColumnType::kTimestampTz}) {
    for (const std::string& words : {std::string(), std::string("unix"), format}) {
      const auto reading = Reading::Of(type, words);
      if (reading.ok()) CheckMoment(*reading, text);
      if (reading.ok()) (void)reading->Moment(text, FinerDigits::kCut);
    }
  }
  const std::optional<int64_t> time = ReadTime(text);
  const std::optional<int64_t> cut = ReadTime(text, FinerDigits::kCut);
  DRIFTWOOD_CHECK(!time || time == cut);
  const std::optional<std::string> money = PlainMoney(text);
  DRIFTWOOD_CHECK(!money || ParseDecimal(*money).has_value());
}

}  // namespace
}  // namespace driftwood::merkle

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t line = bytes.find('\n');
  const std::string_view text = line == std::string_view::npos ? "" : bytes.substr(line + 1);
  driftwood::merkle::Read(std::string(bytes.substr(0, line)), text);
  return 0;
}
