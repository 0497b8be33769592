// How fast, and in how much memory, an agent indexes a store: beside one thread that only reads
// the same store and takes one SHA-256 of each record. Each round measures both, one after the
// other; the ratios are medians over the rounds.
//
//   agent_bench [lmdb] [csv] [memory] [--records=N] [--rows=N] [--rounds=N] [--threads=N]
//               [--directory=PATH]
//
// The stores that it makes (4 GB) are kept in a directory that is given, and removed otherwise.
#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bench/indexing.h"

namespace driftwood::agent {
namespace {

struct Settings {
  std::set<std::string> what;
  uint64_t records = 10'000'000;
  uint64_t rows = 5'000'000;
  int rounds = 5;
  int threads = 2;
  std::filesystem::path folder;
};

void Ok(int rc) { DRIFTWOOD_CHECK(rc == 0); }

void WriteLmdb(const std::filesystem::path& path, uint64_t records, unsigned flags) {
  if (std::filesystem::exists(path)) return;
  MDB_env* env = nullptr;
  Ok(mdb_env_create(&env));
  Ok(mdb_env_set_mapsize(env, size_t{1} << 36));
  Ok(mdb_env_set_maxdbs(env, 1));
  Ok(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR | MDB_NOSYNC, 0600));
  std::mt19937_64 random(1);
  for (uint64_t i = 0; i < records;) {
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    Ok(mdb_txn_begin(env, nullptr, 0, &txn));
    Ok(mdb_dbi_open(txn, "records", MDB_CREATE | flags, &dbi));
    for (const uint64_t end = std::min(records, i + 200'000); i < end; ++i) {
      uint64_t key = (flags & MDB_INTEGERKEY) != 0 ? i : __builtin_bswap64(i);
      uint64_t value[13];
      for (uint64_t& word : value) word = random();
      MDB_val k{sizeof(key), &key};
      MDB_val v{100, value};
      Ok(mdb_put(txn, dbi, &k, &v, MDB_APPEND));
    }
    Ok(mdb_txn_commit(txn));
  }
  mdb_env_sync(env, 1);
  mdb_env_close(env);
}

void ScanLmdb(const std::filesystem::path& path, uint64_t records) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  MDB_cursor* cursor = nullptr;
  Ok(mdb_env_create(&env));
  Ok(mdb_env_set_maxdbs(env, 1));
  Ok(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR | MDB_RDONLY, 0600));
  Ok(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn));
  Ok(mdb_dbi_open(txn, "records", 0, &dbi));
  Ok(mdb_cursor_open(txn, dbi, &cursor));
  Sha256 sha;
  uint64_t found = 0;
  MDB_val key{};
  MDB_val value{};
  for (; mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0; ++found) {
    sha.Begin();
    sha.Update(key.mv_data, key.mv_size);
    sha.Update(value.mv_data, value.mv_size);
    sha.End();
  }
  DRIFTWOOD_CHECK(found == records);
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  mdb_env_close(env);
}

void WriteCsv(const std::filesystem::path& path, uint64_t rows) {
  if (std::filesystem::exists(path)) return;
  std::ofstream out(path, std::ios::binary);
  out << "id,customer,price,quantity,status,created,active\n";
  std::mt19937_64 random(1);
  char line[200];
  const char* const statuses[] = {"open", "paid", "shipped", "returned"};
  for (uint64_t i = 0; i < rows; ++i) {
    const uint64_t r = random();
    const int size = std::snprintf(
        line, sizeof(line),
        "%llu,customer %08x,%u.%02u,%u,%s,2024-%02u-%02u %02u:%02u:%02u.%03u,%s\n",
        static_cast<unsigned long long>(i), static_cast<unsigned>(r),
        static_cast<unsigned>(r >> 40 & 8191), static_cast<unsigned>(r >> 20) % 100,
        static_cast<unsigned>(r >> 8) % 50, statuses[r & 3], 1 + static_cast<unsigned>(r >> 4) % 12,
        1 + static_cast<unsigned>(r >> 9) % 28, static_cast<unsigned>(r >> 14) % 24,
        static_cast<unsigned>(r >> 19) % 60, static_cast<unsigned>(r >> 25) % 60,
        static_cast<unsigned>(r >> 31) % 1000, (r & 4) != 0 ? "true" : "false");
    out.write(line, size);
  }
}

