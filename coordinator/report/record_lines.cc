#include "coordinator/report/record_lines.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "coordinator/report/value_text.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"

namespace driftwood::coordinator {

namespace {

constexpr std::string_view kArrow = "→";
constexpr size_t kArrowWidth = 2;  // and a blank
// Where there is no terminal, and no width.
constexpr size_t kUnlimited = 250;
constexpr size_t kKeyCellsMax = 60;
// Less beside a key is hard to read: it goes below.
constexpr size_t kBesideMin = 24;
constexpr size_t kHashBeside = 37;  // and its name
constexpr size_t kValueMin = 12;
constexpr size_t kNamesAligned = 24;

}  // namespace

std::string OnlyIn(const std::vector<std::string>& having,
                   const std::vector<std::string>& lacking) {
  if (having.empty() || lacking.size() < having.size()) return "missing in " + JoinAnd(lacking);
  return "only in " + JoinAnd(having);
}

RecordLines::RecordLines(const Report& report, const TableStyle& style)
    : report_(report), style_(style) {
  const size_t columns = style.columns == 0 ? kUnlimited : style.columns;
  std::vector<TableRow> keys = {KeyHeading()};
  beside_ = true;
  for (const ReportRecord& record : report.records) {
    keys.push_back(KeyCells(record));
    beside_ = beside_ && (report.multiset() || record.key.columns.has_value());
    for (const std::string& name : DifferingNames(report, record)) {
      const size_t width = DisplayWidth(EscapeForDisplay(name));
      if (width <= kNamesAligned) name_width_ = std::max(name_width_, width);
    }
    if (record.kind() != "missing") continue;
    const std::string where = OnlyIn(Having(record, true), Having(record, false));
    where_width_ = std::max(where_width_, DisplayWidth(where));
  }
  key_widths_ = Widths(keys);
  key_width_ = std::accumulate(key_widths_.begin(), key_widths_.end(), size_t{0}) +
               2 * (key_widths_.size() - 1);
  const size_t beside_min = report.multiset() && !report.values_shown ? kHashBeside : kBesideMin;
  beside_ = beside_ && key_width_ + 2 + beside_min <= columns && key_width_ <= columns / 2;
  room_ = columns - std::min(columns, beside_ ? key_width_ + 2 : 2);
}

TableRow RecordLines::KeyHeading() const {
  if (report_.multiset()) return {"copies"};
  TableRow row;
  if (report_.schema) {
    for (const auto& column : report_.schema->key) row.push_back(EscapeForDisplay(column.name));
  }
  if (row.empty()) row.emplace_back("key");
  return row;
}

TableRow RecordLines::KeyCells(const ReportRecord& record) const {
  if (report_.multiset()) {
    std::string copies;
    for (size_t i = 0; i < record.states.size(); ++i) {
      const bool known = i < record.copies.size() && record.copies[i].has_value();
      if (i > 0) copies += two() ? " " + std::string(kArrow) + " " : ", ";
      copies += known ? GroupDigits(*record.copies[i]) : record.states[i] ? "?" : "0";
    }
    return {copies};
  }
  if (!record.key.columns || !report_.schema) return {KeyText(report_, record.key)};
  TableRow row;
  for (size_t i = 0; i < record.key.columns->size(); ++i) {
    row.push_back(ShowKeyValue(report_.schema->key[i], (*record.key.columns)[i], kKeyCellsMax));
  }
  return row;
}

std::string RecordLines::Heading() const {
  const std::string sides =
      two() ? report_.replicas[0].name + " " + std::string(kArrow) + " " + report_.replicas[1].name
            : JoinNames(report_.ReplicaNames());
  if (report_.multiset()) return "copies of each " + std::string(RowWord(report_)) + ": " + sides;
  const bool any_sides =
      std::any_of(report_.records.begin(), report_.records.end(), [&](const ReportRecord& record) {
        return style_.hashes || (report_.values_shown && record.kind() == "changed");
      });
  const std::string behind = two() && any_sides ? sides : "";
  const TableRow names = KeyHeading();
  std::string line;
  for (size_t i = 0; i < names.size(); ++i) {
    if (beside_) {
      line += (i == 0 ? "" : "  ") + Pad(names[i], key_widths_[i]);
    } else {
      line += (i == 0 ? "" : ", ") + names[i];
    }
  }
  if (!behind.empty()) line += (beside_ ? "  " : ": ") + behind;
  return Trimmed(line);
}

std::vector<std::string> RecordLines::Of(const ReportRecord& record) const {
  std::vector<std::string> lines;
  const TableRow cells = KeyCells(record);
  std::string key;
  for (size_t i = 0; i < cells.size(); ++i) {
    key += (i == 0 ? "" : "  ") + (beside_ ? Pad(cells[i], key_widths_[i]) : cells[i]);
  }
  const std::vector<std::string> details = Details(record);
  if (!beside_) {
    lines.push_back(report_.multiset() ? key : KeyText(report_, record.key));
    for (const std::string& detail : details) lines.push_back("  " + detail);
    return lines;
  }
  for (size_t i = 0; i < details.size(); ++i) {
    const std::string before = i == 0 ? key : std::string(key_width_, ' ');
    lines.push_back(Trimmed(before + "  " + details[i]));
  }
  return lines;
}

std::vector<std::string> RecordLines::Details(const ReportRecord& record) const {
  std::vector<std::string> lines;
  if (report_.multiset()) {
    const std::string row = Row(record, room_);
    lines.push_back(!row.empty() || !record.key.columns
                        ? row
                        : "hash " + Hex(record.key.columns->front().text));
  } else if (!record.duplicates.empty()) {
    AddDuplicates(record, &lines);
  } else if (record.kind() == "missing") {
    AddMissing(record, &lines);
  } else {
    AddChanged(record, &lines);
  }
  // That a row which is not there is gone goes without saying.
  const std::vector<std::string> absences = record.AbsenceTexts(report_.ReplicaNames());
  bool known = true;
  for (size_t i = 0; i < absences.size(); ++i) {
    const Presence presence = record.absences[i].presence;
    const bool open = record.status == RecordStatus::kUnconfirmed && !IsKnown(presence);
    known = known && !open;
    if (presence == Presence::kGone) continue;
    AddProse((open ? "unconfirmed: " : "") + EscapeForDisplay(absences[i]), &lines);
  }
  if (style_.hashes && !report_.multiset()) AddHashes(record, &lines);
  if (record.status == RecordStatus::kUnstable) {
    AddProse("unstable: it differs in another way each time it is re-read", &lines);
  }
  if (record.status == RecordStatus::kUnconfirmed && known &&
      report_.statuses.unconfirmed < report_.statuses.divergent()) {
    AddProse("unconfirmed: it was not re-read", &lines);
  }
  for (const std::string& note : record.notes) {
    AddProse("note: " + EscapeForDisplay(note), &lines);
  }
  return lines;
}

std::vector<std::string> RecordLines::Having(const ReportRecord& record, bool having) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < record.states.size(); ++i) {
    if (record.states[i].has_value() == having) names.push_back(report_.replicas[i].name);
  }
  return names;
}

