// A table's pages, parted into ranges of ctids for connections that read side by side. Only this
// directory's files include it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/postgresql/pg_connection.h"

namespace driftwood::agent {

// The number of pages of the table, or with `parts` of it and each of its partitions and children.
absl::StatusOr<std::vector<uint64_t>> ReadPgPages(PgConnection& connection, uint32_t oid,
                                                  bool parts);

// How many ranges a scan of `connections` cuts the pages into. Small ones of a table on its own:
// what is read side by side lies close together then, and rows that lie in the order of their keys
// can be put back into it. Several tables are cut once for each connection, for each range is
// looked for in each of them. Pure.
uint64_t PgRangeCount(const std::vector<uint64_t>& pages, uint64_t connections);

// `count` conditions that tile the pages of all the tables, each with about as many pages. Every
// table is cut at the same page numbers, since a condition on ctid holds for each; the last range
// has no end: the tables grow. Pure.
std::vector<std::string> PgPageRanges(const std::vector<uint64_t>& pages, uint64_t count);

}  // namespace driftwood::agent
