// One consistent, unmoving view of a hash tree: all that a walk asks of a replica.
#pragma once

#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"
#include "merkle/tree/range.h"

namespace driftwood::merkle {

// Implemented by the snapshot of an Index and by the naive in-memory twin of the tests. Safe for
// one thread at a time. Views passed to visitors live until the visitor returns.
class TreeView {
 public:
  virtual ~TreeView() = default;

  // Called in key order; returns false to stop early (the method then returns OK).
  using CellVisitor = std::function<bool(std::string_view begin, const Summary& summary)>;
  using RecordVisitor = std::function<bool(std::string_view key, const Digest& digest)>;

  virtual const Leveler& leveler() const = 0;
  virtual const TreeParams& params() const = 0;

  // {count, sum} of any range, cut points or not, in O(log n). An empty or inverted range is empty.
  virtual absl::StatusOr<Summary> Summarize(const Range& range) const = 0;

  // `range` cut at every cut point in it of level `level` or more, 1 <= level <= kLevelMax. The
  // cells tile the range: the first begins at range.begin (and may be empty), each ends where the
  // next begins, the last at range.end. At least one cell unless the range is empty.
  virtual absl::Status Partition(const Range& range, int level,
                                 const CellVisitor& visitor) const = 0;

  // The (key, digest) pairs of the range in key order.
  virtual absl::Status Records(const Range& range, const RecordVisitor& visitor) const = 0;
};

}  // namespace driftwood::merkle
