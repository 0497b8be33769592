#include "coordinator/walk/named_sorter.h"

#include <algorithm>
#include <tuple>

#include "merkle/os/temporary_folder.h"
#include "tests/coordinator/walk/walk_harness.h"
#include "tests/testing/unnamed_files.h"

namespace driftwood::coordinator {
namespace {

// A Named that owns its key.
struct Kept {
  std::string key;
  size_t source = 0;
  uint64_t rank = 0;
  Named::Kind kind = Named::Kind::kBound;
  uint64_t place = 0;
  Digest digest;
  auto Order() const { return std::tie(key, source, rank, kind, place); }
  friend bool operator==(const Kept&, const Kept&) = default;
};

class NamedSorterTest : public RandomWalkTest {
 protected:
  // Zeros, and what lies beside them in the sorter's own keys, more often than anything else.
  std::string AnyKey() {
    constexpr std::string_view kBytes("\0\0\0\1\1\2\xff" "a", 8);
    std::string key;
    for (uint64_t left = Below(7); left > 0; --left) key += kBytes[Below(kBytes.size())];
    return key;
  }
  uint64_t AnyNumber() { return Below(3) == 0 ? random_() >> Below(64) : Below(4); }
  Kept Any() {
    return {AnyKey(), Below(3), AnyNumber(), static_cast<Named::Kind>(Below(4)), AnyNumber(),
            AnyDigest()};
  }
  static std::vector<Kept> Sorted(NamedSorter* sorter) {
    std::vector<Kept> sorted;
    const absl::Status taken = sorter->TakeAll([&](const Named& named) {
      sorted.push_back({std::string(named.key), named.source, named.rank, named.kind, named.place,
                        named.digest});
    });
    EXPECT_TRUE(taken.ok()) << taken;
    return sorted;
  }
  static void Add(const Kept& one, NamedSorter* sorter) {
    sorter->Add({one.key, one.source, one.rank, one.kind, one.place, one.digest});
  }

  const merkle::TemporaryFolder folder_ = merkle::TemporaryFolder::Create().value();
};

TEST_F(NamedSorterTest, AllComesBackInItsOrderHoweverLittleFitsIntoMemory) {
  for (int round = 0; round < 200; ++round) {
    NamedSorter sorter(folder_.path(), Below(2) == 0 ? 0 : Below(3000));
    std::vector<Kept> expected;
    for (uint64_t left = Below(300); left > 0; --left) Add(expected.emplace_back(Any()), &sorter);
    const std::vector<Kept> sorted = Sorted(&sorter);
    const auto ascends = [](const Kept& a, const Kept& b) { return a.Order() < b.Order(); };
    ASSERT_TRUE(std::is_sorted(sorted.begin(), sorted.end(), ascends));
    ASSERT_TRUE(std::is_permutation(sorted.begin(), sorted.end(), expected.begin(),
                                    expected.end()));
  }
}

TEST_F(NamedSorterTest, WithoutRoomNothingComesOfIt) {
  NamedSorter sorter(folder_.path(), 100);
  const testing::FullDisk full(40);
  for (int i = 0; i < 10; ++i) Add(Any(), &sorter);
  EXPECT_TRUE(absl::IsResourceExhausted(sorter.status())) << sorter.status();
  bool any = false;
  EXPECT_FALSE(sorter.TakeAll([&](const Named&) { any = true; }).ok());
  EXPECT_FALSE(any);
}

}  // namespace
}  // namespace driftwood::coordinator
