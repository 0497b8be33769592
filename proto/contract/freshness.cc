#include "proto/contract/freshness.h"

#include "merkle/record/datetime.h"
#include "merkle/text/display.h"

namespace driftwood {
namespace {

std::string Said(WallTime time) {
  std::string text;
  merkle::AppendTimestampDisplay(time.time_since_epoch().count(), /*zoned=*/true, &text);
  return text;
}

// What a source or a client calls something.
std::string Said(const std::string& name) { return Printable(name, 200); }

struct Describer {
  std::string operator()(const ProvedUnchanged& basis) const {
    return "scan as of " + Said(basis.time);
  }
  std::string operator()(const Followed& basis) const {
    return "stream up to " + Said(basis.position) + " of " + Said(basis.history) + ", proven at " +
           Said(basis.proved);
  }
  std::string operator()(const Pushed& basis) const {
    return "pushed up to number " + std::to_string(basis.sequence) + " of epoch " +
           Said(basis.epoch) + ", complete up to " +
           (basis.complete_up_to ? Said(*basis.complete_up_to) : "no time that was told");
  }
};

}  // namespace

std::string DescribeFreshness(const Freshness& freshness) {
  return std::visit(Describer{}, freshness);
}

}  // namespace driftwood
