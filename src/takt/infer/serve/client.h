// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "takt/infer/serve/model.h"
#include "takt/infer/serve/wire.h"

namespace takt::serve {

struct ClientOptions {
  double timeout_s = 10;  // to connect, and for answers where a request names no deadline
  uint32_t max_message_bytes = 64u << 20;
};

// The other end of a PolicyServer. One thread at a time. Errors of all methods: io (nobody there, connection lost, no
// answer in time), bad_input (an answer that cannot be read).
class PolicyClient {
 public:
  virtual ~PolicyClient() = default;
  // "unix:PATH" or, over gRPC, "HOST:PORT". Errors: io where nobody listens.
  static std::unique_ptr<PolicyClient> Connect(const std::string& address, const ClientOptions& options = {});

  virtual ServeInfo Info() = 0;
  virtual Health GetHealth() = 0;

  // One request, its answer. None at all within the deadline is `deadline_exceeded`; what comes after that is dropped,
  // and so are answers to requests sent earlier.
  Reply Act(const Request& request);

  // The same in two halves, for clients that send before the last answer is there. Every request gets exactly one
  // answer; they come when they are ready, not in order. Over gRPC both use one stream.
  void Send(const Request& request);
  // Nothing where none comes within the time.
  std::optional<Reply> Receive(double timeout_s);

  // By the client's own clock, from Send on, an answer that comes after the deadline is `deadline_exceeded` too,
  // without actions: the way of the answer counts as well.

 protected:
  explicit PolicyClient(const ClientOptions& options) : options_(options) {}
  virtual void Write(const Request& request) = 0;
  virtual std::optional<Reply> Read(double timeout_s) = 0;
  // Sends and waits until `end_s` of WallSeconds; nothing where no answer came.
  virtual std::optional<Reply> Ask(const Request& request, double end_s);
  const ClientOptions options_;

 private:
  std::map<std::pair<std::string, uint64_t>, double> ends_s_;  // deadlines of requests without an answer
};

}  // namespace takt::serve
