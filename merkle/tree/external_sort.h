// Sorts (key, digest) pairs in bounded memory: full buffers are sorted and spilled as runs to
// unnamed temporary files, and the runs are merged.
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"

namespace driftwood::merkle {

// Records in key order, one at a time. Views live until the next Advance().
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  // Steps to the next record (at first: the first); false at the end.
  virtual absl::StatusOr<bool> Advance() = 0;
  virtual std::string_view key() const = 0;
  virtual const Digest& digest() const = 0;
};

// Merges sources into one. Equal keys come one after the other; finding them is the caller's.
absl::StatusOr<std::unique_ptr<RecordSource>> MergeSources(
    std::vector<std::unique_ptr<RecordSource>> sources);

// What becomes of records with one key: they stay, or become one whose digest is their sum.
enum class EqualKeys : uint8_t { kStay, kAddUp };

// `source` is in key order; of the result, no two records have one key.
std::unique_ptr<RecordSource> AddUpEqualKeys(std::unique_ptr<RecordSource> source);

class ExternalSorter {
 public:
  // Runs go into files in `folder`, which have no name there: nothing stays behind. With kAddUp a
  // key that comes often takes little room, but records with one key may still come out of
  // Finish(), from several sources or one: AddUpEqualKeys() makes them one.
  ExternalSorter(const std::filesystem::path& folder, size_t memory_bytes,
                 EqualKeys equal_keys = EqualKeys::kStay);
  ~ExternalSorter();

  absl::Status Add(std::string_view key, const Digest& digest);
  // Everything that was added, in key order once merged; the sorter must outlive the sources.
  // Nothing may be added after it.
  absl::StatusOr<std::vector<std::unique_ptr<RecordSource>>> Finish();

 private:
  class Buffer;
  struct Run;

  absl::Status Spill();
  absl::StatusOr<Run> WriteRun(RecordSource* source);
  // Merges a generation as soon as it is complete: few files are open at any time.
  absl::Status Keep(Run run, size_t generation);

  const std::filesystem::path folder_;
  const size_t memory_bytes_;
  const size_t block_bytes_;
  const EqualKeys equal_keys_;
  std::unique_ptr<Buffer> buffer_;
  std::vector<std::vector<Run>> generations_;  // a run of generation g + 1 merges many of g
};

}  // namespace driftwood::merkle
