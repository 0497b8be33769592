// Covers index_snapshot.cc, index_verify.cc, tree_update.cc and node_cursor.cc too.
#include "merkle/tree/index.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "merkle/lmdb/lmdb_env.h"
#include "merkle/tree/node.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::merkle {
namespace {

using ::testing::UnitTest;
using Entries = std::vector<std::pair<std::string, std::string>>;

// An index and its twin.
class IndexTest : public ::testing::Test {
 protected:
  IndexTest() { options_.fingerprint = std::string(32, 'f'); }

  void SetParams(TreeParams params) {
    options_.params = params;
    twin_ = MakeTwin();
  }
  std::unique_ptr<MemoryTree> MakeTwin() const {
    return std::make_unique<MemoryTree>(options_.key, options_.params);
  }

  void Build(const Records& records) {
    index_.reset();
    const absl::StatusOr<Summary> root = BuildIndex(path_, options_, records, "position 1");
    ASSERT_TRUE(root.ok()) << root.status();
    for (const auto& [key, digest] : records) twin_->Put(key, digest);
    EXPECT_EQ(*root, twin_->root());
    Open();
  }
  void Open() {
    index_.reset();
    absl::StatusOr<std::unique_ptr<Index>> index = Index::Open(path_, options_);
    ASSERT_TRUE(index.ok()) << index.status();
    index_ = *std::move(index);
  }
  void Apply(const std::vector<Change>& batch, const std::string& position = "position 2") {
    const absl::Status status = index_->Apply(batch, position);
    ASSERT_TRUE(status.ok()) << status;
    for (const Change& change : batch) {
      if (change.digest) {
        twin_->Put(change.key, *change.digest);
      } else {
        twin_->Erase(change.key);
      }
    }
  }
  void ExpectSameAsTwin(int ranges) {
    const absl::Status verified = index_->Verify();
    ASSERT_TRUE(verified.ok()) << verified;
    const auto snapshot = index_->Snapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    ExpectSameViews(**snapshot, *twin_, random_, ranges);
    EXPECT_EQ(*index_->Root(), twin_->root());
  }

  // Closes the index. `encode` is given the metadata as of the transaction that writes its result.
  void RewriteMetadata(const std::function<std::string(Metadata metadata)>& encode) {
    index_.reset();
    auto environment = Environment::Open(path_, Environment::Mode::kBuild, 1 << 20).value();
    Transaction transaction = environment->BeginWrite().value();
    Metadata metadata = DecodeMetadata(transaction.Get(kMetadataKey).value()).value();
    metadata.transaction = transaction.id();
    ASSERT_TRUE(transaction.Put(kMetadataKey, encode(metadata)).ok());
    ASSERT_TRUE(transaction.Commit().ok());
    ASSERT_TRUE(environment->Sync().ok());
  }
  // All entries but the metadata record.
  static Entries Dump(const std::filesystem::path& path) {
    Entries entries;
    auto environment = Environment::Open(path, Environment::Mode::kBuild, size_t{1} << 30).value();
    const Transaction transaction = environment->BeginRead().value();
    Cursor cursor = Cursor::Open(transaction).value();
    for (bool more = cursor.First().value(); more; more = cursor.Next().value()) {
      if (cursor.key() != kMetadataKey) entries.emplace_back(cursor.key(), cursor.value());
    }
    return entries;
  }
  void ExpectSameAsRebuilt() {
    const std::filesystem::path rebuilt = folder_.path() / "rebuilt";
    ASSERT_TRUE(BuildIndex(rebuilt, options_, RecordsOf(*twin_), "").ok());
    index_.reset();
    EXPECT_EQ(Dump(path_), Dump(rebuilt));
    Open();
  }

  Records RandomRecords(size_t count, size_t key_bytes_max) {
    Records records;
    const auto keys = MakeTwin();
    for (size_t i = 0; i < count; ++i) {
      keys->Put(RandomKey(random_, key_bytes_max), RandomDigest(random_));
    }
    return RecordsOf(*keys);
  }

