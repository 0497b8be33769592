#include "agent/stores/sql/sql_filter.h"

#include <string_view>

namespace driftwood::agent {
namespace {

// A condition may end in a comment, which the line feed ends.
constexpr std::string_view kEnd = "\n)";

std::string Joined(const std::string& a, const std::string& b) {
  return a.empty() ? b : a + " AND " + b;
}

}  // namespace

SqlFilter SqlFilter::Of(const StoreUrl& url) {
  return {url.Parameter("where"), url.Parameter("moved"), url.Parameter("deleted")};
}

std::optional<SqlFilter> SqlFilter::Only(Presence presence) const {
  const std::optional<std::string>& condition = presence == Presence::kMoved ? moved
                                                : presence == Presence::kSoftDeleted
                                                    ? soft_deleted
                                                    : std::optional<std::string>();
  if (!condition) return std::nullopt;
  return SqlFilter{condition};
}

std::optional<std::string> SqlFilter::Condition() const {
  if (!moved && !soft_deleted) return where;
  std::string condition;
  if (where) condition = "(" + *where + std::string(kEnd);
  for (const auto* const not_one : {&moved, &soft_deleted}) {
    if (*not_one) {
      condition = Joined(condition, "(" + **not_one + std::string(kEnd) + " IS NOT TRUE");
    }
  }
  return condition;
}

std::string SqlFilter::Shown() const {
  if (!moved && !soft_deleted) return where.value_or("");
  std::string shown = where ? "(" + *where + ")" : "";
  for (const auto* const not_one : {&moved, &soft_deleted}) {
    if (*not_one) shown = Joined(shown, "NOT (" + **not_one + ")");
  }
  return shown;
}

}  // namespace driftwood::agent
