// What becomes of a record that a dataset lacks, as far as its source can say.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace driftwood {

enum class Presence : uint8_t {
  kThere,
  kGone,
  kFiltered,     // it is there, and not among the rows that are compared
  kMoved,        // so it is; a column or the source says that another record took its place
  kSoftDeleted,  // so it is; a column or the source says that it is deleted
  kHidden,       // who asked may not see it: it is not known whether it is there
  kUnknown,      // the source could not say
};

// "soft-deleted"
std::string_view PresenceName(Presence presence);
std::optional<Presence> PresenceFromName(std::string_view name);

// Whether it is known if the dataset has the record. What is not known never counts as gone.
inline bool IsKnown(Presence presence) {
  return presence != Presence::kHidden && presence != Presence::kUnknown;
}

}  // namespace driftwood
