// The Agent service of driftwood/v1/agent.proto: a thin shell around Service. Each handler turns
// its request into values, calls the service, and turns the result into messages.
#pragma once

#include <grpcpp/grpcpp.h>

#include "agent/serve/service.h"
#include "driftwood/v1/agent.grpc.pb.h"

namespace driftwood::agent {

// Thread-safe. `service` must outlive it.
class GrpcService final : public v1::Agent::Service {
 public:
  explicit GrpcService(agent::Service* service) : service_(service) {}

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

 private:
  agent::Service* const service_;
};

}  // namespace driftwood::agent
