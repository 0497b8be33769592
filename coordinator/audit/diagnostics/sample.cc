#include "coordinator/audit/diagnostics/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "coordinator/walk/walk_findings.h"
#include "merkle/query/query.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {
namespace {

using merkle::Answer;
using merkle::AnswerRecord;
using merkle::Question;
using merkle::QuestionKind;
using merkle::Summary;

// Of the pivot's first answer.
constexpr double kCellsMax = 16'384;
constexpr uint8_t kFullWidth = 16;
constexpr uint8_t kKeysOnly = 16;  // of digests: all of their bytes are left out
constexpr uint8_t kWithDigests = 0;

absl::Status Wrong(const char* what) {
  return absl::DataLossError(std::string("a sample could not be taken: an agent ") + what);
}

uint8_t ChooseLevel(uint64_t records, const merkle::TreeParams& params) {
  double cells = static_cast<double>(records) / params.leaf_size;
  uint8_t level = 1;
  for (; cells > kCellsMax && level < merkle::kLevelMax; ++level) cells /= params.fanout;
  return level;
}

absl::StatusOr<std::vector<Answer>> Ask(Peer& peer, const std::vector<Question>& questions) {
  ASSIGN_OR_RETURN(const std::string reply, peer.Query(merkle::EncodeQuestions(questions)));
  return merkle::DecodeAnswers(questions, reply);
}

// Records of one range to be read, and those of them that have come.
struct Wanted {
  merkle::RangeRef range;
  std::vector<uint64_t> positions;
  std::vector<AnswerRecord> records{};

  bool Complete() const { return records.size() == positions.size(); }
};

// One batch of questions for what is missing; true if anything came.
absl::StatusOr<bool> ReadSome(Peer& peer, uint8_t width, std::vector<Wanted>* wanted) {
  std::vector<Question> questions;
  std::vector<Wanted*> asked;
  for (Wanted& one : *wanted) {
    if (one.Complete()) continue;
    Question question;
    question.kind = QuestionKind::kRecords;
    question.range = one.range;
    question.width = width;
    question.positions.assign(one.positions.begin() + static_cast<ptrdiff_t>(one.records.size()),
                              one.positions.end());
    one.range = {static_cast<uint32_t>(questions.size()), 0, 1};
    questions.push_back(std::move(question));
    asked.push_back(&one);
  }
  ASSIGN_OR_RETURN(std::vector<Answer> answers, Ask(peer, questions));
  bool any = false;
  for (size_t i = 0; i < asked.size(); ++i) {
    if (!answers[i].answered) continue;
    if (answers[i].records.size() > questions[i].positions.size()) {
      return Wrong("named more records than were asked for");
    }
    any = any || !answers[i].records.empty();
    for (AnswerRecord& record : answers[i].records) {
      std::vector<AnswerRecord>& records = asked[i]->records;
      if (record.key.empty() || (!records.empty() && record.key <= records.back().key)) {
        return Wrong("named records out of order");
      }
      records.push_back(std::move(record));
    }
  }
  return any;
}

absl::Status ReadAll(Peer& peer, uint8_t width, std::vector<Wanted>* wanted) {
  const auto complete = [](const Wanted& one) { return one.Complete(); };
  while (!std::all_of(wanted->begin(), wanted->end(), complete)) {
    ASSIGN_OR_RETURN(const bool any, ReadSome(peer, width, wanted));
    if (!any) return Wrong("answered nothing");
  }
  return absl::OkStatus();
}

// Numbers of blocks, ascending: one of each of as many strata of about equal size.
std::vector<uint64_t> ChooseBlocks(uint64_t blocks, uint64_t wanted, uint64_t seed) {
  std::mt19937_64 random(seed);
  const uint64_t strata = std::min(blocks, wanted);
  std::vector<uint64_t> chosen;
  for (uint64_t i = 0; i < strata; ++i) {
    const uint64_t begin = blocks / strata * i + std::min(i, blocks % strata);
    const uint64_t size = blocks / strata + (i < blocks % strata ? 1 : 0);
    chosen.push_back(begin + random() % size);
  }
  return chosen;
}

// The keys of the pivot's records at `ranks` (ascending, each once).
absl::StatusOr<std::vector<std::string>> KeysAt(Peer& pivot, const Summary& root,
                                                const merkle::TreeParams& params,
                                                const std::vector<uint64_t>& ranks) {
  Question partition;
  partition.kind = QuestionKind::kPartition;
  partition.level = ChooseLevel(root.count, params);
  ASSIGN_OR_RETURN(const std::vector<Answer> answers, Ask(pivot, {partition}));
  if (!answers[0].answered) return Wrong("answered nothing");
  std::vector<Wanted> wanted;
  uint64_t before = 0;
  auto rank = ranks.begin();
  for (size_t cell = 0; cell < answers[0].cells.size(); ++cell) {
    const uint64_t count = answers[0].cells[cell].count;
    if (count > root.count - before) return Wrong("has parts that hold more than the whole");
    Wanted one{{0, static_cast<uint32_t>(cell), 1}, {}};
    for (; rank != ranks.end() && *rank < before + count; ++rank) {
      one.positions.push_back(*rank - before);
    }
    before += count;
    if (!one.positions.empty()) wanted.push_back(std::move(one));
  }
  if (before != root.count || rank != ranks.end()) {
    return Wrong("has parts that hold less than the whole");
  }
  RETURN_IF_ERROR(ReadAll(pivot, kKeysOnly, &wanted));
  std::vector<std::string> keys;
  for (Wanted& one : wanted) {
    for (AnswerRecord& record : one.records) {
      if (!keys.empty() && record.key <= keys.back()) return Wrong("named records out of order");
      keys.push_back(std::move(record.key));
    }
  }
  return keys;
}

// The summaries of a replica's records between neighbouring `keys`: one more than there are keys.
absl::StatusOr<std::vector<Summary>> CutAt(Peer& peer, const Summary& root,
                                           const std::vector<std::string>& keys) {
  Question cut;
  cut.kind = QuestionKind::kCut;
  cut.width = kFullWidth;
  cut.keys = keys;
  ASSIGN_OR_RETURN(const std::vector<Answer> answers, Ask(peer, {cut}));
  if (!answers[0].answered || answers[0].cells.size() != keys.size() + 1) {
    return Wrong("did not cut where it was asked to");
  }
  std::vector<Summary> summaries;
  Summary sum;
  for (const merkle::AnswerCell& cell : answers[0].cells) {
    if (cell.count > root.count) return Wrong("has parts that hold more than the whole");
    summaries.push_back({cell.count, cell.fingerprint});
    sum += summaries.back();
  }
  if (sum != root) return Wrong("has parts that do not add up to the whole");
  return summaries;
}

class Sampler {
 public:
  Sampler(const std::vector<Peer*>& peers, const std::vector<Summary>& roots,
          const SourceMap& sources, const merkle::TreeParams& params, const SampleOptions& options)
      : peers_(peers), roots_(roots), sources_(sources), params_(params), options_(options) {}

