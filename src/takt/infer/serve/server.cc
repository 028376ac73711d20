// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/server.h"

#include <chrono>
#include <optional>
#include <thread>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/infer/serve/grpc_server.h"
#include "takt/infer/serve/http_server.h"
#include "takt/infer/serve/socket_server.h"

namespace takt::serve {

class PolicyServer::Impl {
 public:
  Impl(ServeModel* model, const ServerOptions& options) : loop_(model, options.loop, &metrics_) {
    if (options.socket_path.empty() && options.grpc_address.empty()) {
      throw Error(ErrorCode::kBadInput, "the server", "listens nowhere", "name a socket or an address for gRPC");
    }
    if (options.max_message_bytes < 1024 || options.max_connections < 1 || !(options.message_timeout_s > 0)) {
      throw Error(ErrorCode::kBadInput, "the server", "allows no message, no connection or no time");
    }
    if (!options.socket_path.empty()) {
      SocketOptions socket;
      socket.path = options.socket_path;
      socket.max_message_bytes = options.max_message_bytes;
      socket.max_connections = options.max_connections;
      socket.message_timeout_s = options.message_timeout_s;
      socket_.emplace(socket, &loop_);
    }
    if (!options.grpc_address.empty()) {
      GrpcOptions grpc;
      grpc.address = options.grpc_address;
      grpc.max_message_bytes = options.max_message_bytes;
      grpc_.emplace(grpc, &loop_);
    }
    if (!options.http_address.empty()) http_.emplace(options.http_address, &loop_, &metrics_);
  }
  ~Impl() { Stop(); }

  // The loop first: while it ends, the doors carry its last answers.
  void Stop() {
    loop_.Stop();
    if (grpc_) grpc_->Stop();
    if (socket_) socket_->Stop();
    if (http_) http_->Stop();
  }
  int grpc_port() const { return grpc_ ? grpc_->port() : 0; }
  int http_port() const { return http_ ? http_->port() : 0; }
  ServeLoop& loop() { return loop_; }
  const ServeMetrics& metrics() const { return metrics_; }

 private:
  ServeMetrics metrics_;
  ServeLoop loop_;
  std::optional<SocketServer> socket_;
  std::optional<GrpcServer> grpc_;
  std::optional<HttpServer> http_;
};

PolicyServer::PolicyServer(ServeModel* model, const ServerOptions& options)
    : impl_(std::make_unique<Impl>(model, options)) {}
PolicyServer::~PolicyServer() = default;
int PolicyServer::grpc_port() const { return impl_->grpc_port(); }
int PolicyServer::http_port() const { return impl_->http_port(); }
ServeLoop& PolicyServer::loop() { return impl_->loop(); }
const ServeMetrics& PolicyServer::metrics() const { return impl_->metrics(); }
void PolicyServer::Stop() { impl_->Stop(); }

ServeReport Serve(ServeModel* model, const ServerOptions& options,
                  const std::function<void(const PolicyServer&)>& on_start) {
  PolicyServer server(model, options);
  if (on_start) on_start(server);
  while (!InterruptRequested()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  server.Stop();
  return server.metrics().Report(WallSeconds());
}

}  // namespace takt::serve
