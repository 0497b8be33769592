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
#include "merkle/hash/record_message.h"

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

// The first of the state's words, as bytes big-endian.
Digest DigestOfState(const uint32_t* words) {
  unsigned char bytes[Digest::kBytes];
  for (size_t i = 0; i < Digest::kBytes / 4; ++i) PutBigEndian32(words[i], bytes + 4 * i);
  return Digest::FromBytes(reinterpret_cast<const char*>(bytes));
}

// After the key block of a record.
constexpr std::string_view kRecordLabel = "driftwood record v1";
constexpr std::string_view kColumnLabel = "driftwood column v1";
constexpr std::string_view kBodyLabel = "driftwood body v1";
constexpr std::string_view kIndexLabel = "driftwood index v1";

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

std::array<uint32_t, 8> WordsOf(const SHA256_CTX& context) {
  std::array<uint32_t, 8> words;
  std::copy_n(context.h, words.size(), words.begin());
  return words;
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
                                      " bytes long, not " + std::to_string(bytes.size()));
  }
  DigestKey key;
  std::memcpy(key.bytes_.data(), bytes.data(), kBytes);
  return key;
}

std::string DigestKey::KeyId() const { return Derive(*this, "driftwood key id v1").substr(0, 16); }
uint64_t DigestKey::LevelSeed() const { return DeriveSeed(*this, "driftwood level v1"); }
uint64_t DigestKey::TagSeed() const { return DeriveSeed(*this, "driftwood tag v1"); }

std::string DigestKey::IndexMac(std::string_view message) const {
  SHA256_CTX context = KeyedContext(*this, kIndexLabel);
  AddFramed(message, &context);
  std::string mac;
  DigestOf(&context).AppendTo(&mac);  // half of it: what is left out can't be gone on from
  return mac;
}

struct RecordHasher::State {
  SHA256_CTX keyed;  // after the key block
};

RecordHasher::RecordHasher(const DigestKey& key)
    : state_(std::make_unique<State>(State{KeyedContext(key, kRecordLabel)})) {}

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
    return DigestOfState(context.h);
  }
  AddFramed(key, &context);
  SHA256_Update(&context, value.data(), value.size());
  return DigestOf(&context);
}

std::array<uint32_t, 8> RecordHasher::KeyedState() const { return WordsOf(state_->keyed); }

struct BodyHasher::State {
  SHA256_CTX keyed;    // after the key block
  SHA256_CTX begun{};  // what Begin() and Add() have taken
};

BodyHasher::BodyHasher(const DigestKey& key)
    : state_(std::make_unique<State>(State{KeyedContext(key, kBodyLabel), {}})) {}

BodyHasher::~BodyHasher() = default;
BodyHasher::BodyHasher(BodyHasher&&) noexcept = default;
BodyHasher& BodyHasher::operator=(BodyHasher&&) noexcept = default;

void BodyHasher::Hash(std::string_view body, char* out) {
  SHA256_CTX context = state_->keyed;
  if (body.size() <= kShortBytes) {
    unsigned char message[kPaddedBytesMax];
    const size_t padded = PaddedBytes(body.size());
    LayOut(body, padded, message);
    SHA256_Update(&context, message, padded);
    DigestOfState(context.h).CopyTo(out);
    return;
  }
  SHA256_Update(&context, body.data(), body.size());
  DigestOf(&context).CopyTo(out);
}

void BodyHasher::Begin() { state_->begun = state_->keyed; }

void BodyHasher::Add(std::string_view piece) {
  SHA256_Update(&state_->begun, piece.data(), piece.size());
}

void BodyHasher::End(std::string* out) { DigestOf(&state_->begun).AppendTo(out); }

std::array<uint32_t, 8> BodyHasher::KeyedState() const { return WordsOf(state_->keyed); }

struct ColumnHasher::State {
  SHA256_CTX keyed;  // after the key block
};

ColumnHasher::ColumnHasher(const DigestKey& key)
    : state_(std::make_unique<State>(State{KeyedContext(key, kColumnLabel)})) {}

ColumnHasher::~ColumnHasher() = default;
ColumnHasher::ColumnHasher(ColumnHasher&&) noexcept = default;
ColumnHasher& ColumnHasher::operator=(ColumnHasher&&) noexcept = default;

void ColumnHasher::AppendTag(std::string_view record_key, std::string_view column,
                             std::string_view encoding, std::string* out) {
  SHA256_CTX context = state_->keyed;
  AddFramed(record_key, &context);
  AddFramed(column, &context);
  SHA256_Update(&context, encoding.data(), encoding.size());
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  SHA256_Final(bytes, &context);
  out->append(reinterpret_cast<const char*>(bytes), kBytes);
}

struct Sha256Hasher::State {
  SHA256_CTX context;
};

Sha256Hasher::Sha256Hasher() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }

Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

void Sha256Hasher::Add(std::string_view piece) {
  SHA256_Update(&state_->context, piece.data(), piece.size());
}

std::string Sha256Hasher::Finish() {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &state_->context);
  return digest;
}

std::string Sha256(std::string_view bytes) {
  // Not SHA256(): it looks up its own algorithm by name, which takes longer than a short text.
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context);
  return digest;
}

}  // namespace driftwood::merkle
