// The packed form of questions and answers. proto/README.md has it for other languages, with
// vectors.
//
// A walk's cost is bytes and rounds, and a segment is asked about in each round (docs/walk.md). So
// everything is written relative to what came before: a question to the one before it, a key to the
// key before. Of two copies with 10,000 scattered differences in a million records, questions take
// 75 kB and answers 3.2 MB (bench/README.md, Walk).
//
// clang-format off
// A batch of questions is their number and then, for each:
//
//   head        1 byte  bits 0-2 kind; bits 3-4 step of the question referred to from the previous
//                       question's: 0, 1, 2, or 3 = written out; bit 5 set: more than one cell;
//                       bit 6 set: first cell written out; bit 7 set: attributes written out
//   step        varint  if written out: 0 = the whole key space, else zigzag(step) + 1
//   first       varint  zigzag(first cell - the one expected): the one after the previous reference
//                       if the question referred to is the same, else 0
//   cells       varint  number of cells - 2
//   attributes  1 byte  bits 0-1 width (0, 4, 8, 16), bits 2-5 level, bit 6: `first` follows. Left
//                       out if they are those of the last question of the same kind
//   first       varint  kDigests
//   keys                kCut: number, then keys
//   positions           kKeys, kRecords: runs, each one varint: gap * 4 + (long ? 2 : 0) +
//                       (last ? 1 : 0); then, if long, the run's length - 1. 0 runs can't be
//                       written: an empty list is one run of gap 0, long, of length 0, and last
//
// A batch of answers is the number of questions answered, then for each, by its question's kind:
//
//   kHold               nothing
//   kSummarize          cell
//   kPartition, kCut    number of cells, cells
//   kKeys               number, keys
//   kDigests            number, digests of `width` bytes
//   kRecords            number, then key and the 16 - width high bytes of the digest
//
//   cell = fingerprint (width bytes), tag (2; kPartition only, not of the first), varint count
//   key  = 1 byte: bytes shared with the previous key of the batch * 16 + further bytes; where one
//          of the two is 15 or more, 15 stands for it and the number - 15 follows as a varint
// clang-format on
#include "merkle/query/query.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/tree/index.h"

namespace driftwood::merkle {
namespace {

constexpr std::array<uint8_t, 4> kWidths = {0, 4, 8, 16};
constexpr int kKinds = 7;

uint64_t Zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
int64_t Unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

absl::Status Malformed(const std::string& what) {
  return absl::InvalidArgumentError("malformed batch: " + what);
}

class Writer {
 public:
  void Byte(unsigned value) { out_.push_back(static_cast<char>(value)); }
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<unsigned>(value & 0x7f) | 0x80);
    Byte(static_cast<unsigned>(value));
  }
  void LowDigest(const Digest& digest, size_t width) {
    char bytes[Digest::kBytes];
    digest.CopyTo(bytes);
    out_.append(bytes, width);
  }
  void HighDigest(const Digest& digest, size_t skip) {
    char bytes[Digest::kBytes];
    digest.CopyTo(bytes);
    out_.append(bytes + skip, Digest::kBytes - skip);
  }
  void Key(std::string_view key) {
    const size_t most = std::min(key.size(), previous_key_.size());
    size_t shared = 0;
    while (shared < most && key[shared] == previous_key_[shared]) ++shared;
    const size_t rest = key.size() - shared;
    Byte(static_cast<unsigned>(std::min<size_t>(shared, 15) * 16 + std::min<size_t>(rest, 15)));
    if (shared >= 15) Varint(shared - 15);
    if (rest >= 15) Varint(rest - 15);
    out_.append(key.substr(shared));
    previous_key_.assign(key);
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
  std::string previous_key_;
};

// Reads what Writer wrote. After the first failure ok() is false and everything reads as zero, so
// that a function may look once at its end.
//
// What is read comes from the other side, so nothing is sized by a number in it before that many
// bytes are known to be there. Only keys can grow in reading, as they share prefixes: a byte may
// stand for a megabyte, and `key_bytes_max` bounds all of them together.
class Reader {
 public:
  Reader(std::string_view bytes, size_t key_bytes_max)
      : bytes_(bytes), key_bytes_max_(key_bytes_max) {}

  bool ok() const { return ok_; }
  size_t left() const { return bytes_.size(); }

