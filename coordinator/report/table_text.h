// Lines of text in columns, for the table formats.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "coordinator/report/report.h"

namespace driftwood::coordinator {

using TableRow = std::vector<std::string>;

// `text` and blanks up to `width` terminal cells; `right`: the blanks come first.
std::string Pad(const std::string& text, size_t width, bool right = false);
// Without blanks at its end.
std::string Trimmed(std::string line);
// Of each column the widest cell's.
std::vector<size_t> Widths(const std::vector<TableRow>& rows);

// `text` in lines of at most `columns` cells, broken at blanks, all but the first indented. A word
// that is longer stays whole, so that it can be copied. 0 columns: no limit.
std::string Wrapped(const std::string& text, size_t columns, size_t indent);
// `text` wrapped as the style wants its sentences.
std::string Sentence(const std::string& text, const TableStyle& style, size_t indent);

// At most `cells` of `text`, with "…" for what was cut off.
std::string Clipped(const std::string& text, size_t cells);

// Texts of one column, those that take more than `cells` cut to what stands around their first
// difference: "…abcX… (1,000,000 bytes)". Each stays as it is if none is so long.
std::vector<std::string> Shortened(std::vector<std::string> texts, size_t cells);

// Green for what agrees, red for what differs, else yellow; plain if `style` has no colour.
std::string Coloured(const std::string& text, Verdict verdict, const TableStyle& style);
// A verdict's line: what stands before its ':' is coloured.
std::string ColouredVerdict(const std::string& line, Verdict verdict, const TableStyle& style);

}  // namespace driftwood::coordinator
