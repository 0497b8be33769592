#include "coordinator/walk/walk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "coordinator/walk/walk_findings.h"
#include "coordinator/walk/walk_frontier.h"
#include "merkle/check.h"
#include "merkle/query/query.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {
namespace {

// More records than any source has: sums of counts stay far from overflow.
constexpr uint64_t kCountMax = uint64_t{1} << 52;

}  // namespace

struct Walk::Impl {
  const std::vector<merkle::Summary> roots;  // by source
  const SourceMap sources;
  const merkle::TreeParams params;
  const WalkOptions options;

  bool done = false;
  bool closed = false;
  bool exact = false;
  uint32_t rounds = 1;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  uint64_t remainder = 0;
  std::vector<Gap> gaps;
  std::optional<Conclusion> conclusion;
  std::unique_ptr<Frontier> frontier;  // null if the roots were not believed, and at the end

  // The round in progress.
  std::vector<std::vector<merkle::Question>> batches;
  std::vector<bool> awaited;

  Impl(std::vector<merkle::Summary> root_summaries, SourceMap source_map,
       const merkle::TreeParams& tree_params, const WalkOptions& walk_options)
      : roots(std::move(root_summaries)),
        sources(std::move(source_map)),
        params(tree_params),
        options(walk_options) {
    DRIFTWOOD_CHECK(sources.replicas() >= 2 && sources.sources() == roots.size());
    awaited.assign(roots.size(), false);
    for (size_t r = 0; r < roots.size(); ++r) {
      if (roots[r].count > kCountMax) Fail(r, "claims an impossible number of records");
      if (roots[r].count == 0 && roots[r].sum != merkle::Digest()) {
        Fail(r, "a sum of no records is not zero");
      }
    }
    exact = options.exact;
    if (!done) Begin();
  }

  void Begin() {
    frontier = std::make_unique<Frontier>(roots, sources, params, options, exact);
    if (frontier->empty()) Close();
  }

  void Fail(size_t source, std::string reason) {
    gaps.push_back({"", std::nullopt, sources.ReplicaOf(source), std::move(reason), source});
    done = true;
  }
  void FailAll(const std::string& reason) {
    AddGapOfAll(reason, &gaps);
    done = true;
  }
  void FailOurselves(const std::string& reason) {
    gaps.push_back({"", std::nullopt, Gap::kNoReplica, reason});
    done = true;
  }
  void AddGapOfAll(const std::string& reason, std::vector<Gap>* to) const {
    for (size_t r = 0; r < sources.replicas(); ++r) to->push_back({"", std::nullopt, r, reason});
  }

  std::vector<std::string> NextRound() {
    std::vector<std::string> encoded(roots.size());
    if (done) return encoded;
    if (rounds >= options.rounds_max) {
      FailAll("no end after " + std::to_string(rounds) + " rounds");
      return encoded;
    }
    ++rounds;
    batches = frontier->Ask();
    for (size_t r = 0; r < roots.size(); ++r) {
      if (batches[r].empty()) continue;
      encoded[r] = merkle::EncodeQuestions(batches[r]);
      bytes_sent += encoded[r].size();
      awaited[r] = true;
    }
    return encoded;
  }

  void Answer(size_t source, std::string_view reply) {
    DRIFTWOOD_CHECK(source < roots.size());
    if (!awaited[source]) return;
    awaited[source] = false;
    bytes_received += reply.size();
    if (done) return;
    absl::StatusOr<std::vector<merkle::Answer>> answers =
        merkle::DecodeAnswers(batches[source], reply);
    if (!answers.ok()) return Fail(source, std::string(answers.status().message()));
    batches[source] = std::vector<merkle::Question>();
    if (auto wrong = frontier->Take(source, *std::move(answers))) {
      return Fail(source, "answered wrongly: " + *wrong);
    }
    if (CanNotHoldAll()) return;
    if (std::find(awaited.begin(), awaited.end(), true) == awaited.end()) Advance();
  }

