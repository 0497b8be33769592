// table: for people. The verdict first, then who was compared, in which columns they differ, and
// the rows (record_lines.h). Nothing that is zero, empty or not found.
#include <algorithm>

#include "coordinator/report/record_lines.h"
#include "coordinator/report/report.h"
#include "coordinator/report/table_text.h"
#include "coordinator/report/value_text.h"
#include "merkle/record/reading.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/shell_word.h"

namespace driftwood::coordinator {

namespace {

// Of a run: fewer rows are listed one by one.
constexpr uint64_t kRunMin = 10;

// As --rule takes it, each of the list with its table, if there is one.
std::string RulesOption(const std::string& rules, const std::string& table) {
  if (rules.empty()) return "";
  if (table.empty()) return "--rule " + ShellWord(rules);
  std::string list;
  for (const std::string& rule : SplitList(rules)) {
    list += (list.empty() ? "" : ",") + ListItem(table + "." + rule);
  }
  return "--rule " + ShellWord(list);
}

// What would take a difference away: " (--rule name:rtrim)"; "" if nothing would.
std::string Remedy(const std::string& rule, const std::string& option, const std::string& table) {
  if (rule.empty() && option.empty()) return "";
  const std::string rules = RulesOption(rule, table);
  const std::string both = rule.empty() || option.empty() ? "" : " and ";
  return " (" + rules + both + EscapeForDisplay(option) + ")";
}

class TableWriter {
 public:
  TableWriter(const Report& report, const TableStyle& style, const ReportSink& sink)
      : report_(report), style_(style), sink_(sink) {}

  absl::Status Write() {
    if (report_.plan) return sink_(*report_.plan);
    RETURN_IF_ERROR(Verdict());
    if (report_.verdict == Verdict::kError) return absl::OkStatus();
    RETURN_IF_ERROR(Replicas());
    RETURN_IF_ERROR(Compared());
    RETURN_IF_ERROR(Statuses());
    for (const std::string& line : PresenceLines(report_)) RETURN_IF_ERROR(Line("  " + line));
    RETURN_IF_ERROR(Columns());
    RETURN_IF_ERROR(Where());
    RETURN_IF_ERROR(Why());
    RETURN_IF_ERROR(Gaps());
    RETURN_IF_ERROR(Runs());
    return Records();
  }

 private:
  // `indent`: of all lines but the first, if it takes several.
  absl::Status Line(const std::string& text = "", size_t indent = 2) {
    return sink_(Sentence(text, style_, indent) + "\n");
  }
  std::string Rows(uint64_t count) const {
    const std::string word(RowWord(report_));
    return Plural(count, word, word + "s");
  }

  absl::Status Verdict() {
    const std::string wrapped = Sentence(VerdictLine(report_), style_, /*indent=*/2);
    return sink_(ColouredVerdict(wrapped, report_.verdict, style_) + "\n");
  }

  absl::Status Replicas() {
    RETURN_IF_ERROR(Line());
    std::vector<TableRow> rows;
    for (const ReportReplica& replica : report_.replicas) {
      rows.push_back({replica.name, replica.records ? Rows(*replica.records) : "not known",
                      replica.sources.empty() ? EscapeForDisplay(replica.source)
                                              : GroupDigits(replica.sources.size()) + " sources:"});
    }
    const std::vector<size_t> widths = Widths(rows);
    for (size_t i = 0; i < rows.size(); ++i) {
      std::string line = "  " + Pad(rows[i][0], widths[0]) + "  " +
                         Pad(rows[i][1], widths[1], true) + "  " + rows[i][2];
      const ReportReplica& replica = report_.replicas[i];
      if (replica.distinct) line += "  (" + GroupDigits(*replica.distinct) + " distinct)";
      if (replica.unparsed.value_or(0) > 0) {
        line += "  (" + GroupDigits(*replica.unparsed) +
                (*replica.unparsed == 1 ? " type mismatch)" : " type mismatches)");
      }
      if (replica.unkeyed) line += "  (unkeyed)";
      RETURN_IF_ERROR(Line(line, /*indent=*/4));
      if (replica.file) RETURN_IF_ERROR(Line("    " + FileText(*replica.file), /*indent=*/6));
      RETURN_IF_ERROR(Sources(replica));
    }
    return absl::OkStatus();
  }

  // As much of its hash as tells it from others; programs have all of it.
  static std::string FileText(const ReportFile& file) {
    constexpr size_t kHexDigits = 16;
    return "file of " + EscapeForDisplay(file.day) + ": " + EscapeForDisplay(file.path) +
           ", SHA-256 " + EscapeForDisplay(file.sha256.substr(0, kHexDigits)) + "…";
  }

