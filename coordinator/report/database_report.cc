#include "coordinator/report/database_report.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

std::string ForPeople(TableResult result) {
  return result == TableResult::kNoKey ? "no key" : std::string(TableResultName(result));
}

// "6 identical, 1 divergent" of those results that there are.
std::string Counts(const DatabaseReport& report, const std::set<TableResult>& wanted) {
  std::string text;
  for (const TableResult result : kTableResults) {
    const uint64_t count = report.Count(result);
    if (count == 0 || !wanted.contains(result)) continue;
    text += (text.empty() ? "" : ", ") + GroupDigits(count) + " " + ForPeople(result);
  }
  return text;
}

// As far as they are certain.
uint64_t Divergences(const DatabaseReport& report) {
  uint64_t certain = 0;
  for (const TableReport& table : report.tables) certain += table.report.certain();
  return certain;
}

// Before Divergences(): "at least " if they may not be all of the tables that differ.
std::string AtLeast(const DatabaseReport& report) {
  const bool sampled =
      std::any_of(report.tables.begin(), report.tables.end(),
                  [](const TableReport& table) { return table.report.estimate.has_value(); });
  return sampled ? "at least " : "";
}

// Its `in_flight` and `gone` are those of all tables.
StatusCounts InFlight(const DatabaseReport& report) {
  StatusCounts total;
  for (const TableReport& table : report.tables) {
    total.in_flight += table.report.statuses.in_flight;
    total.gone += table.report.statuses.gone;
  }
  return total;
}

// What the verdict does not hold for, beside the verdict.
std::string Provisos(const DatabaseReport& report) {
  std::map<std::string, std::vector<std::string>> skipped;  // by reason
  std::vector<std::string> columns, reasons;
  std::set<std::string> rules, narrowed, moving;
  for (const SkippedTable& table : report.skipped) {
    skipped[table.why].push_back(EscapeForDisplay(table.table));
  }
  for (const auto& [why, tables] : skipped) {
    reasons.push_back(JoinNames(tables, 5) + " (" + why + ")");
  }
  for (const TableReport& table : report.tables) {
    for (const std::string& column : NotComparedTexts(table.report)) {
      columns.push_back(EscapeForDisplay(table.table) + "." + column);
    }
    for (const std::string& rule : table.report.rules) rules.insert(EscapeForDisplay(rule));
    for (const std::string& type : table.report.narrowed) narrowed.insert(EscapeForDisplay(type));
    if (!table.report.not_point_in_time.empty()) moving.insert(EscapeForDisplay(table.table));
  }
  std::string text;
  if (const StatusCounts counts = InFlight(report); counts.in_flight > 0) {
    text += "; " + Plural(counts.in_flight, "row", "rows") + " in flight" + GoneEverywhere(counts);
  }
  std::vector<std::string> scopes;
  for (const ReportReplica& replica : report.replicas) {
    if (!replica.filter.empty()) scopes.push_back(replica.filter + " of " + replica.name);
  }
  if (!scopes.empty()) text += "; only " + JoinAnd(scopes);
  if (!reasons.empty()) text += "; skipped: " + JoinNames(reasons);
  if (!columns.empty()) text += "; columns not compared: " + JoinNames(columns);
  if (!rules.empty()) text += "; under rules " + JoinNames({rules.begin(), rules.end()});
  if (!narrowed.empty()) text += "; read as " + JoinNames({narrowed.begin(), narrowed.end()});
  if (!moving.empty())
    text += "; not a consistent snapshot: " + JoinNames({moving.begin(), moving.end()});
  return text;
}

// Of a multiset what is proven equal are distinct records, each with its copies.
uint64_t EqualRecords(const Report& report) {
  const auto& records = report.replicas.front().records;
  return report.multiset() && records ? *records : report.records_proven_equal;
}

// Of an identical comparison.
std::string Records(const DatabaseReport& report) {
  uint64_t equal = 0;
  for (const TableReport& table : report.tables) equal += EqualRecords(table.report);
  return Plural(equal, "row", "rows");
}

std::string ErrorText(const DatabaseReport& report) {
  if (!report.error) return "";
  const std::string message = EscapeForDisplay(report.error->message);
  if (!report.error->replica) return message;
  return report.replicas[*report.error->replica].name + ": " + message;
}

std::string IncompleteLine(const DatabaseReport& report) {
  const std::string open =
      Counts(report, {TableResult::kNoKey, TableResult::kIncomplete, TableResult::kError});
  const std::string rest =
      Counts(report, {TableResult::kIdentical, TableResult::kDivergent, TableResult::kMissing});
  const std::string error = ErrorText(report);
  const std::string names = JoinAnd(report.ReplicaNames());
  const uint64_t count = report.Count(TableResult::kNoKey) +
                         report.Count(TableResult::kIncomplete) + report.Count(TableResult::kError);
  std::string line = "INCOMPLETE: ";
  if (count > 0) {
    line += GroupDigits(count) + " of " + Plural(report.tables.size(), "table in ", "tables in ") +
            names + " not wholly compared (" + open + ")";
    line += error.empty() ? "" : "; " + error;
  } else {
    line += error.empty() ? "not known whether " + names + " agree" : error;
  }
  line += rest.empty() ? "" : "; " + std::string(count > 0 ? "the others: " : "") + rest;
  const uint64_t keys = Divergences(report);
  line += keys == 0 ? "" : "; at least " + Plural(keys, "row differs", "rows differ");
  return line + Provisos(report);
}

