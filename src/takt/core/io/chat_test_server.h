// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

namespace takt {

// A chat endpoint in this process, on a port of its own, for tests.
class ChatTestServer {
 public:
  using Handler = std::function<void(const httplib::Request&, httplib::Response&)>;

  explicit ChatTestServer(Handler handler) {
    server_.Post("/v1/chat/completions",
                 [this, handler = std::move(handler)](const httplib::Request& request, httplib::Response& response) {
                   ++requests_;
                   handler(request, response);
                 });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~ChatTestServer() {
    is_ending_ = true;
    server_.stop();
    thread_.join();
  }
  ChatTestServer(const ChatTestServer&) = delete;
  ChatTestServer& operator=(const ChatTestServer&) = delete;

  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  int Requests() const { return requests_; }
  // For handlers that wait: whether the test is over.
  bool IsEnding() const { return is_ending_; }

  // The body of an answer that says `content`.
  static std::string Says(const std::string& content, const std::string& finish_reason = "stop") {
    const nlohmann::json choice = {{"message", {{"role", "assistant"}, {"content", content}}},
                                   {"finish_reason", finish_reason}};
    return nlohmann::json({{"choices", nlohmann::json::array({choice})}}).dump();
  }

 private:
  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  std::atomic<int> requests_ = 0;
  std::atomic<bool> is_ending_ = false;
};

}  // namespace takt
