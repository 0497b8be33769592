// What is damage and what is none, on files of LMDB's own. That an agent survives damage of every
// kind is tests/merkle/tree/index_damage_test.cc.
#include "merkle/lmdb/lmdb_file_check.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>

#include <fstream>

#include "merkle/check.h"
#include "merkle/lmdb/lmdb_format.h"
#include "merkle/os/unique_fd.h"
#include "tests/testing/files.h"
#include "tests/testing/lmdb_file.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::merkle {
namespace {

using ::testing::HasSubstr;

class LmdbFileCheckTest : public ::testing::Test {
 protected:
  void Write(const std::function<void(MDB_txn*)>& change) {
    testing::WriteLmdb(path_, MDB_NOSUBDIR | MDB_NOLOCK, change);
  }
  void WriteEntries(int begin, int end, size_t value_bytes) {
    Write([&](MDB_txn* txn) {
      for (int i = begin; i < end; ++i) {
        testing::PutLmdb(txn, nullptr, 0, "key" + std::to_string(i), std::string(value_bytes, 'v'));
      }
    });
  }
  void Delete(int begin, int end) {
    Write([&](MDB_txn* txn) {
      MDB_dbi dbi = 0;
      DRIFTWOOD_CHECK(mdb_dbi_open(txn, nullptr, 0, &dbi) == 0);
      for (int i = begin; i < end; ++i) {
        std::string key = "key" + std::to_string(i);
        MDB_val k{key.size(), key.data()};
        DRIFTWOOD_CHECK(mdb_del(txn, dbi, &k, nullptr) == 0);
      }
    });
  }

  absl::StatusOr<LmdbFile> Check() const {
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    return CheckLmdbFile(fd.get());
  }
  std::string Damage() const {
    const absl::Status status = Check().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    return std::string(status.message());
  }

