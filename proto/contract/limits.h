// Bounds that both sides of the protocol know (proto/README.md): an agent refuses what is above
// them, and a coordinator does not ask for it.
#pragma once

#include <cstddef>

#include "proto/contract/budget.h"

namespace driftwood {

// Of a request's message, packed or not.
inline constexpr size_t kRequestBytesMax = size_t{8} << 20;
// A stream's messages stay below this, but for a single record that is longer.
inline constexpr size_t kReplyPartBytesMax = size_t{1} << 20;

// Columns of a source, and of an agreement.
inline constexpr size_t kColumnsMax = 100'000;
// Of what an agent says of its source, all together.
inline constexpr size_t kDescriptionBytesMax = size_t{16} << 20;

// Keys of one call that reads records. A file without lookup by key is scanned for each call; what
// both sides hold of a key is some hundred bytes.
inline constexpr size_t kReadKeysMax = 200'000;
// Longer values are not handed out, nor are those of one call that are more than that together.
inline constexpr size_t kValueBytesMax = size_t{32} << 20;
inline constexpr size_t kValuesBytesMax = size_t{128} << 20;

// A column tag; and of one call (and of an agreement) rules, and tags of all its records (keys ×
// (columns + rules)).
inline constexpr size_t kTagBytes = 8;
inline constexpr size_t kTagRulesMax = 16'384;
inline constexpr size_t kTagsMax = size_t{8} << 20;

// All that an agent lists of a database: tables, and the names of their columns and key columns.
inline constexpr BudgetLimits kTableListLimits{size_t{64} << 20, 4'000'000};

// Of what a source says of a record that it does not give.
inline constexpr size_t kWhyBytesMax = 512;

// Keys of one call that looks for alike ones.
inline constexpr size_t kAlikeKeysMax = 100;

}  // namespace driftwood
