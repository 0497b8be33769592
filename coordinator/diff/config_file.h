// `driftwood diff --config FILE`: datasets and what is said of their comparisons, from a file to
// the options that a command line would have had. docs/config.md is its manual.
#pragma once

#include <string>
#include <vector>

#include "coordinator/diff/diff_options.h"

namespace driftwood::coordinator {

struct ConfiguredDataset {
  std::string name;
  DiffOptions options;  // without what is of the whole run: format, output, quiet, stats
};

struct DiffConfig {
  DiffOptions whole_run;                    // these only
  std::vector<ConfiguredDataset> datasets;  // in the file's order
  // URLs in which there are passwords: no message may quote them.
  std::vector<std::string> secrets;
  // "nightly.toml:3:7: dataset.stock: …", all there are. With any the rest is worth nothing.
  std::vector<std::string> mistakes;
};

// Reads the file and those with passwords that it names, and connects to nothing. A file that
// can't be read is a mistake too. Without `resolve_passwords` variables of the environment are not
// looked at.
DiffConfig ReadDiffConfig(const std::string& path, const StoreKindsSource& store_kinds,
                          bool resolve_passwords);

}  // namespace driftwood::coordinator
