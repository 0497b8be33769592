// Which rows of a SQL table are the dataset, and what a row that is not counts as.
#pragma once

#include <optional>
#include <string>

#include "proto/contract/presence.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// Conditions in SQL, each as the user wrote it: one that is NULL for a row does not hold.
struct SqlFilter {
  std::optional<std::string> where{};         // rows for which it does not hold are filtered
  std::optional<std::string> moved{};         // rows for which it holds have moved
  std::optional<std::string> soft_deleted{};  // so too: are deleted

  // What the URL says: where=, moved= and deleted=.
  static SqlFilter Of(const StoreUrl& url);
  // By which the rows are those that are moved, or soft-deleted; absent: nothing says so of a row.
  std::optional<SqlFilter> Only(Presence presence) const;

  // Holds for the rows of the dataset, and may follow a parenthesis; absent: for all.
  std::optional<std::string> Condition() const;
  // The same as it is shown.
  std::string Shown() const;
};

}  // namespace driftwood::agent
