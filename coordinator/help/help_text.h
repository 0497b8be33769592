// What `driftwood --help`, `driftwood diff --help` and `driftwood help TOPIC` print, and the
// options from which they are made. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/text/help_layout.h"

namespace driftwood::coordinator {

struct CommandHelp {
  std::string name;
  std::string summary;
};

// The commands that the help names, in that order.
const std::vector<CommandHelp>& Commands();
// Of `driftwood` before a command.
std::vector<OptionHelp> ProgramOptions();
// Of `driftwood diff`, all that there are, by group.
std::vector<OptionHelp> DiffOptionHelp();

// `columns`: how wide the terminal is.
std::string ProgramHelp(size_t columns);
std::string DiffHelp(size_t columns);
// Of `driftwood help WORD`: a topic or a command. InvalidArgument: neither; the message has the
// nearest.
absl::StatusOr<std::string> HelpOn(const std::string& word, size_t columns);

}  // namespace driftwood::coordinator
