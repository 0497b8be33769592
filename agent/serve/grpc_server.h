// A gRPC server for one Service, on one address, with the limits that keep a caller's mistakes from
// hurting the agent.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/serve/grpc_service.h"
#include "agent/serve/listen_address.h"
#include "agent/serve/listener.h"
#include "agent/serve/service.h"
#include "proto/contract/limits.h"

namespace driftwood::agent {

struct GrpcServerLimits {
  // A little over the limit of a query's bytes, so that it is the query's decoder that says so.
  int request_bytes_max = static_cast<int>(kRequestBytesMax) + (64 << 10);
  // Each call holds one thread; calls over it are refused with RESOURCE_EXHAUSTED.
  int threads_max = 64;
  // Of one connection; its further calls wait.
  int calls_per_connection_max = 16;
  size_t connections_max = ConnectionsMax();
  // Connections without a call are closed after this. (Silent ones within the time of a ping.)
  std::chrono::milliseconds idle_max = std::chrono::minutes(10);
};

class GrpcServer {
 public:
  // `service` must outlive it. FailedPrecondition: the address can't be had.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(Service* service,
                                                           const ListenAddress& address,
                                                           const GrpcServerLimits& limits = {},
                                                           GrpcServiceOptions options = {});
  // Shuts down at once, and removes the unix socket.
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  // With the port that was chosen: what a client connects to.
  const std::string& address() const { return listener_->address(); }
  // Takes no more calls, cancels those that run after `grace`, returns when all have ended.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  GrpcServer(Service* service, GrpcServiceOptions options)
      : service_(service, std::move(options)) {}

  GrpcService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;  // hands connections to the server
};

}  // namespace driftwood::agent
