#include "merkle/tree/node.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "merkle/text/hex.h"

namespace driftwood::merkle {
namespace {

Metadata Example() {
  Metadata metadata;
  metadata.params = {8, 64};
  metadata.key_id = std::string(16, 'k');
  metadata.root = {7, {8, 9}};
  metadata.transaction = 10;
  metadata.fingerprint = "fingerprint";
  metadata.source_position = std::string("position\0with zero", 18);
  return metadata;
}

TEST(NodeTest, MetadataRoundTrips) {
  EXPECT_EQ(DecodeMetadata(EncodeMetadata(Example())).value(), Example());
  Metadata empty;
  empty.key_id = std::string(16, '\0');
  EXPECT_EQ(DecodeMetadata(EncodeMetadata(empty)).value(), empty);
}

TEST(NodeTest, MetadataCutShortOrChangedOrLengthenedIsDamaged) {
  const std::string value = EncodeMetadata(Example());
  for (size_t i = 0; i < value.size(); ++i) {
    std::string changed = value;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    EXPECT_EQ(DecodeMetadata(changed).status().code(), absl::StatusCode::kDataLoss) << i;
    EXPECT_FALSE(DecodeMetadata(value.substr(0, i)).ok()) << i;
    if (i < kChecksumBytes) continue;
    std::string resealed = value.substr(0, i);
    Seal(kMetadataKey, resealed.data(), resealed.size());
    EXPECT_EQ(DecodeMetadata(resealed).status().code(), absl::StatusCode::kDataLoss) << i;
  }
  std::string longer = value + "x";
  Seal(kMetadataKey, longer.data(), longer.size());
  EXPECT_EQ(DecodeMetadata(longer).status().code(), absl::StatusCode::kDataLoss);
}

TEST(NodeTest, OnlyTheHolderOfTheDigestKeySignsMetadataAndEveryPartOfIt) {
  const DigestKey key = DigestKey::FromBytes(std::string(32, 'k')).value();
  Metadata metadata = Example();
  EXPECT_FALSE(metadata.IsSignedBy(key));
  metadata.Sign(key);
  EXPECT_TRUE(metadata.IsSignedBy(key));
  EXPECT_TRUE(DecodeMetadata(EncodeMetadata(metadata))->IsSignedBy(key));
  EXPECT_FALSE(metadata.IsSignedBy(DigestKey::Random()));
  for (const auto& change : std::vector<std::function<void(Metadata*)>>{
           [](Metadata* m) { m->params.leaf_size = 9; }, [](Metadata* m) { m->key_id[0] = 'x'; },
           [](Metadata* m) { ++m->root.count; }, [](Metadata* m) { ++m->root.sum.low; },
           [](Metadata* m) { ++m->transaction; }, [](Metadata* m) { m->fingerprint += "x"; },
           [](Metadata* m) { m->source_position += "x"; }, [](Metadata* m) { ++m->mac[15]; }}) {
    Metadata changed = metadata;
    change(&changed);
    EXPECT_FALSE(changed.IsSignedBy(key));
  }
}

TEST(NodeTest, AnUpperNodeIsBoundToItsKey) {
  const std::string key = NodeKey(3, "start");
  char value[kUpperNodeBytes];
  WriteUpperNode(key, {5, {6, 7}}, value);
  const std::string_view bytes(value, sizeof value);
  EXPECT_EQ(ReadUpperNode(key, bytes).value(), (Summary{5, {6, 7}}));
  EXPECT_FALSE(ReadUpperNode(NodeKey(4, "start"), bytes).ok());
  EXPECT_FALSE(ReadUpperNode(NodeKey(3, "starT"), bytes).ok());
  EXPECT_FALSE(ReadUpperNode(key, bytes.substr(0, 31)).ok());
}

TEST(NodeTest, MessagesNameTheNode) {
  EXPECT_EQ(DescribeNode(NodeKey(2, "")), "level 2, from -inf");
  EXPECT_EQ(DescribeNode(NodeKey(1, "\x0a\xff")), "level 1, from key 0x0aff");
  EXPECT_EQ(DescribeNode(kMetadataKey), "the metadata record");
  EXPECT_EQ(ShortHex("abc", 2), "6162...");
}

}  // namespace
}  // namespace driftwood::merkle