  absl::StatusOr<KeySample> Run() {
    RETURN_IF_ERROR(ChooseCells());
    for (size_t r = 0; r < peers_.size(); ++r) {
      ASSIGN_OR_RETURN(std::vector<Summary> cells, CutAt(*peers_[r], roots_[r], keys_));
      summaries_.push_back(std::move(cells));
    }
    for (const size_t cell : cells_) {
      std::vector<Summary> by_source;
      for (const std::vector<Summary>& summaries : summaries_) by_source.push_back(summaries[cell]);
      sample_.blocks.push_back(Judge(sources_.Sum(by_source)));
      all_equal_.push_back(AllEqual(sources_.Sum(by_source)));
    }
    std::vector<std::vector<WalkedRecord>> found(cells_.size());
    for (size_t r = 0; r < peers_.size(); ++r) RETURN_IF_ERROR(Read(r, &found));
    for (size_t i = 0; i < cells_.size(); ++i) {
      sample_.blocks[i].divergences = Join(found[i], sources_);
    }
    return std::move(sample_);
  }

 private:
  // The keys to cut at, and which of the cells between them are the blocks.
  absl::Status ChooseCells() {
    const std::optional<size_t> pivot = SamplePivot(roots_, sources_);
    if (!pivot) return absl::FailedPreconditionError("no source holds all records of its replica");
    const Summary& root = roots_[*pivot];
    const uint64_t size = options_.block_records;
    sample_.blocks_in_all = root.count / size + (root.count % size == 0 ? 0 : 1);
    const std::vector<uint64_t> blocks =
        ChooseBlocks(sample_.blocks_in_all, options_.blocks_wanted, options_.seed);
    std::vector<uint64_t> ranks;
    for (const uint64_t block : blocks) {
      if (block > 0 && (ranks.empty() || ranks.back() != block * size)) {
        ranks.push_back(block * size);
      }
      cells_.push_back(ranks.size());
      if (block + 1 < sample_.blocks_in_all) ranks.push_back((block + 1) * size);
    }
    ASSIGN_OR_RETURN(keys_, KeysAt(*peers_[*pivot], root, params_, ranks));
    return absl::OkStatus();
  }

  // From the replicas' summaries.
  SampledBlock Judge(const std::vector<Summary>& summaries) const {
    SampledBlock block;
    std::optional<Summary> present;
    bool absent = false, agree = true;
    for (const Summary& summary : summaries) {
      block.records = std::max(block.records, summary.count);
      absent = absent || summary.count == 0;
      if (summary.count == 0) continue;
      agree = agree && (!present || *present == summary);
      present = summary;
    }
    block.is_missing_run = absent && agree;
    const bool too_many = block.records > options_.block_records_max;
    if (too_many && !AllEqual(summaries)) block.unread = block.records;
    return block;
  }

  static bool AllEqual(const std::vector<Summary>& summaries) {
    return std::all_of(summaries.begin(), summaries.end(),
                       [&](const Summary& summary) { return summary == summaries[0]; });
  }

