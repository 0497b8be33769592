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

class ServicePeer final : public coordinator::Peer {
 public:
  // `service` must outlive it.
  ServicePeer(agent::Service* service, std::string dataset)
      : service_(service), dataset_(std::move(dataset)) {}

  absl::StatusOr<DatasetDescription> Describe() override {
    auto described = service_->Describe(dataset_, &control_);
    if (described.ok()) {
      control_.file_sha256 = described->dated_file ? described->dated_file->sha256 : "";
    }
    return described;
  }

  absl::StatusOr<PrepareResult> Prepare(const merkle::Agreement& agreement, bool force,
                                        const ProgressCallback&) override {
    return service_->Prepare(dataset_, agreement, force, &control_);
  }

  absl::StatusOr<OpenedSnapshot> OpenSnapshot(const merkle::Agreement& agreement) override {
    const auto opened =
        service_->OpenSnapshot(dataset_, agreement.Fingerprint(), control_.file_sha256);
    if (opened.ok()) snapshot_ = opened->id;
    return opened;
  }

  absl::StatusOr<std::string> Query(std::string_view questions) override {
    return service_->Query(snapshot_, questions);
  }

  absl::StatusOr<std::vector<FoundRecord>> ReadRecords(const merkle::Agreement& agreement,
                                                       const std::vector<std::string>& keys,
                                                       bool with_values) override {
    return service_->ReadRecords(dataset_, agreement.Fingerprint(), keys, with_values, &control_);
  }

  absl::StatusOr<std::vector<FoundRecord>> ReadTagged(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys,
      const std::vector<std::string>& rules) override {
    return service_->ReadTagged(dataset_, agreement.Fingerprint(), keys, rules, &control_);
  }

  absl::StatusOr<std::vector<FoundRecord>> ReadIndexed(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override {
    return service_->ReadIndexed(dataset_, agreement.Fingerprint(), keys, &control_);
  }

  absl::StatusOr<std::vector<FoundRecord>> ReadUnfiltered(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override {
    return service_->ReadUnfiltered(dataset_, agreement.Fingerprint(), keys, &control_);
  }

  absl::StatusOr<std::vector<AlikeKey>> FindAlike(const merkle::Agreement& agreement,
                                                  const std::vector<std::string>& keys) override {
    return service_->FindAlike(dataset_, agreement.Fingerprint(), keys, &control_);
  }

  void CloseSnapshot() override { service_->CloseSnapshot(snapshot_); }
  void Cancel() override { control_.cancellation.Cancel(); }

 private:
  agent::Service* const service_;
  const std::string dataset_;
  agent::CallControl control_;
  uint64_t snapshot_ = 0;
};

}  // namespace driftwood::testing
