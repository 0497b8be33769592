// Where the tests find what they read and run.
#pragma once

#include <string>

namespace driftwood::testing {

// The checkout's directory.
std::string SourceDir();
// "tests/testdata" in it.
std::string TestdataDir();
// Of the programs that were built.
std::string BinDir();

}  // namespace driftwood::testing