  unsigned Byte() {
    if (!Need(1)) return 0;
    const auto value = static_cast<unsigned char>(bytes_[0]);
    bytes_.remove_prefix(1);
    return value;
  }
  // LEB128, of 64 bits: a tenth byte has one bit left.
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const unsigned byte = Byte();
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return ok_ ? value : 0;
    }
    ok_ = false;
    return 0;
  }
  Digest LowDigest(size_t width) { return ReadDigest(0, width); }
  Digest HighDigest(size_t skip) { return ReadDigest(skip, Digest::kBytes - skip); }

  std::string Key() {
    const unsigned head = Byte();
    uint64_t shared = head >> 4;
    uint64_t rest = head & 15;
    if (shared == 15) shared += Limited(Varint());
    if (rest == 15) rest += Limited(Varint());
    if (!ok_ || shared > previous_key_.size() || shared + rest > kKeyBytesMax || !Need(rest)) {
      ok_ = false;
      return {};
    }
    previous_key_.resize(static_cast<size_t>(shared));
    previous_key_.append(bytes_.substr(0, static_cast<size_t>(rest)));
    bytes_.remove_prefix(static_cast<size_t>(rest));
    key_bytes_ += previous_key_.size();
    if (key_bytes_ > key_bytes_max_) ok_ = false;
    return previous_key_;
  }

 private:
  bool Need(uint64_t count) {
    if (!ok_ || bytes_.size() < count) ok_ = false;
    return ok_;
  }
  // Two of these add up without overflow, and one over the bound stays over it.
  static uint64_t Limited(uint64_t value) { return std::min<uint64_t>(value, kKeyBytesMax + 1); }
  Digest ReadDigest(size_t offset, size_t size) {
    if (!Need(size)) return {};
    char bytes[Digest::kBytes] = {};
    std::memcpy(bytes + offset, bytes_.data(), size);
    bytes_.remove_prefix(size);
    return Digest::FromBytes(bytes);
  }

  std::string_view bytes_;
  const size_t key_bytes_max_;
  std::string previous_key_;
  size_t key_bytes_ = 0;
  bool ok_ = true;
};

unsigned WidthCode(uint8_t width) {
  const auto found = std::find(kWidths.begin(), kWidths.end(), width);
  return static_cast<unsigned>(found - kWidths.begin()) & 3;
}

bool HasWidth(QuestionKind kind) {
  return kind != QuestionKind::kHold && kind != QuestionKind::kKeys;
}
bool HasPositions(QuestionKind kind) {
  return kind == QuestionKind::kKeys || kind == QuestionKind::kRecords;
}

unsigned Attributes(const Question& question) {
  unsigned attributes = 0;
  if (HasWidth(question.kind)) attributes |= WidthCode(question.width);
  if (question.kind == QuestionKind::kPartition) attributes |= (question.level & 15u) << 2;
  if (question.kind == QuestionKind::kDigests && question.first != 0) attributes |= 64;
  return attributes;
}

void WritePositions(const std::vector<uint64_t>& positions, Writer* out) {
  if (positions.empty()) {
    out->Varint(3);
    out->Varint(0);
    return;
  }
  uint64_t expected = 0;
  for (size_t i = 0; i < positions.size();) {
    size_t j = i + 1;
    while (j < positions.size() && positions[j] == positions[j - 1] + 1) ++j;
    const bool is_long = j - i > 1;
    const bool last = j == positions.size();
    out->Varint((positions[i] - expected) * 4 + (is_long ? 2 : 0) + (last ? 1 : 0));
    if (is_long) out->Varint(j - i - 1);
    expected = positions[j - 1] + 1;
    i = j;
  }
}

// `most` bounds what one varint may ask for: a run of 2^60 positions has ten bytes.
bool ReadPositions(size_t most, Reader* in, std::vector<uint64_t>* positions) {
  constexpr uint64_t kPositionMax = uint64_t{1} << 60;
  uint64_t next = 0;
  while (true) {
    const uint64_t head = in->Varint();
    const uint64_t more = (head & 2) != 0 ? in->Varint() : 1;
    const bool last = (head & 1) != 0;
    if (!in->ok()) return false;
    if ((head & 2) != 0 && more == 0) return positions->empty() && head == 3;
    const uint64_t length = (head & 2) != 0 ? more + 1 : 1;
    next += head >> 2;
    if (more > most || length > most - positions->size() || next > kPositionMax) return false;
    for (uint64_t i = 0; i < length; ++i) positions->push_back(next++);
    if (last) return true;
  }
}

