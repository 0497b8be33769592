// table: for people. The verdict in the first line, then who was compared, then a line for each
// table and one with the totals; below that why some were not compared, and for each that diverges
// its own report.
#include <algorithm>
#include <utility>

#include "coordinator/report/database_report.h"
#include "coordinator/report/table_text.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

std::string ForPeople(TableResult result) {
  return result == TableResult::kNoKey ? "no key" : std::string(TableResultName(result));
}

class DatabaseTableWriter {
 public:
  DatabaseTableWriter(const DatabaseReport& report, const TableStyle& style, const ReportSink& sink)
      : report_(report), style_(style), sink_(sink) {}

  absl::Status Write() {
    const std::string verdict = Sentence(VerdictLine(report_), style_, /*indent=*/2);
    RETURN_IF_ERROR(sink_(ColouredVerdict(verdict, report_.verdict, style_) + "\n"));
    if (report_.verdict == Verdict::kError) return absl::OkStatus();
    RETURN_IF_ERROR(Replicas());
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Tables());
    RETURN_IF_ERROR(Total());
    RETURN_IF_ERROR(Reasons());
    return Details();
  }

 private:
  // `indent`: of all lines but the first, if it takes several.
  absl::Status Line(const std::string& text = "", size_t indent = 2) {
    return sink_(Sentence(text, style_, indent) + "\n");
  }

  std::string Coloured(const std::string& text, TableResult result) const {
    const bool differs = result == TableResult::kDivergent || result == TableResult::kMissing;
    return coordinator::Coloured(text,
                                 result == TableResult::kIdentical ? Verdict::kIdentical
                                 : differs                         ? Verdict::kDivergent
                                                                   : Verdict::kIncomplete,
                                 style_);
  }

  absl::Status Replicas() {
    std::vector<TableRow> rows;
    for (const ReportReplica& replica : report_.replicas) rows.push_back({replica.name});
    const size_t width = Widths(rows)[0];
    RETURN_IF_ERROR(Line());
    for (const ReportReplica& replica : report_.replicas) {
      RETURN_IF_ERROR(
          Line("  " + Pad(replica.name, width) + "  " + EscapeForDisplay(replica.source), 4));
    }
    return absl::OkStatus();
  }

  // What the replica has of a table, as far as it is known.
  static std::string Records(const TableReport& table, size_t replica) {
    if (std::find(table.missing_in.begin(), table.missing_in.end(), replica) !=
        table.missing_in.end()) {
      return "(missing)";
    }
    const auto& records = table.report.replicas[replica].records;
    return records ? GroupDigits(*records) : "?";
  }

  static std::string Divergences(const TableReport& table) {
    switch (table.result) {
      case TableResult::kIdentical:
      case TableResult::kDivergent: {
        const auto& estimate = table.report.estimate;
        return estimate ? "about " + GroupDigits(estimate->divergent)
                        : GroupDigits(table.report.total);
      }
      case TableResult::kIncomplete:
        return table.report.certain() > 0 ? "at least " + GroupDigits(table.report.certain()) : "?";
      case TableResult::kMissing:
      case TableResult::kNoKey:
      case TableResult::kError:
        break;
    }
    return "?";
  }

  std::vector<TableRow> Rows() const {
    std::vector<TableRow> rows = {{"result", "table"}};
    for (const std::string& name : report_.ReplicaNames()) rows[0].push_back(name);
    rows[0].insert(rows[0].end(), {"differences", "seconds"});
    for (const TableReport& table : report_.tables) {
      TableRow row = {ForPeople(table.result), EscapeForDisplay(table.table)};
      for (size_t i = 0; i < report_.replicas.size(); ++i) row.push_back(Records(table, i));
      row.push_back(Divergences(table));
      row.push_back(Seconds(table.seconds, 1));
      rows.push_back(std::move(row));
    }
    return rows;
  }

  absl::Status Tables() {
    const std::vector<TableRow> rows = Rows();
    const std::vector<size_t> widths = Widths(rows);
    size_t total = 2 * (widths.size() - 1);
    for (const size_t width : widths) total += width;
    if (style_.columns != 0 && total > style_.columns) return TablesAsBlocks(rows);
    for (size_t r = 0; r < rows.size(); ++r) {
      std::string line;
      for (size_t i = 0; i < rows[r].size(); ++i) {
        const std::string cell = Pad(rows[r][i], widths[i], /*right=*/i >= 2);  // numbers
        line += i == 0 ? "" : "  ";
        if (i == 0 && r > 0) {
          line +=
              Coloured(rows[r][i], report_.tables[r - 1].result) + cell.substr(rows[r][i].size());
        } else {
          line += cell;
        }
      }
      RETURN_IF_ERROR(sink_(line + "\n"));
    }
    return absl::OkStatus();
  }

  // On a narrow terminal: result and name in one line, the numbers below.
  absl::Status TablesAsBlocks(const std::vector<TableRow>& rows) {
    for (size_t r = 1; r < rows.size(); ++r) {
      const TableRow& row = rows[r];
      RETURN_IF_ERROR(sink_(Coloured(row[0], report_.tables[r - 1].result) + "  " + row[1] + "\n"));
      std::string numbers = "   ";
      for (size_t i = 2; i < row.size(); ++i) {
        numbers += (i == 2 ? " " : ", ") + rows[0][i] + " " + row[i];
      }
      RETURN_IF_ERROR(Line(numbers, 4));
    }
    return absl::OkStatus();
  }

  absl::Status Total() {
    std::string line = "total: " + TotalText(report_);
    uint64_t divergences = 0;
    for (const TableReport& table : report_.tables) divergences += table.report.total;
    for (const ReportReplica& replica : report_.replicas) {
      const std::string records = Plural(replica.records.value_or(0), "row", "rows");
      line +=
          (&replica == &report_.replicas.front() ? "; " : ", ") + records + " in " + replica.name;
    }
    return Line(line + "; " + Plural(divergences, "difference", "differences") + "; " +
                Seconds(report_.seconds, 1) + " s");
  }

  absl::Status Reasons() {
    bool first = true;
    for (const TableReport& table : report_.tables) {
      const std::string why = WhyLine(table);
      if (why.empty()) continue;
      if (first) RETURN_IF_ERROR(Line());
      first = false;
      RETURN_IF_ERROR(Line("  " + EscapeForDisplay(table.table) + ": " + why, 4));
    }
    return absl::OkStatus();
  }

  absl::Status Details() {
    for (const TableReport& table : report_.tables) {
      const Report& report = table.report;
      if (report.total == 0) continue;
      RETURN_IF_ERROR(Line());
      RETURN_IF_ERROR(Line("table " + EscapeForDisplay(table.table)));
      TableStyle style = style_;
      style.table = table.table;
      RETURN_IF_ERROR(WriteTable(report, style, sink_));
    }
    return absl::OkStatus();
  }

  const DatabaseReport& report_;
  const TableStyle& style_;
  const ReportSink& sink_;
};

}  // namespace

absl::Status WriteTable(const DatabaseReport& report, const TableStyle& style,
                        const ReportSink& sink) {
  return DatabaseTableWriter(report, style, sink).Write();
}

}  // namespace driftwood::coordinator
