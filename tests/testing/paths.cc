#include "tests/testing/paths.h"

namespace driftwood::testing {

std::string SourceDir() { return DRIFTWOOD_SOURCE_DIR; }
std::string TestdataDir() { return SourceDir() + "/tests/testdata"; }
std::string BinDir() { return DRIFTWOOD_BIN_DIR; }

}  // namespace driftwood::testing
