// A program's manual page, made from the same texts as its help. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "merkle/text/help_layout.h"

namespace driftwood {

struct ManSection {
  std::string title;  // "EXIT STATUS"
  std::string text;   // as help prints it: lines that begin with blanks are shown as they are
};

struct ManPage {
  std::string name;  // "driftwood"
  std::string version;
  std::string summary;                // one line, without a full stop
  std::vector<std::string> synopsis;  // a line for each form
  std::string description;
  std::vector<OptionHelp> options;  // a subsection for each group
  std::vector<ManSection> sections;
  std::vector<std::string> see_also;  // "driftwood-agent(1)"
};

// In the man macros of roff, section 1. UTF-8.
std::string ManPageText(const ManPage& page);

}  // namespace driftwood