void ScanCsv(const std::filesystem::path& path, uint64_t rows) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  struct stat stat {};
  Ok(::fstat(fd, &stat));
  const auto size = static_cast<size_t>(stat.st_size);
  void* const map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  DRIFTWOOD_CHECK(map != MAP_FAILED);
  const char* at = static_cast<const char*>(map);
  const char* const end = at + size;
  Sha256 sha;
  uint64_t lines = 0;
  while (at < end) {
    const void* newline = std::memchr(at, '\n', static_cast<size_t>(end - at));
    const char* line_end = newline != nullptr ? static_cast<const char*>(newline) : end;
    sha.Begin();
    sha.Update(at, static_cast<size_t>(line_end - at));
    sha.End();
    ++lines;
    at = line_end + 1;
  }
  DRIFTWOOD_CHECK(lines == rows + 1);
  ::munmap(map, size);
  ::close(fd);
}

merkle::Agreement LmdbAgreement(const merkle::DigestKey& key) {
  merkle::Agreement agreement;
  agreement.schema = {{{"key", merkle::ColumnType::kBytes}},
                      {{"value", merkle::ColumnType::kBytes}}};
  agreement.key_id = key.KeyId();
  return agreement;
}

uint64_t RssAnonKb() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("RssAnon:")) return std::strtoull(line.c_str() + 8, nullptr, 10);
  }
  return 0;
}

// In a process of its own: the largest RssAnon while it indexes.
template <typename Function>
void MeasureMemory(const char* name, const Function& function) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  DRIFTWOOD_CHECK(child >= 0);
  if (child == 0) {
    std::atomic<bool> done = false;
    std::atomic<uint64_t> peak = 0;
    std::thread sampler([&] {
      while (!done) {
        peak = std::max(peak.load(), RssAnonKb());
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    function();
    done = true;
    sampler.join();
    std::printf("%s: peak %.1f MiB without the page cache\n", name,
                static_cast<double>(peak) / 1024);
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  DRIFTWOOD_CHECK(status == 0);
}

void RunAll(const Settings& settings) {
  std::filesystem::create_directories(settings.folder);
  const merkle::DigestKey key = merkle::DigestKey::Random();
  const auto wants = [&](const char* what) {
    return settings.what.empty() || settings.what.count(what) > 0;
  };
  const auto lmdb = settings.folder / ("records-" + std::to_string(settings.records) + ".mdb");
  const auto unsorted = settings.folder / ("unsorted-" + std::to_string(settings.records) + ".mdb");
  const auto csv = settings.folder / ("orders-" + std::to_string(settings.rows) + ".csv");
  const StoreUrl lmdb_url{"lmdb", lmdb.string(), {{"db", "records"}}};
  const StoreUrl unsorted_url{"lmdb", unsorted.string(), {{"db", "records"}}};
  const StoreUrl csv_url{"csv", csv.string(), {{"key", "id"}}};
  const auto index = settings.folder / "index";
  const auto index_lmdb = [&](const StoreUrl& url) {
    IndexStore(url, LmdbAgreement(key), key, settings.threads, settings.records, index);
  };
  if (wants("lmdb")) {
    WriteLmdb(lmdb, settings.records, 0);
    const auto baseline = [&] { ScanLmdb(lmdb, settings.records); };
    baseline();  // warms the page cache
    CompareIndex("lmdb", settings.records, settings.rounds, baseline,
                 [&] { index_lmdb(lmdb_url); });
  }
  if (wants("csv")) {
    WriteCsv(csv, settings.rows);
    const auto baseline = [&] { ScanCsv(csv, settings.rows); };
    baseline();
    CompareIndex("csv", settings.rows, settings.rounds, baseline, [&] {
      IndexStore(csv_url, OrdersAgreement(key), key, settings.threads, settings.rows, index);
    });
  }
  if (wants("memory")) {
    WriteLmdb(lmdb, settings.records, 0);
    WriteLmdb(unsorted, settings.records, MDB_INTEGERKEY);
    MeasureMemory("memory, lmdb in key order", [&] { index_lmdb(lmdb_url); });
    MeasureMemory("memory, lmdb in another order", [&] { index_lmdb(unsorted_url); });
  }
}

int Main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (name == "--records") {
      settings.records = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--rows") {
      settings.rows = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--rounds") {
      settings.rounds = std::atoi(value.c_str());
    } else if (name == "--threads") {
      settings.threads = std::atoi(value.c_str());
    } else if (name == "--directory") {
      settings.folder = value;
    } else if (name == "lmdb" || name == "csv" || name == "memory") {
      settings.what.insert(name);
    } else {
      std::fprintf(stderr, "unknown argument %s\n", argument.c_str());
      return 2;
    }
  }
  const bool keep = !settings.folder.empty();
  if (!keep) {
    settings.folder = std::filesystem::temp_directory_path() /
                      ("driftwood-agent-bench-" + std::to_string(::getpid()));
  }
  RunAll(settings);
  if (!keep) std::filesystem::remove_all(settings.folder);
  return 0;
}

}  // namespace
}  // namespace driftwood::agent

int main(int argc, char** argv) { return driftwood::agent::Main(argc, argv); }
