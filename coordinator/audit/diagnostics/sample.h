// A sample of the key space, compared record by record: how much of it differs, where comparing all
// of it would take long.
//
// One source's records, in key order, are parted into blocks of equally many: that of the largest
// replica, if it is one source. Some blocks, spread evenly but for a random shift of each
// (stratified sampling), are read from all sources' open snapshots, together with what else the
// others have up to the next block. Each key
// belongs to exactly one block, so that the number of divergent keys in a block, times the number
// of blocks, is on average the number of all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/peer/peer.h"
#include "coordinator/report/report.h"
#include "coordinator/walk/source_map.h"
#include "coordinator/walk/walk_types.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"

namespace driftwood::coordinator {

struct SampleOptions {
  uint64_t blocks_wanted = 256;
  uint64_t block_records = 32;
  // Of a block of one replica; with more it is not read, and all of it counts as divergent.
  uint64_t block_records_max = 4096;
  uint64_t seed = 0;
};

struct SampledBlock {
  uint64_t records = 0;                 // of the replica that has most here
  std::vector<Divergence> divergences;  // by key
  uint64_t unread = 0;                  // keys that count as divergent though they were not read
  // Some replicas have nothing here and the others agree: comparing all would not take long.
  bool is_missing_run = false;
};

struct KeySample {
  std::vector<SampledBlock> blocks;  // by key
  uint64_t blocks_in_all = 0;

  uint64_t records() const;
  // Of the sampled blocks, how many differ in a way that takes reading all their records.
  double share_to_stream() const;
};

// The source that the blocks are cut by: the largest that holds all of a replica, if that is about
// as large as the largest one. Absent: none is, and blocks of a part of the records would say
// nothing of the rest. `roots` by source.
std::optional<size_t> SamplePivot(const std::vector<merkle::Summary>& roots,
                                  const SourceMap& sources);

// Ends the walk of each snapshot. `roots` are theirs, by source, with a SamplePivot() that is not
// empty. DataLoss: an answer does not add up; any other error is a peer's.
absl::StatusOr<KeySample> SampleKeySpace(const std::vector<Peer*>& peers,
                                         const std::vector<merkle::Summary>& roots,
                                         const SourceMap& sources, const merkle::TreeParams& params,
                                         const SampleOptions& options);

// The number of divergent keys that the sample lets expect, and bounds within which it lies with
// 95 % confidence (normal approximation; at least what was seen). `divergent` are the numbers of
// divergent keys of each block, those in flight left out.
Estimate EstimateFrom(const KeySample& sample, const std::vector<uint64_t>& divergent);

}  // namespace driftwood::coordinator
