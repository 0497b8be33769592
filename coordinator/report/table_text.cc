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

std::string Wrapped(const std::string& text, size_t columns, size_t indent) {
  if (columns == 0 || DisplayWidth(text) <= columns) return text;
  std::string wrapped;
  size_t width = 0;
  bool any_word = false;  // in this line
  for (size_t at = 0; at < text.size();) {
    // A word, and the blanks before it.
    const size_t begin = std::min(text.find_first_not_of(' ', at), text.size());
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const size_t needed = begin - at + DisplayWidth(word);
    if (any_word && width + needed > columns && !word.empty()) {
      wrapped += "\n" + std::string(indent, ' ') + word;
      width = indent + DisplayWidth(word);
    } else {
      wrapped += text.substr(at, end - at);
      width += needed;
    }
    any_word = any_word || !word.empty();
    at = end;
  }
  return wrapped;
}

std::string Sentence(const std::string& text, const TableStyle& style, size_t indent) {
  return Wrapped(text, style.whole_sentences ? 0 : style.columns, indent);
}

std::string Clipped(const std::string& text, size_t cells) {
  if (DisplayWidth(text) <= cells) return text;
  return CutToWidth(text, cells > 0 ? cells - 1 : 0) + "…";
}

namespace {

// Never within a character: its other bytes begin with the bits 10.
size_t CharacterBegin(const std::string& text, size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return std::min(at, text.size());
}

}  // namespace

std::vector<std::string> Shortened(std::vector<std::string> texts, size_t cells) {
  // Of what is longer than some lines of a terminal it is said how long it is, where there is room.
  constexpr size_t kLongBytes = 200;
  constexpr size_t kRoomForSize = 24;
  // More bytes than cells are long without being measured: a value may have gigabytes.
  const auto is_long = [&](const std::string& text) {
    return text.size() > cells && (text.size() > 4 * cells || DisplayWidth(text) > cells);
  };
  if (std::none_of(texts.begin(), texts.end(), is_long)) return texts;
  size_t same = texts.size() < 2 ? 0 : texts[0].size();
  for (const std::string& text : texts) {
    const auto differs = std::mismatch(text.begin(), text.end(), texts[0].begin(), texts[0].end());
    same = std::min(same, static_cast<size_t>(differs.first - text.begin()));
  }
  const bool any_huge = std::any_of(
      texts.begin(), texts.end(), [](const std::string& text) { return text.size() > kLongBytes; });
  const bool sizes = any_huge && cells >= 2 * kRoomForSize;
  const size_t room = sizes ? cells - kRoomForSize : cells;
  const size_t before = room / 3;
  const size_t begin = CharacterBegin(texts[0], same > before ? same - before : 0);
  for (std::string& text : texts) {
    const size_t bytes = text.size();
    const std::string ahead = begin > 0 ? "…" : "";
    // No character has more than 4 bytes; what takes no cells is cut too.
    const size_t looked_at = CharacterBegin(text, std::min(bytes, begin + 4 * room));
    std::string shown = CutToWidth(text.substr(begin, looked_at - begin), room);
    const bool whole = begin + shown.size() == bytes;
    if (!whole || begin > 0) {
      shown = CutToWidth(shown, room - (begin > 0 ? 1 : 0));
      const bool ends = begin + shown.size() == bytes;
      if (!ends) shown = CutToWidth(shown, room - (begin > 0 ? 2 : 1));
      text =
          ahead + shown + (ends ? "" : "…") + (sizes ? " (" + GroupDigits(bytes) + " bytes)" : "");
    }
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