  // Of a replica that has several, one below the other.
  absl::Status Sources(const ReportReplica& replica) {
    std::vector<TableRow> rows;
    for (const ReportSource& source : replica.sources) {
      rows.push_back(
          {"    " + EscapeForDisplay(source.name),
           source.records ? Rows(*source.records) : "not known",
           EscapeForDisplay(source.source) + (source.file ? ", " + FileText(*source.file) : "")});
    }
    return AsTable(rows, Widths(rows));
  }

  // What is not compared, and the rules, stand beside the verdict.
  absl::Status Compared() {
    if (!report_.schema) return absl::OkStatus();
    const size_t columns = report_.schema->values.size();
    if (report_.multiset()) {
      return Line("  no key: how often each " + std::string(RowWord(report_)) +
                  " is there was compared, by " + Plural(columns, "column", "columns"));
    }
    std::vector<std::string> key;
    for (const auto& column : report_.schema->key) {
      key.push_back(EscapeForDisplay(column.name) +
                    (merkle::IsInferred(column) ? " (integer by its values)" : ""));
    }
    return Line("  key " + JoinNames(key) + "; " +
                (columns == 0 ? "no other columns"
                              : Plural(columns, "other column", "other columns") + " compared"));
  }

  // Where all were confirmed there is nothing to say.
  absl::Status Statuses() {
    if (report_.statuses.confirmed == report_.total && report_.statuses.in_flight == 0) {
      return absl::OkStatus();
    }
    const std::string statuses = StatusLine(report_);
    return statuses.empty() ? absl::OkStatus() : Line("  confirmation: " + statuses);
  }

  // In which columns the changed rows differ.
  absl::Status Columns() {
    const std::string columns = ColumnsLine(report_);
    if (columns.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    return Line(columns + ".");
  }

  // "1,180 changed (price in 97 %), 20 missing in right"
  std::string Kinds(const ReportSpan& span) const {
    std::vector<std::string> kinds;
    if (span.changed > 0) kinds.push_back(GroupDigits(span.changed) + " changed" + MostIn(span));
    for (size_t i = 0; i < span.missing.size(); ++i) {
      if (span.missing[i] == 0) continue;
      kinds.push_back(GroupDigits(span.missing[i]) + " " + LackedBy(report_, i));
    }
    if (span.duplicate > 0) kinds.push_back(Plural(span.duplicate, "duplicate", "duplicates"));
    return JoinNames(kinds);
  }

  std::string MostIn(const ReportSpan& span) const {
    if (!span.column) return "";
    const SpanColumn& most = *span.column;
    const bool all = most.examined == span.changed;
    return " (" + EscapeForDisplay(report_.schema->values[most.column].name) + " in " +
           (all && most.records == most.examined ? "all" : Percent(most.records, most.examined)) +
           (all ? "" : " of " + GroupDigits(most.examined) + " re-read") + ")";
  }

  // One place that is nearly all there is says nothing.
  bool SaysWhere() const {
    uint64_t largest = 0;
    for (const ReportReplica& replica : report_.replicas) {
      largest = std::max(largest, replica.records.value_or(0));
    }
    return report_.spans.size() > 1 ||
           (report_.spans.size() == 1 && report_.spans[0].records < largest / 10 * 9);
  }

  absl::Status Where() {
    if (!SaysWhere()) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Line("Where:"));
    for (const ReportSpan& span : report_.spans) {
      const bool one = span.first.encoded == span.last.encoded;
      RETURN_IF_ERROR(Line("  " + KeyText(report_, span.first) +
                               (one ? "" : " to " + KeyText(report_, span.last)) + ": " +
                               Kinds(span),
                           /*indent=*/4));
    }
    return absl::OkStatus();
  }

  // Nothing of what explains only a few of many.
  absl::Status Why() {
    if (!report_.explanation) return absl::OkStatus();
    const Explanation& why = *report_.explanation;
    std::vector<std::string> lines;
    for (const ExplainedColumn& column : why.columns) {
      for (const Hypothesis& hypothesis : column.hypotheses) {
        if (hypothesis.explains < kExplainsMin && hypothesis.explains < column.differing) continue;
        lines.push_back(WhyLine(column, hypothesis));
      }
    }
    if (!lines.empty()) RETURN_IF_ERROR(Line());
    for (const std::string& line : lines) RETURN_IF_ERROR(Line(line));
    return WhyKeys(why.keys);
  }

