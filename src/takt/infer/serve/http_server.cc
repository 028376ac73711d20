// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"

namespace takt::serve {
namespace {

constexpr int kThreads = 2;
constexpr time_t kRequestS = 2;

std::string HealthJson(const Health& health) {
  nlohmann::json json = {{"state", health.state},
                         {"uptime_s", health.uptime_s},
                         {"clients", health.clients},
                         {"pending", health.pending},
                         {"estimate_ms", nullptr}};
  if (std::isfinite(health.estimate_ms)) json["estimate_ms"] = health.estimate_ms;
  return json.dump() + "\n";
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const std::string& address, const ServeLoop* loop, const ServeMetrics* metrics) {
    const size_t colon = address.rfind(':');
    int wanted = -1;
    if (colon != std::string::npos && colon > 0) {
      const char* const end = address.data() + address.size();
      const auto [at, error] = std::from_chars(address.data() + colon + 1, end, wanted);
      if (error != std::errc() || at != end) wanted = -1;
    }
    if (wanted < 0 || wanted > 65535) {
      throw Error(ErrorCode::kBadInput, address, "is no HOST:PORT", "write it as 127.0.0.1:9464");
    }
    // httplib would let two servers share a port.
    server_.set_socket_options([](auto socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_read_timeout(kRequestS);
    server_.set_write_timeout(kRequestS);
    server_.set_keep_alive_max_count(1);
    server_.set_payload_max_length(1024);
    server_.Get("/metrics", [loop, metrics](const httplib::Request&, httplib::Response& response) {
      response.set_content(metrics->Prometheus(loop->GetHealth(), WallSeconds()), "text/plain; version=0.0.4");
    });
    server_.Get("/health", [loop](const httplib::Request&, httplib::Response& response) {
      const Health health = loop->GetHealth();
      response.status = health.is_serving ? 200 : 503;
      response.set_content(HealthJson(health), "application/json");
    });
    const std::string host = address.substr(0, colon);
    if (wanted == 0)
      port_ = server_.bind_to_any_port(host.c_str());
    else
      port_ = server_.bind_to_port(host.c_str(), wanted) ? wanted : -1;
    if (port_ <= 0) {
      throw Error(ErrorCode::kIo, address, "cannot be listened on", "is the port taken, or not of this machine?");
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() before the thread listens would be forgotten.
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void Stop() {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }
  int port() const { return port_; }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

HttpServer::HttpServer(const std::string& address, const ServeLoop* loop, const ServeMetrics* metrics)
    : impl_(std::make_unique<Impl>(address, loop, metrics)) {}
HttpServer::~HttpServer() { Stop(); }
int HttpServer::port() const { return impl_->port(); }
void HttpServer::Stop() { impl_->Stop(); }

}  // namespace takt::serve
