#include "agent/serve/grpc_service.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "merkle/status_macros.h"
#include "proto/contract/limits.h"
#include "proto/convert.h"
#include "proto/grpc_status.h"

namespace driftwood::agent {
namespace {

// Progress comes at least this often, also while nothing moves: it shows that the agent is there.
constexpr std::chrono::milliseconds kHeartbeat{250};

// Every handler's outermost shape. What a library throws (no memory, say) fails this one call.
template <typename Handler>
grpc::Status Handle(Handler handler) {
  try {
    return proto::ToGrpc(handler());
  } catch (const std::exception& error) {
    return proto::ToGrpc(
        absl::InternalError(std::string("failed within the agent: ") + error.what()));
  }
}

absl::Status CallerIsGone() { return absl::CancelledError("the caller is gone"); }

// Runs `work` on a thread of its own; meanwhile calls `beat` at every heartbeat, which returns
// false once the caller is gone: `work` is told to stop, and its end is awaited.
template <typename Result>
Result RunWithHeartbeat(CallControl* control, const std::function<Result()>& work,
                        const std::function<bool()>& beat) {
  std::future<Result> result = std::async(std::launch::async, work);
  while (result.wait_for(kHeartbeat) != std::future_status::ready) {
    if (!beat()) control->cancellation.Cancel();
  }
  return result.get();
}

PrepareProgress ProgressOf(const CallControl& control) {
  return {control.records, control.progress, control.waiting()};
}

absl::StatusOr<std::vector<FoundRecord>> Read(Service* service, ReadRequest request,
                                              CallControl* control) {
  switch (request.what) {
    case ReadWhat::kIndexed:
      return service->ReadIndexed(request.dataset, request.fingerprint, std::move(request.keys),
                                  control);
    case ReadWhat::kTags:
      return service->ReadTagged(request.dataset, request.fingerprint, std::move(request.keys),
                                 request.rules, control);
    default:
      return service->ReadRecords(request.dataset, request.fingerprint, std::move(request.keys),
                                  request.what == ReadWhat::kValues, control);
  }
}

}  // namespace

grpc::Status GrpcService::Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                                   v1::DescribeReply* reply) {
  return Handle([&]() -> absl::Status {
    CallControl control;
    ASSIGN_OR_RETURN(const DatasetDescription description,
                     RunWithHeartbeat<absl::StatusOr<DatasetDescription>>(
                         &control, [&] { return service_->Describe(request->dataset(), &control); },
                         [&] { return !context->IsCancelled(); }));
    ASSIGN_OR_RETURN(*reply, proto::ToProto(description));
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::Prepare(grpc::ServerContext* context, const v1::PrepareRequest* message,
                                  grpc::ServerWriter<v1::PrepareReply>* writer) {
  return Handle([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const PrepareRequest request, proto::FromProto(*message));
    CallControl control;
    ASSIGN_OR_RETURN(const PrepareResult result,
                     RunWithHeartbeat<absl::StatusOr<PrepareResult>>(
                         &control,
                         [&] {
                           return service_->Prepare(request.dataset, request.agreement,
                                                    request.force, &control);
                         },
                         [&] {
                           return !context->IsCancelled() &&
                                  writer->Write(proto::ToProto(PrepareUpdate{ProgressOf(control)}));
                         }));
    const PrepareUpdate last{ProgressOf(control), result};
    return writer->Write(proto::ToProto(last)) ? absl::OkStatus() : CallerIsGone();
  });
}

grpc::Status GrpcService::OpenSnapshot(grpc::ServerContext* /*context*/,
                                       const v1::OpenSnapshotRequest* message,
                                       v1::OpenSnapshotReply* reply) {
  return Handle([&]() -> absl::Status {
    const SnapshotRequest request = proto::FromProto(*message);
    ASSIGN_OR_RETURN(const OpenedSnapshot opened,
                     service_->OpenSnapshot(request.dataset, request.fingerprint));
    *reply = proto::ToProto(opened);
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::Query(grpc::ServerContext* /*context*/, const v1::QueryRequest* request,
                                grpc::ServerWriter<v1::QueryReply>* writer) {
  return Handle([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::string answers,
                     service_->Query(request->snapshot(), request->questions()));
    for (size_t begin = 0; begin < answers.size(); begin += kReplyPartBytesMax) {
      v1::QueryReply part;
      part.set_answers(answers.substr(begin, kReplyPartBytesMax));
      if (!writer->Write(part)) return CallerIsGone();
    }
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::ReadRecords(grpc::ServerContext* context,
                                      const v1::ReadRecordsRequest* message,
                                      grpc::ServerWriter<v1::ReadRecordsReply>* writer) {
  return Handle([&]() -> absl::Status {
    ASSIGN_OR_RETURN(ReadRequest request, proto::FromProto(*message));
    CallControl control;
    ASSIGN_OR_RETURN(std::vector<FoundRecord> records,
                     RunWithHeartbeat<absl::StatusOr<std::vector<FoundRecord>>>(
                         &control, [&] { return Read(service_, std::move(request), &control); },
                         [&] { return !context->IsCancelled(); }));
    v1::ReadRecordsReply part;
    size_t part_bytes = 0;
    for (FoundRecord& record : records) {
      v1::Record one = proto::ToProto(std::move(record));
      const size_t bytes = one.ByteSizeLong();
      if (part_bytes > 0 && part_bytes + bytes > kReplyPartBytesMax) {
        if (!writer->Write(part)) return CallerIsGone();
        part.Clear();
        part_bytes = 0;
      }
      part_bytes += bytes;
      *part.add_records() = std::move(one);
    }
    if (part.records_size() > 0 && !writer->Write(part)) return CallerIsGone();
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::FindAlike(grpc::ServerContext* context,
                                    const v1::FindAlikeRequest* message,
                                    v1::FindAlikeReply* reply) {
  return Handle([&]() -> absl::Status {
    AlikeRequest request = proto::FromProto(*message);
    CallControl control;
    ASSIGN_OR_RETURN(std::vector<AlikeKey> found,
                     RunWithHeartbeat<absl::StatusOr<std::vector<AlikeKey>>>(
                         &control,
                         [&] {
                           return service_->FindAlike(request.dataset, request.fingerprint,
                                                      std::move(request.keys), &control);
                         },
                         [&] { return !context->IsCancelled(); }));
    for (AlikeKey& one : found) *reply->add_alike() = proto::ToProto(std::move(one));
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::CloseSnapshot(grpc::ServerContext* /*context*/,
                                        const v1::CloseSnapshotRequest* request,
                                        v1::CloseSnapshotReply* /*reply*/) {
  return Handle([&]() -> absl::Status {
    service_->CloseSnapshot(request->snapshot());
    return absl::OkStatus();
  });
}

}  // namespace driftwood::agent
