// The naive twin of the index: a map of records and the definitions of TreeView, word for word.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/tree/tree_view.h"

namespace driftwood::merkle {

// One thread at a time, queries included: they cache what follows from the records.
class MemoryTree final : public TreeView {
 public:
  MemoryTree(const DigestKey& key, const TreeParams& params);

  void Put(std::string key, const Digest& digest);
  void Erase(std::string_view key);
  const std::map<std::string, Digest, std::less<>>& records() const { return records_; }
  Summary root() const;

  const Leveler& leveler() const override { return leveler_; }
  const TreeParams& params() const override { return params_; }
  absl::StatusOr<Summary> Summarize(const Range& range) const override;
  absl::Status Partition(const Range& range, int level, const CellVisitor& visitor) const override;
  absl::Status Records(const Range& range, const RecordVisitor& visitor) const override;

 private:
  struct CutPoint {
    std::string_view key;
    int level;
  };

  void Refresh() const;
  size_t LowerBound(std::string_view key) const;
  Summary Between(std::string_view begin, const std::string_view* end) const;

  const TreeParams params_;
  const Leveler leveler_;
  std::map<std::string, Digest, std::less<>> records_;

  // What follows from records_, made anew at the first query after a change.
  mutable bool stale_ = true;
  mutable std::vector<std::string_view> keys_;
  mutable std::vector<Digest> sums_;  // sums_[i]: of the first i records
  mutable std::vector<CutPoint> cuts_;
};

}  // namespace driftwood::merkle
