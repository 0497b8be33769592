#include "agent/serve/grpc_server.h"

#include <grpcpp/resource_quota.h>
#include <sys/stat.h>
#include <unistd.h>

#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

void SetLimits(const GrpcServerLimits& limits, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(limits.request_bytes_max);
  // A small compressed message can be a huge one: none is taken.
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

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(Service* service,
                                                              const ListenAddress& address,
                                                              const GrpcServerLimits& limits) {
  if (address.is_unix()) RETURN_IF_ERROR(PrepareUnixSocket(address.unix_path));
  std::unique_ptr<GrpcServer> started(new GrpcServer(service, address));
  grpc::ServerBuilder builder;
  SetLimits(limits, &builder);
  SetKeepalive(&builder);
  // Else a second agent on the same port would start, and get half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  int port = 0;
  builder.AddListeningPort(address.ToString(), grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&started->service_);
  started->server_ = builder.BuildAndStart();
  if (started->server_ == nullptr || port == 0) {
    return absl::FailedPreconditionError("can't listen on " + address.ToString() +
                                         ": the address is in use, or not of this machine, or its "
                                         "directory is missing or not writable");
  }
  if (address.is_unix()) ::chmod(address.unix_path.c_str(), S_IRUSR | S_IWUSR);
  started->address_ = address.WithPort(port);
  return started;
}

GrpcServer::~GrpcServer() {
  if (server_ != nullptr) Shutdown(std::chrono::milliseconds(0));
}

void GrpcServer::Shutdown(std::chrono::milliseconds grace) {
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  RemoveSocket();
}

void GrpcServer::RemoveSocket() {
  if (listen_.is_unix() && server_ != nullptr) ::unlink(listen_.unix_path.c_str());
}

}  // namespace driftwood::agent
