#include "agent/index/copies.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agent/index/found_value.h"
#include "agent/index/row_encoder.h"
#include "merkle/status_macros.h"
#include "merkle/tree/multiset.h"

namespace driftwood::agent {
namespace {

// About a tenth of a second.
constexpr uint64_t kTriesAtOnce = uint64_t{1} << 20;

// Counts the rows whose record is among those asked for.
class CopyCounter final : public RowSink {
 public:
  CopyCounter(const merkle::Agreement& agreement, const merkle::DigestKey& key,
              const std::vector<std::string>& keys, bool with_values)
      : with_values_(with_values), reader_(agreement.schema, agreement.rules, key), hasher_(key) {
    for (const std::string& wanted : keys) wanted_.emplace(wanted, FoundRecord{wanted, {}});
  }

  absl::Status Row(std::span<const SourceValue> row, uint64_t /*origin*/) override {
    ASSIGN_OR_RETURN(const merkle::Digest digest, reader_.ReadDigest(row));
    const auto found = wanted_.find(hasher_.KeyOf(digest));
    if (found == wanted_.end()) return absl::OkStatus();
    FoundRecord& record = found->second;
    if (++record.copies > 1 || !with_values_) return absl::OkStatus();
    ASSIGN_OR_RETURN(std::optional<std::string> value, reader_.ReadValue(row));
    record.value_too_long = !value;
    record.value = std::move(value).value_or("");
    return absl::OkStatus();
  }

  // Those that are there, in the order of `keys`.
  std::vector<FoundRecord> Take(const std::vector<std::string>& keys) {
    std::vector<FoundRecord> records;
    for (const std::string& key : keys) {
      FoundRecord& record = wanted_.at(key);
      if (record.copies == 0) continue;
      record.digest = hasher_.DigestOf(key, record.copies);
      records.push_back(std::move(record));
    }
    return records;
  }

 private:
  const bool with_values_;
  ValueReader reader_;
  merkle::MultisetHasher hasher_;
  std::unordered_map<std::string_view, FoundRecord> wanted_;  // by views of the caller's keys
};

}  // namespace

absl::StatusOr<std::vector<FoundRecord>> CountCopies(Store& store,
                                                     const merkle::Agreement& agreement,
                                                     const merkle::DigestKey& key,
                                                     const std::vector<std::string>& keys,
                                                     bool with_values, Cancellation* cancellation) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Scan> scan,
                   store.StartScan(ScanColumns(agreement.schema)));
  const InterruptOnCancel interrupt(cancellation, scan.get());
  CopyCounter counter(agreement, key, keys, with_values);
  for (;;) {
    if (IsCancelled(cancellation)) return absl::CancelledError("cancelled while reading");
    ASSIGN_OR_RETURN(const std::unique_ptr<RowBatch> batch, scan->Next());
    if (batch == nullptr) break;
    RETURN_IF_ERROR(batch->Decode(counter));
  }
  ASSIGN_OR_RETURN(const Scan::End end, scan->Finish());
  // A torn scan may have met a copy twice, or not at all.
  if (!end.not_point_in_time.empty()) return absl::AbortedError(end.not_point_in_time);
  return counter.Take(keys);
}

absl::StatusOr<std::vector<FoundRecord>> FindCopies(const merkle::TreeView& view,
                                                    const std::vector<std::string>& keys,
                                                    const merkle::DigestKey& key, uint64_t records,
                                                    const Cancellation* cancellation) {
  ASSIGN_OR_RETURN(std::vector<FoundRecord> found, FindRecords(view, keys));
  merkle::MultisetHasher hasher(key);
  for (FoundRecord& record : found) {
    std::optional<uint64_t> copies;
    for (uint64_t begin = 1; !copies && begin <= records; begin += kTriesAtOnce) {
      if (IsCancelled(cancellation)) return absl::CancelledError("cancelled");
      const uint64_t end = begin + std::min(kTriesAtOnce, records - begin + 1);
      copies = hasher.CopiesOf(record.key, record.digest, begin, end);
    }
    if (!copies) {
      return absl::DataLossError("a digest in the index stands for no copy count");
    }
    record.copies = *copies;
  }
  return found;
}

}  // namespace driftwood::agent
