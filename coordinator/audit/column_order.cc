#include "coordinator/audit/column_order.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace driftwood::coordinator {

namespace {

// Which column takes each place.
std::vector<size_t> Places(const std::vector<SourceColumn>& columns,
                           const std::vector<merkle::Column>& values) {
  const auto place = [&](size_t c) {
    return std::find_if(columns.begin(), columns.end(),
                        [&](const SourceColumn& column) { return column.name == values[c].name; }) -
           columns.begin();
  };
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return place(a) < place(b); });
  return order;
}

}  // namespace

void OrderColumns(const std::vector<SourceColumn>& columns, Report* report) {
  if (!report->schema) return;
  const std::vector<size_t> order = Places(columns, report->schema->values);
  std::vector<size_t> place(order.size());
  for (size_t to = 0; to < order.size(); ++to) place[order[to]] = to;
  std::vector<merkle::Column> ordered;
  for (const size_t from : order) ordered.push_back(report->schema->values[from]);
  report->schema->values = std::move(ordered);
  for (ReportRecord& record : report->records) record.OrderColumns(order);
  if (report->more_records != nullptr) report->more_records->OrderColumns(order);
  for (ReportSpan& span : report->spans) {
    if (span.column) span.column->column = place[span.column->column];
  }
  if (!report->columns) return;
  std::vector<ColumnCount>& differing = report->columns->differing;
  for (ColumnCount& count : differing) count.column = place[count.column];
  std::sort(differing.begin(), differing.end(), [](const ColumnCount& a, const ColumnCount& b) {
    return a.records != b.records ? a.records > b.records : a.column < b.column;
  });
}

}  // namespace driftwood::coordinator
