// Names that are equal in all but the case of their ASCII letters: servers fold names in different
// ways, so that a copy's names are often others only in that. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace driftwood::coordinator {

struct CaseRename {
  std::string from;
  std::string to;

  friend bool operator==(const CaseRename&, const CaseRename&) = default;
};

// Which of `names` become which of `reference`. Nothing is said of a name that `reference` has as
// it is, nor where more than one name of either side would become the same.
std::vector<CaseRename> RenamesByCase(const std::vector<std::string>& reference,
                                      const std::vector<std::string>& names);

// What a column that an option names is called under `renames`: as one of them says, unless some
// replica has the name still (`known`: all that they have by then). Else as the one of `known` that
// is equal in all but letter case; the name itself where there is none, or more than one.
std::string NameUnderRenames(const std::string& name, const std::vector<CaseRename>& renames,
                             const std::set<std::string>& known);

}  // namespace driftwood::coordinator