  void Advance() {
    frontier->Advance();
    if (CanNotHoldAll()) return;
    if (frontier->empty()) Close();
  }

  // Fails then. What a source claims costs nothing, only what it has sent.
  bool CanNotHoldAll() {
    if (!frontier->findings().status().ok()) {
      CanNotKeep(frontier->findings().status());
      return true;
    }
    if (frontier->HeldBytes() <= options.bytes_held_max) return false;
    FailOurselves(
        "the replicas differ in more than can be compared at once: what a walk holds of it takes "
        "over " +
        GroupDigits(options.bytes_held_max >> 20) +
        " MiB; compare a part of the records at a time (where=)");
    return true;
  }

  void CanNotKeep(const absl::Status& status) {
    FailOurselves("what the walk found can't be kept: " + std::string(status.message()));
  }

  absl::Status Conclude() {
    batches = {};
    absl::StatusOr<Conclusion> concluded = frontier->Conclude(roots);
    frontier.reset();
    absl::Status status = concluded.status();
    conclusion = status.ok() ? *std::move(concluded) : Conclusion();
    return status;
  }

  // The frontier is empty: does all that was found account for the roots' difference?
  void Close() {
    const absl::Status status = Conclude();
    if (!status.ok()) return CanNotKeep(status);
    const Closing& closing = conclusion->closing;
    switch (closing.kind) {
      case Closing::Kind::kCloses:
        closed = true;
        remainder = closing.remainder;
        done = true;
        return;
      case Closing::Kind::kLies:
        return Fail(closing.source, closing.reason);
      case Closing::Kind::kDoesNotClose:
        if (exact) return FailAll("did not close");
        exact = true;
        conclusion.reset();
        return Begin();
    }
  }

  WalkResult Traffic() const {
    WalkResult result;
    result.rounds = rounds;
    result.exact = exact;
    result.bytes_sent = bytes_sent;
    result.bytes_received = bytes_received;
    return result;
  }

  WalkResult Result() {
    WalkResult result = Traffic();
    result.complete = closed;
    result.records_proven_equal = remainder;
    result.gaps = gaps;
    if (!closed && gaps.empty()) {
      AddGapOfAll("the walk has not ended", &result.gaps);
    }
    if (!done) return result;
    // What a walk that failed has found so far is listed, if it can be: it has a gap in any case.
    if (frontier != nullptr) (void)Conclude();
    if (!conclusion) return result;
    result.divergences = conclusion->divergences;
    result.runs = conclusion->runs;
    return result;
  }
};

Walk::Walk(const std::vector<merkle::Summary>& roots, const merkle::TreeParams& params,
           const WalkOptions& options)
    : Walk(roots, SourceMap(roots.size()), params, options) {}
Walk::Walk(std::vector<merkle::Summary> roots, SourceMap sources, const merkle::TreeParams& params,
           const WalkOptions& options)
    : impl_(std::make_unique<Impl>(std::move(roots), std::move(sources), params, options)) {}
Walk::~Walk() = default;

bool Walk::done() const { return impl_->done; }

std::vector<std::string> Walk::NextRound() { return impl_->NextRound(); }

void Walk::Answer(size_t source, std::string_view reply) { impl_->Answer(source, reply); }

void Walk::Lose(size_t source, std::string_view reason) {
  impl_->awaited[source] = false;
  if (!impl_->closed) impl_->Fail(source, std::string(reason));
}

void Walk::Stop(std::string_view reason) {
  if (!impl_->done) impl_->FailAll(std::string(reason));
}

uint64_t Walk::RecordsToStream() const {
  return impl_->done || impl_->frontier == nullptr ? 0 : impl_->frontier->RecordsToStream();
}

WalkResult Walk::Traffic() const { return impl_->Traffic(); }

WalkResult Walk::Result() { return impl_->Result(); }

}  // namespace driftwood::coordinator