// What the head of a question is written relative to. A walk asks in the order of keys, so mostly
// the next cell of the same question, or the first of the next. The place is then within the head's
// one byte.
struct Context {
  uint32_t question = 0;
  uint64_t expected_cell = 0;
  std::array<unsigned, kKinds> attributes{};

  void Advance(const RangeRef& range) {
    if (range.question == RangeRef::kWhole) return;
    question = range.question;
    expected_cell = uint64_t{range.first_cell} + range.cell_count;
  }
};

void WriteQuestion(const Question& question, Context* context, Writer* out) {
  const RangeRef& range = question.range;
  const bool whole = range.question == RangeRef::kWhole;
  const int64_t step = whole ? 0 : int64_t{range.question} - int64_t{context->question};
  const bool step_written = whole || step < 0 || step > 2;
  const uint64_t expected = !whole && step == 0 ? context->expected_cell : 0;
  const int64_t offset = int64_t{range.first_cell} - static_cast<int64_t>(expected);
  const auto kind = static_cast<unsigned>(question.kind);
  const unsigned attributes = Attributes(question);
  const bool attributes_written = attributes != context->attributes[kind];

  out->Byte(kind | (step_written ? 3u : static_cast<unsigned>(step)) << 3 |
            (range.cell_count != 1 ? 32u : 0u) | (offset != 0 ? 64u : 0u) |
            (attributes_written ? 128u : 0u));
  if (step_written) out->Varint(whole ? 0 : Zigzag(step) + 1);
  if (offset != 0) out->Varint(Zigzag(offset));
  if (range.cell_count != 1) out->Varint(range.cell_count - 2);
  if (attributes_written) out->Byte(attributes);
  context->attributes[kind] = attributes;
  if ((attributes & 64) != 0) out->Varint(question.first);
  if (question.kind == QuestionKind::kCut) {
    out->Varint(question.keys.size());
    for (const std::string& key : question.keys) out->Key(key);
  }
  if (HasPositions(question.kind)) WritePositions(question.positions, out);
  context->Advance(range);
}

absl::Status ReadRange(unsigned head, const Context& context, Reader* in, RangeRef* range) {
  constexpr int64_t kMost = std::numeric_limits<uint32_t>::max() - 1;
  int64_t step = (head >> 3) & 3;
  bool whole = false;
  if (step == 3) {
    const uint64_t written = in->Varint();
    whole = written == 0;
    step = whole ? 0 : Unzigzag(written - 1);
  }
  if (step < -kMost || step > kMost) return Malformed("a reference out of range");
  const uint64_t expected = !whole && step == 0 ? context.expected_cell : 0;
  const int64_t offset = (head & 64) != 0 ? Unzigzag(in->Varint()) : 0;
  const uint64_t cells = (head & 32) != 0 ? in->Varint() : 0;
  const int64_t question = int64_t{context.question} + step;
  if (!in->ok()) return Malformed("truncated");
  if (question < 0 || question > kMost || offset < -kMost || offset > kMost ||
      cells > static_cast<uint64_t>(kMost) - 2) {
    return Malformed("a reference out of range");
  }
  const int64_t first = static_cast<int64_t>(expected) + offset;
  if (first < 0 || first > kMost) return Malformed("a reference out of range");
  range->question = whole ? RangeRef::kWhole : static_cast<uint32_t>(question);
  range->first_cell = static_cast<uint32_t>(first);
  range->cell_count = (head & 32) != 0 ? static_cast<uint32_t>(cells + 2) : 1;
  return absl::OkStatus();
}

// What a kind does not have must be 0, so that one question has one spelling but for what is
// written out needlessly.
absl::Status CheckAttributes(const Question& question, unsigned attributes) {
  if (Attributes(question) != (attributes & ~64u) || (attributes & 128) != 0) {
    return Malformed("attributes that the question does not have");
  }
  if ((attributes & 64) != 0 && question.kind != QuestionKind::kDigests) {
    return Malformed("attributes that the question does not have");
  }
  if (question.kind == QuestionKind::kPartition &&
      (question.level < 1 || question.level > kLevelMax)) {
    return Malformed("level " + std::to_string(question.level));
  }
  if (HasWidth(question.kind) && question.width == 0 && question.kind != QuestionKind::kRecords) {
    return Malformed("a fingerprint of 0 bytes");
  }
  return absl::OkStatus();
}

