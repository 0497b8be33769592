#include "coordinator/report/table_text.h"

#include <algorithm>

#include "merkle/text/display.h"

namespace driftwood::coordinator {

std::string Pad(const std::string& text, size_t width, bool right) {
  const size_t have = DisplayWidth(text);
  const std::string space(have < width ? width - have : 0, ' ');
  return right ? space + text : text + space;
}

std::string Trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::vector<size_t> Widths(const std::vector<TableRow>& rows) {
  std::vector<size_t> widths;
  for (const TableRow& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  return widths;
}

std::string Coloured(const std::string& text, Verdict verdict, const TableStyle& style) {
  if (!style.colour) return text;
  const char* const colour = verdict == Verdict::kIdentical   ? "\x1b[32m"
                             : verdict == Verdict::kDivergent ? "\x1b[31m"
                                                              : "\x1b[33m";
  return colour + text + "\x1b[0m";
}

std::string ColouredVerdict(const std::string& line, Verdict verdict, const TableStyle& style) {
  const size_t end = std::min(line.find(':'), line.size());
  return Coloured(line.substr(0, end), verdict, style) + line.substr(end);
}

}  // namespace driftwood::coordinator
