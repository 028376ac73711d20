// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "takt/infer/serve/loop.h"
#include "takt/infer/serve/metrics.h"

namespace takt::serve {

// GET /metrics: Prometheus text. GET /health: JSON; status 200 while the policy is served, 503 otherwise. Two threads,
// two seconds for a request to arrive. Errors of the constructor: bad_input (no HOST:PORT), io (the address is taken).
class HttpServer {
 public:
  // Port 0 takes a free one. Loop and metrics outlive the server.
  HttpServer(const std::string& address, const ServeLoop* loop, const ServeMetrics* metrics);
  ~HttpServer();  // as Stop
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  int port() const;
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace takt::serve
