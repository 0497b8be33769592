// A segment: a stretch of the key space that is not proven yet, as each source knows it. And how
// segments become smaller ones: pure functions of what the sources answered.
//
// Values. Part of the walk (coordinator/walk/walk.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/walk/source_map.h"
#include "coordinator/walk/walk_findings.h"
#include "merkle/hash/digest.h"
#include "merkle/query/query.h"

namespace driftwood::coordinator {

// One cell of an answer, as the walk keeps it. `key` is where it begins, if that was asked for.
struct Cell {
  uint64_t count = 0;
  merkle::Digest fingerprint;
  uint16_t tag = 0;
  std::string key;
};

// One source's share of a segment.
struct Part {
  // Known since the segment was made.
  merkle::RangeRef range;      // what names it in the next batch
  uint64_t count = 0;          // 0: the source is out of the segment and not asked about it
  merkle::Digest fingerprint;  // low `width` bytes of the sum
  uint8_t width = 16;
  uint64_t rank = 0;  // records of the source before it

  // What the current stage has gathered.
  bool complete = false;
  std::vector<Cell> cells;
  std::vector<std::string> keys;
  std::vector<merkle::Digest> digests;
  // Which of its records are wanted: all, or those at these places. (All are not listed here: how
  // many there are is only what the source says.)
  bool all_positions = false;
  std::vector<uint64_t> positions;
  std::vector<merkle::AnswerRecord> records;
  uint64_t text_bytes = 0;  // of the keys in all these

  uint64_t RecordsWanted() const { return all_positions ? count : positions.size(); }
  uint64_t PositionOf(size_t record) const { return all_positions ? record : positions[record]; }

  // The question of the current round: its number in the source's batch and what it was.
  uint32_t question = 0;
  merkle::QuestionKind asked = merkle::QuestionKind::kHold;
  uint64_t wanted = 0;  // items asked for

  // About what it takes in memory.
  uint64_t HeldBytes() const;
};

enum class Stage : uint8_t {
  kPartition,   // all cut it at `cut_level`; only the pivot, where it is sharded
  kAllKeys,     // all say where their cells begin (exact walk only)
  kPivotKeys,   // the pivot says where some of its cells begin
  kCut,         // the others cut at those keys
  kSummarize,   // full sums, of what looks like a missing run
  kRunHeld,     // a missing run, until the rest of the walk is done
  kRunRecords,  // its first and last record, and as many as are to be listed
  kDigests,     // short digests of all records
  kRecords,     // keys and digests of those that did not match
};

struct Segment {
  Stage stage = Stage::kPartition;
  int level = 0;                     // no cut point of this level or more in it, as far as is known
  int cut_level = 0;                 // kPartition: of the question; 0 until it is chosen
  uint8_t width = 4;                 // of the digests
  size_t pivot = 0;                  // kPivotKeys, kCut, kPartition where it is sharded
  std::vector<uint32_t> pivot_cuts;  // kPivotKeys, kCut: numbers of the pivot's cells
  size_t listed = 0;                 // kRunRecords: how many of its records are to be listed
  // Keys between which all its records lie, where the walk knows them.
  std::optional<std::string> begin;
  std::optional<std::string> end;
  std::vector<Part> parts;  // by source

  // Of the replica that has most.
  uint64_t MaxCount(const SourceMap& sources) const;
  // The source that has most.
  size_t Largest() const;
  // Several sources of one replica have records in it. Such a segment is cut at keys only, the same
  // for all sources, so that all records of a key stay in one segment.
  bool Sharded(const SourceMap& sources) const;
  // Sum of the ranks: orders segments by key.
  uint64_t Place() const;
  bool Complete() const;
  // About what it takes in memory.
  uint64_t HeldBytes() const;
  // Starts `next`: nobody has answered yet.
  void Enter(Stage next);
};

// Neighbouring cells of each source between two cuts that all share.
struct Group {
  std::vector<uint32_t> begin;             // by source: number of its first cell
  std::vector<uint32_t> end;               // one past its last
  std::vector<uint64_t> before;            // records of the segment before it
  std::vector<merkle::Summary> summaries;  // by source; sums as fingerprints
};

// Whether all replicas that have records there agree on the low `width` bytes and on the count.
// `summaries` by source.
bool Agree(const std::vector<merkle::Summary>& summaries, const SourceMap& sources, size_t width);

// Lines up the cells (Part::cells) of a segment that is not sharded by tags, or by keys if `exact`.
std::vector<Group> AlignCells(const Segment& segment, bool exact);

// Groups of the cells of the segment, cut by the pivot at `pivot_cuts` and by the others at the
// same keys.
std::vector<Group> GroupsOfCut(const Segment& segment);

// Drops the groups on which all replicas agree, and joins neighbours that agree among the same
// ones.
std::vector<Group> Unproven(std::vector<Group> groups, const SourceMap& sources, size_t width);

// The part of `segment` that `group` covers, in the segment's order. `width` of the fingerprints.
Segment Child(const Segment& segment, const Group& group, uint8_t width);

// Positions of the records whose digests do not occur equally often in all parts that have records;
// into Part::positions. The segment is not sharded. Takes kMatchBytes for each digest meanwhile.
inline constexpr uint64_t kMatchBytes = 40;
void MatchDigests(Segment* segment);

}  // namespace driftwood::coordinator
