// An external merge sort (Knuth, The Art of Computer Programming 3, 5.4.1). In a buffer, keys are
// sorted by a window of eight bytes at a time: the multikey quicksort of Bentley and Sedgewick
// (1997), with a radix sort in the place of its partitioning.
//
// Rows come in their store's order, keys in theirs, so that each compare of whole keys would miss
// the cache twice. A window beside its record's place costs no miss. With it, text keys of 19 bytes
// take 351 ns each when shuffled and 110 ns in order (bench/README.md, external sort alone).
#define XXH_INLINE_ALL
#include "merkle/tree/external_sort.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "merkle/check.h"
#include "merkle/os/block_file.h"
#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

// Runs of one generation that are merged into one of the next; bounds the open files and the
// buffers of a merge. With the default buffer of 64 MiB a record is written once up to 4 GiB, and
// twice up to 256 GiB. 64 blocks of 256 KiB are the 16 MiB that a merge may take.
constexpr size_t kFanInMax = 64;
// A page at least; at most what makes a seek cheap beside reading it. Reasoned, not measured.
constexpr size_t kBlockBytesMin = size_t{4} << 10;
constexpr size_t kBlockBytesMax = size_t{256} << 10;

}  // namespace

// A run: blocks of records of key bytes 4, digest 16, key. How many records there are is kept in
// memory too: a run doesn't outlive its sorter. An index made of damaged records would be
// consistent, and wrong.
struct ExternalSorter::Run {
  BlockFile file;
  uint64_t records;
};

namespace {

constexpr size_t kRecordHeaderBytes = 4 + Digest::kBytes;

class RunWriter {
 public:
  RunWriter(BlockFile* file, size_t block_bytes) : file_(*file), block_bytes_(block_bytes) {}

  absl::Status Add(std::string_view key, const Digest& digest) {
    const size_t offset = block_.size();
    block_.resize(offset + kRecordHeaderBytes + key.size());
    char* const out = block_.data() + offset;
    const auto key_bytes = static_cast<uint32_t>(key.size());
    std::memcpy(out, &key_bytes, sizeof key_bytes);
    digest.CopyTo(out + sizeof key_bytes);
    std::memcpy(out + kRecordHeaderBytes, key.data(), key.size());
    ++records_;
    return block_.size() >= block_bytes_ ? Flush() : absl::OkStatus();
  }

  absl::Status Flush() {
    if (block_.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(file_.Append(block_));
    block_.clear();
    return absl::OkStatus();
  }

  uint64_t records() const { return records_; }

 private:
  BlockFile& file_;
  const size_t block_bytes_;
  std::string block_;
  uint64_t records_ = 0;
};

class RunReader final : public RecordSource {
 public:
  RunReader(const BlockFile& file, uint64_t records) : file_(file), left_(records) {}

  absl::StatusOr<bool> Advance() override {
    if (position_ == block_.size()) {
      if (left_ == 0) return false;
      ASSIGN_OR_RETURN(block_, file_.Read(&offset_));
      position_ = 0;
    }
    uint32_t key_bytes = 0;
    const size_t room = block_.size() - position_;
    if (room < kRecordHeaderBytes) return Damaged();
    std::memcpy(&key_bytes, block_.data() + position_, sizeof key_bytes);
    if (room - kRecordHeaderBytes < key_bytes || left_ == 0) return Damaged();
    digest_ = Digest::FromBytes(block_.data() + position_ + sizeof key_bytes);
    key_ = std::string_view(block_).substr(position_ + kRecordHeaderBytes, key_bytes);
    position_ += kRecordHeaderBytes + key_bytes;
    --left_;
    return true;
  }
  std::string_view key() const override { return key_; }
  const Digest& digest() const override { return digest_; }

 private:
  static absl::Status Damaged() {
    return absl::DataLossError("a record in the temporary file of the sort is none");
  }

