// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "takt/infer/serve/loop.h"

namespace takt::serve {

struct GrpcOptions {
  std::string address;  // "127.0.0.1:50051"; port 0 takes a free one
  uint32_t max_message_bytes = 64u << 20;
  uint64_t max_buffered_bytes = uint64_t{256} << 20;  // gRPC's memory in all
  int max_calls_per_connection = 64;
};

// Serves a loop over gRPC (proto/policy.proto), without encryption: for the machine itself or a network that is
// trusted. gRPC's own few threads carry it (its callback API); none of them blocks. A call's own deadline counts where
// it is earlier than the request's. A client that does not read its stream is not read from. Errors of the constructor:
// io (the address cannot be listened on).
class GrpcServer {
 public:
  GrpcServer(const GrpcOptions& options, ServeLoop* loop);
  ~GrpcServer();  // as Stop
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;
  int port() const;
  // Ends all calls; those that are answered already have a second to go out.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace takt::serve
