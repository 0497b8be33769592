// A leaf's value: its summary and its records, packed so that a key is found by binary search and
// a changed digest is patched in place.
//
//   checksum 8 | sum 16 | count 4 | layout 4 | [width 4] | shared key prefix | [ends] | suffixes |
//   digests, 16 each
//
// `layout` is (length of the shared prefix) * 4 + kind. Kind 0: all suffixes are `width` bytes long
// and there are no ends. Kinds 1 and 2: no width; ends are the suffixes' end offsets, of 2 or 4
// bytes. The shared prefix is as long as can be and the kind the first that fits, so equal records
// give equal bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"

namespace driftwood::merkle {

// Records in key order with their keys side by side in one buffer.
class RecordBlock {
 public:
  void Clear();
  void Append(std::string_view key, const Digest& digest) {
    keys_.append(key);
    ends_.push_back(keys_.size());
    digests_.push_back(digest);
  }
  size_t count() const { return digests_.size(); }
  bool empty() const { return digests_.empty(); }
  std::string_view key(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(keys_).substr(begin, ends_[i] - begin);
  }
  const Digest& digest(size_t i) const { return digests_[i]; }
  Summary Summarize(size_t begin, size_t end) const;

 private:
  std::string keys_;
  std::vector<size_t> ends_;
  std::vector<Digest> digests_;
};

// How records [begin, end) of a block are packed.
struct LeafLayout {
  size_t begin = 0;
  size_t end = 0;
  uint32_t kind = 0;
  size_t prefix_bytes = 0;
  size_t suffix_bytes = 0;  // of all of them together
  size_t value_bytes = 0;
};

// ResourceExhausted if they don't fit into one value (4 GiB).
absl::StatusOr<LeafLayout> PlanLeaf(const RecordBlock& block, size_t begin, size_t end);
// Fills the layout.value_bytes bytes at `value`.
void WriteLeaf(std::string_view node_key, const RecordBlock& block, const LeafLayout& layout,
               const Summary& summary, char* value);
// Both at once, replacing `value`.
absl::Status PackLeaf(std::string_view node_key, const RecordBlock& block, size_t begin, size_t end,
                      std::string* value);

// Replaces the digests of some records in a copy of a leaf's value: call SetDigest for each, then
// seal it once.
class LeafPatch {
 public:
  // `value` is a leaf that parses.
  explicit LeafPatch(std::string* value) : value_(value) {}
  void SetDigest(size_t digest_offset, const Digest& digest);
  void Finish(std::string_view node_key);

 private:
  std::string* value_;
};

// Reads a leaf; views into the value that it was parsed from.
class LeafView {
 public:
  // DataLoss unless checksum and structure are right. The sum is not added up again.
  static absl::StatusOr<LeafView> Parse(std::string_view node_key, std::string_view value);

  const Summary& summary() const { return summary_; }
  size_t count() const { return summary_.count; }
  std::string_view prefix() const { return prefix_; }
  std::string_view suffix(size_t i) const;
  Digest digest(size_t i) const { return Digest::FromBytes(digests_.data() + i * Digest::kBytes); }
  size_t digest_offset(size_t i) const { return digests_offset_ + i * Digest::kBytes; }

  // The number of records whose key is less than `key`.
  size_t LowerBound(std::string_view key) const;
  bool KeyEquals(size_t i, std::string_view key) const;
  void AppendKeyTo(size_t i, std::string* out) const {
    out->append(prefix_);
    out->append(suffix(i));
  }
  Summary Summarize(size_t begin, size_t end) const;
  void AppendTo(RecordBlock* block) const;

 private:
  absl::Status ParseAfterChecksum(std::string_view node_key, std::string_view value);
  size_t End(size_t i) const;

  Summary summary_;
  uint32_t kind_ = 0;
  uint32_t width_ = 0;
  size_t digests_offset_ = 0;
  std::string_view prefix_;
  std::string_view ends_;
  std::string_view suffixes_;
  std::string_view digests_;
};

// The summary of any node, leaf or upper.
absl::StatusOr<Summary> ReadNodeSummary(std::string_view node_key, std::string_view value);

}  // namespace driftwood::merkle
