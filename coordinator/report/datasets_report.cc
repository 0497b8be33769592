#include "coordinator/report/datasets_report.h"

#include <algorithm>

#include "coordinator/report/database_report_json.h"
#include "coordinator/report/report_csv.h"
#include "coordinator/report/report_json.h"
#include "coordinator/report/table_text.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

constexpr std::array kVerdicts = {Verdict::kIdentical, Verdict::kDivergent, Verdict::kIncomplete,
                                  Verdict::kError};

// In lower case, so that the one verdict in capitals is that of the whole.
std::string ResultName(Verdict verdict) { return Lowercase(VerdictName(verdict)); }

// "6 identical, 1 divergent"
std::string Counts(const DatasetsReport& report) {
  std::string text;
  for (const Verdict verdict : kVerdicts) {
    const uint64_t count = report.Count(verdict);
    if (count == 0) continue;
    text += (text.empty() ? "" : ", ") + GroupDigits(count) + " " + ResultName(verdict);
  }
  return text;
}

uint64_t Divergences(const DatasetsReport& report) {
  uint64_t total = 0;
  for (const DatasetReport& dataset : report.datasets) total += dataset.Divergences();
  return total;
}

JsonMembers Members(const DatasetsReport& report) {
  std::string totals = "{\"datasets\":" + std::to_string(report.datasets.size());
  for (const Verdict verdict : kVerdicts) {
    totals += "," + JsonString(ResultName(verdict)) + ":" + std::to_string(report.Count(verdict));
  }
  totals += ",\"divergences\":" + std::to_string(Divergences(report)) +
            ",\"seconds\":" + JsonNumber(report.seconds) + "}";
  JsonMembers members = {{"schema_version", std::to_string(kReportSchemaVersion)},
                         {"verdict", JsonString(VerdictName(report.verdict))}};
  if (report.interrupted) members.emplace_back("interrupted", "true");
  const JsonMembers origin = OriginMembers(report.origin);
  members.insert(members.end(), origin.begin(), origin.end());
  members.emplace_back("totals", totals);
  return members;
}

// Before the members of a dataset's own document.
JsonMembers OfDataset(const DatasetReport& dataset) {
  return {{"dataset", JsonString(dataset.dataset)},
          {"result", JsonString(ResultName(dataset.verdict()))},
          {"dataset_seconds", JsonNumber(dataset.seconds)}};
}

// Numbers that are not known are empty.
CsvCells RowOf(const std::string& dataset, const std::string& table, std::string_view result,
               const Report& report, double seconds, const std::string& note, CsvForm form) {
  const bool counted = report.verdict != Verdict::kError;
  const auto number = [&](uint64_t value) { return counted ? std::to_string(value) : ""; };
  return {CsvCell(dataset, form),
          table.empty() ? "" : CsvCell(table, form),
          std::string(result),
          number(report.total),
          number(report.changed),
          number(report.duplicate),
          number(report.statuses.confirmed),
          number(report.statuses.unstable),
          number(report.statuses.unconfirmed),
          number(report.statuses.in_flight),
          number(report.statuses.gone),
          Seconds(seconds, 3),
          note.empty() ? "" : CsvCell(note, form)};
}

absl::Status WriteRows(const DatasetReport& dataset, CsvForm form, const ReportSink& sink) {
  if (const auto* report = std::get_if<Report>(&dataset.report)) {
    return sink(CsvRow(RowOf(dataset.dataset, "", ResultName(report->verdict), *report,
                             dataset.seconds, VerdictLine(*report), form)));
  }
  const auto& database = std::get<DatabaseReport>(dataset.report);
  for (const TableReport& table : database.tables) {
    RETURN_IF_ERROR(sink(CsvRow(RowOf(dataset.dataset, table.table, TableResultName(table.result),
                                      table.report, table.seconds, WhyLine(table), form))));
  }
  CsvCells last(13);
  last[0] = CsvCell(dataset.dataset, form);
  last[2] = ResultName(database.verdict);
  last[11] = Seconds(dataset.seconds, 3);
  last[12] = CsvCell(dataset.VerdictLine(), form);
  return sink(CsvRow(last));
}

}  // namespace

Verdict DatasetReport::verdict() const {
  return std::visit([](const auto& one) { return one.verdict; }, report);
}

bool DatasetReport::interrupted() const {
  return std::visit([](const auto& one) { return one.interrupted; }, report);
}

std::string DatasetReport::VerdictLine() const {
  return std::visit([](const auto& one) { return coordinator::VerdictLine(one); }, report);
}

uint64_t DatasetReport::Divergences() const {
  if (const auto* one = std::get_if<Report>(&report)) return one->total;
  uint64_t total = 0;
  for (const TableReport& table : std::get<DatabaseReport>(report).tables) {
    total += table.report.total;
  }
  return total;
}

uint64_t DatasetsReport::Count(Verdict wanted) const {
  return static_cast<uint64_t>(
      std::count_if(datasets.begin(), datasets.end(),
                    [&](const DatasetReport& one) { return one.verdict() == wanted; }));
}