void RecordLines::AddProse(const std::string& text, std::vector<std::string>* lines) const {
  const std::string wrapped = Wrapped(text, style_.columns == 0 ? 0 : room_, /*indent=*/2);
  for (size_t at = 0; at <= wrapped.size();) {
    const size_t end = std::min(wrapped.find('\n', at), wrapped.size());
    lines->push_back(wrapped.substr(at, end - at));
    at = end + 1;
  }
}

void RecordLines::AddChanged(const ReportRecord& record, std::vector<std::string>* lines) const {
  const size_t before = lines->size();
  for (size_t c = 0; c < record.differs.size() && !record.values.empty(); ++c) {
    if (record.differs[c]) AddColumn(record, c, lines);
  }
  if (lines->size() > before) return;
  constexpr size_t kNamesMax = 5;
  std::vector<std::string> names = DifferingNames(report_, record);
  for (std::string& name : names) name = EscapeForDisplay(name);
  AddProse(names.empty() ? "changed" : "differs in " + JoinNames(names, kNamesMax), lines);
}

void RecordLines::AddColumn(const ReportRecord& record, size_t column,
                            std::vector<std::string>* lines) const {
  std::vector<std::string> having;
  std::vector<merkle::Value> values;
  for (size_t i = 0; i < record.values.size(); ++i) {
    if (!record.values[i]) continue;
    having.push_back(report_.replicas[i].name);
    values.push_back((*record.values[i])[column]);
  }
  // Each on a line of its own, if they don't fit one together.
  const std::string name = EscapeForDisplay(report_.schema->values[column].name);
  const size_t ahead = std::max(DisplayWidth(name), name_width_) + 2 + kArrowWidth;
  const size_t cells = std::max(kValueMin, room_ - std::min(room_, ahead));
  AddSides(name, having, ShowValues(values, cells), lines);
}