absl::Status ReadKeys(Reader* in, std::vector<std::string>* keys) {
  const uint64_t count = in->Varint();
  if (!in->ok() || count > in->left()) return Malformed("truncated");
  keys->reserve(static_cast<size_t>(count));
  for (uint64_t i = 0; i < count; ++i) {
    keys->push_back(in->Key());
    if (!in->ok()) return Malformed("a key");
  }
  return absl::OkStatus();
}

absl::Status ReadQuestion(size_t positions_max, Context* context, Reader* in, Question* question) {
  const unsigned head = in->Byte();
  const unsigned kind = head & 7;
  if (!in->ok()) return Malformed("truncated");
  if (kind >= kKinds) return Malformed("a question of an unknown kind");
  question->kind = static_cast<QuestionKind>(kind);
  RETURN_IF_ERROR(ReadRange(head, *context, in, &question->range));
  const unsigned attributes = (head & 128) != 0 ? in->Byte() : context->attributes[kind];
  context->attributes[kind] = attributes;
  if (HasWidth(question->kind)) question->width = kWidths[attributes & 3];
  question->level = static_cast<uint8_t>((attributes >> 2) & 15);
  RETURN_IF_ERROR(CheckAttributes(*question, attributes));
  if ((attributes & 64) != 0) question->first = in->Varint();
  if (question->kind == QuestionKind::kCut) {
    RETURN_IF_ERROR(ReadKeys(in, &question->keys));
    for (size_t i = 0; i < question->keys.size(); ++i) {
      if (question->keys[i].empty() || (i > 0 && question->keys[i] <= question->keys[i - 1])) {
        return Malformed("keys to cut at that do not ascend");
      }
    }
  }
  if (HasPositions(question->kind) && !ReadPositions(positions_max, in, &question->positions)) {
    return Malformed("positions, or too many of them");
  }
  if (!in->ok()) return Malformed("truncated");
  context->Advance(question->range);
  return absl::OkStatus();
}

void WriteCells(const Question& question, const std::vector<AnswerCell>& cells, Writer* out) {
  for (size_t i = 0; i < cells.size(); ++i) {
    out->LowDigest(cells[i].fingerprint, question.width);
    if (i > 0 && question.kind == QuestionKind::kPartition) {
      out->Byte(cells[i].tag & 255u);
      out->Byte(static_cast<unsigned>(cells[i].tag >> 8));
    }
    out->Varint(cells[i].count);
  }
}

void WriteAnswer(const Question& question, const Answer& answer, Writer* out) {
  switch (question.kind) {
    case QuestionKind::kHold:
      return;
    case QuestionKind::kSummarize:
      WriteCells(question, answer.cells, out);
      return;
    case QuestionKind::kPartition:
    case QuestionKind::kCut:
      out->Varint(answer.cells.size());
      WriteCells(question, answer.cells, out);
      return;
    case QuestionKind::kKeys:
      out->Varint(answer.keys.size());
      for (const std::string& key : answer.keys) out->Key(key);
      return;
    case QuestionKind::kDigests:
      out->Varint(answer.digests.size());
      for (const Digest& digest : answer.digests) out->LowDigest(digest, question.width);
      return;
    case QuestionKind::kRecords:
      out->Varint(answer.records.size());
      for (const AnswerRecord& record : answer.records) {
        out->Key(record.key);
        out->HighDigest(record.digest, question.width);
      }
      return;
  }
}

// An item takes `width` bytes at least, so `count` can't size more than the reply has.
absl::Status ReadCells(const Question& question, uint64_t count, Reader* in,
                       std::vector<AnswerCell>* cells) {
  if (!in->ok() || count > in->left() / question.width) return Malformed("truncated");
  cells->reserve(static_cast<size_t>(count));
  for (uint64_t i = 0; i < count; ++i) {
    AnswerCell cell;
    cell.fingerprint = in->LowDigest(question.width);
    if (i > 0 && question.kind == QuestionKind::kPartition) {
      const unsigned low = in->Byte();
      cell.tag = static_cast<uint16_t>(low | in->Byte() << 8);
    }
    cell.count = in->Varint();
    cells->push_back(cell);
  }
  return in->ok() ? absl::OkStatus() : Malformed("truncated");
}

absl::Status ReadRecords(const Question& question, Reader* in, std::vector<AnswerRecord>* records) {
  const uint64_t count = in->Varint();
  if (!in->ok() || count > in->left()) return Malformed("truncated");
  if (count > question.positions.size()) return Malformed("more records than asked for");
  records->reserve(static_cast<size_t>(count));
  for (uint64_t i = 0; i < count; ++i) {
    AnswerRecord record;
    record.key = in->Key();
    record.digest = in->HighDigest(question.width);
    if (!in->ok()) return Malformed("a record");
    records->push_back(std::move(record));
  }
  return absl::OkStatus();
}

