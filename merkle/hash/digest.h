// Digest key, record digest, and the sums that make up a range's summary.
//
// Values: they copy and compare, have no locks. A RecordHasher belongs to one thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace driftwood::merkle {

// A 128-bit number, little-endian on disk and wire: byte 0 of the SHA-256 output is the lowest
// byte. Used both for one record's digest and for a sum of digests mod 2^128. A secret, like the
// digest key: show people a salted hash of it instead (coordinator/audit/confirm/version.h).
struct Digest {
  static constexpr size_t kBytes = 16;

  uint64_t low = 0;
  uint64_t high = 0;

  // The lowest 32 bits: what travels in place of the digest where a short fingerprint will do.
  uint32_t Low32() const { return static_cast<uint32_t>(low); }

  // Appends / reads the 16 little-endian bytes. `bytes` must hold at least 16.
  void AppendTo(std::string* out) const;
  void CopyTo(char* out) const;
  static Digest FromBytes(const char* bytes);

  Digest& operator+=(const Digest& other) {
    low += other.low;
    high += other.high + (low < other.low ? 1 : 0);
    return *this;
  }
  Digest& operator-=(const Digest& other) {
    high -= other.high + (low < other.low ? 1 : 0);
    low -= other.low;
    return *this;
  }
  friend Digest operator+(Digest a, const Digest& b) { return a += b; }
  friend Digest operator-(Digest a, const Digest& b) { return a -= b; }
  friend bool operator==(const Digest&, const Digest&) = default;
};

// What a range holds: how many records, and the sum of their digests mod 2^128 (MSet-Add-Hash:
// Clarke, Devadas, van Dijk, Gassend, Suh, "Incremental multiset hash functions", 2003).
struct Summary {
  uint64_t count = 0;
  Digest sum;

  Summary& operator+=(const Summary& other) {
    count += other.count;
    sum += other.sum;
    return *this;
  }
  Summary& operator-=(const Summary& other) {
    count -= other.count;
    sum -= other.sum;
    return *this;
  }
  void Add(const Digest& digest) {
    ++count;
    sum += digest;
  }
  void Remove(const Digest& digest) {
    --count;
    sum -= digest;
  }
  friend Summary operator+(Summary a, const Summary& b) { return a += b; }
  friend Summary operator-(Summary a, const Summary& b) { return a -= b; }
  friend bool operator==(const Summary&, const Summary&) = default;
};

// The dataset's secret: exactly 32 random bytes, the same at all its agents. What it is used for
// is separated by labels, each absorbed as one 64-byte SHA-256 block (key, then 32 bytes of label
// and version).
class DigestKey {
 public:
  static constexpr size_t kBytes = 32;

  // From the operating system's random source.
  static DigestKey Random();
  // The all-zero key of an agent served without one: catches every accident, no adversary.
  static DigestKey Unkeyed() { return DigestKey(); }
  // InvalidArgument unless `bytes` is exactly 32 bytes long.
  static absl::StatusOr<DigestKey> FromBytes(std::string_view bytes);

  bool keyed() const { return bytes_ != std::array<uint8_t, kBytes>{}; }
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  // 16 bytes that identify the key without giving it away.
  std::string KeyId() const;
  // Seeds of the cut point levels and of the 16-bit tags of cut keys (merkle/hash/level.h).
  uint64_t LevelSeed() const;
  uint64_t TagSeed() const;
  // 16 bytes that only who holds the key can make for `message`: of an index's metadata.
  std::string IndexMac(std::string_view message) const;

  friend bool operator==(const DigestKey&, const DigestKey&) = default;

 private:
  std::array<uint8_t, kBytes> bytes_{};
};

// Digests of records: the first 128 bits of SHA-256(key block ‖ length of key, 4 bytes big-endian
// ‖ key ‖ value). Costs two compressions for key + value up to 115 bytes. One thread at a time.
class RecordHasher {
 public:
  explicit RecordHasher(const DigestKey& key);
  ~RecordHasher();
  RecordHasher(RecordHasher&&) noexcept;
  RecordHasher& operator=(RecordHasher&&) noexcept;

  Digest Hash(std::string_view key, std::string_view value);

  // SHA-256's state after the key block, for whoever compresses by itself (batch_hasher.h).
  std::array<uint32_t, 8> KeyedState() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What stands for a long body in what is hashed of a record (merkle/record/hashed_form.h): the
// first 128 bits of SHA-256(key block of its own label ‖ body). Bound to no record, column or type,
// so that whoever holds it needs the body no more, wherever its record goes. A secret like a
// digest: equal bodies have equal ones. One thread at a time.
class BodyHasher {
 public:
  static constexpr size_t kBytes = 16;

  explicit BodyHasher(const DigestKey& key);
  ~BodyHasher();
  BodyHasher(BodyHasher&&) noexcept;
  BodyHasher& operator=(BodyHasher&&) noexcept;

  // Writes kBytes to `out`, which may be the body's own beginning.
  void Hash(std::string_view body, char* out);

  // The same of a body that comes piece by piece: Begin(), Add() for each, End(), which appends.
  void Begin();
  void Add(std::string_view piece);
  void End(std::string* out);

  // SHA-256's state after the key block, as RecordHasher has it.
  std::array<uint32_t, 8> KeyedState() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Column tags: by them agents say in which columns of a record they hold the same, without saying
// what. The first 64 bits of SHA-256(key block of its own label ‖ length of record key, 4 bytes
// big-endian ‖ record key ‖ length of column name, likewise ‖ column name ‖ hashed form): bound to
// the record and the column, so that nothing shows which records or columns share a value. Under
// the key of all zeros anyone can try values out. One thread at a time.
class ColumnHasher {
 public:
  static constexpr size_t kBytes = 8;  // of a tag

  explicit ColumnHasher(const DigestKey& key);
  ~ColumnHasher();
  ColumnHasher(ColumnHasher&&) noexcept;
  ColumnHasher& operator=(ColumnHasher&&) noexcept;

  // Appends the tag of one value in its hashed form (merkle/record/hashed_form.h).
  void AppendTag(std::string_view record_key, std::string_view column, std::string_view encoding,
                 std::string* out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// SHA-256 of `bytes`, for what is not a record (fingerprints, ids, versions). 32 bytes.
std::string Sha256(std::string_view bytes);

// The same of bytes that come piece by piece. One thread at a time.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;

  void Add(std::string_view piece);
  // 32 bytes. After it the hasher is used up.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace driftwood::merkle
