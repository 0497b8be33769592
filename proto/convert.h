// Protocol messages <-> the vocabulary of proto/contract and merkle, both directions of each. Pure
// functions. FromProto trusts nothing: what is absent is an error and never a default that reads as
// "nothing there". Messages of a few plain fields (a query, the end of a snapshot) have no value of
// their own.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "driftwood/v1/agent.pb.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"
#include "proto/contract/budget.h"
#include "proto/contract/freshness.h"
#include "proto/contract/prepared.h"
#include "proto/contract/record.h"
#include "proto/contract/source.h"
#include "proto/contract/table_list.h"

namespace driftwood::proto {

v1::Digest ToProto(const merkle::Digest& digest);
// Any message is a digest: whether there was one says the parent's has_...().
merkle::Digest FromProto(const v1::Digest& digest);

v1::Summary ToProto(const merkle::Summary& summary);
// InvalidArgument: no sum (as in an absent summary), or a sum of no records that isn't zero.
absl::StatusOr<merkle::Summary> FromProto(const v1::Summary& summary);

v1::Agreement ToProto(const merkle::Agreement& agreement);
// FailedPrecondition: another encoding version. InvalidArgument: an unknown column type, a key id
// that isn't one, or what merkle::Agreement::Validate() refuses.
absl::StatusOr<merkle::Agreement> FromProto(const v1::Agreement& agreement);

// FailedPrecondition: a column's name is not UTF-8 (it must arrive as it is; of other texts what is
// not is replaced).
absl::StatusOr<v1::DescribeReply> ToProto(const DatasetDescription& description);
// FailedPrecondition: a type that this program does not know. Internal: knowledge that is none.
absl::StatusOr<DatasetDescription> FromProto(const v1::DescribeReply& reply);

v1::PrepareRequest ToProto(const PrepareRequest& request);
absl::StatusOr<PrepareRequest> FromProto(const v1::PrepareRequest& request);

v1::PrepareReply ToProto(const PrepareUpdate& update);
absl::StatusOr<PrepareUpdate> FromProto(const v1::PrepareReply& reply);

v1::OpenSnapshotRequest ToProto(const SnapshotRequest& request);
SnapshotRequest FromProto(const v1::OpenSnapshotRequest& request);

v1::Freshness ToProto(const Freshness& freshness);
// Internal: none, or of a kind that this program does not know.
absl::StatusOr<Freshness> FromProto(const v1::Freshness& message);

v1::OpenSnapshotReply ToProto(const OpenedSnapshot& opened);
// Internal: no snapshot was opened, or it stands for nothing.
absl::StatusOr<OpenedSnapshot> FromProto(const v1::OpenSnapshotReply& reply);

v1::ReadRecordsRequest ToProto(ReadRequest request);
// InvalidArgument: more than one thing is asked for.
absl::StatusOr<ReadRequest> FromProto(v1::ReadRecordsRequest request);

v1::Record ToProto(FoundRecord record);
// InvalidArgument: no digest.
absl::StatusOr<FoundRecord> FromProto(v1::Record&& record);

v1::FindAlikeRequest ToProto(AlikeRequest request);
AlikeRequest FromProto(v1::FindAlikeRequest request);

v1::AlikeKey ToProto(AlikeKey alike);
AlikeKey FromProto(v1::AlikeKey alike);

// The messages of a reply; the last one has the end. FailedPrecondition: the name of a table or a
// column is not UTF-8. ResourceExhausted: over kTableListLimits. `url` is not told.
absl::StatusOr<std::vector<v1::ListTablesReply>> ToProto(const TableList& list);
// Adds what a message has to `list`, with no `url`; true if it was the last. DataLoss: it ends, and
// is not whole. `budget` is charged with it, and its errors are returned.
absl::StatusOr<bool> AddPart(v1::ListTablesReply part, Budget* budget, TableList* list);

}  // namespace driftwood::proto
