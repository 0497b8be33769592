// How types of several sides become one, and what a user may say instead. Pure functions.
#pragma once

#include <optional>

#include "merkle/record/schema.h"
#include "proto/contract/source.h"

namespace driftwood::coordinator {

// The type under which values declared `a` on one side and `b` on the other are compared; nothing
// if only the user can decide. Commutative.
std::optional<merkle::ColumnType> MergeTypes(merkle::ColumnType a, merkle::ColumnType b);
// The same with what belongs to them: opaque types merge under one name, lists by their elements.
std::optional<merkle::ValueType> MergeTypes(const merkle::ValueType& a, const merkle::ValueType& b);

// Whether a user has to say how such values meet others.
bool IsOwnKind(merkle::ColumnType type);

// Whether values that a side has as `source` are read as `wanted`, and not all as what they are:
// where one of the two is opaque, bits, a list or a set.
bool IsReadAs(const SourceColumn& source, const merkle::ValueType& wanted);

// Whether advising to read them so says more than that it could be tried.
bool IsMeantAs(const SourceColumn& source, const merkle::ValueType& wanted);

}  // namespace driftwood::coordinator
