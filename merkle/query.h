// The questions that a walk asks of one replica's tree, a batch in each round, and their packed
// wire form. Ranges are never named by key on the wire but by their place in the answer to the
// previous batch: a cell costs six to nine bytes. So the answering side keeps the previous batch's
// cells (QuerySession).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/tree_view.h"

namespace driftwood::merkle {

// Which range a question is about: `cell_count` neighbouring cells from `first_cell` of the cells
// that the previous batch's question number `question` left behind. kWhole as `question` is the
// whole key space (the only range that needs no previous batch).
struct RangeRef {
  static constexpr uint32_t kWhole = 0xFFFFFFFF;
  uint32_t question = kWhole;
  uint32_t first_cell = 0;
  uint32_t cell_count = 1;
};

enum class QuestionKind : uint8_t {
  // Keeps the referenced cells alive for the next batch; no answer.
  kHold = 0,
  // One cell: the summary of the range.
  kSummarize = 1,
  // The range cut at its cut points of `level` and above: for each cell the fingerprint, the tag of
  // its first key and the count. If the byte limit is reached, the last cell is the whole rest.
  kPartition = 2,
  // The range cut at the given keys (ascending): keys.size() + 1 cells, like kPartition's.
  kCut = 3,
  // The first keys of the referenced cells (which stay as they are), selected by `positions`.
  kKeys = 4,
  // The low `width` bytes of each record's digest, in key order, from record number `first`.
  kDigests = 5,
  // Key and full digest of the records at `positions` of the range, in ascending order.
  kRecords = 6,
};

struct Question {
  QuestionKind kind = QuestionKind::kHold;
  RangeRef range;
  uint8_t width = 4;                // bytes of a fingerprint: 4, 8 or 16
  uint8_t level = 0;                // kPartition
  uint64_t first = 0;               // kDigests
  std::vector<std::string> keys;    // kCut
  std::vector<uint64_t> positions;  // kKeys, kRecords
};

struct AnswerCell {
  uint64_t count = 0;
  Digest fingerprint;  // the low `width` bytes of the sum, the rest zero
  uint16_t tag = 0;    // of the cell's first key; 0 for the first cell of an answer
};

struct AnswerRecord {
  std::string key;
  Digest digest;
};

struct Answer {
  // False: not answered for lack of room (the range stays referable; ask again). Answers stop at
  // the first such question.
  bool answered = false;
  std::vector<AnswerCell> cells;      // kSummarize, kPartition, kCut
  std::vector<std::string> keys;      // kKeys
  std::vector<Digest> digests;        // kDigests: as many as there was room for
  std::vector<AnswerRecord> records;  // kRecords: as many as there was room for
};

struct QueryLimits {
  size_t questions_max = 200'000;
  size_t request_bytes_max = 8u << 20;
  size_t reply_bytes_max = 3u << 20;
};

// Both throw nothing and trust nothing: InvalidArgument for bytes that are not such a batch.
// DecodeAnswers needs the questions, since they say what the answers look like.
std::string EncodeQuestions(const std::vector<Question>& questions);
absl::StatusOr<std::vector<Question>> DecodeQuestions(std::string_view bytes,
                                                      const QueryLimits& limits);
absl::StatusOr<std::vector<Answer>> DecodeAnswers(const std::vector<Question>& questions,
                                                  std::string_view bytes);

// The answering side of one walk over one view. Holds the previous batch's cells. One thread at a
// time; the view must outlive it.
class QuerySession {
 public:
  QuerySession(const TreeView* view, const QueryLimits& limits);
  ~QuerySession();

  // Answers one encoded batch. InvalidArgument: malformed, or a reference to what is not there;
  // the session then stays as it was. DataLoss: the index is damaged.
  absl::StatusOr<std::string> Answer(std::string_view questions);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace driftwood::merkle
