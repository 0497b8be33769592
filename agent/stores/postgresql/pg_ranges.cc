#include "agent/stores/postgresql/pg_ranges.h"

#include <algorithm>

#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// In all ranges that are being read; 8 KiB each.
constexpr uint64_t kPagesUnderWay = 4096;
// So that asking for the next takes no time beside reading it.
constexpr uint64_t kRangePagesMin = 256;

// Pages with a number below `end`.
uint64_t PagesBelow(const std::vector<uint64_t>& pages, uint64_t end) {
  uint64_t below = 0;
  for (const uint64_t count : pages) below += std::min(count, end);
  return below;
}

}  // namespace

absl::StatusOr<std::vector<uint64_t>> ReadPgPages(PgConnection& connection, uint32_t oid,
                                                  bool parts) {
  static constexpr char kOfTable[] =
      "SELECT pg_catalog.pg_relation_size($1::pg_catalog.oid) / "
      "pg_catalog.current_setting('block_size')::pg_catalog.int8";
  static constexpr char kOfParts[] =
      "WITH RECURSIVE parts(oid) AS (SELECT $1::pg_catalog.oid UNION SELECT inhrelid "
      "FROM parts JOIN pg_catalog.pg_inherits ON inhparent = parts.oid) "
      "SELECT pg_catalog.pg_relation_size(c.oid) / "
      "pg_catalog.current_setting('block_size')::pg_catalog.int8 "
      "FROM parts JOIN pg_catalog.pg_class c ON c.oid = parts.oid "
      "WHERE c.relkind IN ('r', 'm')";
  ASSIGN_OR_RETURN(const PgResult result,
                   connection.Ask(parts ? kOfParts : kOfTable, {std::to_string(oid)}));
  std::vector<uint64_t> pages;
  for (int i = 0; i < result.rows(); ++i) {
    ASSIGN_OR_RETURN(const int64_t count, result.Int(i, 0));
    pages.push_back(static_cast<uint64_t>(count));
  }
  return pages;
}

uint64_t PgRangeCount(const std::vector<uint64_t>& pages, uint64_t connections) {
  if (connections <= 1 || pages.size() != 1) return connections;
  const uint64_t range = std::max(kPagesUnderWay / connections, kRangePagesMin);
  return std::max(connections, pages[0] / range);
}

std::vector<std::string> PgPageRanges(const std::vector<uint64_t>& pages, uint64_t count) {
  if (count <= 1) return {""};
  const uint64_t all = PagesBelow(pages, UINT64_MAX);
  const uint64_t most = pages.empty() ? 0 : *std::max_element(pages.begin(), pages.end());
  std::vector<uint64_t> begins(1, 0);
  for (uint64_t i = 1; i < count; ++i) {
    uint64_t low = begins.back(), high = most;  // the first page number with its share below it
    while (low < high) {
      const uint64_t middle = low + (high - low) / 2;
      if (PagesBelow(pages, middle) >= all / count * i) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    begins.push_back(low);
  }
  const auto at = [](uint64_t page) {
    return "'(" + std::to_string(page) + ",0)'::pg_catalog.tid";
  };
  std::vector<std::string> ranges;
  for (uint64_t i = 0; i < count; ++i) {
    ranges.push_back(
        "ctid OPERATOR(pg_catalog.>=) " + at(begins[i]) +
        (i + 1 == count ? "" : " AND ctid OPERATOR(pg_catalog.<) " + at(begins[i + 1])));
  }
  return ranges;
}

}  // namespace driftwood::agent
