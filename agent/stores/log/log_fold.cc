#include "agent/stores/log/log_fold.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/source/messages.h"
#include "agent/stores/text/byte_stream.h"
#include "agent/stores/text/spool.h"
#include "merkle/check.h"
#include "merkle/hash/digest.h"
#include "merkle/os/room.h"
#include "merkle/record/big_endian.h"
#include "merkle/status_macros.h"
#include "merkle/tree/external_sort.h"

namespace driftwood::agent {
namespace {

using merkle::Digest;
using merkle::ExternalSorter;
using merkle::RecordSource;

constexpr size_t kOffsetBytes = LiveLines::kOffsetBytes;
// Steps of a merge between two looks at whether it is to stop.
constexpr uint64_t kStepsUnlooked = 4096;

struct Event {
  std::string_view key;  // encoded
  uint64_t offset = 0;
  bool deletes = false;
  uint64_t members = 0;  // LogEvents::Lacking()
};

// What the events of one key come to, in their order.
class KeyState {
 public:
  struct Lack {
    uint64_t offset;
    uint64_t before;  // the event that had the member
    uint64_t members;
    uint64_t members_before;
  };
  // The members of two records of one key, one after the other, if they differ.
  std::optional<Lack> Apply(const Event& event) {
    std::optional<Lack> lack;
    if (is_live_ && !event.deletes && event.members != members_)
      lack = Lack{event.offset, offset_, event.members, members_};
    is_live_ = !event.deletes;
    offset_ = event.offset;
    members_ = event.members;
    return lack;
  }
  bool is_live() const { return is_live_; }
  uint64_t offset() const { return offset_; }

 private:
  bool is_live_ = false;
  uint64_t offset_ = 0;
  uint64_t members_ = 0;
};

// Members that records of one key lack, of which the first in the file is reported.
class Lacks {
 public:
  Lacks(const LogFoldJob& job, const LogEvents& events) : job_(job), events_(events) {}

  void Add(const std::optional<KeyState::Lack>& lack) {
    if (!lack || (first_ && first_->offset < lack->offset)) return;
    if (events_.Lacking(lack->members_before, lack->members)) first_ = lack;
  }

  absl::Status Check() const {
    if (!first_) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string before, DescribeLine(job_.file, first_->before));
    return DescribeRecordError(
        job_.file, job_.file.name(),
        {first_->offset, "the event has no member " +
                             Printable(*events_.Lacking(first_->members_before, first_->members)) +
                             ", which the record of its key in " + before + " has" +
                             std::string(kAbsentAdvice)});
  }

 private:
  const LogFoldJob& job_;
  const LogEvents& events_;
  std::optional<KeyState::Lack> first_;
};

// Encodes the keys of events and hands them on.
template <typename Take>
class EventSink final : public RowSink {
 public:
  EventSink(KeyEncoder* encoder, Take take) : encoder_(*encoder), take_(std::move(take)) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    const size_t keys = row.size() - 2;
    Event event;
    ASSIGN_OR_RETURN(event.key, encoder_.Encode(row.first(keys)));
    event.offset = origin;
    event.deletes = row[keys].boolean;
    event.members = row[keys + 1].uint64;
    return take_(event);
  }

 private:
  KeyEncoder& encoder_;
  const Take take_;
};

template <typename Take>
absl::Status ForEachEvent(const LogFoldJob& job, const LogEvents& events, KeyEncoder* encoder,
                          Take take) {
  EventSink<Take> sink(encoder, std::move(take));
  const ChunkDecoder::Result result =
      DecodeAll(job.file, job.layout.begin, job.layout.end, job.chunks, events, sink);
  RETURN_IF_ERROR(result.sink);
  if (!result.error) return absl::OkStatus();
  const std::string change = job.file.ChangeSinceOpen();
  if (change.empty()) return DescribeRecordError(job.file, job.file.name(), *result.error);
  return absl::AbortedError(Printable(job.file.name()) + " changed while it was read (" + change +
                            "), and an event was wrong (" + result.error->message +
                            "); compare it again when nothing writes to it");
}

// A key as the sort has it. No such key is the beginning of another, so that with a place behind
// them the events of one key come together, and in their order. Long ones are told apart by their
// SHA-256.
void AppendSortKey(std::string_view key, std::string* out) {
  constexpr size_t kShortMax = 64;
  if (key.size() <= kShortMax) {
    *out += static_cast<char>(key.size());
    *out += key;
  } else {
    *out += '\xFF';
    *out += merkle::Sha256(key);
  }
}

void AppendOffset(uint64_t offset, std::string* out) {
  char bytes[kOffsetBytes];
  merkle::StoreBigEndian64(offset, bytes);
  out->append(bytes, kOffsetBytes);
}

// All that `sorter` has, in order: take(key, digest).
template <typename Take>
absl::Status ForEachSorted(ExternalSorter* sorter, const LogFoldJob& job, Take take) {
  ASSIGN_OR_RETURN(auto sources, sorter->Finish());
  ASSIGN_OR_RETURN(const std::unique_ptr<RecordSource> sorted,
                   merkle::MergeSources(std::move(sources)));
  for (uint64_t steps = 0;; ++steps) {
    if (steps % kStepsUnlooked == 0 && job.stop.stop_requested())
      return absl::CancelledError("cancelled while reading " + Printable(job.file.name()));
    ASSIGN_OR_RETURN(const bool more, sorted->Advance());
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(take(sorted->key(), sorted->digest()));
  }
}

// From events sorted by key and place to the places of those that leave a record.
class LastEvents {
 public:
  LastEvents(ExternalSorter* places, Lacks* lacks) : places_(*places), lacks_(*lacks) {}

