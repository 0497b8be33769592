// table: for people. The verdict in the first line, then who was compared, then the records: as a
// table where it fits the terminal, else one below the other. Nothing is cut off.
#include <algorithm>

#include "coordinator/report/report.h"
#include "coordinator/report/table_text.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"

namespace driftwood::coordinator {

namespace {

std::string ShowValue(const merkle::Value& value) {
  const std::string text = EscapeForDisplay(value.ToDisplay());
  const bool unparsed = value.tag == merkle::Tag::kUnparsedText ||
                        value.tag == merkle::Tag::kUnparsedBytes ||
                        value.tag == merkle::Tag::kForeignText;
  const bool textual = value.tag == merkle::Tag::kText || unparsed;
  // Told apart from NULL, from nothing and from trailing blanks.
  const bool quote = textual && (text.empty() || text == "NULL" || text.front() == ' ' ||
                                 text.back() == ' ' || text.front() == '\'');
  return (quote ? "'" + text + "'" : text) + (unparsed ? " (type mismatch)" : "");
}

std::string KeyText(const Report& report, const ReportKey& key) {
  if (!key.columns || !report.schema) return "encoded key " + Hex(key.encoded);
  if (report.multiset()) return "*=" + Hex(key.columns->front().text);
  std::string text;
  for (size_t i = 0; i < key.columns->size(); ++i) {
    text += (i == 0 ? "" : ", ") + EscapeForDisplay(report.schema->key[i].name) + "=" +
            ShowValue((*key.columns)[i]);
  }
  return text;
}

std::string RangeText(const Report& report, const ReportKey& begin,
                      const std::optional<ReportKey>& end) {
  if (begin.encoded.empty() && !end) return "the whole key space";
  const std::string from = begin.encoded.empty() ? "the first key" : KeyText(report, begin);
  return "from " + from + (end ? " up to, not including, " + KeyText(report, *end) : " to the end");
}

class TableWriter {
 public:
  TableWriter(const Report& report, const TableStyle& style, const ReportSink& sink)
      : report_(report), style_(style), sink_(sink), any_differs_(AnyDiffers()) {}

  absl::Status Write() {
    if (report_.plan) return sink_(*report_.plan);
    RETURN_IF_ERROR(Line(ColouredVerdict(VerdictLine(report_), report_.verdict, style_)));
    if (report_.verdict == Verdict::kError) return absl::OkStatus();
    RETURN_IF_ERROR(Replicas());
    RETURN_IF_ERROR(Compared());
    RETURN_IF_ERROR(Statuses());
    RETURN_IF_ERROR(Columns());
    RETURN_IF_ERROR(Where());
    RETURN_IF_ERROR(Why());
    RETURN_IF_ERROR(Gaps());
    RETURN_IF_ERROR(Runs());
    return Records();
  }

 private:
  absl::Status Line(const std::string& text = "") { return sink_(text + "\n"); }

