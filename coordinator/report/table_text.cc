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

std::vector<std::string> Shortened(std::vector<std::string> texts) {
  // Some two lines of a terminal, and what of them stands before the difference.
  constexpr size_t kLongBytes = 200;
  constexpr size_t kBytesShown = 120;
  constexpr size_t kBytesBefore = 40;
  const auto is_long = [](const std::string& text) { return text.size() > kLongBytes; };
  if (std::none_of(texts.begin(), texts.end(), is_long)) return texts;
  size_t same = texts.size() < 2 ? 0 : texts[0].size();
  for (const std::string& text : texts) {
    const auto differs = std::mismatch(text.begin(), text.end(), texts[0].begin(), texts[0].end());
    same = std::min(same, static_cast<size_t>(differs.first - text.begin()));
  }
  // Never within a character: its other bytes begin with the bits 10.
  const auto floor = [](const std::string& text, size_t at) {
    while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
      --at;
    return std::min(at, text.size());
  };
  const size_t begin = floor(texts[0], same > kBytesBefore ? same - kBytesBefore : 0);
  for (std::string& text : texts) {
    const size_t end = floor(text, begin + kBytesShown);
    if (begin == 0 && end == text.size()) continue;
    text = (begin > 0 ? "…" : "") + text.substr(begin, end - begin) +
           (end < text.size() ? "…" : "") + " (" + GroupDigits(text.size()) + " bytes)";
  }
  return texts;
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
