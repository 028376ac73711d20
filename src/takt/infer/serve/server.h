// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "takt/infer/serve/loop.h"
#include "takt/infer/serve/metrics.h"
#include "takt/infer/serve/model.h"

namespace takt::serve {

struct ServerOptions {
  // Where to listen; empty: not there. At least one of the first two is wanted. Port 0 takes a free port.
  std::filesystem::path socket_path;
  std::string grpc_address;  // "127.0.0.1:50051"
  std::string http_address;  // "127.0.0.1:9464": GET /metrics, GET /health
  LoopOptions loop;
  uint32_t max_message_bytes = 64u << 20;
  int max_connections = 32;  // on the socket
  double message_timeout_s = 10;
};

// A policy behind all its doors: latest wins (ServeLoop), Unix socket (SocketServer), gRPC (GrpcServer), metrics over
// HTTP. It serves from the end of the constructor on. Thread-safe but for Stop. Errors of the constructor: bad_input
// (options), io (an address is taken).
class PolicyServer {
 public:
  // The model outlives the server.
  PolicyServer(ServeModel* model, const ServerOptions& options);
  ~PolicyServer();  // as Stop
  PolicyServer(const PolicyServer&) = delete;
  PolicyServer& operator=(const PolicyServer&) = delete;

  int grpc_port() const;  // 0: not served
  int http_port() const;
  ServeLoop& loop();
  const ServeMetrics& metrics() const;
  // What waits is answered `shutting_down`, what runs is finished and answered, then the doors close. Takes as long as
  // the model still needs, and two seconds at most for clients that do not read.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Serves until Ctrl-C (core/base/interrupt.h), then stops as PolicyServer::Stop does. `on_start` is told the server
// when it listens, to print the ports. Errors: as PolicyServer.
ServeReport Serve(ServeModel* model, const ServerOptions& options,
                  const std::function<void(const PolicyServer&)>& on_start = nullptr);

}  // namespace takt::serve