void DecideVerdict(DatasetsReport* report) {
  for (const DatasetReport& dataset : report->datasets) {
    report->interrupted = report->interrupted || dataset.interrupted();
  }
  const uint64_t all = report->datasets.size();
  const uint64_t errors = report->Count(Verdict::kError);
  if (report->interrupted) {
    report->verdict = Verdict::kIncomplete;
  } else if (errors == all) {
    report->verdict = Verdict::kError;
  } else if (errors + report->Count(Verdict::kIncomplete) > 0) {
    report->verdict = Verdict::kIncomplete;
  } else {
    const bool same = report->Count(Verdict::kIdentical) == all;
    report->verdict = same ? Verdict::kIdentical : Verdict::kDivergent;
  }
}

int ExitCode(const DatasetsReport& report) {
  return report.interrupted ? kExitInterrupted : ExitCode(report.verdict);
}

size_t CsvRows(const DatasetsReport& report) {
  size_t rows = report.datasets.size();
  for (const DatasetReport& one : report.datasets) {
    const auto* const database = std::get_if<DatabaseReport>(&one.report);
    if (database != nullptr) rows += database->tables.size();
  }
  return rows;
}

std::string VerdictLine(const DatasetsReport& report) {
  const std::string all = Plural(report.datasets.size(), "dataset", "datasets");
  const uint64_t keys = Divergences(report);
  std::string line = std::string(VerdictName(report.verdict)) + ": " + all;
  if (report.verdict == Verdict::kError) line += ", none of which was compared";
  if (report.interrupted) line += ", interrupted";
  line += ": " + Counts(report);
  if (keys > 0) {
    const bool exact = report.verdict == Verdict::kDivergent;
    line +=
        std::string("; ") + (exact ? "" : "at least ") + Plural(keys, "row differs", "rows differ");
  }
  return line;
}

absl::Status WriteTable(const DatasetsReport& report, const TableStyle& style,
                        const ReportSink& sink) {
  const auto line = [&](const std::string& text) { return sink(text + "\n"); };
  RETURN_IF_ERROR(line(ColouredVerdict(VerdictLine(report), report.verdict, style)));
  RETURN_IF_ERROR(line(""));
  std::vector<TableRow> names;
  for (const DatasetReport& one : report.datasets) names.push_back({EscapeForDisplay(one.dataset)});
  const size_t width = Widths(names)[0];
  for (size_t i = 0; i < names.size(); ++i) {
    const DatasetReport& one = report.datasets[i];
    RETURN_IF_ERROR(line("  " + Pad(names[i][0], width) + "  " +
                         ColouredVerdict(one.VerdictLine(), one.verdict(), style)));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const DatasetReport& one = report.datasets[i];
    if (one.verdict() == Verdict::kIdentical || one.verdict() == Verdict::kError) continue;
    RETURN_IF_ERROR(line("\ndataset " + names[i][0]));
    RETURN_IF_ERROR(
        std::visit([&](const auto& of) { return WriteTable(of, style, sink); }, one.report));
  }
  return absl::OkStatus();
}

absl::Status WriteJson(const DatasetsReport& report, const ReportSink& sink) {
  RETURN_IF_ERROR(sink("{"));
  for (const auto& [name, value] : Members(report)) {
    RETURN_IF_ERROR(sink("\n  \"" + name + "\": " + value + ","));
  }
  RETURN_IF_ERROR(sink("\n  \"datasets\": ["));
  for (const DatasetReport& one : report.datasets) {
    RETURN_IF_ERROR(sink(&one == &report.datasets.front() ? "\n    " : ",\n    "));
    const ReportSink indented = [&](std::string_view text) { return sink(JsonIndented(text)); };
    RETURN_IF_ERROR(
        std::visit([&](const auto& of) { return WriteJsonDocument(of, OfDataset(one), indented); },
                   one.report));
  }
  return sink("\n  ]\n}\n");
}

absl::Status WriteJsonLines(const DatasetsReport& report, const ReportSink& sink) {
  for (const DatasetReport& one : report.datasets) {
    const JsonMembers name = {{"dataset", JsonString(one.dataset)}};
    RETURN_IF_ERROR(
        std::visit([&](const auto& of) { return WriteJsonLinesOf(of, name, OfDataset(one), sink); },
                   one.report));
  }
  std::string last;
  for (const auto& [name, value] : Members(report)) {
    last += (last.empty() ? "{" : ",") + JsonString(name) + ":" + value;
  }
  return sink(last + "}\n");
}

absl::Status WriteCsv(const DatasetsReport& report, CsvForm form, bool verdict_row,
                      const ReportSink& sink) {
  if (!verdict_row && report.verdict == Verdict::kError) return absl::OkStatus();
  RETURN_IF_ERROR(
      sink(CsvRow({"dataset", "table", "result", "divergences", "changed", "duplicate", "confirmed",
                   "unstable", "unconfirmed", "in_flight", "gone", "seconds", "note"})));
  for (const DatasetReport& one : report.datasets) RETURN_IF_ERROR(WriteRows(one, form, sink));
  if (!verdict_row) return absl::OkStatus();
  CsvCells last(13);
  last[2] = std::string(VerdictName(report.verdict));
  last[11] = Seconds(report.seconds, 3);
  last[12] = CsvCell(VerdictLine(report), form);
  return sink(CsvRow(last));
}

absl::Status WriteReport(const DatasetsReport& report, ReportFormat format,
                         const ReportStyle& style, const ReportSink& sink) {
  return WriteInFormat(report, format, style, sink);
}

}  // namespace driftwood::coordinator
