#include "merkle/hash/batch_hasher.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "merkle/hash/record_message.h"
#include "merkle/hash/sha256_lanes.h"

namespace driftwood::merkle {
namespace {

constexpr size_t kBlocksMax = 16;  // of a message that waits for others

// Of records that wait for their bodies' hashes: so many of them that lanes left empty when all are
// hashed don't count.
constexpr size_t kDeferredBytesMax = size_t{256} << 10;

using KeyedState = std::array<uint32_t, kSha256StateWords>;

// Messages of one number of blocks wait until there is one for each lane.
class Waiting {
 public:
  // Room for the next message, of `blocks` blocks; what it is of is `place`.
  unsigned char* Next(const Sha256Lanes& lanes, size_t blocks, size_t place) {
    const size_t bytes = blocks * kSha256BlockBytes;
    if (messages_.empty()) messages_.resize(bytes * lanes.lanes);
    places_.push_back(place);
    return messages_.data() + bytes * (places_.size() - 1);
  }
  bool IsFull(const Sha256Lanes& lanes) const { return places_.size() == lanes.lanes; }

  // Hands out the first bytes of each message's hash: `take(place, bytes)`. Lanes without a message
  // hash what is left there of an earlier one, in vain.
  template <typename Take>
  void Compress(const Sha256Lanes& lanes, const KeyedState& keyed, size_t blocks,
                const Take& take) {
    if (places_.empty()) return;
    uint32_t state[kSha256StateWords * kSha256LanesMax];
    for (size_t i = 0; i < kSha256StateWords; ++i) {
      std::fill_n(state + i * lanes.lanes, lanes.lanes, keyed[i]);
    }
    lanes.compress(state, messages_.data(), blocks);
    for (size_t lane = 0; lane < places_.size(); ++lane) {
      char bytes[Digest::kBytes];
      for (size_t i = 0; i < Digest::kBytes / 4; ++i) {
        PutBigEndian32(state[i * lanes.lanes + lane],
                       reinterpret_cast<unsigned char*>(bytes) + 4 * i);
      }
      take(places_[lane], bytes);
    }
    places_.clear();
  }

 private:
  std::vector<unsigned char> messages_;  // as Sha256Lanes::compress takes them
  std::vector<size_t> places_;
};

}  // namespace

static_assert(BodyHasher::kBytes == Digest::kBytes);

struct BatchHasher::State {
  // Where a body's hash will stand in the value of its record.
  struct Hole {
    size_t offset;
    size_t hash;  // in `hashes`
  };
  // A record with holes: they are the next ones in `holes`, its bytes the next in `deferred_bytes`.
  struct Deferred {
    size_t key_bytes;
    size_t value_bytes;
    size_t holes;
    size_t place;  // in the vector of digests
  };

  RecordHasher one;
  KeyedState keyed;       // after the key block
  KeyedState body_keyed;  // after that of bodies
  const Sha256Lanes* lanes;
  std::array<Waiting, kBlocksMax> records{};  // at [n]: of n + 1 blocks
  std::array<Waiting, kBlocksMax> bodies{};
  std::vector<Digest> hashes{};
  std::vector<Hole> holes{};
  size_t holes_of_next = 0;
  std::vector<Deferred> deferred{};
  std::string deferred_bytes{};

  void CompressRecords(size_t n, std::vector<Digest>* digests) {
    records[n].Compress(*lanes, keyed, n + 1, [digests](size_t place, const char* bytes) {
      (*digests)[place] = Digest::FromBytes(bytes);
    });
  }
  void CompressBodies(size_t n) {
    bodies[n].Compress(*lanes, body_keyed, n + 1, [this](size_t place, const char* bytes) {
      hashes[place] = Digest::FromBytes(bytes);
    });
  }

  // A record without holes, whose digest is at `place`.
  void Hash(std::string_view key, std::string_view value, size_t place,
            std::vector<Digest>* digests) {
    const size_t padded = PaddedBytes(key, value);
    const size_t blocks = padded / kSha256BlockBytes;
    if (lanes == nullptr || blocks > kBlocksMax) {
      (*digests)[place] = one.Hash(key, value);
      return;
    }
    Waiting& waiting = records[blocks - 1];
    LayOut(key, value, padded, waiting.Next(*lanes, blocks, place));
    if (waiting.IsFull(*lanes)) CompressRecords(blocks - 1, digests);
  }

  void Defer(std::string_view key, std::string_view value, size_t place) {
    deferred.push_back({key.size(), value.size(), std::exchange(holes_of_next, 0), place});
    deferred_bytes.append(key);
    deferred_bytes.append(value);
  }

  // The records with holes go where the others are.
  void FillHoles(std::vector<Digest>* digests) {
    for (size_t n = 0; n < kBlocksMax; ++n) CompressBodies(n);
    char* bytes = deferred_bytes.data();
    const Hole* hole = holes.data();
    for (const Deferred& record : deferred) {
      char* const value = bytes + record.key_bytes;
      for (size_t i = 0; i < record.holes; ++i, ++hole) {
        hashes[hole->hash].CopyTo(value + hole->offset);
      }
      Hash({bytes, record.key_bytes}, {value, record.value_bytes}, record.place, digests);
      bytes = value + record.value_bytes;
    }
    hashes.clear();
    holes.clear();
    deferred.clear();
    deferred_bytes.clear();
  }
};

BatchHasher::BatchHasher(const DigestKey& key) : BatchHasher(key, BestSha256Lanes()) {}

BatchHasher::BatchHasher(const DigestKey& key, const Sha256Lanes* lanes)
    : state_(std::make_unique<State>(State{RecordHasher(key), RecordHasher(key).KeyedState(),
                                           BodyHasher(key).KeyedState(), lanes})) {}

BatchHasher::~BatchHasher() = default;
BatchHasher::BatchHasher(BatchHasher&&) noexcept = default;
BatchHasher& BatchHasher::operator=(BatchHasher&&) noexcept = default;

bool BatchHasher::TakesBody(size_t bytes) const {
  return state_->lanes != nullptr && PaddedBytes(bytes) <= kBlocksMax * kSha256BlockBytes;
}

void BatchHasher::AddBody(std::string_view body, size_t offset) {
  State& state = *state_;
  const size_t padded = PaddedBytes(body.size());
  const size_t blocks = padded / kSha256BlockBytes;
  state.holes.push_back({offset, state.hashes.size()});
  ++state.holes_of_next;
  Waiting& waiting = state.bodies[blocks - 1];
  LayOut(body, padded, waiting.Next(*state.lanes, blocks, state.hashes.size()));
  state.hashes.emplace_back();
  if (waiting.IsFull(*state.lanes)) state.CompressBodies(blocks - 1);
}

void BatchHasher::Add(std::string_view key, std::string_view value, std::vector<Digest>* digests) {
  State& state = *state_;
  const size_t place = digests->size();
  digests->emplace_back();
  if (state.holes_of_next == 0) {
    state.Hash(key, value, place, digests);
    return;
  }
  state.Defer(key, value, place);
  if (state.deferred_bytes.size() > kDeferredBytesMax) state.FillHoles(digests);
}

void BatchHasher::Flush(std::vector<Digest>* digests) {
  State& state = *state_;
  if (state.lanes == nullptr) return;
  state.FillHoles(digests);
  for (size_t n = 0; n < kBlocksMax; ++n) state.CompressRecords(n, digests);
}

}  // namespace driftwood::merkle
