// Temporary files without a name, for tests that damage them, and disks that are full.
#pragma once

#include <sys/resource.h>

#include <filesystem>
#include <vector>

namespace driftwood::testing {

// This process's descriptors of files that were made in `folder` and have no name there.
std::vector<int> UnnamedFilesIn(const std::filesystem::path& folder);

// While it lives no file becomes longer: it stands for a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(size_t file_bytes_max);
  ~FullDisk();
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  struct rlimit before_ = {};
  void (*handler_)(int) = nullptr;
};

}  // namespace driftwood::testing
