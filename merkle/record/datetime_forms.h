// Dates, times and timestamps in the forms in which programs export them, beyond the one of
// merkle/record/datetime.h. Each form has one reading; what has two is not read. Pure functions.
//
//   dates       "20240229"; a timestamp without zone at midnight
//   timestamps  "20240229T123456Z", "20240229 12:34:56"; a zone behind a space ("… UTC", "… GMT",
//               "… Z", "… +0200"), 't' and 'z'; without zone also a date alone: its midnight
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/record/datetime.h"

namespace driftwood::merkle {

// What happens to digits after the sixth of a second that are not all zeros: the text is not read,
// or they are cut off, towards the past.
enum class FinerDigits : uint8_t { kRefuse, kCut };

std::optional<Instant> ReadDate(std::string_view text);
std::optional<int64_t> ReadTime(std::string_view text, FinerDigits finer = FinerDigits::kRefuse);
std::optional<Instant> ReadTimestamp(std::string_view text, bool zoned,
                                     FinerDigits finer = FinerDigits::kRefuse);

// A number of units since 1970, of `unit_us` microseconds each: "1709210096.5", "1.7e9".
std::optional<int64_t> ReadUnixTime(std::string_view text, int64_t unit_us,
                                    FinerDigits finer = FinerDigits::kRefuse);

// How a file writes dates or timestamps, in a few of strptime()'s words: %Y (four digits), %m, %d,
// %H, %M, %S (one or two digits, two where another of them is beside it), %f (the digits behind a
// second's point, as many as there are), %z (Z, +02, +0200, +02:00), %% and characters that stand
// for themselves.
class MomentFormat {
 public:
  // InvalidArgument: another word, one that is there twice, no day, month or year; no %z where
  // `zoned`, or one where not; a time of day where not `timed`; words without a border between.
  static absl::StatusOr<MomentFormat> Parse(std::string_view format, bool timed, bool zoned);

  // A text that has not the format's shape, digits and characters, is read by `otherwise`; one that
  // has it and is no moment is not read.
  template <typename Otherwise>
  std::optional<Instant> Read(std::string_view text, FinerDigits finer,
                              const Otherwise& otherwise) const {
    std::string plain;
    if (!Rewrite(text, &plain)) return otherwise();
    return timed_ ? ReadTimestamp(plain, zoned_, finer) : ReadDate(plain);
  }

 private:
  MomentFormat() = default;
  // The text in the form that all else reads; false if it has another shape.
  bool Rewrite(std::string_view text, std::string* plain) const;

  std::string format_;
  bool timed_ = false;
  bool zoned_ = false;
};

}  // namespace driftwood::merkle