void RecordLines::AddSides(const std::string& name, const std::vector<std::string>& replicas,
                           const std::vector<std::string>& texts,
                           std::vector<std::string>* lines) const {
  const bool arrow = two() && texts.size() == 2;
  std::string line = Pad(name, name_width_) + "  ";
  const size_t ahead = DisplayWidth(line);
  std::vector<std::string> sides;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string before = !arrow ? replicas[i] + ": " : i > 0 ? std::string(kArrow) + " " : "";
    sides.push_back(before + texts[i]);
    line += (i == 0 ? "" : arrow ? " " : "  ") + sides.back();
  }
  if (DisplayWidth(line) <= room_) return lines->push_back(line);
  const bool below = ahead + kArrowWidth + kValueMin > room_;
  if (below) lines->push_back(name);
  const size_t indent = below ? 2 : ahead;
  for (size_t i = 0; i < sides.size(); ++i) {
    const std::string before =
        i == 0 && !below ? Pad(name, name_width_) + "  " : std::string(indent, ' ');
    const std::string side = arrow && i == 0 ? std::string(kArrowWidth, ' ') + sides[i] : sides[i];
    lines->push_back(before + Clipped(side, room_ - std::min(room_, indent)));
  }
}

void RecordLines::AddMissing(const ReportRecord& record, std::vector<std::string>* lines) const {
  const std::string where = OnlyIn(Having(record, true), Having(record, false));
  const std::string padded = Pad(where, where_width_) + "  ";
  const size_t ahead = DisplayWidth(padded);
  if (ahead + kValueMin > room_) {
    AddProse(where, lines);
    const std::string row = Row(record, room_ - std::min<size_t>(room_, 2));
    if (!row.empty()) lines->push_back("  " + row);
  } else {
    lines->push_back(Trimmed(padded + Row(record, room_ - ahead)));
  }
  for (size_t c = 0; c < record.differs.size() && !record.values.empty(); ++c) {
    if (record.differs[c]) AddColumn(record, c, lines);
  }
}

// "right has it in its sources east and west: different rows"
void RecordLines::AddDuplicates(const ReportRecord& record, std::vector<std::string>* lines) const {
  for (const ReportDuplicate& duplicate : record.duplicates) {
    std::vector<std::string> sources;
    bool same = true;
    for (const auto& [source, version] : duplicate.held) {
      sources.push_back(EscapeForDisplay(source));
      same = same && version == duplicate.held.front().second;
    }
    AddProse("duplicate: " + report_.replicas[duplicate.replica].name + " has it in its sources " +
                 JoinAnd(sources) + (same ? ", all the same" : ", not the same"),
             lines);
  }
  const std::vector<std::string> lacking = Having(record, false);
  if (!lacking.empty()) AddProse(OnlyIn(Having(record, true), lacking), lines);
}

void RecordLines::AddHashes(const ReportRecord& record, std::vector<std::string>* lines) const {
  std::vector<std::string> hashes;
  for (const auto& state : record.states) {
    if (state) hashes.push_back(*state);
  }
  if (two() && hashes.size() == 1) {
    lines->push_back(Pad("hash", name_width_) + "  " + hashes.front());
  } else {
    AddSides("hash", Having(record, true), hashes, lines);
  }
  if (record.duplicates.empty()) return;
  for (const std::string& held : record.DuplicateTexts(report_.ReplicaNames())) {
    AddProse(EscapeForDisplay(held), lines);
  }
}

std::string RecordLines::Row(const ReportRecord& record, size_t cells) const {
  const auto values = std::find_if(record.values.begin(), record.values.end(),
                                   [](const auto& one) { return one.has_value(); });
  std::string row;
  if (values == record.values.end()) return row;
  for (size_t c = 0; c < (*values)->size() && DisplayWidth(row) <= cells; ++c) {
    row += (c == 0 ? "" : " | ") + EscapeForDisplay(report_.schema->values[c].name) + " " +
           ShowValue((**values)[c], cells);
  }
  return Clipped(row, cells);
}

}  // namespace driftwood::coordinator
