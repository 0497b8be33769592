#include "merkle/record/opaque.h"

#include <optional>

#include "merkle/record/interval.h"
#include "merkle/record/schema.h"
#include "merkle/text/utf8.h"

namespace driftwood::merkle {

bool ReadsOpaqueText(std::string_view type) { return type == kIntervalType; }

bool AppendOpaqueText(std::string_view type, std::string_view text, Place place, std::string* out) {
  if (!ReadsOpaqueText(type)) return IsUtf8(text) && AppendOpaque(type, text, place, out);
  if (text == "infinity" || text == "-infinity") return AppendOpaque(type, text, place, out);
  const std::optional<Interval> interval = ParseInterval(text);
  return interval && AppendOpaque(type, IntervalText(*interval), place, out);
}

}  // namespace driftwood::merkle