  const BlockFile& file_;
  uint64_t left_;
  uint64_t offset_ = 0;
  std::string block_;
  size_t position_ = 0;
  std::string_view key_;
  Digest digest_;
};

// A binary heap of sources by their current key. A step puts the source's next key at the top and
// sifts it down, one pass in place of a pop's and a push's. Views of keys stay good: only the top's
// source moves on.
class Merger final : public RecordSource {
 public:
  static absl::StatusOr<std::unique_ptr<RecordSource>> Create(
      std::vector<std::unique_ptr<RecordSource>> sources) {
    std::unique_ptr<Merger> merger(new Merger);
    for (auto& source : sources) {
      ASSIGN_OR_RETURN(const bool any, source->Advance());
      if (any) merger->heap_.push_back({source->key(), std::move(source)});
    }
    for (size_t i = merger->heap_.size() / 2; i-- > 0;) merger->SiftDown(i);
    return std::unique_ptr<RecordSource>(std::move(merger));
  }

  absl::StatusOr<bool> Advance() override {
    if (!started_) {
      started_ = true;
      return !heap_.empty();
    }
    if (heap_.empty()) return false;
    ASSIGN_OR_RETURN(const bool more, heap_[0].source->Advance());
    if (more) {
      heap_[0].key = heap_[0].source->key();
    } else {
      std::swap(heap_[0], heap_.back());
      heap_.pop_back();
    }
    if (!heap_.empty()) SiftDown(0);
    return !heap_.empty();
  }
  std::string_view key() const override { return heap_[0].key; }
  const Digest& digest() const override { return heap_[0].source->digest(); }

 private:
  struct Item {
    std::string_view key;
    std::unique_ptr<RecordSource> source;
  };

  void SiftDown(size_t i) {
    for (;;) {
      size_t child = 2 * i + 1;
      if (child >= heap_.size()) return;
      if (child + 1 < heap_.size() && heap_[child + 1].key < heap_[child].key) ++child;
      if (heap_[i].key <= heap_[child].key) return;
      std::swap(heap_[i], heap_[child]);
      i = child;
    }
  }

  std::vector<Item> heap_;
  bool started_ = false;
};

// Of a multiset's records: the digests that are added up hold numbers here, how often a key came.
// It has to look one record ahead, so it keeps the key of the one before itself.
class AddingSource final : public RecordSource {
 public:
  explicit AddingSource(RecordSource* source) : source_(source) {}
  explicit AddingSource(std::unique_ptr<RecordSource> source)
      : owned_(std::move(source)), source_(owned_.get()) {}

  absl::StatusOr<bool> Advance() override {
    if (!started_) {
      started_ = true;
      ASSIGN_OR_RETURN(more_, source_->Advance());
    }
    if (!more_) return false;
    key_.assign(source_->key());
    digest_ = source_->digest();
    for (;;) {
      ASSIGN_OR_RETURN(more_, source_->Advance());
      if (!more_ || source_->key() != key_) return true;
      digest_ += source_->digest();
    }
  }
  std::string_view key() const override { return key_; }
  const Digest& digest() const override { return digest_; }

 private:
  const std::unique_ptr<RecordSource> owned_;
  RecordSource* const source_;
  bool started_ = false;
  bool more_ = false;  // source_ stands at a record that was not looked at yet
  std::string key_;
  Digest digest_;
};

}  // namespace

// Records one behind the other in an arena (digest 16, key), and an entry of 16 bytes for each,
// which is what is sorted. The arena is allocated once, with room for one record behind its bound,
// so that "full" is asked before a record and never within one.
class ExternalSorter::Buffer {
 public:
  Buffer(size_t memory_bytes, EqualKeys equal_keys)
      : memory_bytes_(std::min(memory_bytes, kArenaBytesMax)),
        arena_(new char[memory_bytes_ + kRecordBytesMax]) {
    entries_.reserve(memory_bytes_ / kBytesPerRecordMin);
    if (equal_keys == EqualKeys::kAddUp) recent_.resize(kRecentKeys);
  }

  // Entries count twice: sorting needs as many again.
  bool full() const { return used_ + entries_.size() * 2 * sizeof(Entry) >= memory_bytes_; }
  bool empty() const { return entries_.empty(); }
  size_t count() const { return entries_.size(); }

  void Add(std::string_view key, const Digest& digest) {
    DRIFTWOOD_CHECK(key.size() <= kKeyBytesMax && !full());
    if (!recent_.empty() && AddToRecent(key, digest)) return;
    digest.CopyTo(arena_.get() + used_);
    std::memcpy(arena_.get() + used_ + Digest::kBytes, key.data(), key.size());
    entries_.push_back({0, used_ << kSizeBits | key.size()});
    used_ += Digest::kBytes + key.size();
    if (entries_.size() == 1) {
      shared_ = key.size();
    } else {
      shared_ = SharedWith(Key(entries_[0]), key, 0, shared_);
    }
  }

