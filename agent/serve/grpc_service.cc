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

v1::TypeKnowledge ToProto(TypeKnowledge knowledge) {
  switch (knowledge) {
    case TypeKnowledge::kTyped:
      return v1::TYPE_KNOWLEDGE_TYPED;
    case TypeKnowledge::kTextual:
      return v1::TYPE_KNOWLEDGE_TEXTUAL;
    case TypeKnowledge::kDynamic:
      return v1::TYPE_KNOWLEDGE_DYNAMIC;
    case TypeKnowledge::kObserved:
      return v1::TYPE_KNOWLEDGE_OBSERVED;
  }
  return v1::TYPE_KNOWLEDGE_UNSPECIFIED;
}

// A column is called by its name, so the name must arrive as it is.
absl::Status CheckColumnName(const std::string& name) {
  if (proto::ValidUtf8(name) == name) return absl::OkStatus();
  return absl::FailedPreconditionError("the name of column '" + name +
                                       "' is not UTF-8; rename it at the source");
}

absl::Status FillDescription(const SourceDescription& description, v1::DescribeReply* reply) {
  reply->set_source(proto::ValidUtf8(description.source));
  for (const SourceColumn& column : description.columns) {
    RETURN_IF_ERROR(CheckColumnName(column.name));
    v1::SourceColumn* added = reply->add_columns();
    added->set_name(column.name);
    added->set_knowledge(ToProto(column.knowledge));
    if (column.knowledge == TypeKnowledge::kTyped || column.knowledge == TypeKnowledge::kObserved) {
      added->set_type(std::string(merkle::ColumnTypeName(column.type)));
    }
    added->set_declared(proto::ValidUtf8(column.declared));
  }
  for (const std::string& column : description.key) {
    RETURN_IF_ERROR(CheckColumnName(column));
    reply->add_key(column);
  }
  if (description.records_estimate) reply->set_records_estimate(*description.records_estimate);
  if (description.bytes) reply->set_bytes(*description.bytes);
  reply->set_live(description.live);
  reply->set_always_keyed(description.always_keyed);
  reply->set_filter(proto::ValidUtf8(description.filter));
  reply->set_hides_columns(description.hides_columns);
  for (const std::string& warning : description.warnings) {
    reply->add_warnings(proto::ValidUtf8(warning));
  }
  return absl::OkStatus();
}

v1::PrepareReply ProgressReply(const CallControl& control) {
  v1::PrepareReply reply;
  reply.set_records(control.records);
  reply.set_progress(control.progress);
  reply.set_waiting(proto::ValidUtf8(control.waiting()));
  return reply;
}

v1::PrepareReply ResultReply(const CallControl& control, const PrepareResult& result) {
  v1::PrepareReply reply = ProgressReply(control);
  v1::PrepareResult* const message = reply.mutable_result();
  *message->mutable_root() = proto::ToProto(result.root);
  message->set_records(result.records);
  message->set_unparsed(result.unparsed);
  message->set_reused(result.reused);
  message->set_not_point_in_time(proto::ValidUtf8(result.not_point_in_time));
  return reply;
}

absl::StatusOr<std::vector<FoundRecord>> Read(Service* service,
                                              const v1::ReadRecordsRequest& request,
                                              CallControl* control) {
  std::vector<std::string> keys(request.keys().begin(), request.keys().end());
  const bool tagged = request.column_tags() || request.rules_size() > 0;
  if (request.with_values() + request.indexed() + tagged + request.unfiltered() > 1) {
    return absl::InvalidArgumentError(
        "asked for more than one of values, column tags, what the index says and what is there "
        "without the filter");
  }
  if (request.unfiltered()) {
    return service->ReadUnfiltered(request.dataset(), request.fingerprint(), std::move(keys),
                                   control);
  }
  if (request.indexed()) {
    return service->ReadIndexed(request.dataset(), request.fingerprint(), std::move(keys), control);
  }
  if (tagged) {
    return service->ReadTagged(request.dataset(), request.fingerprint(), std::move(keys),
                               {request.rules().begin(), request.rules().end()}, control);
  }
  return service->ReadRecords(request.dataset(), request.fingerprint(), std::move(keys),
                              request.with_values(), control);
}

v1::Record ToProto(FoundRecord record) {
  v1::Record message;
  message.set_key(std::move(record.key));
  *message.mutable_digest() = proto::ToProto(record.digest);
  message.set_copies(record.copies);
  message.set_value(std::move(record.value));
  message.set_value_too_long(record.value_too_long);
  message.set_column_tags(std::move(record.column_tags));
  message.set_rule_tags(std::move(record.rule_tags));
  return message;
}

}  // namespace

