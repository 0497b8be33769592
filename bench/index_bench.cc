// The index beside plain LMDB, in pairs: each pair of runs gives one ratio, and the median of the
// ratios is what counts, since absolute times move with the machine. bench/README.md has the
// workloads and the numbers.
//
//   index_bench [--pairs N] [--records N] [--directory PATH]
#include <lmdb.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "merkle/check.h"
#include "merkle/tree/index.h"

namespace driftwood::merkle {
namespace {

using Records = std::vector<std::pair<std::string, Digest>>;
using Clock = std::chrono::steady_clock;

struct Settings {
  int pairs = 7;
  uint64_t records = 1'000'000;
  std::filesystem::path folder = std::filesystem::temp_directory_path();
};

struct Time {
  double wall = 0;
  double cpu = 0;  // of this thread: what a busy machine does not change
};

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Time TimeOf(const std::function<void()>& work) {
  const Clock::time_point begin = Clock::now();
  const double cpu_begin = ThreadCpuSeconds();
  work();
  return {std::chrono::duration<double>(Clock::now() - begin).count(),
          ThreadCpuSeconds() - cpu_begin};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// A tag byte and eight bytes, as an integer key is encoded.
std::string KeyOf(uint64_t id) {
  std::string key = "\x10";
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(id >> shift));
  return key;
}

class Workload {
 public:
  explicit Workload(uint64_t records) {
    uint64_t id = 0;
    records_.reserve(records);
    for (uint64_t i = 0; i < records; ++i) {
      id += 1 + random_() % 16;  // ascending with gaps, as ids mostly are
      records_.emplace_back(KeyOf(id), RandomDigest());
    }
  }
  Digest RandomDigest() {
    const uint64_t low = random_();
    return {low, random_()};
  }
  const Records& records() const { return records_; }
  // Updates of random records, with one new record in ten.
  std::vector<Change> Upserts(size_t count) {
    std::vector<Change> batch(count);
    for (Change& change : batch) {
      change.key = records_[random_() % records_.size()].first;
      if (random_() % 10 == 0) change.key = KeyOf(random_() % (records_.size() * 8));
      change.digest = RandomDigest();
    }
    return batch;
  }

 private:
  std::mt19937_64 random_{42};
  Records records_;
};

// ---------------------------------------------------------------------------- plain LMDB

void Must(int rc) {
  if (rc == MDB_SUCCESS) return;
  std::fprintf(stderr, "lmdb: %s\n", mdb_strerror(rc));
  std::abort();
}

class PlainLmdb {
 public:
  PlainLmdb(const std::filesystem::path& path, unsigned flags) {
    Must(mdb_env_create(&env_));
    Must(mdb_env_set_mapsize(env_, size_t{1} << 30));
    Must(mdb_env_open(env_, path.c_str(), MDB_NOSUBDIR | MDB_NORDAHEAD | flags, 0600));
  }
  ~PlainLmdb() { mdb_env_close(env_); }

  template <typename Range, typename GetKey, typename GetDigest>
  void Put(const Range& range, unsigned flags, GetKey get_key, GetDigest get_digest) {
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    MDB_cursor* cursor = nullptr;
    Must(mdb_txn_begin(env_, nullptr, 0, &txn));
    Must(mdb_dbi_open(txn, nullptr, 0, &dbi));
    Must(mdb_cursor_open(txn, dbi, &cursor));
    for (const auto& item : range) {
      const std::string& key = get_key(item);
      char digest[Digest::kBytes];
      get_digest(item).CopyTo(digest);
      MDB_val k{key.size(), const_cast<char*>(key.data())};
      MDB_val v{sizeof digest, digest};
      Must(mdb_cursor_put(cursor, &k, &v, flags));
    }
    mdb_cursor_close(cursor);
    Must(mdb_txn_commit(txn));
  }
  void Append(const Records& records) {
    Put(
        records, MDB_APPEND, [](const auto& record) -> const std::string& { return record.first; },
        [](const auto& record) { return record.second; });
  }
  void Apply(const std::vector<Change>& batch) {
    Put(
        batch, 0, [](const auto& change) -> const std::string& { return change.key; },
        [](const auto& change) { return *change.digest; });
  }
  void Sync() { Must(mdb_env_sync(env_, 1)); }

