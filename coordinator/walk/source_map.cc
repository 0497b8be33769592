#include "coordinator/walk/source_map.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "merkle/check.h"

namespace driftwood::coordinator {

SourceMap::SourceMap(size_t replicas) : replica_of_(replicas), replicas_(replicas) {
  std::iota(replica_of_.begin(), replica_of_.end(), size_t{0});
}

SourceMap::SourceMap(std::vector<size_t> replica_of) : replica_of_(std::move(replica_of)) {
  for (const size_t replica : replica_of_) replicas_ = std::max(replicas_, replica + 1);
  for (size_t replica = 0; replica < replicas_; ++replica) {
    DRIFTWOOD_CHECK(SourcesOf(replica) > 0);
  }
}

size_t SourceMap::SourcesOf(size_t replica) const {
  return static_cast<size_t>(std::count(replica_of_.begin(), replica_of_.end(), replica));
}

std::vector<merkle::Summary> SourceMap::Sum(const std::vector<merkle::Summary>& by_source) const {
  std::vector<merkle::Summary> sums(replicas_);
  for (size_t s = 0; s < by_source.size(); ++s) sums[replica_of_[s]] += by_source[s];
  return sums;
}

}  // namespace driftwood::coordinator
