// The Agent service of driftwood/v1/agent.proto: a thin shell around Service. Each handler turns
// its request into values, calls the service, and turns the result into messages.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>

#include "agent/serve/grpc_call_watch.h"
#include "agent/serve/service.h"
#include "driftwood/v1/agent.grpc.pb.h"
#include "proto/contract/budget.h"

namespace driftwood::agent {

struct GrpcServiceOptions {
  // Calls without it are UNAUTHENTICATED (proto/contract/token.h). Empty: none is asked for.
  std::string token;
  // A caller that takes nothing of what it is given for so long is cancelled.
  std::chrono::milliseconds write_timeout{30'000};
  // One round of a walk.
  std::chrono::milliseconds query_timeout = std::chrono::minutes(5);
  // What all calls together may hold of replies that are not sent yet. Over it: RESOURCE_EXHAUSTED.
  size_t replies_bytes_max = size_t{256} << 20;
};

// Thread-safe. `service` must outlive it.
class GrpcService final : public v1::Agent::Service {
 public:
  explicit GrpcService(agent::Service* service, GrpcServiceOptions options = {});

  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::DescribeReply* reply) override;
  grpc::Status Prepare(grpc::ServerContext* context, const v1::PrepareRequest* request,
                       grpc::ServerWriter<v1::PrepareReply>* writer) override;
  grpc::Status OpenSnapshot(grpc::ServerContext* context, const v1::OpenSnapshotRequest* request,
                            v1::OpenSnapshotReply* reply) override;
  grpc::Status Query(grpc::ServerContext* context, const v1::QueryRequest* request,
                     grpc::ServerWriter<v1::QueryReply>* writer) override;
  grpc::Status ReadRecords(grpc::ServerContext* context, const v1::ReadRecordsRequest* request,
                           grpc::ServerWriter<v1::ReadRecordsReply>* writer) override;
  grpc::Status FindAlike(grpc::ServerContext* context, const v1::FindAlikeRequest* request,
                         v1::FindAlikeReply* reply) override;
  grpc::Status CloseSnapshot(grpc::ServerContext* context, const v1::CloseSnapshotRequest* request,
                             v1::CloseSnapshotReply* reply) override;
  grpc::Status ListTables(grpc::ServerContext* context, const v1::ListTablesRequest* request,
                          grpc::ServerWriter<v1::ListTablesReply>* writer) override;

 private:
  // Every handler's outermost shape: who may call, and what a library throws fails this one call.
  template <typename Handler>
  grpc::Status Handle(grpc::ServerContext* context, Handler handler);
  absl::Status CheckToken(const grpc::ServerContext& context) const;
  template <typename Message>
  bool Write(grpc::ServerContext* context, grpc::ServerWriter<Message>* writer,
             const Message& message);
  // Before a handler returns with a reply that the caller might not take.
  void ExpectTaken(grpc::ServerContext* context, const google::protobuf::Message& reply);

  agent::Service* const service_;
  const GrpcServiceOptions options_;
  BudgetPool replies_;
  CallWatch watch_;
};

}  // namespace driftwood::agent
