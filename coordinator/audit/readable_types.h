// As which types the columns of all replicas can be read, for what a refusal says. Pure.
#pragma once

#include <string>
#include <vector>

#include "merkle/record/schema.h"
#include "proto/contract/source.h"

namespace driftwood::coordinator {

// Whether values of the type `from` are read as `to`: all that have a meaning there, such as the
// text "7" or a midnight, whatever of them has not.
bool CanBeReadAs(merkle::ColumnType from, merkle::ColumnType to);

// What --types can say of a column so that each replica's values can be equal to the others': of
// the types that the replicas have themselves, those that all can be read as; a number meets a
// timestamp as "timestamp:unix". Empty if there is none.
std::vector<std::string> ReadableTypes(const std::vector<const SourceColumn*>& columns);

}  // namespace driftwood::coordinator