 private:
  MDB_env* env_ = nullptr;
};

void BuildPlain(const std::filesystem::path& path, const Records& records) {
  std::filesystem::remove(path);
  PlainLmdb plain(path, MDB_WRITEMAP | MDB_NOSYNC | MDB_NOLOCK);
  plain.Append(records);
  plain.Sync();
}

void BuildIndex(const std::filesystem::path& path, const Records& records) {
  auto builder = IndexBuilder::Create(path, {}).value();
  for (const auto& [key, digest] : records) DRIFTWOOD_CHECK(builder->Add(key, digest).ok());
  DRIFTWOOD_CHECK(builder->Finish("").ok());
}

// ---------------------------------------------------------------------------- the measurements

std::vector<double> Of(const std::vector<Time>& times, double Time::*part) {
  std::vector<double> values;
  for (const Time& time : times) values.push_back(time.*part);
  return values;
}

void Report(const char* what, const std::vector<Time>& ours, const std::vector<Time>& base) {
  for (const auto& [name, part] : {std::pair("wall", &Time::wall), std::pair("cpu", &Time::cpu)}) {
    const std::vector<double> a = Of(ours, part);
    const std::vector<double> b = Of(base, part);
    std::vector<double> ratios;
    for (size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
    std::printf("%-26s %-4s  index %8.1f ms   baseline %8.1f ms   ratio %.2f (%.2f to %.2f)\n",
                what, name, Median(a) * 1e3, Median(b) * 1e3, Median(ratios),
                *std::min_element(ratios.begin(), ratios.end()),
                *std::max_element(ratios.begin(), ratios.end()));
  }
  std::fflush(stdout);
}

void BenchBulkLoad(const Settings& settings, const std::filesystem::path& folder,
                   const Workload& workload) {
  std::vector<Time> ours;
  std::vector<Time> base;
  for (int i = 0; i < settings.pairs; ++i) {
    base.push_back(TimeOf([&] { BuildPlain(folder / "plain", workload.records()); }));
    std::filesystem::remove(folder / "index");
    ours.push_back(TimeOf([&] { BuildIndex(folder / "index", workload.records()); }));
  }
  Report("bulk load, in order", ours, base);
  std::printf("%-26s %.1f bytes a record\n", "index file",
              static_cast<double>(std::filesystem::file_size(folder / "index")) /
                  static_cast<double>(workload.records().size()));
}

// Without the page cache, which the mapped file counts as.
uint64_t AnonymousBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    uint64_t kilobytes = 0;
    if (word == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

void BenchUnsorted(const Settings& settings, const std::filesystem::path& folder,
                   const Workload& workload) {
  Records shuffled = workload.records();
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(7));
  std::vector<Time> ours;
  std::vector<Time> base;
  for (int i = 0; i < settings.pairs; ++i) {
    base.push_back(TimeOf([&] { BuildIndex(folder / "in-order", workload.records()); }));
    ours.push_back(TimeOf([&] { BuildIndex(folder / "shuffled", shuffled); }));
  }
  Report("bulk load, any / key order", ours, base);
}

void BenchApply(const Settings& settings, const std::filesystem::path& folder, Workload* workload,
                size_t batch_size) {
  BuildPlain(folder / "plain", workload->records());
  BuildIndex(folder / "index", workload->records());
  const auto index = Index::Open(folder / "index", {}).value();
  PlainLmdb plain(folder / "plain", 0);
  std::vector<Time> ours;
  std::vector<Time> base;
  const int batches = settings.pairs * (batch_size > 5000 ? 3 : 10);
  for (int i = 0; i < batches; ++i) {
    const std::vector<Change> batch = workload->Upserts(batch_size);
    const auto apply_plain = [&] { base.push_back(TimeOf([&] { plain.Apply(batch); })); };
    const auto apply_index = [&] {
      ours.push_back(TimeOf([&] { DRIFTWOOD_CHECK(index->Apply(batch, "").ok()); }));
    };
    if (i % 2 == 0) apply_plain();
    apply_index();
    if (i % 2 != 0) apply_plain();
  }
  Report(("apply, batches of " + std::to_string(batch_size)).c_str(), ours, base);
}

// Text keys in an order far from theirs, made on the way, so that the peak is the builder's own.
void BenchMemory(const Settings& settings, const std::filesystem::path& folder) {
  for (const bool shuffled : {false, true}) {
    auto builder = IndexBuilder::Create(folder / "index", {}).value();
    uint64_t peak = 0;
    const Time time = TimeOf([&] {
      for (uint64_t i = 0; i < settings.records; ++i) {
        // A permutation of [0, 2^30), or the identity.
        const uint64_t id = shuffled ? i * 0x9E3779B1 % (uint64_t{1} << 30) : i;
        char key[] = " customer-0000000000";
        char* digit = key + sizeof key - 1;
        for (uint64_t rest = id; rest > 0; rest /= 10)
          *--digit = static_cast<char>('0' + rest % 10);
        DRIFTWOOD_CHECK(builder->Add(std::string_view(key, sizeof key - 1), {id, i}).ok());
        if (i % 100'000 == 0) peak = std::max(peak, AnonymousBytes());
      }
      peak = std::max(peak, AnonymousBytes());
      DRIFTWOOD_CHECK(builder->Finish("").ok());
    });
    std::printf("%-26s %.0f ns a record wall, %.0f ns cpu, %.0f MiB at most\n",
                shuffled ? "text keys, shuffled" : "text keys, in order",
                time.wall / static_cast<double>(settings.records) * 1e9,
                time.cpu / static_cast<double>(settings.records) * 1e9,
                static_cast<double>(peak) / 1048576);
    std::fflush(stdout);
  }
}

// Nanoseconds for one record, without anything around it.
void BenchParts(const Workload& workload) {
  const DigestKey key = DigestKey::Random();
  RecordHasher hasher(key);
  const std::string value(100, 'v');
  Summary sum;
  const Time hashing = TimeOf([&] {
    for (const auto& [record_key, digest] : workload.records()) {
      sum.Add(hasher.Hash(record_key, value));
    }
  });
  const Leveler leveler(key, {});
  int levels = 0;
  const Time levelling = TimeOf([&] {
    for (const auto& [record_key, digest] : workload.records()) levels += leveler.Level(record_key);
  });
  const double count = static_cast<double>(workload.records().size());
  std::printf("%-26s digest of 9+100 bytes %.0f ns, level %.1f ns (%d, %d)\n", "parts",
              hashing.cpu / count * 1e9, levelling.cpu / count * 1e9,
              static_cast<int>(sum.count % 7), levels % 7);
}

int Main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--pairs") settings.pairs = std::atoi(argv[i + 1]);
    if (option == "--records") settings.records = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--directory") settings.folder = argv[i + 1];
  }
  std::string folder = (settings.folder / "driftwood-bench-XXXXXX").string();
  DRIFTWOOD_CHECK(mkdtemp(folder.data()) != nullptr);
  BenchMemory(settings, folder);
  Workload workload(settings.records);
  BenchParts(workload);
  BenchBulkLoad(settings, folder, workload);
  BenchUnsorted(settings, folder, workload);
  BenchApply(settings, folder, &workload, 10'000);
  BenchApply(settings, folder, &workload, 1'000);
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace driftwood::merkle

int main(int argc, char** argv) { return driftwood::merkle::Main(argc, argv); }