  std::string Bytes() const { return testing::ReadFile(path_); }
  void SetBytes(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  // The meta page in use.
  static size_t NewestMeta(const std::string& bytes) {
    const auto transaction = [&](size_t page) {
      return LoadLittleEndian<uint64_t>(bytes.data() + page * kPage + 144);
    };
    return transaction(0) < transaction(1) ? 1 : 0;
  }
  // Writes `number` at `offset` of the meta page in use, and what was there back when it is done.
  template <typename Integer>
  std::string DamageOfMeta(size_t offset, Integer number) const {
    const std::string good = Bytes();
    std::string bad = good;
    std::memcpy(bad.data() + NewestMeta(good) * kPage + offset, &number, sizeof number);
    SetBytes(bad);
    std::string damage = Damage();
    SetBytes(good);
    return damage;
  }

  static constexpr size_t kPage = 4096;
  testing::TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "file";
};

TEST_F(LmdbFileCheckTest, WhatLmdbWritesIsSound) {
  WriteEntries(0, 1, 3);
  EXPECT_TRUE(Check().ok()) << Check().status();
  WriteEntries(0, 3000, 100);        // a tree of several levels
  WriteEntries(3000, 3040, 20'000);  // values of several pages
  EXPECT_TRUE(Check().ok()) << Check().status();
  Delete(500, 2900);  // pages that are free again
  Delete(3000, 3020);
  EXPECT_TRUE(Check().ok()) << Check().status();
  WriteEntries(5000, 5100, 9'000);  // and used anew
  EXPECT_TRUE(Check().ok()) << Check().status();
  Delete(0, 500);
  Delete(2900, 3000);
  Delete(3020, 3040);
  Delete(5000, 5100);
  EXPECT_TRUE(Check().ok()) << Check().status();  // no entry any more
}

// An index has its metadata, so that a file without any commit is none.
TEST_F(LmdbFileCheckTest, AFileThatNothingWasEverWrittenToIsRefused) {
  Write([](MDB_txn*) {});
  EXPECT_THAT(Damage(), HasSubstr("transaction numbers"));
}

TEST_F(LmdbFileCheckTest, TheOtherMetaPageIsFollowedToItsFirstEntry) {
  WriteEntries(0, 1, 3);
  const uint64_t first = Check()->transaction;
  Write([](MDB_txn* txn) { testing::PutLmdb(txn, nullptr, 0, "another", std::string(5000, 'w')); });
  absl::StatusOr<LmdbFile> file = Check();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->transaction, first + 1);
  ASSERT_TRUE(file->other);
  EXPECT_EQ(file->other->transaction, first);
  EXPECT_EQ(file->other->first_key, "key0");
  EXPECT_EQ(file->other->first_value, "vvv");
  WriteEntries(1, 2, 3);
  file = Check();
  ASSERT_TRUE(file.ok() && file->other);
  EXPECT_EQ(file->other->first_key, "another");
  EXPECT_EQ(file->other->first_value, std::string(5000, 'w'));
}

TEST_F(LmdbFileCheckTest, WhatIsNoFileOfLmdbIsSaid) {
  for (const std::string& bytes : {std::string(), std::string("x"), std::string(100'000, 'x')}) {
    SetBytes(bytes);
    EXPECT_THAT(Damage(), HasSubstr("index file is damaged: "));
  }
  EXPECT_TRUE(absl::IsDataLoss(CheckLmdbFile(-1).status()));
  const UniqueFd folder(::open(folder_.path().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_THAT(CheckLmdbFile(folder.get()).status().message(), HasSubstr("not a regular file"));
}

TEST_F(LmdbFileCheckTest, WhatAMetaPageSaysIsWhatTheTreeHas) {
  WriteEntries(0, 3000, 100);
  WriteEntries(3000, 3010, 20'000);
  const std::string bytes = Bytes();
  const auto meta = ParseLmdbMeta(std::string_view(bytes).substr(NewestMeta(bytes) * kPage, kPage),
                                  NewestMeta(bytes));
  ASSERT_TRUE(meta.ok());
  const LmdbTree& main = meta->main;
  EXPECT_EQ(main.entries, 3010u);
  EXPECT_THAT(DamageOfMeta<uint16_t>(94, static_cast<uint16_t>(main.depth + 1)), HasSubstr("page"));
  EXPECT_THAT(DamageOfMeta<uint16_t>(94, 0), HasSubstr("depth of a tree"));
  EXPECT_THAT(DamageOfMeta<uint16_t>(94, 33), HasSubstr("depth of a tree"));
  constexpr char kCounts[] = "has not the pages and entries";
  EXPECT_THAT(DamageOfMeta(96, main.branch_pages + 1), HasSubstr(kCounts));
  EXPECT_THAT(DamageOfMeta(104, main.leaf_pages - 1), HasSubstr(kCounts));
  EXPECT_THAT(DamageOfMeta(112, main.overflow_pages + 1), HasSubstr(kCounts));
  EXPECT_THAT(DamageOfMeta(120, main.entries + 1), HasSubstr(kCounts));
  EXPECT_THAT(DamageOfMeta(128, kLmdbNoPage), HasSubstr("a tree without a root"));
  EXPECT_THAT(DamageOfMeta(128, uint64_t{1}), HasSubstr("page 1 is used twice"));
  EXPECT_THAT(DamageOfMeta(128, meta->last_page + 1), HasSubstr("outside of the file"));
  EXPECT_THAT(DamageOfMeta(128, UINT64_MAX - 1), HasSubstr("outside of the file"));
  EXPECT_THAT(DamageOfMeta(136, uint64_t{1}), HasSubstr("outside of the file"));
  EXPECT_THAT(DamageOfMeta(136, uint64_t{0}), HasSubstr("the last page is 0"));
  EXPECT_THAT(DamageOfMeta(136, UINT64_MAX), HasSubstr("truncated"));
  EXPECT_THAT(DamageOfMeta(144, meta->transaction + 2), HasSubstr("transaction numbers"));
  EXPECT_THAT(DamageOfMeta<uint16_t>(92, kLmdbReverseKey), HasSubstr("flags of a meta page"));
  EXPECT_THAT(DamageOfMeta<uint16_t>(44, 0), HasSubstr("flags of a meta page"));
}

TEST_F(LmdbFileCheckTest, ANamedDatabaseIsNoEntryOfOurs) {
  Write([](MDB_txn* txn) { testing::PutLmdb(txn, "named", 0, "key", "value"); });
  EXPECT_THAT(Damage(), HasSubstr("a node of page"));
}

TEST_F(LmdbFileCheckTest, KeysThatAreOutOfOrderAreDamage) {
  WriteEntries(0, 9, 10);
  std::string bytes = Bytes();
  const size_t meta = NewestMeta(bytes) * kPage;
  const size_t root = LoadLittleEndian<uint64_t>(bytes.data() + meta + 128) * kPage;
  std::swap_ranges(&bytes[root + 16], &bytes[root + 18], &bytes[root + 18]);  // two nodes' places
  SetBytes(bytes);
  EXPECT_THAT(Damage(), HasSubstr("are out of order"));
}

TEST_F(LmdbFileCheckTest, AFileThatEndsWithinItsPagesIsTruncated) {
  WriteEntries(0, 300, 100);
  WriteEntries(300, 301, 50'000);
  const std::string bytes = Bytes();
  // The last pages may be free ones.
  for (size_t pages = 0; pages < bytes.size() / kPage; ++pages) {
    SetBytes(bytes.substr(0, pages * kPage));
    const absl::Status status = Check().status();
    EXPECT_TRUE(absl::IsDataLoss(status) || (status.ok() && pages > bytes.size() / kPage / 2))
        << pages << ": " << status;
  }
}

}  // namespace
}  // namespace driftwood::merkle
