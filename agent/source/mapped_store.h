// A store under other column names, and with a zone for timestamps that have none: what one
// replica needs so that it compares with the others. Rules, by contrast, hold for all replicas
// (merkle/record/rule.h).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

struct ColumnMapping {
  std::map<std::string, std::string> names;  // the source's name -> the dataset's
  // The source's name -> microseconds to take from its local time to have UTC.
  std::map<std::string, int64_t> zones;

  bool empty() const { return names.empty() && zones.empty(); }
};

// The URL's parameters "rename=column=name,…" and "zone=column=UTC+2,…". InvalidArgument: not of
// that form, a column or a new name twice, a zone that is no fixed offset from UTC.
absl::StatusOr<ColumnMapping> ParseColumnMapping(const StoreUrl& url);
// The URL without them.
StoreUrl WithoutColumnMapping(const StoreUrl& url);

// "UTC", "UTC+2", "UTC-09:30" or "+02:00" in microseconds, at most 18 hours.
absl::StatusOr<int64_t> ParseZone(std::string_view zone);

// `source` is what descriptions call it. A kept index's proof holds under this mapping only.
std::unique_ptr<Store> MapColumns(std::unique_ptr<Store> store, ColumnMapping mapping,
                                  std::string source);

}  // namespace driftwood::agent