  absl::Status Replicas() {
    RETURN_IF_ERROR(Line());
    std::vector<TableRow> rows;
    for (const ReportReplica& replica : report_.replicas) {
      rows.push_back({replica.name,
                      replica.records ? Plural(*replica.records, "record", "records") : "not known",
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
      RETURN_IF_ERROR(Line(line));
      RETURN_IF_ERROR(Sources(replica));
    }
    return absl::OkStatus();
  }

  // Of a replica that has several, one below the other.
  absl::Status Sources(const ReportReplica& replica) {
    std::vector<TableRow> rows;
    for (const ReportSource& source : replica.sources) {
      rows.push_back({"    " + EscapeForDisplay(source.name),
                      source.records ? Plural(*source.records, "record", "records") : "not known",
                      EscapeForDisplay(source.source)});
    }
    return AsTable(rows, Widths(rows));
  }

  absl::Status Compared() {
    if (!report_.schema) return absl::OkStatus();
    std::vector<std::string> key, values;
    const std::vector<std::string> left_out = NotComparedTexts(report_);
    for (const auto& column : report_.schema->key) key.push_back(EscapeForDisplay(column.name));
    for (const auto& column : report_.schema->values) {
      values.push_back(EscapeForDisplay(column.name));
    }
    std::string line = "  compared: key " + JoinNames(key);
    if (report_.multiset()) line = "  compared: records without key, by their copy counts";
    line += values.empty() ? "; no other columns" : "; columns " + JoinNames(values, 40);
    if (!left_out.empty()) line += "; NOT compared: " + JoinNames(left_out, 40);
    if (!report_.rules.empty()) {
      std::vector<std::string> rules;
      for (const auto& rule : report_.rules) rules.push_back(EscapeForDisplay(rule));
      line += "; rules " + JoinNames(rules, 40);
    }
    return Line(line);
  }

  absl::Status Statuses() {
    const std::string statuses = StatusLine(report_);
    return statuses.empty() ? absl::OkStatus() : Line("  confirmation: " + statuses);
  }

  // In which columns the changed records differ.
  absl::Status Columns() {
    constexpr size_t kShownMax = 12;
    if (!report_.columns || !report_.schema) return absl::OkStatus();
    const ReportColumns& columns = *report_.columns;
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Line("Columns that differ, in " +
                         Plural(columns.examined, "changed record", "changed records") +
                         (report_.estimate ? " of the sample:" : ":")));
    std::vector<TableRow> rows;
    for (const ColumnCount& count : columns.differing) {
      if (rows.size() == kShownMax) break;
      rows.push_back({"  " + EscapeForDisplay(report_.schema->values[count.column].name),
                      Percent(count.records, columns.examined), GroupDigits(count.records),
                      count.only == 0 ? "" : "nothing else in " + GroupDigits(count.only)});
    }
    RETURN_IF_ERROR(AsTable(rows, Widths(rows)));
    const size_t left = columns.differing.size() - rows.size();
    if (left == 0) return absl::OkStatus();
    return Line("  … and " + Plural(left, "more column", "more columns"));
  }

  // "1,180 changed (price in 97 %), 20 missing in right"
  std::string Kinds(const ReportSpan& span) const {
    std::vector<std::string> kinds;
    if (span.changed > 0) kinds.push_back(GroupDigits(span.changed) + " changed" + MostIn(span));
    for (size_t i = 0; i < span.missing.size(); ++i) {
      if (span.missing[i] == 0) continue;
      kinds.push_back(GroupDigits(span.missing[i]) + " missing in " + report_.replicas[i].name);
    }
    if (span.duplicate > 0) kinds.push_back(GroupDigits(span.duplicate) + " duplicate");
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

  absl::Status Where() {
    if (report_.spans.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Line(report_.runs.empty() ? "Where:" : "Where, apart from the missing runs:"));
    for (const ReportSpan& span : report_.spans) {
      const bool one = span.first.encoded == span.last.encoded;
      RETURN_IF_ERROR(Line("  " + KeyText(report_, span.first) +
                           (one ? "" : " to " + KeyText(report_, span.last)) + ": " + Kinds(span) +
                           ", among " + Plural(span.records, "record", "records")));
    }
    return absl::OkStatus();
  }

  absl::Status Why() {
    if (!report_.explanation) return absl::OkStatus();
    const Explanation& why = *report_.explanation;
    if (!why.columns.empty()) {
      RETURN_IF_ERROR(Line());
      RETURN_IF_ERROR(Line("Why, as " +
                           Plural(why.changed_sampled, "changed record", "changed records") +
                           " looked into " + (why.changed_sampled == 1 ? "says:" : "say:")));
    }
    for (const ExplainedColumn& column : why.columns) {
      std::string line = "  " + EscapeForDisplay(column.column) + " differs in " +
                         GroupDigits(column.differing) + ": ";
      for (const Hypothesis& hypothesis : column.hypotheses) {
        if (&hypothesis != &column.hypotheses.front()) line += "; ";
        line += hypothesis.text + " explains " + GroupDigits(hypothesis.explains);
        if (!hypothesis.rule.empty()) {
          line += " (--rule " + EscapeForDisplay(hypothesis.rule) + ")";
        }
      }
      if (column.hypotheses.empty()) line += "no single hypothesis explains these";
      RETURN_IF_ERROR(Line(line));
    }
    return WhyKeys(why.keys);
  }

  absl::Status WhyKeys(const ExplainedKeys& keys) {
    if (keys.pairs == 0) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    return Line("Missing here and there under another spelling: " +
                Plural(keys.pairs, "pair of keys differs", "pairs of keys differ") + " by " +
                keys.text + " only, such as " + KeyText(report_, keys.example.first) + " and " +
                KeyText(report_, keys.example.second) +
                (keys.rule.empty() ? "" : " (--rule " + EscapeForDisplay(keys.rule) + ")"));
  }

  absl::Status Gaps() {
    if (report_.gaps.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Line("Not proven either way:"));
    for (const ReportGap& gap : report_.gaps) {
      std::string line = "  " + RangeText(report_, gap.begin, gap.end) + ": ";
      if (gap.replica) line += GapName(report_, gap) + ": ";
      RETURN_IF_ERROR(Line(line + EscapeForDisplay(gap.reason)));
    }
    return absl::OkStatus();
  }

  absl::Status Runs() {
    if (report_.runs.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Line("Missing runs:"));
    for (const ReportRun& run : report_.runs) {
      std::vector<std::string> missing_in;
      uint64_t count = 0;
      for (size_t i = 0; i < run.counts.size(); ++i) {
        if (run.counts[i] == 0) missing_in.push_back(report_.replicas[i].name);
        count = std::max(count, run.counts[i]);
      }
      std::string line = "  " + GroupDigits(count) + " keys missing in " + JoinAnd(missing_in) +
                         ", " + RangeText(report_, run.begin, run.end);
      if (run.statuses.in_flight > 0) {
        line += ", " + GroupDigits(run.statuses.in_flight) + " of them in flight" +
                GoneEverywhere(run.statuses);
      }
      RETURN_IF_ERROR(Line(line));
    }
    return absl::OkStatus();
  }

  absl::Status Records() {
    if (report_.records.empty() && report_.total == 0) return absl::OkStatus();
    RETURN_IF_ERROR(Line());
    RETURN_IF_ERROR(Withheld());
    std::vector<TableRow> rows = {HeaderRow()};
    bool decoded = report_.schema.has_value();
    for (const ReportRecord& record : report_.records) {
      decoded = decoded && record.key.columns.has_value();
      if (decoded) rows.push_back(RecordRow(record));
    }
    const std::vector<size_t> widths = Widths(rows);
    size_t total = 2 * (widths.size() - 1);
    for (const size_t width : widths) total += width;
    const bool fits = style_.columns == 0 || total <= style_.columns;
    if (!report_.records.empty()) {
      RETURN_IF_ERROR(decoded && fits && !report_.values_shown ? AsRows(rows, widths) : AsBlocks());
    }
    if (report_.records.size() == report_.total) return absl::OkStatus();
    return Line("… and " + GroupDigits(report_.total - report_.records.size()) +
                " more divergent keys, not listed (--max-divergences)");
  }

  absl::Status Withheld() {
    if (report_.values_withheld.empty()) return absl::OkStatus();
    std::vector<std::string> names;
    for (const size_t i : report_.values_withheld) names.push_back(report_.replicas[i].name);
    return Line("No values are shown: the " +
                std::string(names.size() == 1 ? "agent of " : "agents of ") + JoinAnd(names) +
                (names.size() == 1 ? " gives" : " give") + " none away (--allow-values).");
  }

  TableRow HeaderRow() const {
    TableRow row;
    if (report_.schema) {
      for (const auto& column : report_.schema->key) row.push_back(EscapeForDisplay(column.name));
    }
    row.push_back("kind");
    row.push_back("status");
    for (const ReportReplica& replica : report_.replicas) row.push_back(replica.name);
    if (any_differs_) row.push_back("differs in");
    return row;
  }

  TableRow RecordRow(const ReportRecord& record) const {
    TableRow row;
    if (report_.multiset()) {
      row.push_back(Hex(record.key.columns->front().text));
    } else {
      for (const merkle::Value& value : *record.key.columns) row.push_back(ShowValue(value));
    }
    row.emplace_back(record.kind());
    row.push_back(std::string(RecordStatusName(record.status)));
    for (size_t i = 0; i < record.states.size(); ++i) {
      row.push_back(!record.states[i]        ? "(missing)"
                    : CopiesKnown(record, i) ? Plural(*record.copies[i], "copy", "copies")
                                             : *record.states[i]);
    }
    for (const ReportDuplicate& duplicate : record.duplicates) {
      row[row.size() - record.states.size() + duplicate.replica] =
          "(in " + GroupDigits(duplicate.held.size()) + " sources)";
    }
    if (any_differs_) row.push_back(DiffersIn(record));
    return row;
  }

  // Whether it is known of any listed record in which columns it differs.
  bool AnyDiffers() const {
    return std::any_of(
        report_.records.begin(), report_.records.end(),
        [&](const ReportRecord& record) { return !DifferingNames(report_, record).empty(); });
  }

  std::string DiffersIn(const ReportRecord& record) const {
    constexpr size_t kNamesMax = 5;
    std::vector<std::string> names = DifferingNames(report_, record);
    for (std::string& name : names) name = EscapeForDisplay(name);
    return JoinNames(names, kNamesMax);
  }

  static bool CopiesKnown(const ReportRecord& record, size_t i) {
    return i < record.copies.size() && record.copies[i].has_value();
  }

  // ": 2 copies in left, 3 copies in right"
  std::string CopiesText(const ReportRecord& record) const {
    std::string text;
    for (size_t i = 0; i < record.states.size(); ++i) {
      if (!record.states[i] || !CopiesKnown(record, i)) continue;
      text += (text.empty() ? ": " : ", ") + Plural(*record.copies[i], "copy", "copies") + " in " +
              report_.replicas[i].name;
    }
    return text;
  }

  absl::Status AsTable(const std::vector<TableRow>& rows, const std::vector<size_t>& widths) {
    for (const TableRow& row : rows) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : "  ") + Pad(row[i], widths[i]);
      RETURN_IF_ERROR(Line(Trimmed(line)));
    }
    return absl::OkStatus();
  }

