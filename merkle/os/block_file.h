// What does not fit into memory, a block after the other, in a temporary file without a name.
//
// Nothing is believed that comes back from the disk: each block has a checksum, and how far the
// file goes is known here and not asked of it. So what isn't what was written is an error, and
// never an end that comes too early.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/os/unique_fd.h"

namespace driftwood::merkle {

// One thread appends; any threads read what was appended before.
class BlockFile {
 public:
  // In `folder`. `name` is what messages begin with: "the temporary file of rows". Errors are
  // ResourceExhausted if there is no room, and say where and what to do, else Internal.
  static absl::StatusOr<BlockFile> Create(const std::filesystem::path& folder, std::string name);

  // After an error nothing is appended any more, and what was appended before is still there.
  absl::Status Append(std::string_view block);
  // That error.
  const absl::Status& status() const { return failed_; }
  // Where the next block will begin. All that were appended lie before it.
  uint64_t end() const { return end_; }

  // The block at `*offset`, which is 0 or where another one ended, and lies before end(). Moves it
  // to that block's end. DataLoss: it isn't what was appended there.
  absl::StatusOr<std::string> Read(uint64_t* offset) const;

 private:
  BlockFile(UniqueFd file, std::filesystem::path folder, std::string name)
      : file_(std::move(file)), folder_(std::move(folder)), name_(std::move(name)) {}

  absl::Status FromErrno(const char* what) const;
  absl::Status Damaged() const;
  absl::Status ReadExactly(uint64_t offset, size_t size, char* to) const;

  UniqueFd file_;
  std::filesystem::path folder_;
  std::string name_;
  uint64_t end_ = 0;
  uint64_t block_bytes_max_ = 0;  // of those that were appended
  absl::Status failed_;
};

}  // namespace driftwood::merkle
