// RFC 4180: the cells and rows of the csv formats.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "coordinator/report/report.h"

namespace driftwood::coordinator {

using CsvCells = std::vector<std::string>;

// Quoted where need be. An empty text is quoted, so that it is not NULL (an empty cell).
std::string CsvCell(std::string_view text, CsvForm form);
// Of cells that are written already.
std::string CsvRow(const CsvCells& cells);

}  // namespace driftwood::coordinator
