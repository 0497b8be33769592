// A store that is another one, but for what its subclass changes: the base of what wraps stores
// (mapped, paced, gated), so that what stores learn to do passes through all of them.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/source/store.h"

namespace driftwood::agent {

class ForwardingStore : public Store {
 public:
  void StopWith(std::stop_token stop) override { store_->StopWith(std::move(stop)); }
  void TellKeysApart(KeyEncoders encoders) override { store_->TellKeysApart(std::move(encoders)); }
  absl::StatusOr<SourceDescription> Describe() override { return store_->Describe(); }
  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    return store_->StartScan(columns);
  }
  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    return store_->IsUnchanged(position);
  }
  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    return store_->DescribeOrigin(origin);
  }
  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    return store_->Lookup(columns, key, keys);
  }
  absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    return store_->LookupAlike(columns, key, keys);
  }
  void ShareRetries(std::shared_ptr<Retries> retries) override {
    store_->ShareRetries(std::move(retries));
  }
  absl::StatusOr<std::unique_ptr<LoadMeter>> MeasureLoad(LoadParts parts) override {
    return store_->MeasureLoad(parts);
  }

 protected:
  // `store` must outlive it; or it owns it.
  explicit ForwardingStore(Store* store) : store_(store) {}
  explicit ForwardingStore(std::unique_ptr<Store> store)
      : owned_(std::move(store)), store_(owned_.get()) {}

 private:
  const std::unique_ptr<Store> owned_;  // may be null

 protected:
  Store* const store_;
};

}  // namespace driftwood::agent
