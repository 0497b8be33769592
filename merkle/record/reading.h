// How the text and the numbers of a source are read as a column's type where the type alone does
// not say: because the type that another side declares says more (a single, char(n), money), or
// because the user has said it. Part of the agreement (Column::reading), as a text:
//
//   of integer                  "inferred"      no text but the one that an integer is written as
//   of float64                  "single"        text and numbers are the nearest single
//   of text                     "padded"        spaces at the end are none of the value
//   of decimal, list of such    "money"         "$1,234.50" and "-$5.00" too
//   of timestamp, timestamptz   "unix", "unix_ms"   numbers count seconds, milliseconds since 1970
//   of these and date           "%d.%m.%Y"      a format (merkle/record/datetime_forms.h)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "merkle/record/datetime_forms.h"
#include "merkle/record/schema.h"

namespace driftwood::merkle {

// A value: copies, and may be used by any thread.
class Reading {
 public:
  enum class Kind : uint8_t { kPlain, kInferred, kSingle, kPadded, kMoney, kUnix, kFormat };

  Reading() = default;  // the type says it all
  // InvalidArgument: none of the texts above, or not for that type.
  static absl::StatusOr<Reading> Of(ColumnType type, const std::string& text);

  Kind kind() const { return kind_; }

  // A date's days or a timestamp's microseconds, from text or from the text of a number. Only of
  // dates and timestamps; plain ones too.
  std::optional<Instant> Moment(std::string_view text,
                                FinerDigits finer = FinerDigits::kRefuse) const;

 private:
  Kind kind_ = Kind::kPlain;
  ColumnType type_ = ColumnType::kDynamic;
  int64_t unit_us_ = 0;                   // kUnix
  std::optional<MomentFormat> format_{};  // kFormat
};

// "$1,234.50" as "1234.50", "-$5.00" as "-5.00": thousands in groups of three or in one, and two
// digits behind the point. Nothing for anything else, plain numbers too.
std::optional<std::string> PlainMoney(std::string_view text);

// Nobody said that a column holds integers: all its values that were looked at are texts such as
// this. Equal integers then are equal texts, and the other way round, so that a column with other
// texts too is compared as it would be as text.
inline constexpr std::string_view kInferred = "inferred";
inline bool IsInferred(const Column& column) { return column.reading == kInferred; }
// "0", "17", "-17" from INT64_MIN to INT64_MAX: without "+", leading zeros, white space and "-0".
bool IsCanonicalInteger(std::string_view text);

// As --types and reports write it: "float64", "timestamp:unix", "opaque:interval".
std::string ColumnTypeText(const Column& column);

}  // namespace driftwood::merkle
