// Programs that the tests of exec: run: scripts in a directory of the test's.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {

// Runs the script under /bin/sh. Its path.
inline std::string Script(const testing::TempDir& dir, const std::string& name,
                          const std::string& script) {
  const std::string path = (dir.path() / name).string();
  std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
  EXPECT_EQ(::chmod(path.c_str(), 0700), 0);
  return path;
}

}  // namespace driftwood::agent
