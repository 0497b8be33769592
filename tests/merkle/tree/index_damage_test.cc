// Whatever happens to the bytes of an index file: opening it and asking it everything ends in an
// error or in the answers of the undamaged index, and never in the death of the process. Covers
// merkle/hash/checksum.cc and merkle/lmdb/lmdb_env.cc too.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "merkle/status_macros.h"
#include "merkle/tree/index.h"
#include "tests/testing/files.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tree_checks.h"

namespace driftwood::merkle {
namespace {

using testing::ReadFile;

constexpr size_t kPageBytes = 4096;
constexpr size_t kApplyEvery = 16;  // a write is synced, which takes its time

void WriteFile(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// What a damaged copy of the index came to.
enum Outcome : int { kSame = 0, kRefused = 1, kWrongAnswer = 2, kDied = 3 };

class IndexDamageTest : public ::testing::Test {
 protected:
  IndexDamageTest() {
    options_.params = {8, 8};
    Records records;
    for (uint64_t i = 0; i < 1500; ++i) {
      std::string key = std::to_string(10'000 + i * 7);
      if (i % 300 == 0) key += std::string(5000, 'x');  // an overflow page here and there
      records.emplace_back(key, RandomDigest(random_));
    }
    EXPECT_TRUE(BuildIndex(path_, options_, records, "1").ok());
    older_ = ReadFile(path_);
    ranges_ = {Range::All(), {"10", "12"}, {"15000", "15001"}, {"2", std::nullopt}};
    const auto index = Index::Open(path_, options_).value();
    // Several batches, so that there are free pages and two good meta pages.
    for (int step = 0; step < 3; ++step) {
      std::vector<Change> batch;
      for (int i = 0; i < 30; ++i) {
        batch.push_back({records[RandomBelow(random_, records.size())].first, std::nullopt});
        if (i % 3 != 0) batch.back().digest = RandomDigest(random_);
      }
      EXPECT_TRUE(index->Apply(batch, "step " + std::to_string(step)).ok());
      if (step == 1) {
        previous_ = ReadFile(path_);
        previous_transcript_ = Ask(*index).value();
      }
    }
    transcript_ = Ask(*index).value();
    intact_ = ReadFile(path_);
  }

  absl::StatusOr<std::string> Ask(const Index& index) const {
    ASSIGN_OR_RETURN(const auto snapshot, index.Snapshot());
    ASSIGN_OR_RETURN(std::string answers, Transcript(*snapshot, ranges_));
    ASSIGN_OR_RETURN(const std::string position, index.source_position());
    return answers + position;
  }

  // Writes only what differs from what it wrote before: thousands of copies differ in one byte.
  void Place(const std::string& bytes) {
    if (written_.size() != bytes.size()) {
      WriteFile(path_, bytes);
    } else {
      std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
      for (size_t page = 0; page < bytes.size(); page += kPageBytes) {
        if (bytes.compare(page, kPageBytes, written_, page, kPageBytes) == 0) continue;
        file.seekp(static_cast<std::streamoff>(page));
        file.write(bytes.data() + page, kPageBytes);
      }
    }
    written_ = bytes;
  }

  Outcome TryHere(const std::string& damaged, bool apply) {
    Place(damaged);
    const absl::StatusOr<std::unique_ptr<Index>> index = Index::Open(path_, options_);
    if (!index.ok()) return kRefused;
    const absl::StatusOr<std::string> answers = Ask(**index);
    if (answers.ok() && *answers != transcript_) return kWrongAnswer;
    if (!answers.ok()) return kRefused;
    if (!apply) return kSame;
    // A write into a damaged tree may fail too, and must not kill either.
    written_.clear();
    const std::vector<Change> batch{{"10007", Digest{1, 2}}, {"17000", Digest{3, 4}}};
    return (*index)->Apply(batch, "3").ok() ? kSame : kRefused;
  }

  // Tries `count` damaged copies in a child process, so that its death can be seen, and counts the
  // outcomes.
  std::vector<int> TryEach(size_t count, const std::function<std::string(size_t)>& damaged) {
    std::vector<int> outcomes(4);
    for (size_t next = 0; next < count;) {
      int pipe_fds[2];
      EXPECT_EQ(pipe(pipe_fds), 0);
      const pid_t child = fork();
      if (child == 0) {
        close(pipe_fds[0]);
        for (size_t i = next; i < count; ++i) {
          const char outcome = static_cast<char>(TryHere(damaged(i), i % kApplyEvery == 0));
          if (write(pipe_fds[1], &outcome, 1) != 1) _exit(1);
        }
        _exit(0);
      }
      close(pipe_fds[1]);
      char outcome = 0;
      while (read(pipe_fds[0], &outcome, 1) == 1) {
        EXPECT_NE(outcome, kWrongAnswer) << "damage number " << next;
        ++outcomes[static_cast<size_t>(outcome)];
        ++next;
      }
      close(pipe_fds[0]);
      int status = 0;
      EXPECT_EQ(waitpid(child, &status, 0), child);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
      ADD_FAILURE() << "damage number " << next << " killed the process, status " << status;
      ++outcomes[kDied];
      ++next;
      if (outcomes[kDied] > 5) break;
    }
    RecordProperty("refused", outcomes[kRefused]);
    RecordProperty("same", outcomes[kSame]);
    return outcomes;
  }

  // As LMDB counts them: a compact copy has no others.
  size_t PagesInUse() {
    WriteFile(path_, intact_);
    const std::filesystem::path copy = path_.string() + ".compact";
    MDB_env* env = nullptr;
    EXPECT_EQ(mdb_env_create(&env), 0);
    EXPECT_EQ(mdb_env_open(env, path_.c_str(), MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600), 0);
    EXPECT_EQ(mdb_env_copy2(env, copy.c_str(), MDB_CP_COMPACT), 0);
    mdb_env_close(env);
    return std::filesystem::file_size(copy) / kPageBytes;
  }

  std::string WithFlippedBit(size_t bit) const {
    std::string bytes = intact_;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    return bytes;
  }
  size_t pages() const { return intact_.size() / kPageBytes; }

  const driftwood::testing::TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "index";
  IndexOptions options_;
  const int seed_ = ::testing::UnitTest::GetInstance()->random_seed();
  Random random_{static_cast<uint64_t>(seed_)};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "--gtest_random_seed=" + std::to_string(seed_)};
  std::vector<Range> ranges_;
  std::string transcript_;
  std::string older_;     // before any batch
  std::string previous_;  // before the last batch
  std::string previous_transcript_;
  std::string intact_;
  std::string written_;  // what the file holds, if it is known
};

TEST_F(IndexDamageTest, AnUndamagedFileAnswersTheSame) {
  EXPECT_EQ(TryEach(1, [&](size_t) { return intact_; })[kSame], 1);
}

TEST_F(IndexDamageTest, EveryBitOfTheMetaPagesMayFlip) {
  constexpr size_t kMetaBits = 8 * (16 + 136);
  const std::vector<int> outcomes = TryEach(2 * kMetaBits, [&](size_t i) {
    const size_t page = i / kMetaBits;
    return WithFlippedBit(page * kPageBytes * 8 + i % kMetaBits);
  });
  EXPECT_GT(outcomes[kRefused], 1000);
}

TEST_F(IndexDamageTest, EveryBitOfAPageHeaderMayFlip) {
  constexpr size_t kHeaderBits = 8 * (16 + 8);  // and the first node offsets
  TryEach(500, [&](size_t i) {
    Random random(static_cast<uint64_t>(seed_) + i);
    const size_t page = 2 + RandomBelow(random, pages() - 2);
    return WithFlippedBit(page * kPageBytes * 8 + RandomBelow(random, kHeaderBits));
  });
}

TEST_F(IndexDamageTest, AnyBitMayFlip) {
  const std::vector<int> outcomes = TryEach(500, [&](size_t i) {
    Random random(static_cast<uint64_t>(seed_) + i);
    return WithFlippedBit(RandomBelow(random, intact_.size() * 8));
  });
  EXPECT_GT(outcomes[kRefused], 100);
}

TEST_F(IndexDamageTest, AnyPageMayBeZeroed) {
  TryEach(pages(), [&](size_t page) {
    return std::string(intact_).replace(page * kPageBytes, kPageBytes, kPageBytes, '\0');
  });
}

TEST_F(IndexDamageTest, AnyHalfPageMayBeNoise) {
  TryEach(2 * pages(), [&](size_t half) {
    Random random(static_cast<uint64_t>(seed_) + half);
    std::string bytes = intact_;
    for (size_t i = 0; i < kPageBytes / 2; ++i) {
      bytes[half * kPageBytes / 2 + i] = static_cast<char>(random());
    }
    return bytes;
  });
}

TEST_F(IndexDamageTest, AnyPageMayBeAnOlderOne) {
  const size_t both = std::min(previous_.size(), older_.size()) / kPageBytes;
  TryEach(2 * (both - 2), [&](size_t i) {
    const std::string& source = i % 2 == 0 ? previous_ : older_;
    const size_t page = 2 + i / 2;  // of the meta pages: the next test
    return std::string(intact_).replace(page * kPageBytes, kPageBytes, source, page * kPageBytes,
                                        kPageBytes);
  });
}

// To the byte what a crash before the commit leaves: the index as it was, with the source position
// that it had then.
TEST_F(IndexDamageTest, WithoutTheLastCommitsMetaPageTheIndexIsTheOneBefore) {
  std::string bytes = intact_;
  bytes.replace(0, 2 * kPageBytes, previous_, 0, 2 * kPageBytes);
  Place(bytes);
  const auto index = Index::Open(path_, options_);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(Ask(**index).value(), previous_transcript_);
  EXPECT_TRUE((*index)->Verify().ok());
}

TEST_F(IndexDamageTest, AnyTwoPagesMayChangePlaces) {
  TryEach(200, [&](size_t i) {
    Random random(static_cast<uint64_t>(seed_) + i);
    const size_t a = RandomBelow(random, pages()) * kPageBytes;
    const size_t b = RandomBelow(random, pages()) * kPageBytes;
    std::string bytes = intact_;
    bytes.replace(a, kPageBytes, intact_, b, kPageBytes);
    bytes.replace(b, kPageBytes, intact_, a, kPageBytes);
    return bytes;
  });
}

TEST_F(IndexDamageTest, TheFileMayEndAnywhere) {
  const std::vector<int> outcomes =
      TryEach(2 * pages(), [&](size_t i) { return intact_.substr(0, i * kPageBytes / 2); });
  // A file that is shorter than what is in use lacks some of it; what is left over may be free.
  EXPECT_GE(outcomes[kRefused], static_cast<int>(2 * PagesInUse()));
}

TEST_F(IndexDamageTest, AFileOfSomethingElseIsRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("x"), std::string(100'000, 'x'), std::string(100'000, '\0')}) {
    WriteFile(path_, bytes);
    EXPECT_EQ(Index::Open(path_, options_).status().code(), absl::StatusCode::kDataLoss);
  }
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(Index::Open(path_, options_).ok());
}

// Ledger row 20: an index that is not what was last committed is not trusted.
TEST_F(IndexDamageTest, LedgerRow20AnOlderTreeBehindADamagedTransactionNumberIsRefused) {
  constexpr size_t kTransactionOffset = 16 + 128;
  for (const size_t page : {0u, 1u}) {
    for (uint64_t number = 0; number < 12; ++number) {
      std::string bytes = intact_;
      std::memcpy(bytes.data() + page * kPageBytes + kTransactionOffset, &number, sizeof number);
      const bool changed = bytes != intact_;
      EXPECT_EQ(TryHere(bytes, false), changed ? kRefused : kSame) << page << " " << number;
    }
  }
}

}  // namespace
}  // namespace driftwood::merkle
