// `driftwood diff --config FILE [NAME…]`: the datasets of a configuration file, one after the
// other, under one verdict and in one report; and `driftwood config check FILE`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "coordinator/diff/diff_options.h"

namespace driftwood::coordinator {

struct ConfigCommand {
  std::string file;
  std::vector<std::string> datasets;  // names or patterns of those to compare; none: all
  // Puts what was typed in the place of what the file says.
  std::function<void(DiffOptions*)> type_over;
};

// The exit code: 0, 1, 2, 3 or 130. Where the file has mistakes each is a line on stderr, and
// nothing is compared.
int RunDiffConfig(const ConfigCommand& command, const DiffEnvironment& environment);

// 0, or 2 with a line on stderr for each mistake. Connects to nothing.
int CheckConfig(const std::string& file, const DiffEnvironment& environment);

}  // namespace driftwood::coordinator
