// A table's pages, parted into ranges of ctids for connections that read side by side. Only this
// folder's files include it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/postgresql/pg_connection.h"

namespace driftwood::agent {

// The number of pages of the table, or of each of its partitions and children.
absl::StatusOr<std::vector<uint64_t>> ReadPgPages(PgConnection& connection, uint32_t oid);

// `count` conditions that tile the pages of all the tables, each with about as many pages. Every
// table is cut at the same page numbers, since a condition on ctid holds for each; the last range
// has no end: the tables grow. Pure.
std::vector<std::string> PgPageRanges(const std::vector<uint64_t>& pages, uint64_t count);

}  // namespace driftwood::agent
