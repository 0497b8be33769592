// What a comparison of all tables of several databases found, as data, and its written forms. The
// formats are documented in README.md and pinned by tests/testdata/report/all_*.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/report/report.h"

namespace driftwood::coordinator {

// What became of one table. Their names are in lower case in every format, so that the one verdict
// in capitals is that of the whole.
enum class TableResult : uint8_t {
  kIdentical,
  kDivergent,
  kMissing,     // some replica has no such table
  kNoKey,       // not compared: no replica says what identifies a record
  kIncomplete,  // as a report's verdict INCOMPLETE
  kError        // not compared: something about it must change
};
inline constexpr std::array kTableResults = {TableResult::kIdentical,  TableResult::kDivergent,
                                             TableResult::kMissing,    TableResult::kNoKey,
                                             TableResult::kIncomplete, TableResult::kError};
// "no_key". For people "no key" is said.
std::string_view TableResultName(TableResult result);

struct TableReport {
  std::string table;
  TableResult result = TableResult::kError;
  std::vector<size_t> missing_in;  // replicas without this table
  // The comparison. Of one that did not take place: an ERROR that says why.
  Report report;
  double seconds = 0;
};

// Of `report`, whatever the replicas have or lack.
TableResult ResultOf(const Report& report);

struct SkippedTable {
  std::string table;
  std::string why;  // "view in left and right", "--skip-tables"
};

struct DatabaseReport {
  Verdict verdict = Verdict::kError;
  bool interrupted = false;
  std::optional<ReportOrigin> origin;   // of all that was done; its tables have none
  std::vector<ReportReplica> replicas;  // `records` are of all tables whose number is known
  std::vector<TableReport> tables;      // by name
  std::vector<SkippedTable> skipped;
  std::vector<std::string> warnings;
  // Why there was no comparison, or it can't be wholly believed.
  std::optional<ReportError> error;
  double seconds = 0;

  std::vector<std::string> ReplicaNames() const;
  uint64_t Count(TableResult result) const;
};

// The one place where the tables' results become a verdict, and replicas' records are added up.
// IDENTICAL only if at least one table was compared and all were, wholly; DIVERGENT if what is not
// identical is known, wholly; ERROR if there was nothing to compare.
void DecideVerdict(DatabaseReport* report);

// 0 identical, 1 divergent, 2 error, 3 incomplete, 130 interrupted.
int ExitCode(const DatabaseReport& report);

// One line for people, the verdict first.
std::string VerdictLine(const DatabaseReport& report);
// "8 tables: 6 identical, 1 divergent, 1 missing"
std::string TotalText(const DatabaseReport& report);
// "missing in right", "no key: …": why a table is not identical or divergent, or in what its schema
// differs. Empty if there is nothing to say.
std::string WhyLine(const TableReport& table);

// "12.345"
std::string Seconds(double seconds, int decimals);

absl::Status WriteReport(const DatabaseReport& report, ReportFormat format,
                         const ReportStyle& style, const ReportSink& sink);
absl::Status WriteTable(const DatabaseReport& report, const TableStyle& style,
                        const ReportSink& sink);
absl::Status WriteJson(const DatabaseReport& report, const ReportSink& sink);
absl::Status WriteJsonLines(const DatabaseReport& report, const ReportSink& sink);
absl::Status WriteCsv(const DatabaseReport& report, CsvForm form, bool verdict_row,
                      const ReportSink& sink);
absl::Status WriteHtml(const DatabaseReport& report, const TableStyle& style,
                       const ReportSink& sink);

}  // namespace driftwood::coordinator
