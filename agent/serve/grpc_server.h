// A gRPC server for one Service, on one address, with the limits that keep a caller's mistakes from
// hurting the agent.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/serve/grpc_service.h"
#include "agent/serve/listen_address.h"
#include "agent/serve/service.h"
#include "proto/contract/limits.h"

namespace driftwood::agent {

struct GrpcServerLimits {
  // A little over the limit of a query's bytes, so that it is the query's decoder that says so.
  int request_bytes_max = static_cast<int>(kRequestBytesMax) + (64 << 10);
  // Each call holds one thread; calls over it are refused with RESOURCE_EXHAUSTED.
  int threads_max = 64;
};

class GrpcServer {
 public:
  // `service` must outlive it. FailedPrecondition: the address can't be had.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(Service* service,
                                                           const ListenAddress& address,
                                                           const GrpcServerLimits& limits = {});
  // Shuts down at once, and removes the unix socket.
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  // With the port that was chosen: what a client connects to.
  const std::string& address() const { return address_; }
  // Takes no more calls, cancels those that run after `grace`, returns when all have ended.
  void Shutdown(std::chrono::milliseconds grace);
  // For an end that can't wait for the calls.
  void RemoveSocket();

 private:
  GrpcServer(Service* service, const ListenAddress& listen) : service_(service), listen_(listen) {}

  GrpcService service_;
  const ListenAddress listen_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace driftwood::agent
