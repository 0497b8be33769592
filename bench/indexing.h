// What the benches of indexing share: the agreement for their table of orders, one index of a
// store, and the comparison of that with a baseline.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "agent/index/indexer.h"
#include "agent/stores/open_store.h"
#include "bench/measure.h"
#include "merkle/check.h"

namespace driftwood {

inline merkle::Agreement OrdersAgreement(const merkle::DigestKey& key) {
  using merkle::ColumnType;
  merkle::Agreement agreement;
  agreement.schema = {{{"id", ColumnType::kInteger}},
                      {{"active", ColumnType::kBool},
                       {"created", ColumnType::kTimestamp},
                       {"customer", ColumnType::kText},
                       {"price", ColumnType::kDecimal},
                       {"quantity", ColumnType::kInteger},
                       {"status", ColumnType::kText}}};
  agreement.key_id = key.KeyId();
  return agreement;
}

// Builds the index of a store that has so many records at `path`, and removes it.
inline void IndexStore(const StoreUrl& url, const merkle::Agreement& agreement,
                       const merkle::DigestKey& key, int threads, uint64_t records,
                       const std::filesystem::path& path) {
  agent::IndexerOptions options;
  options.key = key;
  options.threads = threads;
  const auto store = agent::OpenStore(url).value();
  const auto result = agent::BuildIndex(*store, agreement, options, path);
  if (!result.ok()) std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
  DRIFTWOOD_CHECK(result.ok() && result->root.count == records && result->unparsed == 0);
  std::filesystem::remove(path);
}

// Each round measures both, one after the other; the ratios are medians over the rounds.
inline void CompareIndex(const std::string& name, uint64_t records, int rounds,
                         const std::function<void()>& baseline, const std::function<void()>& ours) {
  std::vector<double> ratios, rates, baseline_rates, cpu_ratios;
  for (int round = 0; round < rounds; ++round) {
    const Times theirs = Measure(baseline);
    const Times mine = Measure(ours);
    const auto count = static_cast<double>(records);
    ratios.push_back(theirs.wall / mine.wall);
    rates.push_back(count / mine.wall / 1e6);
    baseline_rates.push_back(count / theirs.wall / 1e6);
    cpu_ratios.push_back(mine.cpu / theirs.cpu);
    std::printf("  %s round %d: baseline %.2f s (cpu %.2f), index %.2f s (cpu %.2f)\n",
                name.c_str(), round, theirs.wall, theirs.cpu, mine.wall, mine.cpu);
    std::fflush(stdout);
  }
  std::printf("%s: index %.2f M/s, baseline %.2f M/s, ratio %.2f (cpu time x %.2f)\n", name.c_str(),
              Median(rates), Median(baseline_rates), Median(ratios), Median(cpu_ratios));
  std::fflush(stdout);
}

}  // namespace driftwood