  absl::Status Take(std::string_view sorted, const Digest& digest) {
    const std::string_view key = sorted.substr(0, sorted.size() - kOffsetBytes);
    if (key != key_) {
      RETURN_IF_ERROR(EndKey());
      state_ = KeyState();
      key_ = key;
    }
    const uint64_t offset = merkle::LoadBigEndian64(sorted.data() + key.size());
    lacks_.Add(state_.Apply({key, offset, digest.high == 1, digest.low}));
    return absl::OkStatus();
  }

  // Also behind the last event.
  absl::Status EndKey() {
    if (!state_.is_live()) return absl::OkStatus();
    place_.clear();
    AppendOffset(state_.offset(), &place_);
    return places_.Add(place_, Digest());
  }

 private:
  ExternalSorter& places_;
  Lacks& lacks_;
  std::string key_;  // as the sort has it, which is never empty
  KeyState state_;
  std::string place_;
};

// Where the lines are, one after the other.
class OffsetStream final : public ByteStream {
 public:
  explicit OffsetStream(std::unique_ptr<RecordSource> sorted) : sorted_(std::move(sorted)) {}
  absl::StatusOr<size_t> Read(std::span<char> to) override {
    DRIFTWOOD_CHECK(to.size() >= kOffsetBytes);  // else no bytes would not be the end
    size_t count = 0;
    for (; to.size() - count >= kOffsetBytes; count += kOffsetBytes) {
      ASSIGN_OR_RETURN(const bool more, sorted_->Advance());
      if (!more) break;
      std::copy_n(sorted_->key().data(), kOffsetBytes, to.data() + count);
    }
    return count;
  }

 private:
  const std::unique_ptr<RecordSource> sorted_;
};

absl::StatusOr<std::unique_ptr<LiveLines>> LinesOf(ExternalSorter* places, const std::string& log) {
  ASSIGN_OR_RETURN(auto sources, places->Finish());
  ASSIGN_OR_RETURN(std::unique_ptr<RecordSource> sorted, merkle::MergeSources(std::move(sources)));
  OffsetStream offsets(std::move(sorted));
  ASSIGN_OR_RETURN(std::unique_ptr<Spool> spool, Spool::Of(offsets, log, "", SpoolOptions()));
  return std::make_unique<LiveLines>(std::move(spool), log);
}

// In memory.
class OwnedBytes final : public ByteSource {
 public:
  explicit OwnedBytes(std::string bytes) : bytes_(std::move(bytes)), source_(bytes_) {}
  uint64_t size() const override { return source_.size(); }
  absl::Status ReadAt(uint64_t offset, std::span<char> to) const override {
    return source_.ReadAt(offset, to);
  }

 private:
  const std::string bytes_;
  const MemorySource source_;
};

class Speller final : public KeyEncoder {
 public:
  absl::StatusOr<std::string_view> Encode(std::span<const SourceValue> key) override {
    key_.clear();
    for (const SourceValue& value : key) {
      const bool is_true = value.kind == SourceValue::Kind::kBool && value.boolean;
      key_ += static_cast<char>(value.kind);
      key_ += is_true ? '\1' : '\0';
      AppendOffset(value.text.size(), &key_);
      key_ += value.text;
    }
    return key_;
  }

 private:
  std::string key_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LiveLines>> FoldLog(const LogFoldJob& job, KeyEncoder& encoder) {
  const LogEvents events(job.format, job.columns);
  std::string sort_key;
  auto by_key = std::make_unique<ExternalSorter>(merkle::TemporaryPlace(), job.sort_memory_bytes);
  RETURN_IF_ERROR(ForEachEvent(job, events, &encoder, [&](const Event& event) {
    sort_key.clear();
    AppendSortKey(event.key, &sort_key);
    AppendOffset(event.offset, &sort_key);
    return by_key->Add(sort_key, Digest{event.members, event.deletes ? 1u : 0u});
  }));

  ExternalSorter places(merkle::TemporaryPlace(), job.sort_memory_bytes / 4);
  Lacks lacks(job, events);
  LastEvents last(&places, &lacks);
  RETURN_IF_ERROR(ForEachSorted(
      by_key.get(), job,
      [&](std::string_view sorted, const Digest& digest) { return last.Take(sorted, digest); }));
  RETURN_IF_ERROR(last.EndKey());
  by_key.reset();
  RETURN_IF_ERROR(lacks.Check());
  return LinesOf(&places, job.file.name());
}

absl::StatusOr<std::unique_ptr<LiveLines>> FoldLogOf(
    const LogFoldJob& job, KeyEncoder& encoder, std::span<const std::vector<SourceValue>> keys) {
  std::deque<std::string> encoded;
  absl::flat_hash_map<std::string_view, KeyState> states;  // by views of those
  for (const std::vector<SourceValue>& key : keys) {
    ASSIGN_OR_RETURN(encoded.emplace_back(), encoder.Encode(key));
    states.emplace(encoded.back(), KeyState());
  }
  const LogEvents events(job.format, job.columns);
  Lacks lacks(job, events);
  RETURN_IF_ERROR(ForEachEvent(job, events, &encoder, [&](const Event& event) {
    const auto found = states.find(event.key);
    if (found != states.end()) lacks.Add(found->second.Apply(event));
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(lacks.Check());
  std::vector<uint64_t> offsets;
  for (const auto& [key, state] : states) {
    if (state.is_live()) offsets.push_back(state.offset());
  }
  std::sort(offsets.begin(), offsets.end());
  std::string bytes;
  for (const uint64_t offset : offsets) AppendOffset(offset, &bytes);
  return std::make_unique<LiveLines>(std::make_unique<OwnedBytes>(std::move(bytes)),
                                     job.file.name());
}

std::unique_ptr<KeyEncoder> SpelledKeys() { return std::make_unique<Speller>(); }

}  // namespace driftwood::agent
