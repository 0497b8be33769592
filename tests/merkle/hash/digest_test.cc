// Covers record_message.cc too.
#include "merkle/hash/digest.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/testing/counting_key.h"

namespace driftwood::merkle {
namespace {

std::string Block(const DigestKey& key, std::string label) {
  label.resize(32, '\0');
  return std::string(key.bytes()) + label;
}

Digest FirstBytes(const std::string& sha256) { return Digest::FromBytes(sha256.data()); }

TEST(DigestTest, ARecordsDigestIsSha256OverKeyBlockFramedKeyAndValue) {
  const DigestKey key = CountingKey();
  RecordHasher hasher(key);
  for (size_t value_size : {0u, 1u, 100u, 107u, 108u, 109u, 5000u}) {
    const std::string record_key = "key";
    const std::string value(value_size, 'v');
    const std::string all =
        Block(key, "driftwood record v1") + std::string("\0\0\0\3", 4) + record_key + value;
    EXPECT_EQ(hasher.Hash(record_key, value), FirstBytes(Sha256(all))) << value_size;
  }
}

TEST(DigestTest, PiecesHashAsTheWholeThatTheyMakeUp) {
  const std::string bytes(5000, 'v');
  for (const size_t piece : {1u, 63u, 64u, 65u, 4999u, 5000u}) {
    Sha256Hasher hasher;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      hasher.Add(std::string_view(bytes).substr(at, piece));
    }
    EXPECT_EQ(hasher.Finish(), Sha256(bytes)) << piece;
  }
  EXPECT_EQ(Sha256Hasher().Finish(), Sha256(""));
}

// Every length about the ends of blocks and the length from which on records are hashed in pieces.
TEST(DigestTest, RecordsOfEveryLengthAreHashedAlike) {
  const DigestKey key = CountingKey();
  RecordHasher hasher(key);
  const std::string bytes(5000, 'v');
  const std::string block = Block(key, "driftwood record v1");
  for (const size_t key_size : {0u, 1u, 9u, 64u, 1023u, 1024u, 1025u, 4000u}) {
    const std::string record_key(key_size, 'k');
    const std::string frame = {'\0', '\0', static_cast<char>(key_size >> 8),
                               static_cast<char>(key_size)};
    for (size_t size = 0; size < 1200; size += size < 200 || size > 1000 ? 1 : 64) {
      const std::string_view value = std::string_view(bytes).substr(0, size);
      const std::string all = block + frame + record_key + std::string(value);
      ASSERT_EQ(hasher.Hash(record_key, value), FirstBytes(Sha256(all)))
          << "key of " << key_size << ", value of " << size;
    }
  }
}

std::string BodyHash(BodyHasher* hasher, std::string_view body) {
  std::string hash(BodyHasher::kBytes, '\0');
  hasher->Hash(body, hash.data());
  return hash;
}

// Every length about the ends of blocks and the one from which on they are not laid out.
TEST(DigestTest, ABodysHashIsSha256OverItsOwnKeyBlockAndTheBodyAlone) {
  const DigestKey key = CountingKey();
  BodyHasher hasher(key);
  const std::string bytes(5000, 'v');
  for (size_t size = 0; size < bytes.size(); size += size < 200 || size > 4900 ? 1 : 3) {
    const std::string body = bytes.substr(0, size);
    ASSERT_EQ(BodyHash(&hasher, body),
              Sha256(Block(key, "driftwood body v1") + body).substr(0, BodyHasher::kBytes))
        << size;
  }
}

TEST(DigestTest, ABodyInPiecesIsHashedAsInOne) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  std::mt19937 random(seed);
  BodyHasher hasher(CountingKey());
  for (size_t i = 0; i < 500; ++i) {
    std::string body(random() % 3000, '\0');
    for (char& c : body) c = static_cast<char>(random());
    hasher.Begin();
    for (size_t at = 0; at < body.size();) {
      const size_t size = std::min<size_t>(random() % 200, body.size() - at);
      hasher.Add(std::string_view(body).substr(at, size));
      at += size;
      if (random() % 10 == 0) BodyHash(&hasher, "another");
    }
    std::string hash = "before";
    hasher.End(&hash);
    ASSERT_EQ(hash, "before" + BodyHash(&hasher, body)) << "seed " << seed;
  }
}

TEST(DigestTest, ABodysHashMayBeWrittenOverIt) {
  BodyHasher hasher(CountingKey());
  for (const size_t size : {size_t{100}, size_t{5000}}) {
    std::string body(size, 'x');
    const std::string hash = BodyHash(&hasher, body);
    hasher.Hash(body, body.data());
    EXPECT_EQ(body.substr(0, BodyHasher::kBytes), hash);
  }
}

TEST(DigestTest, Sha256GivesTheKnownAnswer) {
  const std::string digest = Sha256("abc");
  EXPECT_EQ(digest.substr(0, 4), "\xba\x78\x16\xbf");
  EXPECT_EQ(digest.size(), 32u);
}

