#include "coordinator/walk/align.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <unordered_map>

namespace driftwood::coordinator {
namespace {

struct Match {
  uint32_t a = 0;
  uint32_t b = 0;
  int64_t previous = -1;  // of the subsequence that ends here, by number
};

// All pairs of equal tags, by `a` ascending, then `b` descending. Empty if there are so many that
// the tags cannot tell the cuts apart.
std::vector<Match> EqualPairs(std::span<const uint16_t> a, std::span<const uint16_t> b,
                              uint32_t offset) {
  std::unordered_map<uint16_t, std::vector<uint32_t>> places;
  for (size_t i = 0; i < b.size(); ++i) places[b[i]].push_back(static_cast<uint32_t>(i));
  const size_t most = 64 + 4 * (a.size() + b.size()) + a.size() * b.size() / 16384;
  std::vector<Match> pairs;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto found = places.find(a[i]);
    if (found == places.end()) continue;
    if (pairs.size() + found->second.size() > most) return {};
    for (auto place = found->second.rbegin(); place != found->second.rend(); ++place) {
      pairs.push_back({static_cast<uint32_t>(i) + offset, *place + offset, -1});
    }
  }
  return pairs;
}

// The longest chain of pairs that ascends in both.
CommonCuts LongestChain(std::vector<Match> pairs) {
  std::vector<size_t> ends;  // ends[k]: pair with the least `b` that ends a chain of k + 1
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto place = std::lower_bound(ends.begin(), ends.end(), pairs[i].b,
                                        [&](size_t end, uint32_t b) { return pairs[end].b < b; });
    if (place != ends.begin()) pairs[i].previous = static_cast<int64_t>(*(place - 1));
    if (place == ends.end()) {
      ends.push_back(i);
    } else {
      *place = i;
    }
  }
  CommonCuts chain;
  int64_t at = ends.empty() ? -1 : static_cast<int64_t>(ends.back());
  for (; at >= 0; at = pairs[static_cast<size_t>(at)].previous) {
    chain.emplace_back(pairs[static_cast<size_t>(at)].a, pairs[static_cast<size_t>(at)].b);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

// Whether `common` equal tags among `a` and `b` say more than chance does: of unrelated tags, about
// a * b / 65,536 pairs are equal, and a chain of about twice its root ascends in both.
bool MoreThanChance(size_t common, size_t a, size_t b) {
  if (common * 4 >= std::min(a, b)) return true;
  const double by_chance = static_cast<double>(a) * static_cast<double>(b) / 65536;
  return static_cast<double>(common) >= 2 + 8 * std::sqrt(by_chance);
}

}  // namespace

CommonCuts AlignTags(std::span<const uint16_t> a, std::span<const uint16_t> b) {
  const size_t most = std::min(a.size(), b.size());
  size_t head = 0;
  while (head < most && a[head] == b[head]) ++head;
  size_t tail = 0;
  while (tail < most - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  CommonCuts common;
  common.reserve(most);
  for (size_t i = 0; i < head; ++i) {
    common.emplace_back(static_cast<uint32_t>(i), static_cast<uint32_t>(i));
  }
  const auto middle_a = a.subspan(head, a.size() - head - tail);
  const auto middle_b = b.subspan(head, b.size() - head - tail);
  if (!middle_a.empty() && !middle_b.empty()) {
    const CommonCuts chain =
        LongestChain(EqualPairs(middle_a, middle_b, static_cast<uint32_t>(head)));
    if (MoreThanChance(chain.size(), middle_a.size(), middle_b.size())) {
      common.insert(common.end(), chain.begin(), chain.end());
    }
  }
  for (size_t i = tail; i > 0; --i) {
    common.emplace_back(static_cast<uint32_t>(a.size() - i), static_cast<uint32_t>(b.size() - i));
  }
  return common;
}

CommonCuts AlignKeys(std::span<const std::string> a, std::span<const std::string> b) {
  CommonCuts common;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const int order = a[i].compare(b[j]);
    if (order == 0) {
      common.emplace_back(static_cast<uint32_t>(i++), static_cast<uint32_t>(j++));
    } else if (order < 0) {
      ++i;
    } else {
      ++j;
    }
  }
  return common;
}

}  // namespace driftwood::coordinator