  void Clear() {
    entries_.clear();
    std::fill(recent_.begin(), recent_.end(), 0);
    used_ = 0;
  }

  std::string_view key(size_t i) const { return Key(entries_[i]); }
  Digest digest(size_t i) const {
    return Digest::FromBytes(arena_.get() + (entries_[i].place >> kSizeBits));
  }
  // The arena is visited in the order of keys, so at random: worth asking for ahead.
  void Prefetch(size_t i) const {
    if (i >= entries_.size()) return;
    const char* const record = arena_.get() + (entries_[i].place >> kSizeBits);
    __builtin_prefetch(record);
    __builtin_prefetch(record + Digest::kBytes + KeyBytes(entries_[i]));
  }

  // Sorts by eight bytes at a time as one number, from where the keys begin to differ; only keys
  // that are equal there are looked at again.
  void Sort() {
    if (entries_.empty()) return;
    std::vector<Group> groups{{0, entries_.size(), shared_}};
    while (!groups.empty()) {
      const Group group = groups.back();
      groups.pop_back();
      SortGroup(group, &groups);
    }
  }

 private:
  // Place and size of a record share one number: keys of 16 MiB, where an index takes 1 MiB, and
  // arenas of 512 GiB.
  static constexpr int kSizeBits = 24;
  static constexpr size_t kKeyBytesMax = (size_t{1} << kSizeBits) - 1;
  static constexpr size_t kRecordBytesMax = Digest::kBytes + kKeyBytesMax;
  static constexpr size_t kArenaBytesMax = size_t{1} << (63 - kSizeBits);

  struct Entry {
    uint64_t window;  // eight bytes of the key, big-endian, zeros after its end
    uint64_t place;   // offset in the arena << kSizeBits | bytes of the key
  };
  static constexpr size_t kBytesPerRecordMin = Digest::kBytes + 1 + 2 * sizeof(Entry);
  static constexpr size_t kWindowBytes = sizeof(uint64_t);
  // Below this, whole keys are compared: std::sort would insert them one by one anyway.
  static constexpr size_t kGroupSmall = 12;
  // Below this, counting bytes does not pay: eight tables of 256 counts are cleared and added up
  // whatever the group's size. Reasoned, not measured.
  static constexpr size_t kRadixMin = 2000;
  // Entries ahead whose records are fetched, so that they have come when their turn does. Reasoned.
  static constexpr size_t kAhead = 12;
  // 128 KiB of places: what fits the cache beside the records being read.
  static constexpr size_t kRecentKeys = size_t{1} << 14;

  // A key that comes again soon is not kept again. False: it is to be, and will be found here. A
  // key that another one has displaced is kept twice, which the merge mends: no copy is ever lost.
  bool AddToRecent(std::string_view key, const Digest& digest) {
    size_t& recent = recent_[XXH3_64bits(key.data(), key.size()) % kRecentKeys];
    if (recent == 0 || Key(entries_[recent - 1]) != key) {
      recent = entries_.size() + 1;
      return false;
    }
    char* const at = arena_.get() + (entries_[recent - 1].place >> kSizeBits);
    (Digest::FromBytes(at) + digest).CopyTo(at);
    return true;
  }

  // Entries [begin, end), whose keys all share their first `depth` bytes.
  struct Group {
    size_t begin;
    size_t end;
    size_t depth;
  };

  static size_t SharedWith(std::string_view a, std::string_view b, size_t from, size_t limit) {
    const size_t size = std::min({a.size(), b.size(), limit});
    if (size <= from) return size;
    if (std::memcmp(a.data() + from, b.data() + from, size - from) == 0) return size;
    size_t i = from;
    while (a[i] == b[i]) ++i;
    return i;
  }

  std::string_view Key(const Entry& entry) const {
    return {arena_.get() + (entry.place >> kSizeBits) + Digest::kBytes, KeyBytes(entry)};
  }
  static size_t KeyBytes(const Entry& entry) { return entry.place & kKeyBytesMax; }

  uint64_t Window(const Entry& entry, size_t depth) const {
    const std::string_view key = Key(entry);
    uint64_t window = 0;
    if (key.size() > depth) {
      std::memcpy(&window, key.data() + depth, std::min(kWindowBytes, key.size() - depth));
    }
    return __builtin_bswap64(window);
  }

