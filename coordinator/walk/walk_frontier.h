// The walk's frontier: the segments that are not proven yet, what to ask about them next, and what
// becomes of them when the answers are there.
//
// One thread at a time. Part of the walk (coordinator/walk/walk.h), which counts, names and ends.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/walk/walk_findings.h"
#include "coordinator/walk/walk_segment.h"
#include "coordinator/walk/walk_types.h"
#include "merkle/query/query.h"

namespace driftwood::coordinator {

class Frontier {
 public:
  // One segment: the whole key space, if the roots differ. `roots` by source.
  Frontier(const std::vector<merkle::Summary>& roots, SourceMap sources,
           const merkle::TreeParams& params, const WalkOptions& options, bool exact);

  bool empty() const { return segments_.empty(); }

  // The next batch of each source; empty for one that has nothing to answer. At least one has.
  std::vector<std::vector<merkle::Question>> Ask();

  // What a source answered to its batch. Returns what is wrong with it, if anything.
  std::optional<std::string> Take(size_t source, std::vector<merkle::Answer> answers);

  // When all that were asked have answered: on to the next stages and segments.
  void Advance();

  // As Walk::RecordsToStream().
  uint64_t RecordsToStream() const;

  // About what all this takes, in memory or in files.
  uint64_t HeldBytes() const;

  // Of all segments that are done.
  const Findings& findings() const { return findings_; }
  // What comes of them (Findings::Conclude). Once, and segments that are not done are given up.
  absl::StatusOr<Conclusion> Conclude(const std::vector<merkle::Summary>& roots);

 private:
  // Choices before a round.
  void ChooseLevels();
  int ChooseLevel(uint64_t count, int below, double share) const;
  void ChooseDirectRecords();
  void ChooseListings();
  void ChooseListing(Segment* segment, uint64_t* left) const;
  std::vector<size_t> WhoListsRun(const Segment& segment) const;
  merkle::Question MakeQuestion(const Segment& segment, size_t source, size_t* positions_left,
                                size_t* keys_left) const;

  // One part's answer.
  std::optional<std::string> TakeCells(const merkle::Answer& answer, Part* part);
  std::optional<std::string> TakeSummary(const merkle::Answer& answer, Part* part);
  std::optional<std::string> TakeCut(const merkle::Answer& answer, size_t source, Segment* segment);
  std::optional<std::string> TakeKeys(const merkle::Answer& answer, size_t source,
                                      Segment* segment);
  std::optional<std::string> TakeDigests(const merkle::Answer& answer, uint8_t width, Part* part);
  std::optional<std::string> TakeRecords(merkle::Answer answer, Segment* segment, Part* part);
  std::optional<std::string> TakeOne(merkle::Answer answer, size_t source, Segment* segment);

  // One segment whose stage is complete; what is left of it goes to next_.
  void Finish(Segment segment);
  void FinishPartition(Segment segment);
  void FinishPartitionOfPivot(Segment segment);
  void FinishPivotKeys(Segment segment);
  void FinishCut(const Segment& segment);
  void FinishDigests(Segment segment);
  void FinishRecords(Segment segment);
  void FinishRun(const Segment& segment);
  std::vector<Divergence> ListRun(const Segment& segment) const;
  void AddChildren(const Segment& segment, std::vector<Group> groups, bool look_for_runs);
  bool WorthCutting(const Group& group) const;
  void CutAtPivot(const Segment& segment, const Group& group, Segment child);
  // Decides how a new segment goes on.
  void Add(Segment segment);
  void EnterRecords(Segment* segment, bool all, uint8_t known_width);

  uint8_t cell_width() const { return exact_ ? 16 : 4; }

  // Constant after construction.
  const SourceMap sources_;
  const merkle::TreeParams params_;
  const WalkOptions options_;
  const bool exact_;

  std::deque<Segment> segments_;  // in key order
  std::deque<Segment> next_;
  size_t advancing_ = 0;  // segments that there were when Advance() began
  Findings findings_;
};

}  // namespace driftwood::coordinator
