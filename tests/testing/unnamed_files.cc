#include "tests/testing/unnamed_files.h"

#include <csignal>
#include <string>

#include "merkle/check.h"

namespace driftwood::testing {

std::vector<int> UnnamedFilesIn(const std::filesystem::path& folder) {
  std::vector<int> descriptors;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (!target.starts_with(folder.string() + "/")) continue;
    descriptors.push_back(std::stoi(entry.path().filename()));
  }
  return descriptors;
}

FullDisk::FullDisk(size_t file_bytes_max) {
  DRIFTWOOD_CHECK(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
  handler_ = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit limit = {rlim_t{file_bytes_max}, before_.rlim_max};
  DRIFTWOOD_CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

FullDisk::~FullDisk() {
  DRIFTWOOD_CHECK(::setrlimit(RLIMIT_FSIZE, &before_) == 0);
  std::signal(SIGXFSZ, handler_);
}

}  // namespace driftwood::testing