TEST(DigestTest, KeyAndValueAreFramedApart) {
  RecordHasher hasher(DigestKey::Unkeyed());
  EXPECT_NE(hasher.Hash("ab", "c"), hasher.Hash("a", "bc"));
  EXPECT_NE(hasher.Hash("ab", ""), hasher.Hash("", "ab"));
}

std::string ColumnTag(const DigestKey& key, std::string_view record, std::string_view column,
                      std::string_view encoding) {
  std::string tag;
  ColumnHasher(key).AppendTag(record, column, encoding, &tag);
  return tag;
}

// The known answers were made with another implementation of SHA-256.
TEST(DigestTest, AColumnsTagIsSha256OverItsOwnKeyBlockAndFramedRecordColumnAndValue) {
  const DigestKey key = CountingKey();
  const std::string record("\x10\x80\0\0\0\0\0\0\x2a", 9);
  const std::string encoding("\x20\0\0\0\3abc", 8);
  const std::string all = Block(key, "driftwood column v1") + std::string("\0\0\0\x09", 4) +
                          record + std::string("\0\0\0\4", 4) + "name" + encoding;
  const std::string tag = ColumnTag(key, record, "name", encoding);
  EXPECT_EQ(tag, Sha256(all).substr(0, ColumnHasher::kBytes));
  EXPECT_EQ(tag, "\xa2\x2f\x5f\x06\x49\xcf\x23\x52");
  EXPECT_EQ(ColumnTag(key, "", "", ""), "\xf6\x76\xa0\xed\x15\x29\xea\x0d");
}

TEST(DigestTest, AColumnsTagIsBoundToKeyRecordColumnAndValue) {
  const DigestKey key = CountingKey();
  const std::string tag = ColumnTag(key, "record", "column", "value");
  EXPECT_EQ(tag, ColumnTag(key, "record", "column", "value"));
  EXPECT_NE(tag, ColumnTag(DigestKey::Unkeyed(), "record", "column", "value"));
  EXPECT_NE(tag, ColumnTag(key, "recorD", "column", "value"));
  EXPECT_NE(tag, ColumnTag(key, "record", "columN", "value"));
  EXPECT_NE(tag, ColumnTag(key, "record", "column", "valuE"));
  EXPECT_NE(tag, ColumnTag(key, "recordc", "olumn", "value"));
  EXPECT_NE(tag, ColumnTag(key, "record", "columnv", "alue"));
}

TEST(DigestTest, AnotherKeyGivesAnotherDigestIdAndSeeds) {
  const DigestKey one = CountingKey();
  const DigestKey two = DigestKey::Random();
  EXPECT_NE(RecordHasher(one).Hash("k", "v"), RecordHasher(two).Hash("k", "v"));
  EXPECT_NE(one.KeyId(), two.KeyId());
  EXPECT_NE(one.LevelSeed(), two.LevelSeed());
  EXPECT_NE(one.TagSeed(), two.TagSeed());
  EXPECT_NE(one.TagSeed(), one.LevelSeed());
  EXPECT_EQ(one.KeyId(), Sha256(Block(one, "driftwood key id v1")).substr(0, 16));
}

TEST(DigestTest, AKeyIsExactly32Bytes) {
  EXPECT_EQ(DigestKey::FromBytes(std::string(31, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DigestKey::FromBytes(std::string(33, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(DigestKey::FromBytes(std::string(32, 'x'))->keyed());
  EXPECT_FALSE(DigestKey::Unkeyed().keyed());
  EXPECT_TRUE(DigestKey::Random().keyed());
}

TEST(DigestTest, SumsCarryIntoTheHighHalfAndWrapAround) {
  const Digest max{UINT64_MAX, UINT64_MAX};
  const Digest one{1, 0};
  EXPECT_EQ(max + one, Digest{});
  EXPECT_EQ(Digest{} - one, max);
  EXPECT_EQ((Digest{UINT64_MAX, 5} + one), (Digest{0, 6}));
  EXPECT_EQ((Digest{0, 6} - one), (Digest{UINT64_MAX, 5}));
}

// Ledger row 4: a duplicated record cancels itself under XOR; under a sum with a count it doesn't.
TEST(DigestTest, LedgerRow4APairOfEqualRecordsDoesNotCancel) {
  const Digest digest = RecordHasher(CountingKey()).Hash("k", "v");
  Summary twice;
  twice.Add(digest);
  twice.Add(digest);
  EXPECT_NE(twice, Summary{});
  EXPECT_EQ(twice.count, 2u);
  twice.Remove(digest);
  twice.Remove(digest);
  EXPECT_EQ(twice, Summary{});
}

TEST(DigestTest, BytesAreLittleEndianAndRoundTrip) {
  const Digest digest{0x0706050403020100, 0x0F0E0D0C0B0A0908};
  std::string bytes;
  digest.AppendTo(&bytes);
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(static_cast<size_t>(bytes[i]), i);
  EXPECT_EQ(Digest::FromBytes(bytes.data()), digest);
  EXPECT_EQ(digest.Low32(), 0x03020100u);
}

}  // namespace
}  // namespace driftwood::merkle
