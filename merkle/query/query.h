// The questions that a walk asks of one replica's tree, a batch in each round, and their packed
// wire form. Ranges are never named by key on the wire but by their place in the answer to the
// previous batch: a cell costs six to nine bytes. So the answering side keeps the previous batch's
// cells (QuerySession).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/tree/tree_view.h"

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
  // The range cut at the given keys (strictly ascending): keys.size() + 1 cells, or fewer if the
  // byte limit is reached: then the last one is the whole rest. A key outside the range makes an
  // empty cell. No tags.
  kCut = 3,
  // The first keys of the referenced cells (which stay as they are), selected by `positions`
  // (strictly ascending).
  kKeys = 4,
  // The low `width` bytes of each record's digest, in key order, from record number `first`.
  kDigests = 5,
  // Key and digest of the records at `positions` (strictly ascending) of the range. The low `width`
  // bytes of the digest are left out, since the asker has them already; 0: the full digest.
  kRecords = 6,
};

struct Question {
  QuestionKind kind = QuestionKind::kHold;
  RangeRef range;
  uint8_t width = 4;                // bytes of a fingerprint: 4, 8 or 16; kRecords: also 0
  uint8_t level = 0;                // kPartition: 1 to kLevelMax
  uint64_t first = 0;               // kDigests
  std::vector<std::string> keys;    // kCut
  std::vector<uint64_t> positions;  // kKeys, kRecords
};

struct AnswerCell {
  uint64_t count = 0;
  Digest fingerprint;  // the low `width` bytes of the sum, the rest zero
  uint16_t tag = 0;    // kPartition: of the cell's first key; 0 for the first cell of an answer
};

struct AnswerRecord {
  std::string key;
  Digest digest;  // its low `width` bytes zero
};

// What a question leaves behind to refer to in the next batch: kPartition and kCut the cells of
// the answer; kSummarize, kDigests and kRecords the range as one cell; kHold, kKeys and any
// question that was not answered the referenced cells as they were.
struct Answer {
  // False: not answered for lack of room. Answers stop at the first such question; the first
  // question that is not kHold is always answered, at least in part (one item, two cells).
  bool answered = false;
  std::vector<AnswerCell> cells;      // kSummarize, kPartition, kCut
  std::vector<std::string> keys;      // kKeys: as many as there was room for
  std::vector<Digest> digests;        // kDigests: as many as there was room for
  std::vector<AnswerRecord> records;  // kRecords: as many as there was room for
};

struct QueryLimits {
  // Of a request: over these it is InvalidArgument.
  size_t questions_max = 200'000;
  size_t positions_max = 1'000'000;  // over the whole batch
  size_t request_bytes_max = 8u << 20;
  // Of a reply: it stops there. It may be longer by one item.
  size_t reply_bytes_max = 3u << 20;
  // Of a request's keys, decoded: over this it is InvalidArgument.
  size_t request_key_bytes_max = size_t{16} << 20;
  // What a batch may add to the cells that the session keeps, about; then the reply stops.
  size_t added_cell_bytes_max = size_t{8} << 20;
  // All that it keeps. A batch that would leave more behind is ResourceExhausted.
  size_t kept_cell_bytes_max = size_t{64} << 20;
  // Records that one batch may pass over on the way to those it asks for; then the reply stops.
  uint64_t records_passed_max = 20'000'000;
};

// Keys share prefixes on the wire. Decoded, those of a batch of answers may not take more.
inline constexpr size_t kDecodedKeyBytesMax = size_t{64} << 20;

// The low `width` bytes of a sum, the rest zero.
Digest LowBytes(const Digest& sum, size_t width);

// Decoding throws nothing and trusts nothing: InvalidArgument for bytes that are not such a batch.
// DecodeAnswers needs the questions, since they say what the answers look like; it gives one answer
// for each question.
std::string EncodeQuestions(const std::vector<Question>& questions);
absl::StatusOr<std::vector<Question>> DecodeQuestions(std::string_view bytes,
                                                      const QueryLimits& limits);
std::string EncodeAnswers(const std::vector<Question>& questions,
                          const std::vector<Answer>& answers);
absl::StatusOr<std::vector<Answer>> DecodeAnswers(const std::vector<Question>& questions,
                                                  std::string_view bytes);

// The answering side of one walk over one view. Holds the previous batch's cells. One thread at a
// time; the view must outlive it.
class QuerySession {
 public:
  QuerySession(const TreeView* view, const QueryLimits& limits);
  ~QuerySession();

  // Answers one encoded batch. InvalidArgument: malformed, or a reference to what is not there;
  // the session then stays as it was, also if it is ResourceExhausted: the cells that it would
  // leave behind are too many. DataLoss: the index is damaged. `stopped` is asked now and then;
  // true ends the batch with Cancelled, and leaves the session as it was too. It may be empty.
  absl::StatusOr<std::string> Answer(std::string_view questions,
                                     const std::function<bool()>& stopped = {});
  // What the cells take that are kept for the next batch.
  size_t kept_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace driftwood::merkle
