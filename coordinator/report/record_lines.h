// The differences of a report for people, a few lines for each.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "coordinator/report/report.h"
#include "coordinator/report/table_text.h"

namespace driftwood::coordinator {

// Of the rows listed in `report`, which must outlive it: their keys, and what differs.
class RecordLines {
 public:
  RecordLines(const Report& report, const TableStyle& style);

  // A line above all, and those of one record; each without its line break and, but for keys and
  // names that are longer themselves, those of a record within the style's columns.
  std::string Heading() const;
  std::vector<std::string> Of(const ReportRecord& record) const;

 private:
  TableRow KeyHeading() const;
  TableRow KeyCells(const ReportRecord& record) const;
  // What stands beside the key, or below it.
  std::vector<std::string> Details(const ReportRecord& record) const;
  void AddChanged(const ReportRecord& record, std::vector<std::string>* lines) const;
  void AddColumn(const ReportRecord& record, size_t column, std::vector<std::string>* lines) const;
  // Texts that are each replica's: "a → b" of two, else "left: a  right: b".
  void AddSides(const std::string& name, const std::vector<std::string>& replicas,
                const std::vector<std::string>& texts, std::vector<std::string>* lines) const;
  void AddMissing(const ReportRecord& record, std::vector<std::string>* lines) const;
  void AddDuplicates(const ReportRecord& record, std::vector<std::string>* lines) const;
  void AddHashes(const ReportRecord& record, std::vector<std::string>* lines) const;
  void AddProse(const std::string& text, std::vector<std::string>* lines) const;
  // "customer ann | total 3", of the first replica that has the record; empty: not known.
  std::string Row(const ReportRecord& record, size_t cells) const;

  std::vector<std::string> Having(const ReportRecord& record, bool having) const;
  bool two() const { return report_.replicas.size() == 2; }

  const Report& report_;
  const TableStyle& style_;
  std::vector<size_t> key_widths_;
  size_t key_width_ = 0;    // of all its cells
  bool beside_ = false;     // what differs stands beside the key, else below it
  size_t room_ = 0;         // cells for what differs
  size_t name_width_ = 0;   // of the columns that differ
  size_t where_width_ = 0;  // of "only in left"
};

// "only in left", of several "only in a and c", "missing in b": what says it in fewer names.
std::string OnlyIn(const std::vector<std::string>& having, const std::vector<std::string>& lacking);

}  // namespace driftwood::coordinator
