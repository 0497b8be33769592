// Divergences by key, however many: some 40 bytes and the key for each, and those beyond a bound in
// a temporary file without a name.
//
// A list is a value that is cheap to copy, and never changes: any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/walk/divergence.h"
#include "merkle/os/block_file.h"

namespace driftwood::coordinator {

class DivergenceList {
 public:
  DivergenceList() = default;  // none
  // All in memory. Their keys ascend.
  static DivergenceList Of(const std::vector<Divergence>& divergences);

  uint64_t size() const { return blocks_ == nullptr ? 0 : blocks_->divergences; }
  bool empty() const { return size() == 0; }

  // By key. An error of the temporary file ends it, and is never the list's end.
  absl::Status ForEach(const std::function<void(const Divergence&)>& take) const;

 private:
  friend class DivergenceReader;
  friend class DivergenceWriter;

  struct Blocks {
    std::vector<std::string> held;  // the first of them
    std::optional<merkle::BlockFile> file;
    uint64_t divergences = 0;
  };
  std::shared_ptr<const Blocks> blocks_;  // null: none
};

// Goes along a list. One thread.
class DivergenceReader {
 public:
  explicit DivergenceReader(DivergenceList list) : list_(std::move(list)) {}

  // Steps to the next one (at first: the first); false at the end.
  absl::StatusOr<bool> Advance();
  // Until the next Advance().
  const Divergence& divergence() const { return divergence_; }

 private:
  absl::Status NextBlock();

  const DivergenceList list_;
  uint64_t read_ = 0;
  size_t next_held_ = 0;
  uint64_t next_in_file_ = 0;  // offset
  std::string from_file_;
  std::string_view rest_;  // of the block that is read
  Divergence divergence_;
};

// Makes a list. One thread.
class DivergenceWriter {
 public:
  // What takes more than about `held_bytes_max` goes into a file in `folder`.
  DivergenceWriter(std::filesystem::path folder, uint64_t held_bytes_max);

  // Its key is above those before it. After an error there is no list.
  absl::Status Add(const Divergence& divergence);
  // Once, at the end.
  absl::StatusOr<DivergenceList> Finish();

 private:
  absl::Status EndBlock();

  const std::filesystem::path folder_;
  const uint64_t held_bytes_max_;
  const size_t block_bytes_;
  uint64_t held_bytes_ = 0;
  std::string block_;
  std::shared_ptr<DivergenceList::Blocks> blocks_;
  absl::Status failed_;
};

}  // namespace driftwood::coordinator
