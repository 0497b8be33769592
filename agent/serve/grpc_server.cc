#include "agent/serve/grpc_server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>

#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

void SetLimits(const GrpcServerLimits& limits, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(limits.request_bytes_max);
  // A small compressed message can be a huge one: none is taken. These end such a call; but the
  // message would be inflated meanwhile, all of it, if gRPC had the means.
  builder->AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  grpc::ResourceQuota quota("driftwood-agent");
  quota.SetMaxThreads(limits.threads_max);
  builder->SetResourceQuota(quota);
  builder->SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
}

// Coordinators ask for a sign of life every 2 s. The agent itself looks less often: only to end
// the calls of a coordinator whose machine is gone.
void SetKeepalive(grpc::ServerBuilder* builder) {
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
}

void SetConnectionLimits(const GrpcServerLimits& limits, grpc::ServerBuilder* builder) {
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.calls_per_connection_max);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                              static_cast<int>(limits.idle_max.count()));
  // Bytes of a call's metadata: a token, at most.
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8192);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(Service* service,
                                                              const ListenAddress& address,
                                                              const GrpcServerLimits& limits,
                                                              GrpcServiceOptions options) {
  std::unique_ptr<GrpcServer> started(new GrpcServer(service, std::move(options)));
  ASSIGN_OR_RETURN(started->listener_, Listener::Open(address));
  grpc::ServerBuilder builder;
  SetLimits(limits, &builder);
  SetKeepalive(&builder);
  SetConnectionLimits(limits, &builder);
  builder.RegisterService(&started->service_);
  started->server_ = builder.BuildAndStart();
  if (started->server_ == nullptr) {
    return absl::FailedPreconditionError("can't start a gRPC server for " + address.ToString());
  }
  started->listener_->Start(limits.connections_max, [server = started->server_.get()](int fd) {
    grpc::AddInsecureChannelFromFd(server, fd);
  });
  return started;
}

GrpcServer::~GrpcServer() {
  if (server_ != nullptr) Shutdown(std::chrono::milliseconds(0));
}

void GrpcServer::Shutdown(std::chrono::milliseconds grace) {
  listener_->Stop();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  listener_->RemoveSocket();
}

}  // namespace driftwood::agent
