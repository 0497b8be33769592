#include "agent/stores/text/json_beginning.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "merkle/status_macros.h"

namespace driftwood::agent {

absl::StatusOr<bool> BeginsAsJson(const ByteSource& source) {
  constexpr size_t kLookedAt = 256;
  std::string head(static_cast<size_t>(std::min<uint64_t>(kLookedAt, source.size())), '\0');
  RETURN_IF_ERROR(source.ReadAt(0, head));
  std::string_view rest = head;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte order mark
  const auto take = [&rest](char c) {
    const size_t at = rest.find_first_not_of(" \t\r\n");
    if (at == std::string_view::npos || rest[at] != c) return false;
    rest.remove_prefix(at + 1);
    return true;
  };
  take('[');
  return take('{') && take('"');
}

}  // namespace driftwood::agent