  // The header's row, and one for each record.
  absl::Status AsRows(const std::vector<TableRow>& rows, const std::vector<size_t>& widths) {
    for (size_t i = 0; i < rows.size(); ++i) {
      RETURN_IF_ERROR(AsTable({rows[i]}, widths));
      if (i > 0) RETURN_IF_ERROR(Notes(report_.records[i - 1]));
    }
    return absl::OkStatus();
  }

  absl::Status Notes(const ReportRecord& record) {
    for (const std::string& held : record.DuplicateTexts(report_.ReplicaNames())) {
      RETURN_IF_ERROR(Line("  note: " + EscapeForDisplay(held)));
    }
    for (const std::string& note : record.notes) {
      RETURN_IF_ERROR(Line("  note: " + EscapeForDisplay(note)));
    }
    return absl::OkStatus();
  }

  absl::Status AsBlocks() {
    for (const ReportRecord& record : report_.records) {
      std::vector<std::string> lacking;
      for (size_t i = 0; i < record.states.size(); ++i) {
        if (!record.states[i]) lacking.push_back(report_.replicas[i].name);
      }
      RETURN_IF_ERROR(Line(KeyText(report_, record.key)));
      RETURN_IF_ERROR(
          Line("  " + (lacking.empty() ? std::string(record.kind()) : KindIn(record, lacking)) +
               ", " + std::string(RecordStatusName(record.status)) + CopiesText(record)));
      const std::string differs = record.values.empty() ? DiffersIn(record) : "";
      if (!differs.empty()) RETURN_IF_ERROR(Line("  differs in " + differs));
      RETURN_IF_ERROR(record.values.empty() ? Versions(record) : Values(record));
      RETURN_IF_ERROR(Notes(record));
    }
    return absl::OkStatus();
  }

