// How a program's help looks: texts wrapped to a width, options in groups. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace driftwood {

// An option of a command, as its help, a manual page and a shell's completions need it.
struct OptionHelp {
  std::vector<std::string> names;  // "-k", "--key"
  std::string value_name{};        // "COLUMNS"; empty: a flag
  std::string help{};              // sentences, without line breaks
  std::string group{};
  std::vector<std::string> choices{};  // all values that there are; empty: others too

  friend bool operator==(const OptionHelp&, const OptionHelp&) = default;
};

// Words in lines of at most `columns` cells that begin with `indent` blanks, each line with its
// line feed. A longer word stands in a line of its own.
std::string Wrapped(std::string_view text, size_t columns, size_t indent = 0);

// "Group:" and its options below, with their help wrapped beside or below their names, for each
// group in the order in which they first come. Two groups have an empty line between them.
std::string OptionListText(const std::vector<OptionHelp>& options, size_t columns);

}  // namespace driftwood