void AddUpRecords(DatabaseReport* report) {
  if (report->tables.empty()) return;
  for (size_t i = 0; i < report->replicas.size(); ++i) {
    uint64_t records = 0;
    for (const TableReport& table : report->tables) {
      if (i < table.report.replicas.size()) records += table.report.replicas[i].records.value_or(0);
    }
    report->replicas[i].records = records;
  }
}

}  // namespace

std::string_view TableResultName(TableResult result) {
  switch (result) {
    case TableResult::kIdentical:
      return "identical";
    case TableResult::kDivergent:
      return "divergent";
    case TableResult::kMissing:
      return "missing";
    case TableResult::kNoKey:
      return "no_key";
    case TableResult::kIncomplete:
      return "incomplete";
    case TableResult::kError:
      break;
  }
  return "error";
}

TableResult ResultOf(const Report& report) {
  if (report.interrupted) return TableResult::kIncomplete;
  switch (report.verdict) {
    case Verdict::kIdentical:
      return TableResult::kIdentical;
    case Verdict::kDivergent:
      return TableResult::kDivergent;
    case Verdict::kIncomplete:
      return TableResult::kIncomplete;
    case Verdict::kError:
      break;
  }
  return TableResult::kError;
}

std::vector<std::string> DatabaseReport::ReplicaNames() const { return NamesOf(replicas); }

uint64_t DatabaseReport::Count(TableResult result) const {
  return static_cast<uint64_t>(
      std::count_if(tables.begin(), tables.end(),
                    [&](const TableReport& table) { return table.result == result; }));
}

void DecideVerdict(DatabaseReport* report) {
  AddUpRecords(report);
  const uint64_t open = report->Count(TableResult::kNoKey) +
                        report->Count(TableResult::kIncomplete) +
                        report->Count(TableResult::kError);
  const uint64_t different =
      report->Count(TableResult::kDivergent) + report->Count(TableResult::kMissing);
  const uint64_t identical = report->Count(TableResult::kIdentical);
  if (report->interrupted) {
    report->verdict = Verdict::kIncomplete;
  } else if (report->tables.empty()) {
    report->verdict = Verdict::kError;
  } else if (open > 0 || report->error) {
    report->verdict = Verdict::kIncomplete;
  } else if (different > 0) {
    report->verdict = Verdict::kDivergent;
  } else {
    report->verdict = identical == report->tables.size() ? Verdict::kIdentical : Verdict::kError;
  }
}

int ExitCode(const DatabaseReport& report) {
  return report.interrupted ? kExitInterrupted : ExitCode(report.verdict);
}

std::string VerdictLine(const DatabaseReport& report) {
  const std::string names = JoinAnd(report.ReplicaNames());
  switch (report.verdict) {
    case Verdict::kIdentical:
      return "IDENTICAL: " + Plural(report.tables.size(), "table", "tables") + " in " + names +
             (report.tables.size() == 1 ? " agrees, " : " agree, ") + Records(report) +
             Provisos(report);
    case Verdict::kDivergent: {
      const uint64_t different =
          report.Count(TableResult::kDivergent) + report.Count(TableResult::kMissing);
      const uint64_t keys = Divergences(report);
      return "DIVERGENT: " + GroupDigits(different) + " of " +
             Plural(report.tables.size(), "table differs", "tables differ") + " between " + names +
             " (" + Counts(report, {TableResult::kDivergent, TableResult::kMissing}) + ")" +
             (keys == 0 ? "" : ", in " + AtLeast(report) + Plural(keys, "row", "rows")) +
             Provisos(report);
    }
    case Verdict::kIncomplete:
      return IncompleteLine(report);
    case Verdict::kError:
      break;
  }
  return "ERROR: " + ErrorText(report);
}

std::string TotalText(const DatabaseReport& report) {
  const std::string counts = Counts(report, {kTableResults.begin(), kTableResults.end()});
  return Plural(report.tables.size(), "table", "tables") + (counts.empty() ? "" : ": " + counts);
}

std::string WhyLine(const TableReport& table) {
  switch (table.result) {
    case TableResult::kIdentical:
      return "";
    case TableResult::kDivergent:
      return table.report.estimate ? VerdictLine(table.report) : SchemaLine(table.report);
    case TableResult::kMissing:
    case TableResult::kNoKey:
    case TableResult::kError:
      return ErrorLine(table.report);
    case TableResult::kIncomplete:
      break;
  }
  return VerdictLine(table.report);
}

std::string Seconds(double seconds, int decimals) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, seconds);
  return text;
}

absl::Status WriteReport(const DatabaseReport& report, ReportFormat format,
                         const ReportStyle& style, const ReportSink& sink) {
  return WriteInFormat(report, format, style, sink);
}

}  // namespace driftwood::coordinator
