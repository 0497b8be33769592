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
#include "proto/contract/token.h"
#include "proto/convert.h"
#include "proto/grpc_status.h"

namespace driftwood::agent {
namespace {

// Progress comes at least this often, also while nothing moves: it shows that the agent is there.
constexpr std::chrono::milliseconds kHeartbeat{250};

// A reply below this is sent whether the caller takes it or not (HTTP/2's first window has 64 KiB).
constexpr size_t kReplyBytesSentAtOnce = 32 << 10;

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

// Whether a call is cancelled, asked as often as one likes: gRPC takes some 20 µs to say so, which
// is what the answer to a whole question of a walk takes, and a clock 30 ns. One thread.
class CancelCheck {
 public:
  explicit CancelCheck(const grpc::ServerContext* context) : context_(context) {}

  bool operator()() {
    const auto now = std::chrono::steady_clock::now();
    if (cancelled_ || now < next_) return cancelled_;
    cancelled_ = context_->IsCancelled();
    next_ = now + kEvery;
    return cancelled_;
  }

 private:
  static constexpr std::chrono::milliseconds kEvery{5};
  const grpc::ServerContext* const context_;
  std::chrono::steady_clock::time_point next_{};  // at once
  bool cancelled_ = false;
};

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
    case ReadWhat::kUnfiltered:
      return service->ReadUnfiltered(request.dataset, request.fingerprint, std::move(request.keys),
                                     control);
    default:
      return service->ReadRecords(request.dataset, request.fingerprint, std::move(request.keys),
                                  request.what == ReadWhat::kValues, control);
  }
}

size_t BytesOf(const std::vector<FoundRecord>& records) {
  size_t bytes = records.size() * sizeof(FoundRecord);
  for (const FoundRecord& record : records) {
    bytes += record.key.size() + record.value.size() + record.column_tags.size() +
             record.rule_tags.size() + record.why.size();
  }
  return bytes;
}

}  // namespace

GrpcService::GrpcService(agent::Service* service, GrpcServiceOptions options)
    : service_(service), options_(std::move(options)), replies_(options_.replies_bytes_max) {}

absl::Status GrpcService::CheckToken(const grpc::ServerContext& context) const {
  if (options_.token.empty()) return absl::OkStatus();
  const auto found = context.client_metadata().find(kTokenMetadata);
  if (found == context.client_metadata().end()) {
    return absl::UnauthenticatedError(
        "this agent wants a token: name its file, as in "
        "agent:HOST:PORT/DATASET?token_file=PATH");
  }
  // Of hashes, so that the time it takes says nothing.
  const std::string got(found->second.data(), found->second.size());
  if (merkle::Sha256(got) == merkle::Sha256(std::string(kTokenScheme) + options_.token)) {
    return absl::OkStatus();
  }
  return absl::UnauthenticatedError(
      "the token is not that of this agent; give both the same token file");
}

template <typename Handler>
grpc::Status GrpcService::Handle(grpc::ServerContext* context, Handler handler) {
  const absl::Status allowed = CheckToken(*context);
  if (!allowed.ok()) return proto::ToGrpc(allowed);
  try {
    return proto::ToGrpc(handler());
  } catch (const std::exception& error) {
    return proto::ToGrpc(
        absl::InternalError(std::string("failed within the agent: ") + error.what()));
  }
}

template <typename Message>
bool GrpcService::Write(grpc::ServerContext* context, grpc::ServerWriter<Message>* writer,
                        const Message& message) {
  const CallWatch::Guard guard(&watch_, context->c_call(), options_.write_timeout);
  return writer->Write(message);
}

void GrpcService::ExpectTaken(grpc::ServerContext* context,
                              const google::protobuf::Message& reply) {
  if (reply.ByteSizeLong() <= kReplyBytesSentAtOnce) return;
  watch_.Expect(context->c_call(), options_.write_timeout);
}

