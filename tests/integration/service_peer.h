// A Peer over an agent's service in this process: a whole audit, from the stores to the report,
// without gRPC and without other processes.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "agent/serve/service.h"
#include "coordinator/peer/peer.h"
#include "merkle/check.h"

namespace driftwood::testing {

// The enumerations of the two sides, which don't know each other, are made alike.
static_assert(static_cast<int>(agent::TypeKnowledge::kObserved) ==
              static_cast<int>(coordinator::TypeKnowledge::kObserved));

class ServicePeer final : public coordinator::Peer {
 public:
  // `service` must outlive it.
  ServicePeer(agent::Service* service, std::string dataset)
      : service_(service), dataset_(std::move(dataset)) {}

  absl::StatusOr<coordinator::ReplicaDescription> Describe() override {
    const auto found = service_->Describe(dataset_, &control_);
    if (!found.ok()) return found.status();
    coordinator::ReplicaDescription description;
    description.source = found->source;
    for (const agent::SourceColumn& column : found->columns) {
      description.columns.push_back({column.name,
                                     static_cast<coordinator::TypeKnowledge>(column.knowledge),
                                     column.type, column.declared});
    }
    description.key = found->key;
    description.records_estimate = found->records_estimate;
    description.bytes = found->bytes;
    description.warnings = found->warnings;
    description.key_id = service_->options().key.KeyId();
    description.keyed = service_->options().key.keyed();
    description.values_allowed = service_->options().allow_values;
    description.live = found->live;
    description.always_keyed = found->always_keyed;
    description.filter = found->filter;
    description.hides_columns = found->hides_columns;
    return description;
  }

  absl::StatusOr<coordinator::Prepared> Prepare(const merkle::Agreement& agreement, bool force,
                                                const ProgressCallback&) override {
    const auto done = service_->Prepare(dataset_, agreement, force, &control_);
    if (!done.ok()) return done.status();
    return coordinator::Prepared{done->root, done->unparsed, done->reused, done->not_point_in_time,
                                 done->records};
  }

  absl::StatusOr<coordinator::OpenedSnapshot> OpenSnapshot(
      const merkle::Agreement& agreement) override {
    const auto opened = service_->OpenSnapshot(dataset_, agreement.Fingerprint());
    if (!opened.ok()) return opened.status();
    snapshot_ = opened->id;
    return coordinator::OpenedSnapshot{opened->root, opened->agreement, opened->unparsed,
                                       opened->not_point_in_time, opened->records};
  }

  absl::StatusOr<std::string> Query(std::string_view questions) override {
    return service_->Query(snapshot_, questions);
  }

  absl::StatusOr<std::vector<coordinator::PeerRecord>> ReadRecords(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys,
      bool with_values) override {
    return PeerRecords(
        service_->ReadRecords(dataset_, agreement.Fingerprint(), keys, with_values, &control_));
  }

  absl::StatusOr<std::vector<coordinator::PeerRecord>> ReadTagged(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys,
      const std::vector<std::string>& rules) override {
    return PeerRecords(
        service_->ReadTagged(dataset_, agreement.Fingerprint(), keys, rules, &control_));
  }

  absl::StatusOr<std::vector<coordinator::PeerRecord>> ReadIndexed(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override {
    return PeerRecords(service_->ReadIndexed(dataset_, agreement.Fingerprint(), keys, &control_));
  }

  absl::StatusOr<std::vector<coordinator::PeerRecord>> ReadUnfiltered(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override {
    return PeerRecords(
        service_->ReadUnfiltered(dataset_, agreement.Fingerprint(), keys, &control_));
  }

  absl::StatusOr<std::vector<coordinator::AlikePair>> FindAlike(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override {
    auto found = service_->FindAlike(dataset_, agreement.Fingerprint(), keys, &control_);
    if (!found.ok()) return found.status();
    std::vector<coordinator::AlikePair> alike;
    for (agent::AlikeKey& one : *found) {
      alike.push_back({std::move(one.key), std::move(one.held)});
    }
    return alike;
  }

  void CloseSnapshot() override { service_->CloseSnapshot(snapshot_); }
  void Cancel() override { control_.cancellation.Cancel(); }

 private:
  static absl::StatusOr<std::vector<coordinator::PeerRecord>> PeerRecords(
      absl::StatusOr<std::vector<agent::FoundRecord>> found) {
    if (!found.ok()) return found.status();
    std::vector<coordinator::PeerRecord> records;
    for (agent::FoundRecord& record : *found) {
      records.push_back({std::move(record.key), record.digest, std::move(record.value), false,
                         record.copies, std::move(record.column_tags),
                         std::move(record.rule_tags)});
    }
    return records;
  }

  agent::Service* const service_;
  const std::string dataset_;
  agent::CallControl control_;
  uint64_t snapshot_ = 0;
};

}  // namespace driftwood::testing
