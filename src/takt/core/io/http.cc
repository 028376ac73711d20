// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/http.h"

#include <httplib.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"

namespace takt {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// Ends a request that runs past its deadline or that Ctrl-C asks to end. The time-outs of httplib start again with each
// byte that arrives; a server that sends one now and then would hold the caller for ever.
class Watchdog {
 public:
  Watchdog(httplib::Client* client, Clock::time_point deadline)
      : thread_([this, client, deadline] { Watch(client, deadline); }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      is_done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch(httplib::Client* client, Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    while (!is_done_) {
      changed_.wait_for(lock, std::chrono::milliseconds(50));
      if (is_done_ || (Clock::now() < deadline && !InterruptRequested())) continue;
      lock.unlock();
      client->stop();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_done_ = false;
  std::thread thread_;  // last: it uses the others
};

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

Url ParseUrl(std::string_view url) {
  const auto fail = [&](const std::string& message) {
    return Error(ErrorCode::kBadInput, std::string(url), message, "write it as http://host:port/v1 or https://host/v1");
  };
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos || (url.substr(0, scheme) != "http" && url.substr(0, scheme) != "https")) {
    throw fail("is no http or https address");
  }
  const auto is_bad = [](unsigned char c) {
    return c <= ' ' || c >= 0x7F || c == '"' || c == '<' || c == '>' || c == '\\';
  };
  if (std::any_of(url.begin(), url.end(), is_bad)) throw fail("holds a character that an address cannot have");
  if (url.find_first_of("?#") != std::string_view::npos) throw fail("has a query or a fragment");
  const size_t host = scheme + 3, slash = std::min(url.find('/', host), url.size());
  if (url.substr(host, slash - host).find('@') != std::string_view::npos) {
    // The words may hold a password: they are not repeated.
    throw Error(ErrorCode::kBadInput, "the address", "holds a user name",
                "name the key's environment variable instead");
  }
  if (slash == host) throw fail("names no host");
  Url parts{std::string(url.substr(0, slash)), std::string(url.substr(slash))};
  while (parts.path.ends_with('/')) parts.path.pop_back();
  return parts;
}

HttpResponse HttpPostJson(const std::string& url, const std::map<std::string, std::string>& headers,
                          const std::string& body, const HttpLimits& limits) {
  const Url parts = ParseUrl(url);
  const Clock::time_point start = Clock::now();
  const Clock::time_point deadline = start + std::chrono::duration_cast<Clock::duration>(Seconds(limits.total_s));
  const auto microseconds = [](double s) {
    return std::chrono::microseconds(static_cast<int64_t>(std::max(s, 0.001) * 1e6));
  };

  httplib::Client client(parts.origin);
  if (!client.is_valid()) throw Error(ErrorCode::kBadInput, url, "is no address that can be used");
  // The handshake of https may take as long as the connection once more.
  const double share = parts.origin.starts_with("https") ? 2 : 1;
  client.set_connection_timeout(microseconds(std::min(limits.connect_s, limits.total_s / share)));
  client.set_read_timeout(microseconds(limits.total_s));
  client.set_write_timeout(microseconds(limits.total_s));
  client.set_follow_location(false);
  client.set_keep_alive(false);

  httplib::Request request;
  request.method = "POST";
  request.path = parts.path.empty() ? "/" : parts.path;
  for (const auto& [name, value] : headers) request.set_header(name, value);
  request.set_header("Content-Type", "application/json");
  request.body = body;
  HttpResponse response;
  bool is_too_large = false;
  request.content_receiver = [&](const char* data, size_t length, uint64_t, uint64_t) {
    is_too_large = length > limits.max_bytes - response.body.size();
    if (is_too_large || Clock::now() >= deadline) return false;
    response.body.append(data, length);
    return true;
  };
  httplib::Result result = [&] {
    const Watchdog watchdog(&client, deadline);
    return client.send(request);
  }();
  ThrowIfInterrupted();
  if (is_too_large) {
    throw Error(ErrorCode::kIo, url, "sends an answer of more than " + std::to_string(limits.max_bytes) + " bytes",
                "is this the address of a chat endpoint?");
  }
  if (!result) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.3g", limits.total_s);
    const bool is_late = Clock::now() >= deadline || result.error() == httplib::Error::ConnectionTimeout;
    if (is_late) {
      throw Error(ErrorCode::kIo, url, std::string("gave no whole answer within ") + seconds + " s",
                  "is the server up, and the model loaded? allow it more time");
    }
    const bool is_connection = result.error() == httplib::Error::Connection;
    throw Error(ErrorCode::kIo, url,
                is_connection ? "cannot be reached" : "broke off: " + httplib::to_string(result.error()) + " failed",
                is_connection ? "check the host and the port, and that the server runs"
                              : "try again; see the log of the server");
  }
  response.status = result->status;
  for (const auto& [name, value] : result->headers) response.headers.emplace(Lower(name), value);
  return response;
}

}  // namespace takt
