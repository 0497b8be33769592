#include "merkle/lmdb/lmdb_format.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/testing/seed.h"

namespace driftwood::merkle {
namespace {

constexpr size_t kPageBytes = 4096;

template <typename Integer>
void Store(Integer value, size_t at, std::string* page) {
  std::memcpy(page->data() + at, &value, sizeof value);
}

std::string Page(uint64_t number, uint16_t flags) {
  std::string page(kPageBytes, '\0');
  Store(number, 0, &page);
  Store(flags, 10, &page);
  Store(uint16_t{16}, 12, &page);          // where the nodes' places end
  Store(uint16_t{kPageBytes}, 14, &page);  // where the nodes begin
  return page;
}

// A page's next node: 16 low and 16 high bits of a size or of a child, flags, key, and what
// follows.
void AddNode(uint64_t number, uint16_t flags, const std::string& key, const std::string& rest,
             std::string* page) {
  const auto lower = LoadLittleEndian<uint16_t>(page->data() + 12);
  size_t at = LoadLittleEndian<uint16_t>(page->data() + 14) - 8 - key.size() - rest.size();
  at -= at % 2;
  Store(static_cast<uint16_t>(at), lower, page);
  Store(static_cast<uint16_t>(lower + 2), 12, page);
  Store(static_cast<uint16_t>(at), 14, page);
  Store(static_cast<uint16_t>(number), at, page);
  Store(static_cast<uint16_t>(number >> 16), at + 2, page);
  Store(flags, at + 4, page);
  Store(static_cast<uint16_t>(key.size()), at + 6, page);
  page->replace(at + 8, key.size() + rest.size(), key + rest);
}

std::string Meta(uint64_t number) {
  std::string page = Page(number, kLmdbMeta);
  Store(uint32_t{0xBEEFC0DE}, 16, &page);
  Store(uint32_t{1}, 20, &page);
  Store(uint32_t{kPageBytes}, 40, &page);
  Store(uint16_t{kLmdbIntegerKey}, 44, &page);
  Store(kLmdbNoPage, 80, &page);
  Store(uint16_t{2}, 94, &page);
  Store(uint64_t{3}, 96, &page);
  Store(uint64_t{4}, 104, &page);
  Store(uint64_t{5}, 112, &page);
  Store(uint64_t{6}, 120, &page);
  Store(uint64_t{7}, 128, &page);
  Store(uint64_t{8}, 136, &page);
  Store(uint64_t{9}, 144, &page);
  return page;
}

TEST(LmdbFormatTest, AMetaPageIsRead) {
  for (const uint64_t number : {uint64_t{0}, uint64_t{1}}) {
    const auto meta =
        ParseLmdbMeta(std::string_view(Meta(number)).substr(0, kLmdbMetaBytes), number);
    ASSERT_TRUE(meta.ok()) << meta.status();
    EXPECT_EQ(meta->page_bytes, kPageBytes);
    EXPECT_EQ(meta->free.flags, kLmdbIntegerKey);
    EXPECT_EQ(meta->free.root, kLmdbNoPage);
    EXPECT_EQ(meta->main, (LmdbTree{0, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(meta->last_page, 8u);
    EXPECT_EQ(meta->transaction, 9u);
  }
}

TEST(LmdbFormatTest, WhatIsNoMetaPageIsRefused) {
  const auto refused = [](const std::string& page, uint64_t number = 0) {
    return ParseLmdbMeta(page, number).status();
  };
  EXPECT_TRUE(absl::IsInvalidArgument(refused("")));
  EXPECT_TRUE(absl::IsInvalidArgument(refused(Meta(0).substr(0, kLmdbMetaBytes - 1))));
  EXPECT_TRUE(absl::IsInvalidArgument(refused(Meta(0), 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(refused(Page(0, kLmdbLeaf))));
  std::string page = Meta(0);
  Store(uint32_t{0xBEEFC0DF}, 16, &page);
  EXPECT_TRUE(absl::IsInvalidArgument(refused(page)));
  page = Meta(0);
  Store(uint32_t{2}, 20, &page);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused(page)));
  for (const uint32_t bytes : {0u, 1u, 256u, 511u, 513u, 4095u, 131072u, UINT32_MAX}) {
    page = Meta(0);
    Store(bytes, 40, &page);
    EXPECT_TRUE(absl::IsInvalidArgument(refused(page))) << bytes;
  }
  for (const uint32_t bytes : {512u, 65536u}) {
    page = Meta(0);
    Store(bytes, 40, &page);
    EXPECT_TRUE(refused(page).ok()) << bytes;
  }
}

TEST(LmdbFormatTest, NodesOfALeafAreRead) {
  std::string page = Page(7, kLmdbLeaf);
  AddNode(3, 0, "key", "abc", &page);
  AddNode(uint64_t{1} << 20, 1, "large", std::string("\x09\0\0\0\0\0\0\0", 8), &page);
  AddNode(kLmdbTreeBytes, 2, "named", std::string(kLmdbTreeBytes, 't'), &page);
  AddNode(0, 0, "", "", &page);
  ASSERT_EQ(CountLmdbNodes(page, 7, false), 4u);
  const auto first = ReadLmdbNode(page, 0, false);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->key, "key");
  EXPECT_EQ(first->inlined, "abc");
  const auto large = ReadLmdbNode(page, 1, false);
  ASSERT_TRUE(large);
  EXPECT_EQ(large->kind, LmdbNode::Kind::kOverflow);
  EXPECT_EQ(large->value_bytes, uint64_t{1} << 20);
  EXPECT_EQ(large->overflow_page, 9u);
  const auto named = ReadLmdbNode(page, 2, false);
  ASSERT_TRUE(named);
  EXPECT_EQ(named->kind, LmdbNode::Kind::kTree);
  EXPECT_EQ(named->inlined, std::string(kLmdbTreeBytes, 't'));
  EXPECT_EQ(ReadLmdbNode(page, 3, false)->key, "");
}

TEST(LmdbFormatTest, NodesOfABranchAreRead) {
  std::string page = Page(7, kLmdbBranch);
  AddNode(5, 0, "", "", &page);
  AddNode(0x1234'5678, 0xABCD, "m", "", &page);  // flags are the child's upper bits
  ASSERT_EQ(CountLmdbNodes(page, 7, true), 2u);
  EXPECT_EQ(ReadLmdbNode(page, 0, true)->child, 5u);
  EXPECT_EQ(ReadLmdbNode(page, 1, true)->child, 0xABCD'1234'5678u);
  EXPECT_EQ(ReadLmdbNode(page, 1, true)->key, "m");
}

TEST(LmdbFormatTest, APageOfAnotherKindOrNumberHasNoNodes) {
  std::string page = Page(7, kLmdbLeaf);
  EXPECT_EQ(CountLmdbNodes(page, 7, false), std::nullopt);  // none at all
  AddNode(1, 0, "k", "v", &page);
  EXPECT_EQ(CountLmdbNodes(page, 7, false), 1u);
  EXPECT_EQ(CountLmdbNodes(page, 8, false), std::nullopt);
  EXPECT_EQ(CountLmdbNodes(page, 7, true), std::nullopt);
  EXPECT_EQ(CountLmdbNodes(page.substr(0, 15), 7, false), std::nullopt);
  EXPECT_EQ(CountLmdbNodes(page.substr(0, 4000), 7, false), std::nullopt);
  std::string branch = Page(7, kLmdbBranch);
  AddNode(5, 0, "", "", &branch);
  EXPECT_EQ(CountLmdbNodes(branch, 7, true), std::nullopt);  // of one child
  for (const auto& [lower, upper] :
       {std::pair<uint16_t, uint16_t>{15, 4000}, {17, 4000}, {20, 18}, {20, 4097}, {14, 14}}) {
    std::string bad = page;
    Store(lower, 12, &bad);
    Store(upper, 14, &bad);
    EXPECT_EQ(CountLmdbNodes(bad, 7, false), std::nullopt) << lower << " " << upper;
  }
}

TEST(LmdbFormatTest, ANodeThatLeavesItsPageIsNone) {
  const auto read = [](uint64_t number, uint16_t flags, const std::string& rest) {
    std::string page = Page(7, kLmdbLeaf);
    AddNode(number, flags, "k", rest, &page);
    return ReadLmdbNode(page, 0, false);
  };
  EXPECT_TRUE(read(3, 0, "abc"));
  EXPECT_FALSE(read(5, 0, "abc"));  // a value behind the page's end
  EXPECT_FALSE(read(0xFFFF'FFFF, 0, "abc"));
  EXPECT_FALSE(read(3, 1, "abc"));                    // no room for an overflow page's number
  EXPECT_FALSE(read(5000, 1, std::string(8, '\0')));  // page 0 holds no value
  EXPECT_FALSE(read(5000, 1, std::string("\1\0\0\0\0\0\0\0", 8)));
  EXPECT_FALSE(read(47, 2, std::string(48, 't')));  // no description of a tree
  EXPECT_FALSE(read(3, 4, "abc"));                  // of duplicates
  EXPECT_FALSE(read(3, 3, "abc"));
  std::string page = Page(7, kLmdbLeaf);
  AddNode(1, 0, "k", "v", &page);
  const auto at = LoadLittleEndian<uint16_t>(page.data() + 16);
  for (const uint16_t place : {uint16_t{0}, uint16_t{16}, uint16_t{4090}, uint16_t{0xFFFE},
                               static_cast<uint16_t>(at + 1)}) {
    std::string bad = page;
    Store(place, 16, &bad);
    EXPECT_FALSE(ReadLmdbNode(bad, 0, false)) << place;
  }
  Store(uint16_t{4000}, at + 6u, &page);  // a key behind the page's end
  EXPECT_FALSE(ReadLmdbNode(page, 0, false));
}

TEST(LmdbFormatTest, WhateverAPageHoldsItsNodesLieWithinIt) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 5000; ++round) {
    const bool is_branch = round % 2 == 0;
    std::string page = Page(7, is_branch ? kLmdbBranch : kLmdbLeaf);
    for (int i = 0; i < 20; ++i) {
      AddNode(random() % 9, static_cast<uint16_t>(random() % 3), std::string(random() % 9, 'k'),
              std::string(random() % 60, 'v'), &page);
    }
    const auto begin = LoadLittleEndian<uint16_t>(page.data() + 14);
    for (int i = 0; i < 6; ++i) {
      const bool in_places = random() % 2 == 0;
      page[in_places ? 12 + random() % 44 : begin + random() % (kPageBytes - begin)] =
          static_cast<char>(random());
    }
    const auto count = CountLmdbNodes(page, 7, is_branch);
    for (size_t i = 0; i < count.value_or(0); ++i) {
      const auto node = ReadLmdbNode(page, i, is_branch);
      if (!node) continue;
      for (const std::string_view view : {node->key, node->inlined}) {
        if (view.empty()) continue;
        EXPECT_GE(view.data(), page.data() + kLmdbPageHeaderBytes);
        EXPECT_LE(view.data() + view.size(), page.data() + page.size());
      }
    }
  }
}

TEST(LmdbFormatTest, AValueTakesPagesForItsHeaderToo) {
  EXPECT_EQ(LmdbOverflowPages(0, 4096), 1u);
  EXPECT_EQ(LmdbOverflowPages(4080, 4096), 1u);
  EXPECT_EQ(LmdbOverflowPages(4081, 4096), 2u);
  EXPECT_EQ(LmdbOverflowPages(UINT32_MAX, 4096), (uint64_t{1} << 20) + 1);
  std::string page = Page(9, kLmdbOverflow);
  Store(uint32_t{3}, 12, &page);
  EXPECT_TRUE(IsLmdbOverflow(page, 9, 3));
  EXPECT_FALSE(IsLmdbOverflow(page, 9, 2));
  EXPECT_FALSE(IsLmdbOverflow(page, 8, 3));
  EXPECT_FALSE(IsLmdbOverflow(Page(9, kLmdbLeaf), 9, 16));
  EXPECT_FALSE(IsLmdbOverflow("", 0, 0));
}

}  // namespace
}  // namespace driftwood::merkle