grpc::Status GrpcService::Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                                   v1::DescribeReply* reply) {
  return Handle(context, [&]() -> absl::Status {
    CallControl control;
    ASSIGN_OR_RETURN(const DatasetDescription description,
                     RunWithHeartbeat<absl::StatusOr<DatasetDescription>>(
                         &control, [&] { return service_->Describe(request->dataset(), &control); },
                         [&] { return !context->IsCancelled(); }));
    ASSIGN_OR_RETURN(*reply, proto::ToProto(description));
    ExpectTaken(context, *reply);
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::Prepare(grpc::ServerContext* context, const v1::PrepareRequest* message,
                                  grpc::ServerWriter<v1::PrepareReply>* writer) {
  return Handle(context, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const PrepareRequest request, proto::FromProto(*message));
    CallControl control;
    control.file_sha256 = request.file_sha256;
    ASSIGN_OR_RETURN(
        const PrepareResult result,
        RunWithHeartbeat<absl::StatusOr<PrepareResult>>(
            &control,
            [&] {
              return service_->Prepare(request.dataset, request.agreement, request.force, &control);
            },
            [&] {
              return !context->IsCancelled() &&
                     Write(context, writer, proto::ToProto(PrepareUpdate{ProgressOf(control)}));
            }));
    const PrepareUpdate last{ProgressOf(control), result};
    return Write(context, writer, proto::ToProto(last)) ? absl::OkStatus() : CallerIsGone();
  });
}

grpc::Status GrpcService::OpenSnapshot(grpc::ServerContext* context,
                                       const v1::OpenSnapshotRequest* message,
                                       v1::OpenSnapshotReply* reply) {
  return Handle(context, [&]() -> absl::Status {
    const SnapshotRequest request = proto::FromProto(*message);
    ASSIGN_OR_RETURN(
        const OpenedSnapshot opened,
        service_->OpenSnapshot(request.dataset, request.fingerprint, request.file_sha256));
    *reply = proto::ToProto(opened);
    ExpectTaken(context, *reply);
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::Query(grpc::ServerContext* context, const v1::QueryRequest* request,
                                grpc::ServerWriter<v1::QueryReply>* writer) {
  return Handle(context, [&]() -> absl::Status {
    const CallWatch::Guard guard(&watch_, context->c_call(), options_.query_timeout);
    ASSIGN_OR_RETURN(
        const std::string answers,
        service_->Query(request->snapshot(), request->questions(), CancelCheck(context)));
    ASSIGN_OR_RETURN(const BudgetPool::Share share, replies_.Take(answers.size()));
    for (size_t begin = 0; begin < answers.size(); begin += kReplyPartBytesMax) {
      v1::QueryReply part;
      part.set_answers(answers.substr(begin, kReplyPartBytesMax));
      if (!Write(context, writer, part)) return CallerIsGone();
    }
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::ReadRecords(grpc::ServerContext* context,
                                      const v1::ReadRecordsRequest* message,
                                      grpc::ServerWriter<v1::ReadRecordsReply>* writer) {
  return Handle(context, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(ReadRequest request, proto::FromProto(*message));
    CallControl control;
    control.file_sha256 = request.file_sha256;
    ASSIGN_OR_RETURN(std::vector<FoundRecord> records,
                     RunWithHeartbeat<absl::StatusOr<std::vector<FoundRecord>>>(
                         &control, [&] { return Read(service_, std::move(request), &control); },
                         [&] { return !context->IsCancelled(); }));
    ASSIGN_OR_RETURN(const BudgetPool::Share share, replies_.Take(BytesOf(records)));
    v1::ReadRecordsReply part;
    part.set_unfiltered(message->unfiltered());
    size_t part_bytes = 0;
    for (FoundRecord& record : records) {
      v1::Record one = proto::ToProto(std::move(record));
      const size_t bytes = one.ByteSizeLong();
      if (part_bytes > 0 && part_bytes + bytes > kReplyPartBytesMax) {
        if (!Write(context, writer, part)) return CallerIsGone();
        part.clear_records();
        part_bytes = 0;
      }
      part_bytes += bytes;
      *part.add_records() = std::move(one);
    }
    const bool last = part.records_size() > 0 || part.unfiltered();
    if (last && !Write(context, writer, part)) return CallerIsGone();
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::FindAlike(grpc::ServerContext* context,
                                    const v1::FindAlikeRequest* message,
                                    v1::FindAlikeReply* reply) {
  return Handle(context, [&]() -> absl::Status {
    AlikeRequest request = proto::FromProto(*message);
    CallControl control;
    control.file_sha256 = request.file_sha256;
    ASSIGN_OR_RETURN(std::vector<AlikeKey> found,
                     RunWithHeartbeat<absl::StatusOr<std::vector<AlikeKey>>>(
                         &control,
                         [&] {
                           return service_->FindAlike(request.dataset, request.fingerprint,
                                                      std::move(request.keys), &control);
                         },
                         [&] { return !context->IsCancelled(); }));
    for (AlikeKey& one : found) *reply->add_alike() = proto::ToProto(std::move(one));
    ExpectTaken(context, *reply);
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::CloseSnapshot(grpc::ServerContext* context,
                                        const v1::CloseSnapshotRequest* request,
                                        v1::CloseSnapshotReply* /*reply*/) {
  return Handle(context, [&]() -> absl::Status {
    service_->CloseSnapshot(request->snapshot());
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::ListTables(grpc::ServerContext* context,
                                     const v1::ListTablesRequest* request,
                                     grpc::ServerWriter<v1::ListTablesReply>* writer) {
  return Handle(context, [&]() -> absl::Status {
    CallControl control;
    ASSIGN_OR_RETURN(
        const TableList list,
        RunWithHeartbeat<absl::StatusOr<TableList>>(
            &control, [&] { return service_->ListTables(request->database(), &control); },
            [&] { return !context->IsCancelled(); }));
    ASSIGN_OR_RETURN(const std::vector<v1::ListTablesReply> parts, proto::ToProto(list));
    size_t bytes = 0;
    for (const v1::ListTablesReply& part : parts) bytes += part.ByteSizeLong();
    ASSIGN_OR_RETURN(const BudgetPool::Share share, replies_.Take(bytes));
    for (const v1::ListTablesReply& part : parts) {
      if (!Write(context, writer, part)) return CallerIsGone();
    }
    return absl::OkStatus();
  });
}

}  // namespace driftwood::agent