  const driftwood::testing::TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "index";
  IndexOptions options_;
  std::unique_ptr<MemoryTree> twin_ = MakeTwin();
  std::unique_ptr<Index> index_;
  const int seed_ = UnitTest::GetInstance()->random_seed();
  Random random_{static_cast<uint64_t>(seed_)};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
};

Digest DigestOf(uint64_t number) { return {number * 0x9E3779B97F4A7C15, ~number}; }

std::string BigEndian(uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

TEST_F(IndexTest, AnIndexWithoutRecordsAnswers) {
  Build({});
  ExpectSameAsTwin(5);
  EXPECT_EQ(*index_->Root(), Summary{});
  EXPECT_EQ(*index_->source_position(), "position 1");
}

TEST_F(IndexTest, AnIndexOfOneRecordAnswers) {
  Build({{"k", DigestOf(1)}});
  ExpectSameAsTwin(5);
}

TEST_F(IndexTest, TheLastRecordCanGoAndComeBack) {
  SetParams({2, 2});
  Build({{"k", DigestOf(1)}});
  Apply({{"k", std::nullopt}}, "empty");
  ExpectSameAsTwin(5);
  ExpectSameAsRebuilt();
  EXPECT_EQ(*index_->source_position(), "empty");
  Apply({{"k", DigestOf(2)}, {"l", DigestOf(3)}});
  ExpectSameAsTwin(5);
  ExpectSameAsRebuilt();
}

TEST_F(IndexTest, RandomBatchesGiveTheSameAsTheTwinAndAsRebuilding) {
  for (const TreeParams params : {TreeParams{2, 2}, TreeParams{4, 3}, TreeParams{16, 32}}) {
    SetParams(params);
    Build(RandomRecords(RandomBelow(random_, 500), 8));
    for (int step = 0; step < 25; ++step) {
      std::vector<Change> batch(RandomBelow(random_, step % 5 == 4 ? 400 : 20));
      const bool deleting = RandomBelow(random_, 4) == 0;
      for (Change& change : batch) {
        change.key = RandomKey(random_, 8);
        const auto known = twin_->records().lower_bound(change.key);
        if (known != twin_->records().end() && RandomBelow(random_, 2) == 0) {
          change.key = known->first;
        }
        const bool remove = RandomBelow(random_, 10) < (deleting ? 9 : 3);
        if (!remove) change.digest = RandomDigest(random_);
      }
      Apply(batch, std::to_string(step));
      EXPECT_EQ(*index_->source_position(), std::to_string(step));
      ExpectSameAsTwin(step % 5 == 0 ? 20 : 1);
      if (step % 6 == 5) ExpectSameAsRebuilt();
      if (HasFailure()) return;
    }
    Apply([&] {
      std::vector<Change> all;
      for (const auto& [key, digest] : twin_->records()) all.push_back({key, std::nullopt});
      return all;
    }());
    ExpectSameAsTwin(1);
    ExpectSameAsRebuilt();
  }
}

TEST_F(IndexTest, BatchesOfOneGiveTheSameAsOneBatchInAnyOrder) {
  SetParams({3, 3});
  Build(RandomRecords(200, 6));
  std::vector<Change> changes;
  for (const auto& [key, digest] : RandomRecords(200, 6)) changes.push_back({key, digest});
  std::shuffle(changes.begin(), changes.end(), random_);
  for (const Change& change : changes) Apply({change});
  ExpectSameAsTwin(10);
  ExpectSameAsRebuilt();
}

TEST_F(IndexTest, TheLastOperationOnAKeyWins) {
  Build({{"a", DigestOf(1)}, {"b", DigestOf(2)}, {"c", DigestOf(3)}});
  Apply({{"a", DigestOf(4)},
         {"b", std::nullopt},
         {"a", std::nullopt},
         {"b", DigestOf(5)},
         {"c", DigestOf(6)},
         {"c", DigestOf(7)},
         {"d", DigestOf(8)},
         {"d", std::nullopt},
         {"absent", std::nullopt}});
  ExpectSameAsTwin(5);
  EXPECT_EQ(index_->Root()->count, 2u);
  EXPECT_EQ(index_->Root()->sum, DigestOf(5) + DigestOf(7));
}

TEST_F(IndexTest, ABadKeyInABatchChangesNothing) {
  Build({{"a", DigestOf(1)}});
  const std::vector<Change> empty_key{{"b", DigestOf(2)}, {"", DigestOf(3)}};
  EXPECT_EQ(index_->Apply(empty_key, "new").code(), absl::StatusCode::kInvalidArgument);
  const std::vector<Change> long_key{{std::string(kKeyBytesMax + 1, 'x'), DigestOf(3)}};
  EXPECT_EQ(index_->Apply(long_key, "new").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*index_->source_position(), "position 1");
  ExpectSameAsTwin(2);
}

TEST_F(IndexTest, RecordsThatAreAllEqualAddUp) {
  Records records;
  for (uint64_t i = 0; i < 5000; ++i) records.emplace_back(BigEndian(i), DigestOf(7));
  Build(records);
  ExpectSameAsTwin(10);
}

TEST_F(IndexTest, KeysOf1ByteAndOf64KiBLieTogether) {
  SetParams({2, 2});
  Records records;
  for (int i = 0; i < 256; ++i)
    records.emplace_back(std::string(1, static_cast<char>(i)), DigestOf(1));
  for (size_t i = 0; i < 40; ++i) {
    std::string key(65536, static_cast<char>(i));
    records.emplace_back(key, DigestOf(i));
    key.back() = 'z';
    records.emplace_back(key, DigestOf(i + 100));
  }
  Build(records);
  ExpectSameAsTwin(10);
  std::vector<Change> batch;
  for (size_t i = 0; i < records.size(); i += 3) batch.push_back({records[i].first, std::nullopt});
  batch.push_back({std::string(kKeyBytesMax, 'm'), DigestOf(1)});
  Apply(batch);
  ExpectSameAsTwin(10);
  ExpectSameAsRebuilt();
}

TEST_F(IndexTest, AMillionKeysShareTheirFirst400Bytes) {
  const std::string prefix(400, 'p');
  auto builder = IndexBuilder::Create(path_, options_).value();
  Summary root;
  for (uint64_t i = 0; i < 1'000'000; ++i) {
    ASSERT_TRUE(builder->Add(prefix + BigEndian(i), DigestOf(i)).ok());
    root.Add(DigestOf(i));
  }
  EXPECT_EQ(builder->Finish("").value(), root);
  Open();
  EXPECT_TRUE(index_->Verify().ok());
  const std::vector<Change> batch{{prefix + BigEndian(777'777), std::nullopt},
                                  {prefix + "x", DigestOf(5)},
                                  {prefix, DigestOf(6)}};
  ASSERT_TRUE(index_->Apply(batch, "").ok());
  root.Remove(DigestOf(777'777));
  root.Add(DigestOf(5));
  root.Add(DigestOf(6));
  EXPECT_EQ(*index_->Root(), root);
  const auto snapshot = index_->Snapshot().value();
  const Range range{prefix + BigEndian(500'000), prefix + BigEndian(600'000)};
  EXPECT_EQ(snapshot->Summarize(range)->count, 100'000u);
  size_t cells = 0;
  Summary total;
  ASSERT_TRUE(snapshot
                  ->Partition(Range::All(), 1,
                              [&](std::string_view, const Summary& cell) {
                                ++cells;
                                total += cell;
                                return true;
                              })
                  .ok());
  EXPECT_NEAR(static_cast<double>(cells), 1'000'000 / 16.0, 1500);
  EXPECT_EQ(total, root);
}

TEST_F(IndexTest, AllKeysWithOnePrefixOf480BytesAreInOneLeaf) {
  SetParams({2, 2});
  Records records;
  for (const char c : {'a', 'b', 'c'}) {
    records.emplace_back(std::string(kCutPrefixBytes - 1, c), DigestOf(1));
    for (uint64_t i = 0; i < 20'000; ++i) {
      records.emplace_back(std::string(kCutPrefixBytes, c) + BigEndian(i), DigestOf(i));
    }
  }
  Build(records);
  ExpectSameAsTwin(3);
  // The cut point stays for as long as any key with its prefix does, and goes with the last one.
  std::vector<Change> batch;
  for (size_t i = 20'002; i < 40'000; ++i) batch.push_back({records[i].first, std::nullopt});
  Apply(batch);
  ExpectSameAsTwin(3);
  ExpectSameAsRebuilt();
  Apply({{records[40'000].first, std::nullopt}, {records[40'001].first, std::nullopt}});
  Apply({{records[20'000].first, std::nullopt}});
  ExpectSameAsTwin(3);
  ExpectSameAsRebuilt();
}

TEST_F(IndexTest, ASnapshotDoesNotMoveWhileBatchesAreApplied) {
  SetParams({4, 4});
  Build(RandomRecords(2000, 8));
  const auto before = index_->Snapshot().value();
  const auto twin_before = MakeTwin();
  for (const auto& [key, digest] : twin_->records()) twin_before->Put(key, digest);
  for (int i = 0; i < 20; ++i) {
    std::vector<Change> batch;
    for (const auto& [key, digest] : RandomRecords(100, 8)) batch.push_back({key, digest});
    Apply(batch);
  }
  ExpectSameViews(*before, *twin_before, random_, 10);
  ExpectSameAsTwin(10);
}

TEST_F(IndexTest, SnapshotsAreTakenAndUsedInOtherThreadsMeanwhile) {
  SetParams({4, 4});
  Build(RandomRecords(500, 8));
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 30; ++i) {
        const auto snapshot = index_->Snapshot().value();
        Summary total;
        EXPECT_TRUE(snapshot
                        ->Records(Range::All(),
                                  [&](std::string_view, const Digest& digest) {
                                    total.Add(digest);
                                    return true;
                                  })
                        .ok());
        EXPECT_EQ(total, snapshot->Summarize(Range::All()).value());
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    std::vector<Change> batch;
    for (const auto& [key, digest] : RandomRecords(20, 8)) batch.push_back({key, digest});
    Apply(batch);
  }
  for (std::thread& thread : threads) thread.join();
  ExpectSameAsTwin(3);
}

TEST_F(IndexTest, AVisitorMayStopAndMayAskTheSameViewMeanwhile) {
  SetParams({4, 4});
  Build(RandomRecords(500, 8));
  const auto snapshot = index_->Snapshot().value();
  int cells = 0;
  EXPECT_TRUE(snapshot
                  ->Partition(Range::All(), 1,
                              [&](std::string_view begin, const Summary& cell) {
                                const Range range{std::string(begin), std::nullopt};
                                EXPECT_GE(snapshot->Summarize(range)->count, cell.count);
                                int records = 0;
                                EXPECT_TRUE(snapshot
                                                ->Records(range,
                                                          [&](std::string_view, const Digest&) {
                                                            return ++records < 3;
                                                          })
                                                .ok());
                                return ++cells < 5;
                              })
                  .ok());
  EXPECT_EQ(cells, 5);
}

TEST_F(IndexTest, RecordsTakenUpAgainAfterTheLastOneSeenAreAllThere) {
  Build(RandomRecords(300, 8));
  const auto snapshot = index_->Snapshot().value();
  Records records;
  std::string begin;
  for (bool any = true; any;) {
    any = false;
    ASSERT_TRUE(snapshot
                    ->Records({begin, std::nullopt},
                              [&](std::string_view key, const Digest& d) {
                                any = true;
                                records.emplace_back(key, d);
                                begin = std::string(key) + '\0';
                                return false;
                              })
                    .ok());
  }
  EXPECT_EQ(records, RecordsOf(*twin_));
}

// ---------------------------------------------------------------------------- opening

TEST_F(IndexTest, AnAbsentIndexIsNotFound) {
  EXPECT_EQ(Index::Open(path_, options_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(IndexTest, AnIndexOfOtherParametersKeyOrFingerprintIsRefused) {
  Build({{"k", DigestOf(1)}});
  index_.reset();
  IndexOptions other = options_;
  other.params.fanout = 16;
  absl::Status status = Index::Open(path_, other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("fanout 32, expected leaf_size 16 and fanout 16"),
            absl::string_view::npos)
      << status;
  other = options_;
  other.key = DigestKey::Random();
  status = Index::Open(path_, other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("digest key"), absl::string_view::npos) << status;
  other = options_;
  other.fingerprint = "another";
  status = Index::Open(path_, other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("fingerprint"), absl::string_view::npos) << status;
  EXPECT_TRUE(Index::Open(path_, options_).ok());
}

// Ledger row 21, for the index: a file of another format version is never read as this one.
TEST_F(IndexTest, AnIndexOfAnotherFormatVersionIsRefusedByName) {
  Build({{"k", DigestOf(1)}});
  RewriteMetadata([](const Metadata& metadata) {
    std::string value = EncodeMetadata(metadata);
    value[kChecksumBytes + 8] = 77;  // after the magic number
    Seal(kMetadataKey, value.data(), value.size());
    return value;
  });
  const absl::Status status = Index::Open(path_, options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_NE(status.message().find("format version 77"), absl::string_view::npos) << status;
}

// Whoever may write to the file, but doesn't hold the digest key, would claim that it stands for
// the source as it is now.
TEST_F(IndexTest, AnIndexWhoseMetadataWasForgedIsDamaged) {
  Build({{"k", DigestOf(1)}});
  RewriteMetadata([](Metadata metadata) {
    metadata.source_position = "another";
    return EncodeMetadata(metadata);
  });
  const absl::Status status = Index::Open(path_, options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(status.message().find("signed"), absl::string_view::npos) << status;
}

TEST_F(IndexTest, AnUpdateSignsAnew) {
  Build({{"k", DigestOf(1)}});
  ASSERT_TRUE(index_->Apply(std::vector<Change>{{"l", DigestOf(2)}}, "later").ok());
  index_.reset();
  const auto again = Index::Open(path_, options_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*(*again)->source_position(), "later");
}

TEST_F(IndexTest, AnIndexOfAnotherUserOrThatOthersMayWriteToIsRefused) {
  Build({{"k", DigestOf(1)}});
  index_.reset();
  ::chmod(path_.c_str(), 0620);
  EXPECT_EQ(Index::Open(path_, options_).status().code(), absl::StatusCode::kPermissionDenied);
  ::chmod(path_.c_str(), 0600);
  EXPECT_TRUE(Index::Open(path_, options_).ok());
  if (::chown(path_.c_str(), 12345, 0) != 0) GTEST_SKIP() << "only root can give files away";
  EXPECT_EQ(Index::Open(path_, options_).status().code(), absl::StatusCode::kPermissionDenied);
}

// Each removes what others have abandoned, and none is abandoned.
TEST_F(IndexTest, BuildsOfOneIndexAtOneTimeDoNotRemoveEachOthersFiles) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int turn = 0; turn < 25; ++turn) {
        const auto root = BuildIndex(path_, options_, {{"k", DigestOf(1)}}, "position");
        EXPECT_TRUE(root.ok()) << root.status();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Index::Open(path_, options_).ok());
}

TEST_F(IndexTest, AnIndexIsOpenOnce) {
  Build({{"k", DigestOf(1)}});
  EXPECT_EQ(Index::Open(path_, options_).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(IndexTest, ANewIndexRenamedOverAnOpenOneLeavesTheOldOneReadable) {
  Build(RandomRecords(300, 8));
  const std::unique_ptr<Index> old = std::move(index_);
  const auto old_snapshot = old->Snapshot().value();
  const std::unique_ptr<MemoryTree> old_twin = std::exchange(twin_, MakeTwin());
  Build(RandomRecords(400, 8));
  ExpectSameAsTwin(5);
  ExpectSameViews(*old_snapshot, *old_twin, random_, 5);
  Apply({{"new", DigestOf(1)}});
  ExpectSameAsTwin(2);
  ASSERT_TRUE(old->Apply({{Change{"old", DigestOf(2)}}}, "").ok());
  EXPECT_TRUE(old->Verify().ok());
  ExpectSameAsTwin(2);
}

TEST_F(IndexTest, NothingButTheIndexStaysBeside) {
  Records records = RandomRecords(300, 8);
  std::shuffle(records.begin(), records.end(), random_);
  Build(records);
  Apply({{"new", DigestOf(1)}});
  index_.reset();
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_EQ(names, std::vector<std::string>{"index"});
}

TEST_F(IndexTest, AnIndexIsReadableByItsOwnerOnly) {
  Build({{"k", DigestOf(1)}});
  using std::filesystem::perms;
  const perms others =
      std::filesystem::status(path_).permissions() & (perms::group_all | perms::others_all);
  EXPECT_EQ(others, perms::none);
}

}  // namespace
}  // namespace driftwood::merkle