grpc::Status GrpcService::Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                                   v1::DescribeReply* reply) {
  return Handle([&]() -> absl::Status {
    CallControl control;
    ASSIGN_OR_RETURN(const SourceDescription description,
                     RunWithHeartbeat<absl::StatusOr<SourceDescription>>(
                         &control, [&] { return service_->Describe(request->dataset(), &control); },
                         [&] { return !context->IsCancelled(); }));
    const ServiceOptions& options = service_->options();
    RETURN_IF_ERROR(FillDescription(description, reply));
    reply->set_encoding_version(merkle::kEncodingVersion);
    reply->set_key_id(options.key.KeyId());
    reply->set_keyed(options.key.keyed());
    reply->set_agent_version(options.version);
    reply->set_values_allowed(options.allow_values);
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::Prepare(grpc::ServerContext* context, const v1::PrepareRequest* request,
                                  grpc::ServerWriter<v1::PrepareReply>* writer) {
  return Handle([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const merkle::Agreement agreement, proto::FromProto(request->agreement()));
    CallControl control;
    ASSIGN_OR_RETURN(
        const PrepareResult result,
        RunWithHeartbeat<absl::StatusOr<PrepareResult>>(
            &control,
            [&] {
              return service_->Prepare(request->dataset(), agreement, request->force(), &control);
            },
            [&] { return !context->IsCancelled() && writer->Write(ProgressReply(control)); }));
    return writer->Write(ResultReply(control, result)) ? absl::OkStatus() : CallerIsGone();
  });
}

grpc::Status GrpcService::OpenSnapshot(grpc::ServerContext* /*context*/,
                                       const v1::OpenSnapshotRequest* request,
                                       v1::OpenSnapshotReply* reply) {
  return Handle([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const OpenedSnapshot opened,
                     service_->OpenSnapshot(request->dataset(), request->fingerprint()));
    reply->set_snapshot(opened.id);
    *reply->mutable_root() = proto::ToProto(opened.root);
    reply->set_records(opened.records);
    *reply->mutable_agreement() = proto::ToProto(opened.agreement);
    reply->set_lease_ms(static_cast<uint32_t>(service_->options().snapshots.lease.count()));
    reply->set_unparsed(opened.unparsed);
    reply->set_not_point_in_time(proto::ValidUtf8(opened.not_point_in_time));
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
                                      const v1::ReadRecordsRequest* request,
                                      grpc::ServerWriter<v1::ReadRecordsReply>* writer) {
  return Handle([&]() -> absl::Status {
    CallControl control;
    ASSIGN_OR_RETURN(std::vector<FoundRecord> records,
                     RunWithHeartbeat<absl::StatusOr<std::vector<FoundRecord>>>(
                         &control, [&] { return Read(service_, *request, &control); },
                         [&] { return !context->IsCancelled(); }));
    v1::ReadRecordsReply part;
    part.set_unfiltered(request->unfiltered());
    size_t part_bytes = 0;
    for (FoundRecord& record : records) {
      v1::Record message = ToProto(std::move(record));
      const size_t bytes = message.ByteSizeLong();
      if (part_bytes > 0 && part_bytes + bytes > kReplyPartBytesMax) {
        if (!writer->Write(part)) return CallerIsGone();
        part.clear_records();
        part_bytes = 0;
      }
      part_bytes += bytes;
      *part.add_records() = std::move(message);
    }
    const bool last = part.records_size() > 0 || part.unfiltered();
    if (last && !writer->Write(part)) return CallerIsGone();
    return absl::OkStatus();
  });
}

grpc::Status GrpcService::FindAlike(grpc::ServerContext* context,
                                    const v1::FindAlikeRequest* request,
                                    v1::FindAlikeReply* reply) {
  return Handle([&]() -> absl::Status {
    CallControl control;
    std::vector<std::string> keys(request->keys().begin(), request->keys().end());
    ASSIGN_OR_RETURN(std::vector<AlikeKey> found,
                     RunWithHeartbeat<absl::StatusOr<std::vector<AlikeKey>>>(
                         &control,
                         [&] {
                           return service_->FindAlike(request->dataset(), request->fingerprint(),
                                                      std::move(keys), &control);
                         },
                         [&] { return !context->IsCancelled(); }));
    for (AlikeKey& one : found) {
      v1::AlikeKey* const message = reply->add_alike();
      message->set_key(std::move(one.key));
      message->set_held(std::move(one.held));
    }
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
