#include "agent/index/indexer.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/index/compare_under.h"
#include "agent/index/duplicate_keys.h"
#include "agent/index/index_run.h"
#include "agent/index/indexed_state.h"
#include "agent/index/row_encoder.h"
#include "merkle/status_macros.h"
#include "merkle/tree/index.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {
namespace {

using merkle::Agreement;

// Names the row that is the reason of `status`, as far as it is known.
absl::Status WithOrigin(const absl::Status& status, std::optional<uint64_t> origin, Store& store) {
  if (!origin) return status;
  const absl::StatusOr<std::string> where = store.DescribeOrigin(*origin);
  if (!where.ok()) return status;
  return Reworded(status, *where + ": " + std::string(status.message()));
}

// The scan, all its rows into the builder, and the builder's end.
absl::StatusOr<IndexerResult> ScanInto(Store& store, const Agreement& agreement,
                                       const IndexerOptions& options,
                                       merkle::IndexBuilder& builder) {
  const WallTime began = options.wall_clock();  // no state that is read is older
  ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan, store.StartScan(ScanColumns(agreement.schema)));
  IndexRun run(scan.get(), &builder, agreement, options);
  if (const absl::Status status = run.Run(); !status.ok()) {
    return WithOrigin(status, run.refused_origin(), store);
  }
  ASSIGN_OR_RETURN(Scan::End end, scan->Finish());
  scan.reset();  // gives the source's snapshot back before the slow part
  // What is no consistent snapshot is no state that could be proven unchanged.
  if (!end.not_point_in_time.empty()) end.position = end.reread_position = "";

  const Unparsed unparsed = run.unparsed();
  const IndexedState state{end.position,      unparsed.count(),       end.not_point_in_time,
                           run.records(),     ProvedUnchanged{began}, std::nullopt,
                           unparsed.Columns()};
  ASSIGN_OR_RETURN(const merkle::Summary root, builder.Finish(state.Encode()));
  // The builder of a multiset has checked that its copies add up.
  const bool adds_up = agreement.schema.multiset
                           ? root.count <= run.records() && (root.count > 0 || run.records() == 0)
                           : root.count == run.records();
  if (!adds_up) {
    return absl::InternalError("the scan gave " + std::to_string(run.records()) +
                               " records and the index has " + std::to_string(root.count));
  }
  return IndexerResult{root,         run.records(),         unparsed.count(),
                       end.position, end.not_point_in_time, end.reread_position};
}

}  // namespace

absl::StatusOr<IndexerResult> BuildIndex(Store& store, const Agreement& agreement,
                                         const IndexerOptions& options,
                                         const std::filesystem::path& path) {
  RETURN_IF_ERROR(CheckAgreement(agreement, options.key));
  CompareUnder(agreement, &store);
  const merkle::IndexOptions index_options{options.key,
                                           agreement.params,
                                           agreement.Fingerprint(),
                                           options.sort_memory_bytes,
                                           agreement.schema.multiset,
                                           options.durable};
  ASSIGN_OR_RETURN(std::unique_ptr<merkle::IndexBuilder> builder,
                   merkle::IndexBuilder::Create(path, index_options));
  absl::StatusOr<IndexerResult> result = ScanInto(store, agreement, options, *builder);
  if (result.ok()) return result;
  const std::optional<std::string> duplicate = merkle::DuplicateKeyOf(result.status());
  builder.reset();  // removes what it made before the source is read once more
  if (!duplicate) return result;
  return DuplicateError(store, agreement, *duplicate, options.cancellation);
}

}  // namespace driftwood::agent