  // After it, entries are in order but for groups of equal windows, which are sorted here if they
  // are small, and handed on if not. A stack in place of recursion: how deep it
  // goes is up to the keys, and they are somebody else's.
  void SortGroup(const Group& group, std::vector<Group>* groups) {
    const auto at = [this](size_t i) { return entries_.begin() + static_cast<ptrdiff_t>(i); };
    const auto by_key = [this](const Entry& a, const Entry& b) { return Key(a) < Key(b); };
    if (group.end - group.begin <= kGroupSmall) {
      std::sort(at(group.begin), at(group.end), by_key);
      return;
    }
    for (size_t i = group.begin; i < group.end; ++i) {
      entries_[i].window = Window(entries_[i], group.depth);
    }
    SortByWindow(group.begin, group.end);
    for (size_t begin = group.begin; begin < group.end;) {
      size_t end = begin + 1;
      while (end < group.end && entries_[end].window == entries_[begin].window) ++end;
      // The keys of equal windows will be needed; others won't.
      const size_t ahead = end + kAhead;
      if (ahead < group.end && (entries_[ahead].window == entries_[ahead - 1].window)) {
        Prefetch(ahead - 1);
        Prefetch(ahead);
      }
      if (end - begin > kGroupSmall) {
        SplitEqual({begin, end, group.depth + kWindowBytes}, groups);
      } else if (end - begin > 1) {
        std::sort(at(begin), at(end), by_key);
      }
      begin = end;
    }
  }

  void SortByWindow(size_t begin, size_t end) {
    const auto first = entries_.begin() + static_cast<ptrdiff_t>(begin);
    if (end - begin < kRadixMin) {
      std::sort(first, first + static_cast<ptrdiff_t>(end - begin),
                [](const Entry& a, const Entry& b) { return a.window < b.window; });
      return;
    }
    // Radix sort, lowest byte first, without the bytes that are the same in all windows: of
    // ascending integers these are most.
    std::vector<std::array<size_t, 256>> counts(kWindowBytes);
    for (size_t i = begin; i < end; ++i) {
      for (size_t byte = 0; byte < kWindowBytes; ++byte) {
        ++counts[byte][entries_[i].window >> (8 * byte) & 0xFF];
      }
    }
    scratch_.resize(end - begin);
    Entry* from = entries_.data() + begin;
    Entry* to = scratch_.data();
    for (size_t byte = 0; byte < kWindowBytes; ++byte) {
      if (counts[byte][from->window >> (8 * byte) & 0xFF] == end - begin) continue;
      size_t offset = 0;
      for (size_t& count : counts[byte]) offset += std::exchange(count, offset);
      for (size_t i = 0; i < end - begin; ++i) {
        to[counts[byte][from[i].window >> (8 * byte) & 0xFF]++] = from[i];
      }
      std::swap(from, to);
    }
    if (from == scratch_.data()) std::copy(from, from + (end - begin), to);
  }

  // Keys that end within the window differ in its zeros only, so in their length, and come before
  // those that go on. The others go on from where they differ, not from the window's end: a long
  // prefix that they share is looked at once.
  void SplitEqual(Group group, std::vector<Group>* groups) {
    const auto at = [this](size_t i) { return entries_.begin() + static_cast<ptrdiff_t>(i); };
    const auto goes_on = std::partition(at(group.begin), at(group.end), [&](const Entry& entry) {
      return KeyBytes(entry) <= group.depth;
    });
    std::sort(at(group.begin), goes_on,
              [](const Entry& a, const Entry& b) { return KeyBytes(a) < KeyBytes(b); });
    group.begin = static_cast<size_t>(goes_on - entries_.begin());
    if (group.end - group.begin <= 1) return;
    const std::string_view first = Key(entries_[group.begin]);
    size_t shared = first.size();
    for (size_t i = group.begin + 1; i < group.end && shared > group.depth; ++i) {
      shared = SharedWith(first, Key(entries_[i]), group.depth, shared);
    }
    groups->push_back({group.begin, group.end, shared});
  }

