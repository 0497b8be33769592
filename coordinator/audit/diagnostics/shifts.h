// Hypotheses that are found from two values and have a parameter: a prefix, an offset, a length at
// which texts are cut. A column or a key is explained by one only if many pairs have the same
// parameter. Of two replicas only. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/audit/diagnostics/remedy.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

// What makes one value of a pair the other.
struct Shift {
  // In the order of preference.
  enum class Kind : uint8_t {
    kNullWord,  // `side` has the text `a` where the other has NULL, or an empty text
    kReplaced,  // `side` has '?' or U+FFFD for characters that are not ASCII
    kMoment,    // the second's moment is `number` microseconds later than the first's; `a` below
    kDaylight,  // … or one hour (`number` is the lesser)
    kFactor,    // `side` is the other times `a`
    kOffset,    // the second's number is the first's plus `a`
    kAffixes,   // `side` has `a` before and `b` behind it
    kCutCharacters,  // `side` is the beginning of the other, of `number` characters
    kCutBytes,       // … of `number` bytes
  };

  Kind kind = Kind::kNullWord;
  size_t side = 0;
  // Of kMoment and kDaylight: which of the two have a zone in their text, as "1" and "0".
  std::string a{};
  std::string b{};
  int64_t number = 0;

  friend auto operator<=>(const Shift&, const Shift&) = default;
};

// All that would make these two values, which differ, one: of each kind at most one.
std::vector<Shift> ShiftsBetween(const merkle::Column& column, const merkle::Value& left,
                                 const merkle::Value& right);
// What the second replica has instead of `value` of the first if `side` is 0, and the other way
// round; nothing if no value can be said. Of integers, moments and texts: for keys.
std::optional<merkle::Value> Shifted(const Shift& shift, size_t side, const merkle::Value& value);

// It is data that is found, and chance may have it twice: several different values are needed, and
// no other parameter that does nearly as well.
bool IsConstant(Shift::Kind kind);
// How long a text is, in what a cut of that kind counts.
int64_t Length(Shift::Kind kind, const merkle::Value& value);

// "right is cut at 20 characters"
std::string InWords(const Shift& shift, const std::vector<ExplainedReplica>& replicas);
// What would read it; "" if there is no such.
std::string OptionOf(const Shift& shift, const merkle::Column& column,
                     const std::vector<ExplainedReplica>& replicas);

// Of moments: those that a zone may have, in microseconds.
bool IsZoneOffset(int64_t microseconds);

}  // namespace driftwood::coordinator
