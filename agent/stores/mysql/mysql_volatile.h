// Expressions that give other values although nothing was written: a clock, RAND(), a variable, a
// function that is not known. What such a query reads is no consistent snapshot. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace driftwood::agent {

struct MysqlNames {
  // All that is or may be a name, quoted or not, with the keywords among them; as it is written.
  std::set<std::string> all;
  // Those right before a "(", in lower case.
  std::set<std::string> called;
  // False: it may read no table.
  bool has_query = false;
};

// Of SQL under an empty sql_mode: a user's condition, or what the server keeps of a view.
MysqlNames MysqlNamesIn(std::string_view sql);

// The first thing in `sql` that may give another value at the next look; with `clocks` also what
// says when the statement began. Empty if there is none. What is not known to stand still moves:
// stored and loaded functions too.
std::string MysqlMovingFunctionIn(std::string_view sql, bool clocks);

}  // namespace driftwood::agent
