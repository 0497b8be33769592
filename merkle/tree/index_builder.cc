// Bulk load. Input in key order goes straight to a TreeWriter. At the first record that is out of
// order what was written becomes one sorted run, the rest goes through an ExternalSorter, and
// Finish() merges both into a second TreeWriter.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"
#include "merkle/tree/external_sort.h"
#include "merkle/tree/index.h"
#include "merkle/tree/multiset_builder.h"
#include "merkle/tree/node.h"
#include "merkle/tree/tree_writer.h"

namespace driftwood::merkle {
namespace {

constexpr char kDuplicateKeyPayload[] = "driftwood/duplicate-key";

absl::Status DuplicateKeyError(std::string_view key) {
  absl::Status status =
      absl::AlreadyExistsError("two records have the same key, encoded as 0x" + ShortHex(key, 64));
  status.SetPayload(kDuplicateKeyPayload, absl::Cord(std::string(key)));
  return status;
}

class Builder final : public IndexBuilder {
 public:
  Builder(std::filesystem::path path, const IndexOptions& options)
      : path_(std::move(path)), options_(options), leveler_(options.key, options.params) {}

  absl::Status Start() {
    ASSIGN_OR_RETURN(writer_, TreeWriter::Create(path_, leveler_, options_.durable));
    return absl::OkStatus();
  }

  // Whatever went wrong once stays wrong: an index must not lack the record that was refused.
  absl::Status Add(std::string_view key, const Digest& digest) override {
    if (!status_.ok()) return status_;
    absl::Status status = AddOnce(key, digest);
    if (!status.ok()) status_ = status;
    return status;
  }

  bool in_order() const override { return sorter_ == nullptr; }

  absl::StatusOr<Summary> Finish(std::string_view source_position) override {
    if (!status_.ok()) return status_;
    absl::StatusOr<Summary> root = FinishOnce(source_position);
    status_ = root.ok() ? absl::FailedPreconditionError("the index is finished") : root.status();
    sorter_.reset();
    writer_.reset();
    replaced_.reset();
    return root;
  }

 private:
  absl::Status AddOnce(std::string_view key, const Digest& digest) {
    RETURN_IF_ERROR(CheckKeySize(key));
    if (sorter_) return sorter_->Add(key, digest);
    const int order = writer_->last_key().compare(key);
    if (order < 0) return writer_->Add(key, digest);
    if (order == 0) return DuplicateKeyError(key);
    sorter_ = std::make_unique<ExternalSorter>(path_.parent_path(), options_.sort_memory_bytes);
    return sorter_->Add(key, digest);
  }

  absl::StatusOr<Summary> FinishOnce(std::string_view source_position) {
    if (sorter_) RETURN_IF_ERROR(Merge());
    return writer_->MoveIntoPlace(MetadataOf(options_, source_position), options_.key);
  }

  absl::Status Merge() {
    ASSIGN_OR_RETURN(auto sources, sorter_->Finish());
    ASSIGN_OR_RETURN(auto in_order, writer_->ReadBack());
    sources.push_back(std::move(in_order));
    ASSIGN_OR_RETURN(const auto merged, MergeSources(std::move(sources)));
    ASSIGN_OR_RETURN(std::unique_ptr<TreeWriter> writer,
                     TreeWriter::Create(path_, leveler_, options_.durable));
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, merged->Advance());
      if (!more) break;
      const int order = writer->last_key().compare(merged->key());
      if (order == 0) return DuplicateKeyError(merged->key());
      if (order > 0) return absl::InternalError("the external sort is out of order");
      RETURN_IF_ERROR(writer->Add(merged->key(), merged->digest()));
    }
    replaced_ = std::exchange(writer_, std::move(writer));
    return absl::OkStatus();
  }

  const std::filesystem::path path_;
  const IndexOptions options_;
  const Leveler leveler_;
  absl::Status status_;
  std::unique_ptr<TreeWriter> writer_;
  std::unique_ptr<TreeWriter> replaced_;
  std::unique_ptr<ExternalSorter> sorter_;  // once the input was out of order
};

}  // namespace

absl::Status CheckKeySize(std::string_view key) {
  if (!key.empty() && key.size() <= kKeyBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError("an encoded key has 1 to " + std::to_string(kKeyBytesMax) +
                                    " bytes, not " + std::to_string(key.size()));
}

Metadata MetadataOf(const IndexOptions& options, std::string_view source_position) {
  Metadata metadata;
  metadata.params = options.params;
  metadata.key_id = options.key.KeyId();
  metadata.fingerprint = options.fingerprint;
  metadata.source_position = source_position;
  return metadata;
}

absl::StatusOr<std::unique_ptr<IndexBuilder>> IndexBuilder::Create(
    const std::filesystem::path& path, const IndexOptions& options) {
  RETURN_IF_ERROR(options.params.Validate());
  if (options.multiset) return CreateMultisetBuilder(path, options);
  auto builder = std::make_unique<Builder>(path, options);
  RETURN_IF_ERROR(builder->Start());
  return std::unique_ptr<IndexBuilder>(std::move(builder));
}

std::optional<std::string> DuplicateKeyOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kDuplicateKeyPayload);
  if (!payload) return std::nullopt;
  return std::string(*payload);
}

}  // namespace driftwood::merkle
