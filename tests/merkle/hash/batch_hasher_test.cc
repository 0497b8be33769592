#include "merkle/hash/batch_hasher.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "merkle/hash/sha256_lanes.h"
#include "tests/testing/counting_key.h"
#include "tests/testing/seed.h"

namespace driftwood::merkle {
namespace {

std::string BodyHash(const DigestKey& key, std::string_view body) {
  std::string hash(BodyHasher::kBytes, '\0');
  BodyHasher(key).Hash(body, hash.data());
  return hash;
}

// One record after the other, and all that this processor has.
std::vector<const Sha256Lanes*> AllLanes() {
  static const std::vector<Sha256Lanes> runnable = RunnableSha256Lanes();
  std::vector<const Sha256Lanes*> all = {nullptr};
  for (const Sha256Lanes& lanes : runnable) all.push_back(&lanes);
  return all;
}
std::string NameOf(const Sha256Lanes* lanes) {
  return lanes == nullptr ? "one after the other" : lanes->name;
}

// All lengths that lanes take and those beyond, mixed, so that lanes of every length fill up at
// different times, and some never.
TEST(BatchHasherTest, ABatchHashesAsOneAfterTheOther) {
  const DigestKey key = CountingKey();
  RecordHasher one(key);
  const testing::Seed seed;
  for (const Sha256Lanes* const lanes : AllLanes()) {
    SCOPED_TRACE(NameOf(lanes));
    std::mt19937_64 random(seed.value());
    BatchHasher batch(key, lanes);
    std::vector<Digest> digests, expected;
    for (size_t i = 0; i < 5000; ++i) {
      const size_t size = i % 7 == 0 ? random() % 3000 : random() % 150;
      std::string record_key(random() % 20, '\0'), value(size, '\0');
      for (char& c : record_key) c = static_cast<char>(random());
      for (char& c : value) c = static_cast<char>(random());
      batch.Add(record_key, value, &digests);
      expected.push_back(one.Hash(record_key, value));
      if (random() % 500 == 0) batch.Flush(&digests);
    }
    batch.Flush(&digests);
    ASSERT_EQ(digests, expected);
    std::vector<Digest> none;
    batch.Flush(&none);
    ASSERT_TRUE(none.empty());
  }
}

// Records with none to three bodies of all lengths, so many that they are hashed in several rounds,
// among others whose value is too long for lanes.
TEST(BatchHasherTest, ABatchPutsTheHashesOfBodiesWhereTheyBelong) {
  const DigestKey key = CountingKey();
  RecordHasher one(key);
  const testing::Seed seed;
  for (const Sha256Lanes* const lanes : AllLanes()) {
    if (lanes == nullptr) continue;
    SCOPED_TRACE(NameOf(lanes));
    std::mt19937_64 random(seed.value());
    BatchHasher batch(key, lanes);
    std::vector<Digest> digests, expected;
    for (size_t i = 0; i < 8000; ++i) {
      const std::string record_key = "key " + std::to_string(i);
      std::string value(random() % 100, 'v'), given = value;
      for (size_t n = random() % 4; n > 0; --n) {
        std::string body(BodyHasher::kBytes + random() % 1200, '\0');
        for (char& c : body) c = static_cast<char>(random());
        if (batch.TakesBody(body.size())) {
          batch.AddBody(body, given.size());
          given += body.substr(0, BodyHasher::kBytes);
          value += BodyHash(key, body);
        } else {
          EXPECT_GT(body.size(), 1000u);
          given += body;
          value += body;
        }
        given += "end";
        value += "end";
      }
      batch.Add(record_key, given, &digests);
      expected.push_back(one.Hash(record_key, value));
      if (random() % 3000 == 0) batch.Flush(&digests);
    }
    batch.Flush(&digests);
    ASSERT_EQ(digests, expected);
  }
}

TEST(BatchHasherTest, ABatchUsesTheLanesThatAreThere) {
  const DigestKey key = CountingKey();
  std::vector<Digest> digests;
  BatchHasher batch(key);
  batch.Add("k", "v", &digests);
  batch.Flush(&digests);
  EXPECT_EQ(digests, std::vector<Digest>{RecordHasher(key).Hash("k", "v")});
}

TEST(BatchHasherTest, NothingIsFlushedToNothing) {
  for (const Sha256Lanes* const lanes : AllLanes()) {
    SCOPED_TRACE(NameOf(lanes));
    BatchHasher batch(CountingKey(), lanes);
    std::vector<Digest> digests;
    batch.Flush(&digests);
    batch.Flush(&digests);
    EXPECT_TRUE(digests.empty());
  }
}

// What is in `digests` before, and between two batches, stays as it is.
TEST(BatchHasherTest, DigestsStandWhereTheirRecordsWereAdded) {
  const DigestKey key = CountingKey();
  const Digest other{7, 8};
  for (const Sha256Lanes* const lanes : AllLanes()) {
    SCOPED_TRACE(NameOf(lanes));
    BatchHasher batch(key, lanes);
    std::vector<Digest> digests = {other};
    batch.Add("a", "1", &digests);
    batch.Add("b", std::string(2000, '2'), &digests);
    batch.Flush(&digests);
    digests.push_back(other);
    batch.Add("c", "3", &digests);
    batch.Flush(&digests);
    RecordHasher one(key);
    EXPECT_EQ(digests,
              (std::vector<Digest>{other, one.Hash("a", "1"), one.Hash("b", std::string(2000, '2')),
                                   other, one.Hash("c", "3")}));
  }
}

// Each number of records from none to more than the lanes, with and without bodies.
TEST(BatchHasherTest, LanesThatStayEmptyDoNotCount) {
  const DigestKey key = CountingKey();
  RecordHasher one(key);
  for (const Sha256Lanes* const lanes : AllLanes()) {
    SCOPED_TRACE(NameOf(lanes));
    BatchHasher batch(key, lanes);
    for (size_t count = 0; count <= 2 * kSha256LanesMax + 1; ++count) {
      std::vector<Digest> digests, expected;
      for (size_t i = 0; i < count; ++i) {
        std::string given = "value " + std::to_string(i), value = given;
        const std::string body(200, static_cast<char>('a' + i % 26));
        if (i % 2 == 0 && batch.TakesBody(body.size())) {
          batch.AddBody(body, given.size());
          given += body.substr(0, BodyHasher::kBytes);
          value += BodyHash(key, body);
        }
        batch.Add("key", given, &digests);
        expected.push_back(one.Hash("key", value));
      }
      batch.Flush(&digests);
      ASSERT_EQ(digests, expected) << count;
    }
  }
}

TEST(BatchHasherTest, ABodyMayStandAtTheBeginningAndManyInOneValue) {
  const DigestKey key = CountingKey();
  for (const Sha256Lanes* const lanes : AllLanes()) {
    if (lanes == nullptr) continue;
    SCOPED_TRACE(NameOf(lanes));
    BatchHasher batch(key, lanes);
    std::string given, value;
    for (size_t i = 0; i < 50; ++i) {
      const std::string body(BodyHasher::kBytes + i, 'b');
      batch.AddBody(body, given.size());
      given.append(BodyHasher::kBytes, '?');
      value += BodyHash(key, body);
    }
    std::vector<Digest> digests;
    batch.Add("key", given, &digests);
    batch.Flush(&digests);
    EXPECT_EQ(digests, std::vector<Digest>{RecordHasher(key).Hash("key", value)});
  }
}

// Up to 16 blocks with their padding: 1 byte and 8 of the length go off.
TEST(BatchHasherTest, BodiesAreTakenUpToALength) {
  for (const Sha256Lanes* const lanes : AllLanes()) {
    const BatchHasher batch(CountingKey(), lanes);
    const bool any = lanes != nullptr;
    for (const size_t bytes : {0u, 1u, 55u, 56u, 200u, 1000u, 1015u}) {
      EXPECT_EQ(batch.TakesBody(bytes), any) << bytes;
    }
    for (const size_t bytes : {1016u, 1017u, 5000u}) EXPECT_FALSE(batch.TakesBody(bytes)) << bytes;
  }
}

TEST(BatchHasherTest, AMovedOneGoesOnWithItsRecords) {
  const DigestKey key = CountingKey();
  for (const Sha256Lanes* const lanes : AllLanes()) {
    SCOPED_TRACE(NameOf(lanes));
    std::vector<Digest> digests;
    BatchHasher first(key, lanes);
    first.Add("a", "1", &digests);
    BatchHasher second = std::move(first);
    second.Add("b", "2", &digests);
    BatchHasher third(DigestKey::Unkeyed(), lanes);
    third = std::move(second);
    third.Flush(&digests);
    RecordHasher one(key);
    EXPECT_EQ(digests, (std::vector<Digest>{one.Hash("a", "1"), one.Hash("b", "2")}));
  }
}

}  // namespace
}  // namespace driftwood::merkle