  // A source's records of the blocks that differ.
  absl::Status Read(size_t source, std::vector<std::vector<WalkedRecord>>* found) const {
    std::vector<Wanted> wanted;
    std::vector<size_t> blocks;
    for (size_t i = 0; i < cells_.size(); ++i) {
      const uint64_t count = summaries_[source][cells_[i]].count;
      if (count == 0 || sample_.blocks[i].unread > 0 || all_equal_[i]) continue;
      Wanted one{{0, static_cast<uint32_t>(cells_[i]), 1}, {}};
      one.positions.resize(count);
      std::iota(one.positions.begin(), one.positions.end(), uint64_t{0});
      wanted.push_back(std::move(one));
      blocks.push_back(i);
    }
    RETURN_IF_ERROR(ReadAll(*peers_[source], kWithDigests, &wanted));
    for (size_t i = 0; i < wanted.size(); ++i) {
      Summary sum;
      for (uint64_t rank = 0; rank < wanted[i].records.size(); ++rank) {
        AnswerRecord& record = wanted[i].records[rank];
        if (!InCell(record.key, cells_[blocks[i]])) return Wrong("named a record out of its block");
        sum.Add(record.digest);
        (*found)[blocks[i]].push_back({0, source, rank, std::move(record.key), record.digest});
      }
      if (sum != summaries_[source][cells_[blocks[i]]]) {
        return Wrong("named records that do not add up to their sum");
      }
    }
    return absl::OkStatus();
  }

  bool InCell(const std::string& key, size_t cell) const {
    return (cell == 0 || key >= keys_[cell - 1]) && (cell == keys_.size() || key < keys_[cell]);
  }

  const std::vector<Peer*>& peers_;
  const std::vector<Summary>& roots_;
  const SourceMap& sources_;
  const merkle::TreeParams& params_;
  const SampleOptions& options_;

  std::vector<std::string> keys_;
  std::vector<size_t> cells_;  // of the cells between the keys, those of the sample
  std::vector<std::vector<Summary>> summaries_;  // by source, of all cells
  std::vector<bool> all_equal_;                  // by block
  KeySample sample_;
};

}  // namespace

uint64_t KeySample::records() const {
  return std::accumulate(blocks.begin(), blocks.end(), uint64_t{0},
                         [](uint64_t sum, const SampledBlock& one) { return sum + one.records; });
}

double KeySample::share_to_stream() const {
  const auto to_stream = std::count_if(blocks.begin(), blocks.end(), [](const SampledBlock& block) {
    return !block.is_missing_run && (block.unread > 0 || !block.divergences.empty());
  });
  return blocks.empty() ? 0 : static_cast<double>(to_stream) / static_cast<double>(blocks.size());
}

std::optional<size_t> SamplePivot(const std::vector<Summary>& roots, const SourceMap& sources) {
  // What lies behind the pivot's last record is in one block; more than this would be too much.
  constexpr uint64_t kPartOutside = 64;
  const std::vector<Summary> replicas = sources.Sum(roots);
  uint64_t most = 0;
  for (const Summary& replica : replicas) most = std::max(most, replica.count);
  std::optional<size_t> pivot;
  for (size_t s = 0; s < roots.size(); ++s) {
    if (roots[s].count < replicas[sources.ReplicaOf(s)].count) continue;
    if (!pivot || roots[s].count > roots[*pivot].count) pivot = s;
  }
  if (!pivot || roots[*pivot].count < most - most / kPartOutside) return std::nullopt;
  return pivot;
}

absl::StatusOr<KeySample> SampleKeySpace(const std::vector<Peer*>& peers,
                                         const std::vector<Summary>& roots,
                                         const SourceMap& sources, const merkle::TreeParams& params,
                                         const SampleOptions& options) {
  return Sampler(peers, roots, sources, params, options).Run();
}

Estimate EstimateFrom(const KeySample& sample, const std::vector<uint64_t>& divergent) {
  constexpr double kDeviations = 1.96;  // of 95 %
  Estimate estimate;
  estimate.sampled_records = sample.records();
  const auto count = static_cast<double>(divergent.size());
  const auto all = static_cast<double>(sample.blocks_in_all);
  const uint64_t seen = std::accumulate(divergent.begin(), divergent.end(), uint64_t{0});
  const double mean = static_cast<double>(seen) / count;
  double squares = 0;
  for (const uint64_t one : divergent) {
    squares += (static_cast<double>(one) - mean) * (static_cast<double>(one) - mean);
  }
  const double deviation = count > 1 ? std::sqrt(squares / (count - 1)) : 0;
  const double unseen = std::sqrt(1 - count / all);  // nothing is uncertain once all was seen
  // Blocks that are all alike say nothing of how the others may differ from them: by the rule of
  // three up to 3 / count of all may, with 95 % confidence.
  const double others = 3 / count * all * mean * unseen * unseen;
  const double half = std::max(kDeviations * all * deviation / std::sqrt(count) * unseen,
                               std::min(others, all * mean));
  estimate.divergent = static_cast<uint64_t>(std::llround(all * mean));
  estimate.low = std::max(seen, static_cast<uint64_t>(std::max(0.0, all * mean - half)));
  estimate.high = static_cast<uint64_t>(std::llround(all * mean + half));
  return estimate;
}

}  // namespace driftwood::coordinator
