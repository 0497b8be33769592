// RFC 4180: the cells and rows of the csv formats.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "coordinator/report/report.h"

namespace driftwood::coordinator {

using CsvCells = std::vector<std::string>;

// What the row of the verdict says, or what stands in its place: the verdict line, what became of
// the divergences, and how many are listed if not all are.
std::string VerdictNote(const Report& report);

// Quoted where need be. An empty text is quoted, so that it is not NULL (an empty cell).
std::string CsvCell(std::string_view text, CsvForm form);
// Of a key that decodes: NULL is an empty cell; of a multiset the record's digest.
CsvCells KeyCells(const Report& report, const ReportKey& key, CsvForm form);
// Of cells that are written already.
std::string CsvRow(const CsvCells& cells);

}  // namespace driftwood::coordinator
