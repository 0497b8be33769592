// csv: a row for each divergence, and if it is asked for a last row with the verdict.
#include "coordinator/report/report_csv.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "coordinator/report/report.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"

namespace driftwood::coordinator {

namespace {

constexpr size_t kAllNames = SIZE_MAX;

std::string ValueCell(const merkle::Value& value, CsvForm form) {
  return value.tag == merkle::Tag::kNull ? "" : CsvCell(value.ToDisplay(), form);
}

size_t KeyColumns(const Report& report) { return report.schema ? report.schema->key.size() : 0; }

// Names of the dataset's columns give way to ours, and get a prefix: no two columns have one name,
// so that a reader by name never takes a key called "kind" for the verdict.
class HeaderNames {
 public:
  HeaderNames(const Report& report, CsvForm form) : form_(form) {
    taken_ = {"kind", "only_in", "status", "columns", "note"};
    for (const ReportReplica& replica : report.replicas) {
      taken_.insert("version@" + replica.name);
      if (report.multiset()) taken_.insert("copies@" + replica.name);
    }
  }
  std::string Take(const std::string& prefix, std::string name) {
    while (!taken_.insert(name).second) name = prefix + name;
    return CsvCell(name, form_);
  }

 private:
  const CsvForm form_;
  std::set<std::string> taken_;
};

CsvCells Header(const Report& report, CsvForm form) {
  HeaderNames names(report, form);
  CsvCells cells;
  for (size_t i = 0; i < KeyColumns(report); ++i) {
    cells.push_back(names.Take("key.", report.schema->key[i].name));
  }
  cells.push_back("kind");
  cells.push_back("only_in");
  cells.push_back("status");
  for (const ReportReplica& replica : report.replicas) cells.push_back("version@" + replica.name);
  if (report.multiset()) {
    for (const ReportReplica& replica : report.replicas) cells.push_back("copies@" + replica.name);
  }
  if (report.values_shown && report.schema) {
    for (const merkle::Column& column : report.schema->values) {
      for (const ReportReplica& replica : report.replicas) {
        cells.push_back(names.Take("value.", column.name + "@" + replica.name));
      }
    }
  }
  cells.push_back("columns");
  cells.push_back("note");
  return cells;
}

std::string NoteText(const Report& report, const ReportRecord& record) {
  std::string text;
  for (const std::string& held : record.DuplicateTexts(report.ReplicaNames())) {
    text += (text.empty() ? "" : "; ") + held;
  }
  for (const std::string& note : record.notes) text += (text.empty() ? "" : "; ") + note;
  return text;
}

CsvCells RecordCells(const Report& report, const ReportRecord& record, CsvForm form) {
  CsvCells cells;
  std::string note = NoteText(report, record);
  if (record.key.columns) {
    cells = KeyCells(report, record.key, form);
  } else {
    note += (note.empty() ? "" : "; ") + ("encoded key " + Hex(record.key.encoded));
  }
  cells.resize(KeyColumns(report));
  cells.emplace_back(record.kind_name());
  const bool only_in = record.kind_name() == "only_in";
  cells.push_back(
      only_in ? CsvCell(JoinNames(record.HolderNames(report.ReplicaNames()), kAllNames), form)
              : "");
  cells.push_back(std::string(RecordStatusName(record.status)));
  for (const auto& state : record.states) cells.push_back(state.value_or(""));
  for (const auto& copies : record.copies) {
    cells.push_back(copies ? std::to_string(*copies) : "");
  }
  if (report.values_shown && report.schema) {
    for (size_t c = 0; c < report.schema->values.size(); ++c) {
      for (size_t i = 0; i < report.replicas.size(); ++i) {
        const bool known = i < record.values.size() && record.values[i];
        cells.push_back(known ? ValueCell((*record.values[i])[c], form) : "");
      }
    }
  }
  const std::string differing = JoinNames(DifferingNames(report, record), kAllNames);
  cells.push_back(differing.empty() ? "" : CsvCell(differing, form));
  cells.push_back(note.empty() ? "" : CsvCell(note, form));
  return cells;
}

CsvCells VerdictCells(const Report& report, size_t width, CsvForm form) {
  CsvCells cells(width);
  cells[KeyColumns(report)] = std::string(VerdictName(report.verdict));
  cells.back() = CsvCell(VerdictNote(report), form);
  return cells;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string PlainOrQuoted(std::string_view text) {
  const bool plain = text.find_first_of("\",\r\n") == std::string_view::npos && !text.empty() &&
                     text.front() != ' ' && text.back() != ' ';
  return plain ? std::string(text) : Quoted(text);
}

// "-12", "+1.5e-7": which no spreadsheet takes for more than it is.
bool IsNumber(std::string_view text) {
  const auto skip_digits = [&text] {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(digits);
    return digits > 0;
  };
  const auto skip = [&text](std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
  };
  skip("+-");
  if (!skip_digits()) return false;
  if (skip(".")) skip_digits();
  if (!skip("eE")) return text.empty();
  skip("+-");
  return skip_digits() && text.empty();
}

// What spreadsheets take for one, blanks before it or not; the last four are of full width.
bool IsFormula(std::string_view text) {
  if (IsNumber(text)) return false;
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (const std::string_view begin : {"=", "+", "-", "@", "＝", "＋", "－", "＠"}) {
    if (text.starts_with(begin)) return true;
  }
  return false;
}

}  // namespace

std::string VerdictNote(const Report& report) {
  std::string note = VerdictLine(report);
  const std::string statuses = StatusLine(report);
  if (!statuses.empty()) note += "; confirmation: " + statuses;
  if (const std::string columns = ColumnsLine(report); !columns.empty()) note += "; " + columns;
  if (report.listed() < report.total) {
    note += "; listed are " + GroupDigits(report.listed()) + " of " + GroupDigits(report.total);
  }
  return note;
}

std::string CsvCell(std::string_view text, CsvForm form) {
  if (form == CsvForm::kRaw) return PlainOrQuoted(text);
  return PlainOrQuoted((IsFormula(text) ? "'" : "") + EscapeForDisplay(text, "\n\t"));
}

CsvCells KeyCells(const Report& report, const ReportKey& key, CsvForm form) {
  if (report.multiset()) return {Hex(key.columns->front().text)};
  CsvCells cells;
  for (const merkle::Value& value : *key.columns) cells.push_back(ValueCell(value, form));
  return cells;
}

std::string CsvRow(const CsvCells& cells) {
  std::string row;
  for (size_t i = 0; i < cells.size(); ++i) row += (i == 0 ? "" : ",") + cells[i];
  return row + "\r\n";
}

absl::Status WriteCsv(const Report& report, CsvForm form, bool verdict_row,
                      const ReportSink& sink) {
  if (!verdict_row && report.verdict == Verdict::kError) return absl::OkStatus();
  const CsvCells header = Header(report, form);
  RETURN_IF_ERROR(sink(CsvRow(header)));
  RETURN_IF_ERROR(report.ForEachRecord(
      [&](const ReportRecord& record) { return sink(CsvRow(RecordCells(report, record, form))); }));
  return verdict_row ? sink(CsvRow(VerdictCells(report, header.size(), form))) : absl::OkStatus();
}

}  // namespace driftwood::coordinator
