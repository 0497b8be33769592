// A TIME that becomes a date or is compared with one gets the day on which it is read: a clock
// that no function shows. Which uses of a TIME are of that kind follows from the types of all that
// stands around it, and the server does not tell those. So the uses are listed that stay a TIME,
// whatever stands around them, and every other one is taken for such a clock. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace driftwood::agent {

// The first TIME in `sql` that may get a date; empty if there is none. TIMEs are the columns
// `time_columns` (in lower case), by whatever table's name before them, and what functions, casts
// and literals make. `sql` is a query or a condition; in a query a TIME may be selected as it is.
std::string MysqlDatedTimeIn(std::string_view sql, const std::set<std::string>& time_columns);

}  // namespace driftwood::agent