  // "Trailing spaces explain all 6 differences in name that were looked at (--rule name:rtrim)."
  std::string WhyLine(const ExplainedColumn& column, const Hypothesis& hypothesis) const {
    const bool all = hypothesis.explains == column.differing;
    const std::string number =
        all ? (column.differing == 1 ? "the one difference"
                                     : "all " + GroupDigits(column.differing) + " differences")
            : GroupDigits(hypothesis.explains) + " of " + GroupDigits(column.differing) +
                  " differences";
    return "Why " + EscapeForDisplay(column.column) + " differs: " + hypothesis.text + ", in " +
           number + " looked at" + Remedy(hypothesis.rule, hypothesis.option, style_.table) + ".";
  }

  absl::Status WhyKeys(const ExplainedKeys& keys) {
    if (keys.pairs == 0) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    return Line("One " + std::string(RowWord(report_)) + " under two spellings of its key: " +
                Plural(keys.pairs, "pair of keys differs", "pairs of keys differ") + " only by " +
                keys.text + ", such as " +
                KeysApart(report_, keys.example.first, keys.example.second) +
                Remedy(keys.rule, keys.option, style_.table) + ".");
  }

  absl::Status Gaps() {
    if (report_.gaps.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Line("Not proven either way:"));
    for (const ReportGap& gap : report_.gaps) {
      std::string line = "  " + RangeText(report_, gap.begin, gap.end) + ": ";
      if (gap.replica) line += GapName(report_, gap) + ": ";
      RETURN_IF_ERROR(Line(line + EscapeForDisplay(gap.reason), /*indent=*/4));
    }
    return absl::OkStatus();
  }

  // Those whose rows are not all listed.
  absl::Status Runs() {
    std::vector<std::string> lines;
    for (const ReportRun& run : report_.runs) {
      std::vector<std::string> having, lacking;
      uint64_t count = 0;
      for (size_t i = 0; i < run.counts.size(); ++i) {
        (run.counts[i] == 0 ? lacking : having).push_back(report_.replicas[i].name);
        count = std::max(count, run.counts[i]);
      }
      if (count < kRunMin && report_.listed() == report_.total) continue;
      std::string line = "  " + Rows(count) + " " + OnlyIn(having, lacking) + ", " +
                         RangeText(report_, run.begin, run.end);
      if (run.statuses.in_flight > 0) {
        line += ", " + GroupDigits(run.statuses.in_flight) + " of them in flight" +
                GoneEverywhere(run.statuses);
      }
      lines.push_back(line);
    }
    if (lines.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Line("Whole ranges:"));
    for (const std::string& line : lines) RETURN_IF_ERROR(Line(line, /*indent=*/4));
    return absl::OkStatus();
  }

  absl::Status Records() {
    if (report_.total == 0) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Withheld());
    if (!report_.records.empty()) {
      const RecordLines records(report_, style_);
      RETURN_IF_ERROR(Line(records.Heading()));
      for (const ReportRecord& record : report_.records) {
        for (const std::string& line : records.Of(record)) RETURN_IF_ERROR(sink_(line + "\n"));
      }
    }
    if (report_.listed() == report_.total) return absl::OkStatus();
    const uint64_t left = report_.total - report_.listed();
    return Line("… and " + GroupDigits(left) + " more " + std::string(RowWord(report_)) +
                (left == 1 ? " that differs" : "s that differ") +
                "; --max-divergences N lists more");
  }

  absl::Status Withheld() {
    if (report_.values_withheld.empty()) return absl::OkStatus();
    std::vector<std::string> names;
    for (const size_t i : report_.values_withheld) names.push_back(report_.replicas[i].name);
    return Line("No values are shown: the " +
                std::string(names.size() == 1 ? "agent of " : "agents of ") + JoinAnd(names) +
                (names.size() == 1 ? " gives" : " give") + " none away (--allow-values).");
  }

  absl::Status AsTable(const std::vector<TableRow>& rows, const std::vector<size_t>& widths) {
    for (const TableRow& row : rows) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : "  ") + Pad(row[i], widths[i]);
      RETURN_IF_ERROR(Line(Trimmed(line), /*indent=*/6));
    }
    return absl::OkStatus();
  }

  const Report& report_;
  const TableStyle& style_;
  const ReportSink& sink_;
};

}  // namespace

absl::Status WriteTable(const Report& report, const TableStyle& style, const ReportSink& sink) {
  return TableWriter(report, style, sink).Write();
}

}  // namespace driftwood::coordinator
