#include "proto/contract/presence.h"

#include <iterator>

namespace driftwood {
namespace {

// In the enumeration's order.
constexpr std::string_view kNames[] = {"there",        "gone",   "filtered", "moved",
                                       "soft-deleted", "hidden", "unknown"};

}  // namespace

std::string_view PresenceName(Presence presence) { return kNames[static_cast<size_t>(presence)]; }

std::optional<Presence> PresenceFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Presence>(i);
  }
  return std::nullopt;
}

}  // namespace driftwood
