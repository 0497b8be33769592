#include "tests/testing/memory_tree.h"

#include <algorithm>
#include <utility>

namespace driftwood::merkle {

MemoryTree::MemoryTree(const DigestKey& key, const TreeParams& params)
    : params_(params), leveler_(key, params) {}

void MemoryTree::Put(std::string key, const Digest& digest) {
  records_.insert_or_assign(std::move(key), digest);
  stale_ = true;
}

void MemoryTree::Erase(std::string_view key) {
  const auto found = records_.find(key);
  if (found == records_.end()) return;
  records_.erase(found);
  stale_ = true;
}

Summary MemoryTree::root() const { return Between("", nullptr); }

void MemoryTree::Refresh() const {
  if (!stale_) return;
  keys_.clear();
  cuts_.clear();
  sums_.assign(1, Digest{});
  for (const auto& [key, digest] : records_) {
    keys_.push_back(key);
    sums_.push_back(sums_.back() + digest);
    const std::string_view prefix = CutPrefix(key);
    if (!cuts_.empty() && cuts_.back().key == prefix) continue;
    if (const int level = leveler_.Level(prefix); level > 0) cuts_.push_back({prefix, level});
  }
  stale_ = false;
}

size_t MemoryTree::LowerBound(std::string_view key) const {
  return static_cast<size_t>(std::lower_bound(keys_.begin(), keys_.end(), key) - keys_.begin());
}

Summary MemoryTree::Between(std::string_view begin, const std::string_view* end) const {
  Refresh();
  const size_t from = LowerBound(begin);
  const size_t to = end != nullptr ? LowerBound(*end) : keys_.size();
  if (to <= from) return {};
  return {to - from, sums_[to] - sums_[from]};
}

absl::StatusOr<Summary> MemoryTree::Summarize(const Range& range) const {
  if (!range.end) return Between(range.begin, nullptr);
  const std::string_view end = *range.end;
  return Between(range.begin, &end);
}

absl::Status MemoryTree::Partition(const Range& range, int level,
                                   const CellVisitor& visitor) const {
  if (level < 1 || level > kLevelMax) return absl::InvalidArgumentError("no such level");
  if (range.Empty()) return absl::OkStatus();
  Refresh();
  const std::string_view end = range.end ? std::string_view(*range.end) : std::string_view();
  std::string_view begin = range.begin;
  auto cut =
      std::upper_bound(cuts_.begin(), cuts_.end(), begin,
                       [](std::string_view key, const CutPoint& point) { return key < point.key; });
  for (; cut != cuts_.end() && (!range.end || cut->key < end); ++cut) {
    if (cut->level < level) continue;
    if (!visitor(begin, Between(begin, &cut->key))) return absl::OkStatus();
    begin = cut->key;
  }
  visitor(begin, Between(begin, range.end ? &end : nullptr));
  return absl::OkStatus();
}

absl::Status MemoryTree::Records(const Range& range, const RecordVisitor& visitor) const {
  for (auto record = records_.lower_bound(range.begin);
       record != records_.end() && range.Contains(record->first); ++record) {
    if (!visitor(record->first, record->second)) break;
  }
  return absl::OkStatus();
}

}  // namespace driftwood::merkle
