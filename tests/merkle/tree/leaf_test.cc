#include "merkle/tree/leaf.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "merkle/text/hex.h"
#include "merkle/tree/node.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::merkle {
namespace {

const std::string kKey = NodeKey(1, "start");

std::string Pack(const Records& records) {
  RecordBlock block;
  for (const auto& [key, digest] : records) block.Append(key, digest);
  std::string value;
  EXPECT_TRUE(PackLeaf(kKey, block, 0, block.count(), &value).ok());
  return value;
}

// Known answer: pins the byte format.
TEST(LeafTest, TwoRecordsAreTheseBytes) {
  const std::string value = Pack({{"ka", Digest{1, 2}}, {"kb", Digest{3, 4}}});
  EXPECT_EQ(ShortHex(value, 1000),
            "8b24e965f8c181b3"                  // checksum
            "04000000000000000600000000000000"  // sum
            "02000000"
            "04000000"
            "01000000"  // count; prefix of 1 byte, kind 0; width 1
            "6b"
            "6162"  // prefix, suffixes
            "01000000000000000200000000000000"
            "03000000000000000400000000000000");
}

TEST(LeafTest, RecordsAreFoundAgainWhateverTheirKeys) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("--gtest_random_seed=" + std::to_string(seed));
  Random random(static_cast<uint64_t>(seed));
  for (int round = 0; round < 300; ++round) {
    MemoryTree twin(DigestKey::Unkeyed(), {});
    const size_t key_bytes_max = 1 + RandomBelow(random, 12);
    const std::string prefix(RandomBelow(random, 20) == 0 ? 70'000 : RandomBelow(random, 4), 'p');
    for (size_t i = RandomBelow(random, 40); i > 0; --i) {
      twin.Put(prefix + RandomKey(random, key_bytes_max), RandomDigest(random));
    }
    const Records records = RecordsOf(twin);
    const std::string value = Pack(records);
    const auto leaf = LeafView::Parse(kKey, value);
    ASSERT_TRUE(leaf.ok()) << leaf.status();
    EXPECT_EQ(leaf->summary(), twin.root());
    for (size_t i = 0; i < records.size(); ++i) {
      std::string key;
      leaf->AppendKeyTo(i, &key);
      EXPECT_EQ(key, records[i].first);
      EXPECT_EQ(leaf->digest(i), records[i].second);
      EXPECT_EQ(leaf->LowerBound(key), i);
      EXPECT_TRUE(leaf->KeyEquals(i, key));
      EXPECT_FALSE(leaf->KeyEquals(i, key + "x"));
    }
    for (int probe = 0; probe < 20; ++probe) {
      std::string key = RandomBelow(random, 2) == 0 ? prefix : "";
      key += RandomKey(random, key_bytes_max);
      const Summary before = *twin.Summarize({"", key});
      EXPECT_EQ(leaf->LowerBound(key), before.count);
      EXPECT_EQ(leaf->Summarize(0, leaf->LowerBound(key)), before);
    }
  }
}

TEST(LeafTest, APatchedDigestGivesTheSameBytesAsPackingAnew) {
  std::string value = Pack({{"a", Digest{1, 2}}, {"b", Digest{3, 4}}});
  const size_t offset = LeafView::Parse(kKey, value)->digest_offset(1);
  LeafPatch patch(&value);
  patch.SetDigest(offset, Digest{UINT64_MAX, 9});
  patch.Finish(kKey);
  EXPECT_EQ(value, Pack({{"a", Digest{1, 2}}, {"b", Digest{UINT64_MAX, 9}}}));
}

TEST(LeafTest, AValueUnderAnotherKeyOrWithAChangedByteIsRefused) {
  const std::string value = Pack({{"a", Digest{1, 2}}, {"bc", Digest{3, 4}}});
  EXPECT_EQ(LeafView::Parse(NodeKey(1, "other"), value).status().code(),
            absl::StatusCode::kDataLoss);
  for (size_t i = 0; i < value.size(); ++i) {
    std::string changed = value;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(LeafView::Parse(kKey, changed).status().code(), absl::StatusCode::kDataLoss) << i;
    EXPECT_FALSE(LeafView::Parse(kKey, value.substr(0, i)).ok()) << i;
  }
}

}  // namespace
}  // namespace driftwood::merkle
