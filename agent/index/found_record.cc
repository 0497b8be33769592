#include "agent/index/found_record.h"

#include <algorithm>
#include <string_view>

#include "merkle/status_macros.h"

namespace driftwood::agent {

void SortByKey(std::vector<FoundRecord>* records) {
  const auto by_key = [](const FoundRecord& a, const FoundRecord& b) { return a.key < b.key; };
  // Files often have their rows in the order of their keys.
  if (std::is_sorted(records->begin(), records->end(), by_key)) return;
  std::sort(records->begin(), records->end(), by_key);
}

absl::StatusOr<std::vector<FoundRecord>> FindRecords(const merkle::TreeView& view,
                                                     const std::vector<std::string>& keys) {
  // Keys that lie close together are met by reading on; to one that is farther off the tree is
  // descended anew.
  constexpr size_t kPassedMax = 32;
  std::vector<FoundRecord> found;
  for (size_t next = 0; next < keys.size();) {
    size_t passed = 0;
    bool at_end = true;
    RETURN_IF_ERROR(view.Records({keys[next], std::nullopt},
                                 [&](std::string_view at, const merkle::Digest& digest) {
                                   while (next < keys.size() && keys[next] < at) ++next;
                                   const bool is_wanted = next < keys.size() && keys[next] == at;
                                   if (is_wanted) {
                                     found.push_back({std::string(at), digest});
                                     ++next;
                                   }
                                   passed = is_wanted ? 0 : passed + 1;
                                   at_end = next < keys.size() && passed <= kPassedMax;
                                   return at_end;
                                 }));
    if (at_end) break;  // the tree's: those left are not in it
  }
  return found;
}

}  // namespace driftwood::agent
