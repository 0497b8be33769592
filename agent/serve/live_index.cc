#include "agent/serve/live_index.h"

#include <algorithm>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {
namespace {

constexpr size_t kKeyBytesShown = 64;

std::string Describe(const ContradictedKey& contradicted) {
  return "a change of key 0x" + ShortHex(contradicted.key, kKeyBytesShown) + " (" +
         DescribeFreshness(contradicted.at) + ") contradicted the index";
}

}  // namespace

LiveIndex::LiveIndex(std::unique_ptr<merkle::Index> index, merkle::Agreement agreement)
    : index_(std::move(index)),
      agreement_(std::move(agreement)),
      fingerprint_(agreement_.Fingerprint()) {}

absl::StatusOr<std::unique_ptr<LiveIndex>> LiveIndex::Open(const std::filesystem::path& path,
                                                           const merkle::DigestKey& key,
                                                           const merkle::Agreement& agreement,
                                                           bool durable) {
  merkle::IndexOptions options;
  options.durable = durable;
  options.key = key;
  options.params = agreement.params;
  options.fingerprint = agreement.Fingerprint();
  options.multiset = agreement.schema.multiset;
  ASSIGN_OR_RETURN(std::unique_ptr<merkle::Index> index, merkle::Index::Open(path, options));
  std::unique_ptr<LiveIndex> live(new LiveIndex(std::move(index), agreement));
  ASSIGN_OR_RETURN(LiveSnapshot snapshot, live->OpenSnapshot());
  const merkle::MutexLock lock(&live->mutex_);
  live->contradicted_ = std::move(snapshot.state.contradicted);
  return live;
}

absl::StatusOr<LiveSnapshot> LiveIndex::OpenSnapshot() const {
  absl::StatusOr<std::unique_ptr<merkle::IndexView>> view = index_->Snapshot();
  if (!view.ok()) return Noted(view.status());
  absl::StatusOr<IndexedState> state = IndexedState::Decode((*view)->source_position());
  if (!state.ok()) return Noted(state.status());
  LiveSnapshot snapshot;
  snapshot.root = (*view)->root();
  snapshot.records = agreement_.schema.multiset ? state->records : snapshot.root.count;
  snapshot.state = *std::move(state);
  snapshot.view = *std::move(view);
  return snapshot;
}

// Read back each time: what a commit that failed has left is not to be guessed. No snapshot stays
// open, since under one the index can't grow.
absl::StatusOr<IndexedState> LiveIndex::State() const {
  ASSIGN_OR_RETURN(LiveSnapshot snapshot, OpenSnapshot());
  return std::move(snapshot.state);
}

absl::StatusOr<LiveSnapshot> LiveIndex::Snapshot() const {
  RETURN_IF_ERROR(Usable());
  ASSIGN_OR_RETURN(LiveSnapshot snapshot, OpenSnapshot());
  // A proof is of one state of the source, and so of one state of the index: Apply() clears its
  // position. It need not have been given before this snapshot was opened.
  const merkle::MutexLock lock(&mutex_);
  auto* const scanned = std::get_if<ProvedUnchanged>(&snapshot.state.freshness);
  const std::string& position = snapshot.state.position;
  if (scanned != nullptr && !position.empty() && proof_ && proof_->position == position) {
    scanned->time = std::max(scanned->time, proof_->time);
  }
  return snapshot;
}

void LiveIndex::Prove(std::string_view position, WallTime time) {
  const merkle::MutexLock lock(&mutex_);
  if (proof_ && proof_->position == position) time = std::max(time, proof_->time);
  proof_ = Proof{std::string(position), time};
}

absl::Status LiveIndex::Apply(std::span<const merkle::Change> changes, const Freshness& freshness) {
  if (agreement_.schema.multiset) {
    return absl::FailedPreconditionError(
        "the index of a multiset takes no changes: they do not tell copy counts");
  }
  const merkle::MutexLock writing(&writer_mutex_);
  if (const auto earlier = contradicted()) {
    return absl::FailedPreconditionError(Describe(*earlier) + "; it has to be built anew");
  }
  RETURN_IF_ERROR(Usable());
  ASSIGN_OR_RETURN(IndexedState state, State());
  // It is not what the scan read any more: that the source has not changed since proves nothing.
  state.position.clear();
  state.freshness = freshness;
  const absl::Status applied = index_->Apply(changes, state.Encode());
  const std::optional<std::string> key = merkle::ContradictedKeyOf(applied);
  if (!key) return Noted(applied);
  return Contradict({*key, freshness}, applied);
}

// In memory first: nobody is to be served meanwhile, also if it can't be written. A process that
// dies before it is written starts from where the index stands, and meets the contradiction again.
absl::Status LiveIndex::Contradict(ContradictedKey contradicted, const absl::Status& status) {
  {
    const merkle::MutexLock lock(&mutex_);
    contradicted_ = contradicted;
  }
  std::string message =
      std::string(status.message()) + " (" + DescribeFreshness(contradicted.at) + ")";
  const absl::Status remembered = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(IndexedState state, State());
    state.position.clear();  // nothing proves it current
    state.contradicted = std::move(contradicted);
    return Noted(index_->Apply({}, state.Encode()));
  }();
  if (!remembered.ok()) message += "; that could not be written: " + remembered.ToString();
  return Reworded(status, message);
}

absl::Status LiveIndex::Usable() const {
  if (damaged_) return absl::DataLossError("the index is damaged; prepare it again");
  if (const auto found = contradicted()) {
    return absl::DataLossError(Describe(*found) +
                               ", so it has missed a change before; prepare it again");
  }
  return absl::OkStatus();
}

std::optional<ContradictedKey> LiveIndex::contradicted() const {
  const merkle::MutexLock lock(&mutex_);
  return contradicted_;
}

absl::Status LiveIndex::Noted(absl::Status status) const {
  if (absl::IsDataLoss(status)) damaged_ = true;
  return status;
}

absl::Status LiveIndex::Verify() const {
  RETURN_IF_ERROR(Noted(index_->Verify()));
  ASSIGN_OR_RETURN(const LiveSnapshot snapshot, OpenSnapshot());
  const uint64_t count = snapshot.root.count;
  const bool adds_up = count <= snapshot.records && (count > 0 || snapshot.records == 0);
  if (adds_up) return absl::OkStatus();
  return Noted(absl::DataLossError("index is damaged: it has more different records than records"));
}

}  // namespace driftwood::agent