absl::Status ReadDigests(const Question& question, Reader* in, std::vector<Digest>* digests) {
  const uint64_t count = in->Varint();
  if (!in->ok() || count > in->left() / question.width) return Malformed("truncated");
  digests->reserve(static_cast<size_t>(count));
  for (uint64_t i = 0; i < count; ++i) digests->push_back(in->LowDigest(question.width));
  return absl::OkStatus();
}

absl::Status ReadAnswer(const Question& question, Reader* in, Answer* answer) {
  switch (question.kind) {
    case QuestionKind::kHold:
      return absl::OkStatus();
    case QuestionKind::kSummarize:
      return ReadCells(question, 1, in, &answer->cells);
    case QuestionKind::kPartition:
    case QuestionKind::kCut: {
      const uint64_t count = in->Varint();
      RETURN_IF_ERROR(ReadCells(question, count, in, &answer->cells));
      if (answer->cells.empty()) return Malformed("a range cut into no cells");
      if (question.kind == QuestionKind::kCut && answer->cells.size() > question.keys.size() + 1) {
        return Malformed("more cells than asked for");
      }
      return absl::OkStatus();
    }
    case QuestionKind::kKeys:
      RETURN_IF_ERROR(ReadKeys(in, &answer->keys));
      if (answer->keys.size() > question.positions.size()) {
        return Malformed("more keys than asked for");
      }
      return absl::OkStatus();
    case QuestionKind::kDigests:
      return ReadDigests(question, in, &answer->digests);
    case QuestionKind::kRecords:
      return ReadRecords(question, in, &answer->records);
  }
  return Malformed("a question of an unknown kind");
}

}  // namespace

Digest LowBytes(const Digest& sum, size_t width) {
  if (width >= 16) return sum;
  Digest low;
  low.low = width >= 8 ? sum.low : sum.low & ((uint64_t{1} << (8 * width)) - 1);
  return low;
}

std::string EncodeQuestions(const std::vector<Question>& questions) {
  Writer out;
  out.Varint(questions.size());
  Context context;
  for (const Question& question : questions) WriteQuestion(question, &context, &out);
  return out.Take();
}

absl::StatusOr<std::vector<Question>> DecodeQuestions(std::string_view bytes,
                                                      const QueryLimits& limits) {
  if (bytes.size() > limits.request_bytes_max) {
    return Malformed(std::to_string(bytes.size()) + " bytes, of at most " +
                     std::to_string(limits.request_bytes_max));
  }
  Reader in(bytes, limits.request_key_bytes_max);
  const uint64_t count = in.Varint();
  if (!in.ok() || count > in.left()) return Malformed("truncated");
  if (count > limits.questions_max) {
    return Malformed(std::to_string(count) + " questions, of at most " +
                     std::to_string(limits.questions_max));
  }
  std::vector<Question> questions(static_cast<size_t>(count));
  Context context;
  size_t positions_left = limits.positions_max;
  for (Question& question : questions) {
    RETURN_IF_ERROR(ReadQuestion(positions_left, &context, &in, &question));
    positions_left -= question.positions.size();
  }
  if (in.left() != 0) return Malformed("bytes after the last question");
  return questions;
}

std::string EncodeAnswers(const std::vector<Question>& questions,
                          const std::vector<Answer>& answers) {
  size_t answered = 0;
  while (answered < answers.size() && answers[answered].answered) ++answered;
  Writer out;
  out.Varint(answered);
  for (size_t i = 0; i < answered; ++i) WriteAnswer(questions[i], answers[i], &out);
  return out.Take();
}

absl::StatusOr<std::vector<Answer>> DecodeAnswers(const std::vector<Question>& questions,
                                                  std::string_view bytes) {
  Reader in(bytes, kDecodedKeyBytesMax);
  const uint64_t answered = in.Varint();
  if (!in.ok()) return Malformed("truncated");
  if (answered > questions.size()) return Malformed("more answers than questions");
  std::vector<Answer> answers(questions.size());
  for (size_t i = 0; i < answered; ++i) {
    RETURN_IF_ERROR(ReadAnswer(questions[i], &in, &answers[i]));
    answers[i].answered = true;
  }
  if (in.left() != 0) return Malformed("bytes after the last answer");
  return answers;
}

}  // namespace driftwood::merkle
