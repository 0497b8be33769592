// The only file of merkle that includes OpenSSL.
//
// The low-level SHA256_* calls are deprecated in OpenSSL 3 but remain: copying a SHA256_CTX that
// has absorbed the key block is the fastest way to a keyed digest of a short record (89 ns against
// 104 ns for copying an EVP context, 900 ns for a one-shot HMAC). A record of a few blocks is laid
// out with its padding and given in one piece: OpenSSL's code for processors without SHA
// instructions prepares two blocks at a time, and nothing is left for SHA256_Final to do.
#define OPENSSL_API_COMPAT 0x10100000L
#include "merkle/hash/digest.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "merkle/check.h"
#include "merkle/hash/batch_hasher.h"
#include "merkle/hash/sha256_lanes.h"

namespace driftwood::merkle {
namespace {

static_assert(std::endian::native == std::endian::little,
              "digests are copied as they lie in memory");

constexpr size_t kBlockBytes = kSha256BlockBytes;
using Block = std::array<unsigned char, kBlockBytes>;

// The key, then 32 bytes that say what it is used for.
Block KeyBlock(const DigestKey& key, std::string_view label) {
  Block block{};
  std::memcpy(block.data(), key.bytes().data(), DigestKey::kBytes);
  DRIFTWOOD_CHECK(label.size() <= kBlockBytes - DigestKey::kBytes);
  std::memcpy(block.data() + DigestKey::kBytes, label.data(), label.size());
  return block;
}

std::string Derive(const DigestKey& key, std::string_view label) {
  const Block block = KeyBlock(key, label);
  return Sha256({reinterpret_cast<const char*>(block.data()), block.size()});
}

void PutBigEndian32(uint32_t number, unsigned char* to) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<unsigned char>(number >> (24 - 8 * i));
}

constexpr size_t kFrameBytes = 4;
constexpr size_t kShortBytes = 1024;  // a key or value
constexpr size_t kPaddedBytesMax = kFrameBytes + 2 * kShortBytes + 2 * kBlockBytes;

bool IsShort(std::string_view key, std::string_view value) {
  return key.size() <= kShortBytes && value.size() <= kShortBytes;
}

// How long a record is behind the key block: frame, key, value, padding.
size_t PaddedBytes(std::string_view key, std::string_view value) {
  const size_t size = kFrameBytes + key.size() + value.size();
  return (size + 1 + sizeof(uint64_t) + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

// A record behind the key block, padded as FIPS 180-4, 5.1.1 has it: a 1 bit, zeros, and the length
// in 64 bits at the end of the last block. Only if IsShort().
void LayOut(std::string_view key, std::string_view value, size_t padded, unsigned char* message) {
  unsigned char* end = message;
  const auto put = [&end](std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(end, bytes.data(), bytes.size());
    end += bytes.size();
  };
  PutBigEndian32(static_cast<uint32_t>(key.size()), end);
  end += kFrameBytes;
  put(key);
  put(value);
  const auto size = static_cast<size_t>(end - message);
  std::memset(end, 0, padded - size);
  *end = 0x80;
  PutBigEndian32(static_cast<uint32_t>(8 * (kBlockBytes + size)), message + padded - 4);
}

// The first of the state's words, as bytes big-endian.
Digest DigestOfState(const uint32_t (&words)[Digest::kBytes / 4]) {
  unsigned char bytes[Digest::kBytes];
  for (size_t i = 0; i < Digest::kBytes / 4; ++i) PutBigEndian32(words[i], bytes + 4 * i);
  return Digest::FromBytes(reinterpret_cast<const char*>(bytes));
}

// After the key block of a record.
constexpr std::string_view kRecordLabel = "driftwood record v1";
constexpr std::string_view kColumnLabel = "driftwood column v1";

SHA256_CTX KeyedContext(const DigestKey& key, std::string_view label) {
  const Block block = KeyBlock(key, label);
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, block.data(), block.size());
  return context;
}

// Behind its length.
void AddFramed(std::string_view bytes, SHA256_CTX* context) {
  DRIFTWOOD_CHECK(bytes.size() <= UINT32_MAX);
  unsigned char frame[kFrameBytes];
  PutBigEndian32(static_cast<uint32_t>(bytes.size()), frame);
  SHA256_Update(context, frame, sizeof frame);
  SHA256_Update(context, bytes.data(), bytes.size());
}

Digest DigestOf(SHA256_CTX* context) {
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  SHA256_Final(bytes, context);
  return Digest::FromBytes(reinterpret_cast<const char*>(bytes));
}

uint64_t DeriveSeed(const DigestKey& key, std::string_view label) {
  uint64_t seed = 0;
  std::memcpy(&seed, Derive(key, label).data(), sizeof seed);
  return seed;
}

}  // namespace

void Digest::AppendTo(std::string* out) const {
  char bytes[kBytes];
  CopyTo(bytes);
  out->append(bytes, kBytes);
}

void Digest::CopyTo(char* out) const {
  std::memcpy(out, &low, sizeof low);
  std::memcpy(out + sizeof low, &high, sizeof high);
}

Digest Digest::FromBytes(const char* bytes) {
  Digest digest;
  std::memcpy(&digest.low, bytes, sizeof digest.low);
  std::memcpy(&digest.high, bytes + sizeof digest.low, sizeof digest.high);
  return digest;
}

DigestKey DigestKey::Random() {
  DigestKey key;
  size_t filled = 0;
  while (filled < kBytes) {
    const ssize_t got = getrandom(key.bytes_.data() + filled, kBytes - filled, 0);
    DRIFTWOOD_CHECK(got > 0 || errno == EINTR);  // cannot fail otherwise on any supported kernel
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return key;
}

absl::StatusOr<DigestKey> DigestKey::FromBytes(std::string_view bytes) {
  if (bytes.size() != kBytes) {
    return absl::InvalidArgumentError("a digest key is exactly " + std::to_string(kBytes) +
                                      " bytes long; got " + std::to_string(bytes.size()));
  }
  DigestKey key;
  std::memcpy(key.bytes_.data(), bytes.data(), kBytes);
  return key;
}

std::string DigestKey::KeyId() const { return Derive(*this, "driftwood key id v1").substr(0, 16); }
uint64_t DigestKey::LevelSeed() const { return DeriveSeed(*this, "driftwood level v1"); }
uint64_t DigestKey::TagSeed() const { return DeriveSeed(*this, "driftwood tag v1"); }

struct RecordHasher::State {
  SHA256_CTX keyed;
  SHA256_CTX begun{};  // what Begin() and Add() have taken
};

RecordHasher::RecordHasher(const DigestKey& key)
    : state_(std::make_unique<State>(State{KeyedContext(key, kRecordLabel), {}})) {}

RecordHasher::~RecordHasher() = default;
RecordHasher::RecordHasher(RecordHasher&&) noexcept = default;
RecordHasher& RecordHasher::operator=(RecordHasher&&) noexcept = default;

Digest RecordHasher::Hash(std::string_view key, std::string_view value) {
  SHA256_CTX context = state_->keyed;
  if (IsShort(key, value)) {
    unsigned char message[kPaddedBytesMax];
    const size_t padded = PaddedBytes(key, value);
    LayOut(key, value, padded, message);
    SHA256_Update(&context, message, padded);
    return DigestOfState({context.h[0], context.h[1], context.h[2], context.h[3]});
  }
  AddFramed(key, &context);
  SHA256_Update(&context, value.data(), value.size());
  return DigestOf(&context);
}

void RecordHasher::Begin(std::string_view key) {
  state_->begun = state_->keyed;
  AddFramed(key, &state_->begun);
}

void RecordHasher::Add(std::string_view piece) {
  SHA256_Update(&state_->begun, piece.data(), piece.size());
}

Digest RecordHasher::End() { return DigestOf(&state_->begun); }

// Messages of one number of blocks wait until there is one for each lane.
struct BatchHasher::State {
  static constexpr size_t kBlocksMax = 16;  // of a message that waits for others
  struct Waiting {
    std::vector<unsigned char> messages;  // as Sha256Lanes::compress takes them
    std::vector<size_t> places;           // in the vector of digests
  };

  RecordHasher one;
  SHA256_CTX keyed;
  const Sha256Lanes* lanes;
  std::array<Waiting, kBlocksMax> waiting{};  // at [n]: of n + 1 blocks

  // Lanes without a message hash what is left there of an earlier one, in vain.
  void Compress(size_t blocks, Waiting* from, std::vector<Digest>* digests) const {
    uint32_t state[kSha256StateWords * kSha256LanesMax];
    for (size_t i = 0; i < kSha256StateWords; ++i) {
      std::fill_n(state + i * lanes->lanes, lanes->lanes, keyed.h[i]);
    }
    lanes->compress(state, from->messages.data(), blocks);
    for (size_t lane = 0; lane < from->places.size(); ++lane) {
      const uint32_t* const word = state + lane;
      (*digests)[from->places[lane]] = DigestOfState(
          {word[0], word[lanes->lanes], word[2 * lanes->lanes], word[3 * lanes->lanes]});
    }
    from->places.clear();
  }
};

BatchHasher::BatchHasher(const DigestKey& key) : BatchHasher(key, BestSha256Lanes()) {}

BatchHasher::BatchHasher(const DigestKey& key, const Sha256Lanes* lanes)
    : state_(std::make_unique<State>(
          State{RecordHasher(key), KeyedContext(key, kRecordLabel), lanes})) {}

BatchHasher::~BatchHasher() = default;
BatchHasher::BatchHasher(BatchHasher&&) noexcept = default;
BatchHasher& BatchHasher::operator=(BatchHasher&&) noexcept = default;

void BatchHasher::Add(std::string_view key, std::string_view value, std::vector<Digest>* digests) {
  State& state = *state_;
  const size_t blocks = PaddedBytes(key, value) / kBlockBytes;
  if (state.lanes == nullptr || blocks > State::kBlocksMax) {
    digests->push_back(state.one.Hash(key, value));
    return;
  }
  State::Waiting& waiting = state.waiting[blocks - 1];
  waiting.places.push_back(digests->size());
  digests->emplace_back();
  const size_t padded = blocks * kBlockBytes;
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

struct ColumnHasher::State {
  SHA256_CTX keyed;    // after the key block
  SHA256_CTX begun{};  // what Begin() and Add() have taken
};

ColumnHasher::ColumnHasher(const DigestKey& key)
    : state_(std::make_unique<State>(State{KeyedContext(key, kColumnLabel), {}})) {}

ColumnHasher::~ColumnHasher() = default;
ColumnHasher::ColumnHasher(ColumnHasher&&) noexcept = default;
ColumnHasher& ColumnHasher::operator=(ColumnHasher&&) noexcept = default;

void ColumnHasher::AppendTag(std::string_view record_key, std::string_view column,
                             std::string_view encoding, std::string* out) {
  Begin(record_key, column);
  Add(encoding);
  End(out);
}

void ColumnHasher::Begin(std::string_view record_key, std::string_view column) {
  state_->begun = state_->keyed;
  AddFramed(record_key, &state_->begun);
  AddFramed(column, &state_->begun);
}

void ColumnHasher::Add(std::string_view piece) {
  SHA256_Update(&state_->begun, piece.data(), piece.size());
}

void ColumnHasher::End(std::string* out) {
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  SHA256_Final(bytes, &state_->begun);
  out->append(reinterpret_cast<const char*>(bytes), kBytes);
}

std::string Sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace driftwood::merkle
