#include "proto/contract/source.h"

#include "proto/contract/day.h"

namespace driftwood {

bool IsDatedFile(const DatedFile& file) {
  constexpr size_t kHexDigits = 64;
  return ParseDay(file.day) && !file.path.empty() && file.sha256.size() == kHexDigits &&
         file.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace driftwood
