// The keys of all records go through an ExternalSorter, where the place of a record's digest holds
// how often its key was met: these are added up wherever equal keys meet, so that copies take no
// room. The sum is exact, and is checked against the number of records that came in.
#include "merkle/tree/multiset_builder.h"

#include <string>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/tree/external_sort.h"
#include "merkle/tree/multiset.h"
#include "merkle/tree/node.h"
#include "merkle/tree/tree_writer.h"

namespace driftwood::merkle {
namespace {

class MultisetBuilder final : public IndexBuilder {
 public:
  MultisetBuilder(std::filesystem::path path, const IndexOptions& options)
      : path_(std::move(path)),
        options_(options),
        leveler_(options.key, options.params),
        sorter_(std::make_unique<ExternalSorter>(path_.parent_path(), options.sort_memory_bytes,
                                                 EqualKeys::kAddUp)) {}

  absl::Status Start() {
    ASSIGN_OR_RETURN(writer_, TreeWriter::Create(path_, leveler_, options_.durable));
    return absl::OkStatus();
  }

  // Whatever went wrong once stays wrong.
  absl::Status Add(std::string_view key, const Digest& /*digest*/) override {
    if (!status_.ok()) return status_;
    status_ = CheckKeySize(key);
    if (!status_.ok()) return status_;
    ++added_;
    return status_ = sorter_->Add(key, kOne);
  }

  bool in_order() const override { return false; }  // it sorts whatever comes

  absl::StatusOr<Summary> Finish(std::string_view source_position) override {
    if (!status_.ok()) return status_;
    absl::StatusOr<Summary> root = FinishOnce(source_position);
    status_ = root.ok() ? absl::FailedPreconditionError("the index is finished") : root.status();
    sorter_.reset();
    writer_.reset();
    return root;
  }

 private:
  static constexpr Digest kOne{1, 0};

  absl::StatusOr<Summary> FinishOnce(std::string_view source_position) {
    RETURN_IF_ERROR(WriteCounts());
    return writer_->MoveIntoPlace(MetadataOf(options_, source_position), options_.key);
  }

  absl::Status WriteCounts() {
    ASSIGN_OR_RETURN(auto sources, sorter_->Finish());
    ASSIGN_OR_RETURN(auto merged, MergeSources(std::move(sources)));
    const std::unique_ptr<RecordSource> counts = AddUpEqualKeys(std::move(merged));
    MultisetHasher hasher(options_.key);
    Digest total;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, counts->Advance());
      if (!more) break;
      if (writer_->last_key().compare(counts->key()) >= 0) {
        return absl::InternalError("the external sort is out of order");
      }
      const uint64_t copies = counts->digest().low;
      total += counts->digest();
      RETURN_IF_ERROR(writer_->Add(counts->key(), hasher.DigestOf(counts->key(), copies)));
    }
    if (total == Digest{added_, 0}) return absl::OkStatus();
    return absl::InternalError("the external sort gave back " + std::to_string(total.low) +
                               " copies of " + std::to_string(added_));
  }

  const std::filesystem::path path_;
  const IndexOptions options_;
  const Leveler leveler_;
  absl::Status status_;
  std::unique_ptr<ExternalSorter> sorter_;
  std::unique_ptr<TreeWriter> writer_;
  uint64_t added_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<IndexBuilder>> CreateMultisetBuilder(
    const std::filesystem::path& path, const IndexOptions& options) {
  auto builder = std::make_unique<MultisetBuilder>(path, options);
  RETURN_IF_ERROR(builder->Start());
  return std::unique_ptr<IndexBuilder>(std::move(builder));
}

}  // namespace driftwood::merkle
