// What sources named in a walk, by key: sorted in bounded memory, and beyond it in temporary files.
//
// One thread at a time. Part of the walk (coordinator/walk/walk.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "merkle/hash/digest.h"
#include "merkle/tree/external_sort.h"

namespace driftwood::coordinator {

struct Named {
  enum class Kind : uint8_t {
    kBound,      // of the source's records exactly the first `rank` have keys below this one
    kRecord,     // number `rank` of the source, with its digest, in the segment at `place`
    kRunRecord,  // number `rank` of the source: the first or the last of its in a run
    kRunEnd,     // where the run at `place` begins or ends, whoever has it
  };
  std::string_view key;
  size_t source = 0;
  uint64_t rank = 0;
  Kind kind = Kind::kBound;
  uint64_t place = 0;
  merkle::Digest digest{};
};

class NamedSorter {
 public:
  // Files lie in `folder`, and have no name there.
  NamedSorter(const std::filesystem::path& folder, uint64_t held_bytes_max);

  void Add(const Named& named);
  // Why not all of it is kept. Nothing comes of it then.
  const absl::Status& status() const { return status_; }
  // About what all of it takes, in memory or in files.
  uint64_t bytes() const { return bytes_; }

  // All that was added, by key, source, rank and kind. Once, and nothing is added after it.
  absl::Status TakeAll(const std::function<void(const Named&)>& take);

 private:
  merkle::ExternalSorter sorter_;
  std::string encoded_;
  uint64_t bytes_ = 0;
  absl::Status status_;
};

}  // namespace driftwood::coordinator
