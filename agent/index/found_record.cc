#include "agent/index/found_record.h"

#include <algorithm>
#include <string_view>

#include "merkle/status_macros.h"

namespace driftwood::agent {

void SortByKey(std::vector<FoundRecord>* records) {
  std::sort(records->begin(), records->end(),
            [](const FoundRecord& a, const FoundRecord& b) { return a.key < b.key; });
}

absl::StatusOr<std::vector<FoundRecord>> FindRecords(const merkle::TreeView& view,
                                                     const std::vector<std::string>& keys) {
  std::vector<FoundRecord> found;
  for (const std::string& key : keys) {
    RETURN_IF_ERROR(view.Records({key, key + '\0'}, [&](std::string_view at, const auto& digest) {
      found.push_back({std::string(at), digest});
      return true;
    }));
  }
  return found;
}

}  // namespace driftwood::agent
