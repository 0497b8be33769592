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

CsvCells VerdictCells(const Report& report, size_t width, CsvForm form) {
  CsvCells cells(width);
  cells[KeyColumns(report)] = std::string(VerdictName(report.verdict));
  cells.back() = CsvCell(VerdictNote(report), form);
  return cells;
}

void AppendQuoted(std::string_view text, std::string* row) {
  *row += '"';
  for (size_t at = 0; at < text.size();) {
    const size_t quote = std::min(text.find('"', at), text.size());
    row->append(text, at, quote - at);
    if (quote < text.size()) row->append("\"\"");
    at = quote + 1;
  }
  *row += '"';
}

void AppendPlainOrQuoted(std::string_view text, std::string* row) {
  const bool plain = !text.empty() && text.front() != ' ' && text.back() != ' ' &&
                     std::none_of(text.begin(), text.end(), [](char c) {
                       return c == '"' || c == ',' || c == '\r' || c == '\n';
                     });
  plain ? (void)row->append(text) : AppendQuoted(text, row);
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

// Which EscapeForDisplay() would leave as it is: nearly all that there is.
bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\t'; });
}

// CsvCell() behind what is in `row`.
void AppendCell(std::string_view text, CsvForm form, std::string* row) {
  if (form == CsvForm::kRaw) return AppendPlainOrQuoted(text, row);
  const bool is_formula = IsFormula(text);
  if (!is_formula && IsPlain(text)) return AppendPlainOrQuoted(text, row);
  AppendPlainOrQuoted((is_formula ? "'" : "") + EscapeForDisplay(text, "\n\t"), row);
}

// The rows of records, one after the other in the same memory.
class RecordRows {
 public:
  RecordRows(const Report& report, CsvForm form)
      : report_(report),
        form_(form),
        replicas_(report.ReplicaNames()),
        value_columns_(report.values_shown && report.schema ? report.schema->values.size() : 0) {}

  // Until the next one.
  std::string_view Row(const ReportRecord& record) {
    row_.clear();
    AddKey(record.key);
    AddKind(record);
    for (const auto& state : record.states) Add(state ? *state : std::string_view());
    for (const auto& copies : record.copies) Add(copies ? std::to_string(*copies) : "");
    for (size_t c = 0; c < value_columns_; ++c) {
      for (size_t i = 0; i < replicas_.size(); ++i) {
        const bool known = i < record.values.size() && record.values[i];
        known ? AddValue((*record.values[i])[c]) : Add("");
      }
    }
    AddColumns(record);
    AddText(NoteOf(record));
    row_.back() = '\r';
    row_ += '\n';
    return row_;
  }

 private:
  // A cell that is written already.
  void Add(std::string_view cell) {
    row_ += cell;
    row_ += ',';
  }
  // Nothing is an empty cell.
  void AddText(std::string_view text) {
    if (!text.empty()) AppendCell(text, form_, &row_);
    row_ += ',';
  }
  void AddValue(const merkle::Value& value) {
    if (value.tag != merkle::Tag::kNull) {
      shown_.clear();
      value.AppendDisplay(&shown_);
      AppendCell(shown_, form_, &row_);
    }
    row_ += ',';
  }
  void AddKey(const ReportKey& key) {
    const size_t columns = KeyColumns(report_);
    if (key.columns && report_.multiset()) return Add(Hex(key.columns->front().text));
    for (size_t i = 0; i < columns; ++i) {
      key.columns&& i < key.columns->size() ? AddValue((*key.columns)[i]) : Add("");
    }
  }
  void AddKind(const ReportRecord& record) {
    const std::string_view kind = record.kind_name();
    Add(kind);
    AddText(kind == "only_in" ? JoinNames(record.HolderNames(replicas_), kAllNames) : "");
    Add(RecordStatusName(record.status));
  }
  // Of most records it is the same as of the one before.
  void AddColumns(const ReportRecord& record) {
    if (record.differs != differs_) {
      differs_ = record.differs;
      differing_ = JoinNames(DifferingNames(report_, record), kAllNames);
    }
    AddText(differing_);
  }
  std::string NoteOf(const ReportRecord& record) const {
    std::string note;
    const auto add = [&note](const std::string& text) {
      note += (note.empty() ? "" : "; ") + text;
    };
    for (const std::string& held : record.DuplicateTexts(replicas_)) add(held);
    for (const std::string& absence : record.AbsenceTexts(replicas_)) add(absence);
    for (const std::string& text : record.notes) add(text);
    if (!record.key.columns) add("encoded key " + Hex(record.key.encoded));
    return note;
  }

  const Report& report_;
  const CsvForm form_;
  const std::vector<std::string> replicas_;
  const size_t value_columns_;
  std::vector<bool> differs_;
  std::string differing_;  // names of the columns of `differs_`
  std::string shown_;
  std::string row_;
};

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
  std::string cell;
  AppendCell(text, form, &cell);
  return cell;
}

CsvCells KeyCells(const Report& report, const ReportKey& key, CsvForm form) {
  if (report.multiset()) return {Hex(key.columns->front().text)};
  CsvCells cells;
  for (const merkle::Value& value : *key.columns) {
    cells.push_back(value.tag == merkle::Tag::kNull ? "" : CsvCell(value.ToDisplay(), form));
  }
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
  RecordRows rows(report, form);
  RETURN_IF_ERROR(
      report.ForEachRecord([&](const ReportRecord& record) { return sink(rows.Row(record)); }));
  return verdict_row ? sink(CsvRow(VerdictCells(report, header.size(), form))) : absl::OkStatus();
}

}  // namespace driftwood::coordinator
