#include "coordinator/diff/letter_case.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

using ByFolded = std::map<std::string, std::vector<std::string>>;

ByFolded Folded(const std::vector<std::string>& names) {
  ByFolded folded;
  for (const std::string& name : names) folded[Lowercase(name)].push_back(name);
  return folded;
}

}  // namespace

std::vector<CaseRename> RenamesByCase(const std::vector<std::string>& reference,
                                      const std::vector<std::string>& names) {
  const ByFolded known = Folded(reference);
  std::vector<CaseRename> renames;
  for (const auto& [folded, same] : Folded(names)) {
    const auto found = known.find(folded);
    if (found == known.end() || found->second.size() != 1 || same.size() != 1) continue;
    if (same[0] != found->second[0]) renames.push_back({same[0], found->second[0]});
  }
  return renames;
}

std::string NameUnderRenames(const std::string& name, const std::vector<CaseRename>& renames,
                             const std::set<std::string>& known) {
  if (known.contains(name)) return name;
  const auto found = std::find_if(renames.begin(), renames.end(),
                                  [&](const CaseRename& rename) { return rename.from == name; });
  if (found != renames.end()) return found->to;
  const auto is_same = [folded = Lowercase(name)](const std::string& other) {
    return Lowercase(other) == folded;
  };
  const auto same = std::find_if(known.begin(), known.end(), is_same);
  if (same == known.end()) return name;
  return std::any_of(std::next(same), known.end(), is_same) ? name : *same;
}

}  // namespace driftwood::coordinator