  const size_t memory_bytes_;
  const std::unique_ptr<char[]> arena_;
  std::vector<Entry> entries_;
  std::vector<Entry> scratch_;
  std::vector<size_t> recent_;  // by hash of the key: index of its entry + 1; empty: keys stay
  size_t used_ = 0;
  size_t shared_ = 0;  // bytes that all keys begin with
};

namespace {

template <typename Buffer>
class BufferReader final : public RecordSource {
 public:
  explicit BufferReader(const Buffer* buffer) : buffer_(buffer) {}

  absl::StatusOr<bool> Advance() override {
    constexpr size_t kAhead = 12;
    if (next_ == buffer_->count()) return false;
    buffer_->Prefetch(next_ + kAhead);
    key_ = buffer_->key(next_);
    digest_ = buffer_->digest(next_);
    ++next_;
    return true;
  }
  std::string_view key() const override { return key_; }
  const Digest& digest() const override { return digest_; }

 private:
  const Buffer* const buffer_;
  size_t next_ = 0;
  std::string_view key_;
  Digest digest_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RecordSource>> MergeSources(
    std::vector<std::unique_ptr<RecordSource>> sources) {
  return Merger::Create(std::move(sources));
}

std::unique_ptr<RecordSource> AddUpEqualKeys(std::unique_ptr<RecordSource> source) {
  return std::make_unique<AddingSource>(std::move(source));
}

ExternalSorter::ExternalSorter(const std::filesystem::path& folder, size_t memory_bytes,
                               EqualKeys equal_keys)
    : folder_(folder.empty() ? "." : folder),
      memory_bytes_(memory_bytes),
      block_bytes_(std::clamp(memory_bytes / kFanInMax, kBlockBytesMin, kBlockBytesMax)),
      equal_keys_(equal_keys) {}

ExternalSorter::~ExternalSorter() = default;

absl::Status ExternalSorter::Add(std::string_view key, const Digest& digest) {
  if (!buffer_) buffer_ = std::make_unique<Buffer>(memory_bytes_, equal_keys_);
  if (buffer_->full()) RETURN_IF_ERROR(Spill());
  buffer_->Add(key, digest);
  return absl::OkStatus();
}

absl::Status ExternalSorter::Spill() {
  buffer_->Sort();
  BufferReader<Buffer> reader(buffer_.get());
  ASSIGN_OR_RETURN(Run run, WriteRun(&reader));
  buffer_->Clear();
  return Keep(std::move(run), 0);
}

absl::StatusOr<ExternalSorter::Run> ExternalSorter::WriteRun(RecordSource* source) {
  AddingSource adding(source);
  if (equal_keys_ == EqualKeys::kAddUp) source = &adding;
  ASSIGN_OR_RETURN(BlockFile file, BlockFile::Create(folder_, "the temporary file of the sort"));
  RunWriter writer(&file, block_bytes_);
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, source->Advance());
    if (!more) break;
    RETURN_IF_ERROR(writer.Add(source->key(), source->digest()));
  }
  RETURN_IF_ERROR(writer.Flush());
  return Run{std::move(file), writer.records()};
}

// Like carrying in a counter of base 64: each record is written once for each generation, and fewer
// than 64 runs of each are open.
absl::Status ExternalSorter::Keep(Run run, size_t generation) {
  if (generation == generations_.size()) generations_.emplace_back();
  generations_[generation].push_back(std::move(run));
  if (generations_[generation].size() < kFanInMax) return absl::OkStatus();
  std::vector<std::unique_ptr<RecordSource>> sources;
  for (const Run& each : generations_[generation]) {
    sources.push_back(std::make_unique<RunReader>(each.file, each.records));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<RecordSource> merged, MergeSources(std::move(sources)));
  ASSIGN_OR_RETURN(Run result, WriteRun(merged.get()));
  generations_[generation].clear();
  return Keep(std::move(result), generation + 1);
}

// The last buffer is not spilled: it is one more source, sorted where it is.
absl::StatusOr<std::vector<std::unique_ptr<RecordSource>>> ExternalSorter::Finish() {
  std::vector<std::unique_ptr<RecordSource>> sources;
  for (const std::vector<Run>& generation : generations_) {
    for (const Run& run : generation) {
      sources.push_back(std::make_unique<RunReader>(run.file, run.records));
    }
  }
  if (buffer_) {
    buffer_->Sort();
    sources.push_back(std::make_unique<BufferReader<Buffer>>(buffer_.get()));
  }
  return sources;
}

}  // namespace driftwood::merkle