  // "missing in left", "duplicate, missing in left"
  static std::string KindIn(const ReportRecord& record, const std::vector<std::string>& lacking) {
    return (record.duplicates.empty() ? "" : "duplicate, ") + ("missing in " + JoinAnd(lacking));
  }

  absl::Status Versions(const ReportRecord& record) {
    for (size_t i = 0; i < record.states.size(); ++i) {
      if (!record.states[i]) continue;
      RETURN_IF_ERROR(Line("  " + report_.replicas[i].name + " " + *record.states[i]));
    }
    return absl::OkStatus();
  }

  // "  * name   left 'a'   right 'b'": the star marks a column that differs.
  absl::Status Values(const ReportRecord& record) {
    std::vector<TableRow> rows;
    if (report_.multiset()) return Copy(record);
    for (size_t c = 0; c < report_.schema->values.size(); ++c) {
      const bool differs = c < record.differs.size() && record.differs[c];
      TableRow row = {(differs ? "  * " : "    ") +
                      EscapeForDisplay(report_.schema->values[c].name)};
      std::vector<std::string> having, shown;
      for (size_t i = 0; i < record.values.size(); ++i) {
        if (!record.values[i]) continue;
        having.push_back(report_.replicas[i].name);
        shown.push_back(ShowValue((*record.values[i])[c]));
      }
      shown = Shortened(std::move(shown));
      for (size_t i = 0; i < shown.size(); ++i) row.push_back(having[i] + ": " + shown[i]);
      rows.push_back(std::move(row));
    }
    return AsTable(rows, Widths(rows));
  }

  // All copies of a record are the same, wherever they are.
  absl::Status Copy(const ReportRecord& record) {
    const auto values = std::find_if(record.values.begin(), record.values.end(),
                                     [](const auto& one) { return one.has_value(); });
    std::vector<TableRow> rows;
    for (size_t c = 0; values != record.values.end() && c < (*values)->size(); ++c) {
      rows.push_back({"    " + EscapeForDisplay(report_.schema->values[c].name),
                      Shortened({ShowValue((**values)[c])}).front()});
    }
    return AsTable(rows, Widths(rows));
  }

  const Report& report_;
  const TableStyle& style_;
  const ReportSink& sink_;
  const bool any_differs_;
};

}  // namespace

absl::Status WriteTable(const Report& report, const TableStyle& style, const ReportSink& sink) {
  return TableWriter(report, style, sink).Write();
}

}  // namespace driftwood::coordinator
