#include "agent/stores/postgresql/pg_result.h"

#include <charconv>

#include "agent/source/messages.h"

namespace driftwood::agent {

std::string PgResult::Text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

absl::StatusOr<int64_t> PgResult::Int(int row, int column) const {
  const std::string text = Text(row, column);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  return absl::InternalError("PostgreSQL gave \"" + Printable(text) +
                             "\" where its catalogue has a number");
}

}  // namespace driftwood::agent
