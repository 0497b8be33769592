#include "merkle/text/help_layout.h"

#include <algorithm>

#include "merkle/text/display.h"

namespace driftwood {

namespace {

constexpr size_t kNamesIndent = 2;
constexpr size_t kHelpIndent = 26;
constexpr size_t kColumnsMin = 40;

std::string NamesOf(const OptionHelp& option) {
  std::string text(kNamesIndent, ' ');
  // Long names stand below each other, whether they have a short one or not.
  if (!option.names.empty() && option.names[0].starts_with("--")) text += "    ";
  for (size_t i = 0; i < option.names.size(); ++i) text += (i == 0 ? "" : ", ") + option.names[i];
  return option.value_name.empty() ? text : text + " " + option.value_name;
}

std::string OptionText(const OptionHelp& option, size_t columns) {
  const std::string names = NamesOf(option);
  const std::string help = Wrapped(option.help, columns, kHelpIndent);
  if (help.empty()) return names + "\n";
  if (names.size() + 2 > kHelpIndent) return names + "\n" + help;
  return names + help.substr(names.size());
}

}  // namespace

std::string Wrapped(std::string_view text, size_t columns, size_t indent) {
  std::string wrapped;
  size_t width = 0;  // of the line so far; 0: none is begun
  for (size_t begin = text.find_first_not_of(' '); begin != std::string_view::npos;) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const size_t cells = DisplayWidth(word);
    if (width > 0 && width + 1 + cells > columns) {
      wrapped += '\n';
      width = 0;
    }
    wrapped += width == 0 ? std::string(indent, ' ') : " ";
    wrapped += word;
    width += (width == 0 ? indent : 1) + cells;
    begin = text.find_first_not_of(' ', end);
  }
  return wrapped.empty() ? wrapped : wrapped + "\n";
}

std::string OptionListText(const std::vector<OptionHelp>& options, size_t columns) {
  std::vector<std::string> groups;
  for (const OptionHelp& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) {
      groups.push_back(option.group);
    }
  }
  std::string text;
  for (const std::string& group : groups) {
    text += (text.empty() ? "" : "\n") + group + ":\n";
    for (const OptionHelp& option : options) {
      if (option.group == group) text += OptionText(option, std::max(columns, kColumnsMin));
    }
  }
  return text;
}

}  // namespace driftwood
