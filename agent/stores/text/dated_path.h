// The path of a file that comes each day: "/in/settlement-{date}.csv.gz", where {date} stands for
// a day as 2026-11-28, and {date:DD.MM.YYYY} for one in another spelling. Looks at the file system.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/contract/day.h"

namespace driftwood::agent {

// Constant; any thread.
class DatedPath {
 public:
  // Whether "{date}" or "{date:" is in it.
  static bool IsDated(std::string_view path);
  // InvalidArgument: a form of other letters than YYYY, YY, MM and DD, or all of them together
  // leave the day open.
  static absl::StatusOr<DatedPath> Parse(std::string_view path);

  std::string Of(const Day& day) const;
  // Those days for which there is a regular file, and its path; of a link, what it leads to.
  // Directories that are not there hold none. PermissionDenied, FailedPrecondition: a directory
  // can't be listed.
  absl::StatusOr<std::map<Day, std::string>> Files() const;

 private:
  struct Piece {
    enum class Kind : uint8_t { kText, kYear, kShortYear, kMonth, kDay };
    Kind kind = Kind::kText;
    std::string text{};
  };
  using Name = std::vector<Piece>;  // of a file or directory
  struct Found;                     // what is known of a day
  class Walk;

  static absl::StatusOr<std::vector<Piece>> PiecesOf(std::string_view path);
  static bool HasDigits(const Name& name);
  static std::string NameOf(const Name& name, const Day& day);

  std::vector<Name> names_;  // separated by '/'
};

}  // namespace driftwood::agent
