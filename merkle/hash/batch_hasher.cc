#include "merkle/hash/batch_hasher.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "merkle/hash/record_message.h"
#include "merkle/hash/sha256_lanes.h"

namespace driftwood::merkle {

// Messages of one number of blocks wait until there is one for each lane.
struct BatchHasher::State {
  static constexpr size_t kBlocksMax = 16;  // of a message that waits for others
  struct Waiting {
    std::vector<unsigned char> messages;  // as Sha256Lanes::compress takes them
    std::vector<size_t> places;           // in the vector of digests
  };

  RecordHasher one;
  std::array<uint32_t, kSha256StateWords> keyed;  // after the key block
  const Sha256Lanes* lanes;
  std::array<Waiting, kBlocksMax> waiting{};  // at [n]: of n + 1 blocks

  // Lanes without a message hash what is left there of an earlier one, in vain.
  void Compress(size_t blocks, Waiting* from, std::vector<Digest>* digests) const {
    uint32_t state[kSha256StateWords * kSha256LanesMax];
    for (size_t i = 0; i < kSha256StateWords; ++i) {
      std::fill_n(state + i * lanes->lanes, lanes->lanes, keyed[i]);
    }
    lanes->compress(state, from->messages.data(), blocks);
    for (size_t lane = 0; lane < from->places.size(); ++lane) {
      char bytes[Digest::kBytes];
      for (size_t i = 0; i < Digest::kBytes / 4; ++i) {
        PutBigEndian32(state[i * lanes->lanes + lane],
                       reinterpret_cast<unsigned char*>(bytes) + 4 * i);
      }
      (*digests)[from->places[lane]] = Digest::FromBytes(bytes);
    }
    from->places.clear();
  }
};

BatchHasher::BatchHasher(const DigestKey& key) : BatchHasher(key, BestSha256Lanes()) {}

BatchHasher::BatchHasher(const DigestKey& key, const Sha256Lanes* lanes)
    : state_(std::make_unique<State>(
          State{RecordHasher(key), RecordHasher(key).KeyedState(), lanes})) {}

BatchHasher::~BatchHasher() = default;
BatchHasher::BatchHasher(BatchHasher&&) noexcept = default;
BatchHasher& BatchHasher::operator=(BatchHasher&&) noexcept = default;

void BatchHasher::Add(std::string_view key, std::string_view value, std::vector<Digest>* digests) {
  State& state = *state_;
  const size_t blocks = PaddedBytes(key, value) / kSha256BlockBytes;
  if (state.lanes == nullptr || blocks > State::kBlocksMax) {
    digests->push_back(state.one.Hash(key, value));
    return;
  }
  State::Waiting& waiting = state.waiting[blocks - 1];
  waiting.places.push_back(digests->size());
  digests->emplace_back();
  const size_t padded = blocks * kSha256BlockBytes;
  if (waiting.messages.empty()) waiting.messages.resize(padded * state.lanes->lanes);
  LayOut(key, value, padded, waiting.messages.data() + padded * (waiting.places.size() - 1));
  if (waiting.places.size() == state.lanes->lanes) state.Compress(blocks, &waiting, digests);
}

void BatchHasher::Flush(std::vector<Digest>* digests) {
  for (size_t n = 0; n < state_->waiting.size(); ++n) {
    State::Waiting& waiting = state_->waiting[n];
    if (!waiting.places.empty()) state_->Compress(n + 1, &waiting, digests);
  }
}

}  // namespace driftwood::merkle
