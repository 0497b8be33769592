#include "tests/testing/tree_checks.h"

#include <gtest/gtest.h>

#include "merkle/status_macros.h"

namespace driftwood::merkle {
namespace {

using Cells = std::vector<std::pair<std::string, Summary>>;

absl::StatusOr<Cells> CellsOf(const TreeView& view, const Range& range, int level) {
  Cells cells;
  RETURN_IF_ERROR(view.Partition(range, level, [&](std::string_view begin, const Summary& summary) {
    cells.emplace_back(begin, summary);
    return true;
  }));
  return cells;
}

absl::StatusOr<Records> RecordsIn(const TreeView& view, const Range& range) {
  Records records;
  RETURN_IF_ERROR(view.Records(range, [&](std::string_view key, const Digest& digest) {
    records.emplace_back(key, digest);
    return true;
  }));
  return records;
}

std::string Describe(const Range& range) {
  return "range from " + ::testing::PrintToString(range.begin) + " to " +
         (range.end ? ::testing::PrintToString(*range.end) : "+inf");
}

void ExpectSameIn(const TreeView& view, const TreeView& twin, const Range& range) {
  SCOPED_TRACE(Describe(range));
  const absl::StatusOr<Summary> summary = view.Summarize(range);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(*summary, *twin.Summarize(range));
  for (const int level : {1, 2, 3, 4, kLevelMax}) {
    const absl::StatusOr<Cells> cells = CellsOf(view, range, level);
    ASSERT_TRUE(cells.ok()) << cells.status();
    EXPECT_EQ(*cells, *CellsOf(twin, range, level)) << "level " << level;
  }
  const absl::StatusOr<Records> records = RecordsIn(view, range);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(*records, *RecordsIn(twin, range));
}

std::string RandomBound(const MemoryTree& twin, Random& random) {
  std::string bound = RandomKey(random, 12);
  if (twin.records().empty() || RandomBelow(random, 4) == 0) return bound;
  const auto found = twin.records().lower_bound(bound);
  bound = found != twin.records().end() ? found->first : twin.records().begin()->first;
  switch (RandomBelow(random, 4)) {
    case 0:
      return bound + '\0';
    case 1:
      return std::string(CutPrefix(bound));
    case 2:
      return bound.substr(0, bound.size() - 1);
    default:
      return bound;
  }
}

void AppendSummary(const Summary& summary, std::string* out) {
  summary.sum.AppendTo(out);
  *out += std::to_string(summary.count) + ";";
}

}  // namespace

size_t RandomBelow(Random& random, size_t bound) {
  return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
}

Digest RandomDigest(Random& random) {
  const uint64_t low = random();
  return {low, random()};
}

std::string RandomKey(Random& random, size_t bytes_max) {
  constexpr char kLetters[] = {'\0', 'a', 'b', '\xff'};
  std::string key(1 + RandomBelow(random, bytes_max), '\0');
  for (char& c : key) c = kLetters[RandomBelow(random, sizeof kLetters)];
  return key;
}

absl::StatusOr<Summary> BuildIndex(const std::filesystem::path& path, const IndexOptions& options,
                                   const Records& records, std::string_view source_position) {
  ASSIGN_OR_RETURN(const auto builder, IndexBuilder::Create(path, options));
  for (const auto& [key, digest] : records) RETURN_IF_ERROR(builder->Add(key, digest));
  return builder->Finish(source_position);
}

Records RecordsOf(const MemoryTree& tree) { return {tree.records().begin(), tree.records().end()}; }

void ExpectSameViews(const TreeView& view, const MemoryTree& twin, Random& random, int ranges) {
  ExpectSameIn(view, twin, Range::All());
  for (int i = 0; i < ranges; ++i) {
    Range range;
    if (RandomBelow(random, 8) != 0) range.begin = RandomBound(twin, random);
    if (RandomBelow(random, 8) != 0) range.end = RandomBound(twin, random);
    if (range.end && *range.end < range.begin && RandomBelow(random, 8) != 0) {
      std::swap(range.begin, *range.end);
    }
    ExpectSameIn(view, twin, range);
  }
}

absl::StatusOr<std::string> Transcript(const TreeView& view, const std::vector<Range>& ranges) {
  std::string out;
  for (const Range& range : ranges) {
    ASSIGN_OR_RETURN(const Summary summary, view.Summarize(range));
    AppendSummary(summary, &out);
    for (const int level : {1, 2, 4}) {
      ASSIGN_OR_RETURN(const Cells cells, CellsOf(view, range, level));
      for (const auto& [begin, cell] : cells) {
        out += begin + "=";
        AppendSummary(cell, &out);
      }
    }
    ASSIGN_OR_RETURN(const Records records, RecordsIn(view, range));
    for (const auto& [key, digest] : records) {
      out += key + "=";
      digest.AppendTo(&out);
    }
  }
  return out;
}

}  // namespace driftwood::merkle
