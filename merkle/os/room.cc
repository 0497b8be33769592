#include "merkle/os/room.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace driftwood::merkle {
namespace {

namespace fs = std::filesystem;

bool IsIn(const fs::path& folder, const fs::path& path) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end() || end->empty();  // behind a '/' at its end
}

}  // namespace

fs::path TemporaryPlace() {
  const char* const configured = std::getenv("TMPDIR");
  const bool given = configured != nullptr && *configured != '\0';
  std::error_code error;
  const fs::path place = fs::absolute(given ? configured : "/tmp", error);
  return error ? fs::path("/tmp") : place;
}

bool IsNoRoom(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

std::string RoomAdvice(const fs::path& folder) {
  std::error_code error;
  const fs::path absolute = fs::absolute(folder, error);
  const fs::path place = TemporaryPlace();
  if (!IsIn(place, absolute)) return "; make room in " + (error ? folder : absolute).string();
  const std::string other = IsIn("/var/tmp", absolute) ? "DIRECTORY" : "/var/tmp";
  return "; make room in " + place.string() +
         ", or set TMPDIR to a place with more room: export TMPDIR=" + other;
}

}  // namespace driftwood::merkle
