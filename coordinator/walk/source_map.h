// Which sources make up which replica. A replica is one or more sources (shards), each of which
// holds a part of its records; walks and audits ask by source, and their results are by replica.
#pragma once

#include <cstddef>
#include <vector>

#include "merkle/hash/digest.h"

namespace driftwood::coordinator {

// A value. Sources and replicas are numbered from 0.
class SourceMap {
 public:
  // Each replica is one source.
  explicit SourceMap(size_t replicas);
  // `replica_of[s]`: the replica of source s. Each replica up to the last has at least one.
  explicit SourceMap(std::vector<size_t> replica_of);

  size_t sources() const { return replica_of_.size(); }
  size_t replicas() const { return replicas_; }
  size_t ReplicaOf(size_t source) const { return replica_of_[source]; }
  // Some replica has several sources.
  bool sharded() const { return replicas_ < replica_of_.size(); }
  // How many sources the replica has.
  size_t SourcesOf(size_t replica) const;

  // Each replica's summary, from those of the sources.
  std::vector<merkle::Summary> Sum(const std::vector<merkle::Summary>& by_source) const;

 private:
  std::vector<size_t> replica_of_;
  size_t replicas_ = 0;
};

}  // namespace driftwood::coordinator
