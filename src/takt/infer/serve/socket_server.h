// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "takt/infer/serve/loop.h"

namespace takt::serve {

struct SocketOptions {
  std::filesystem::path path;
  uint32_t max_message_bytes = 64u << 20;
  int max_connections = 32;                           // one more is answered `overloaded` and closed
  uint64_t max_buffered_bytes = uint64_t{256} << 20;  // of messages that have not arrived whole, in all
  double message_timeout_s = 10;  // from the first byte of a message to its last; also for unread answers
};

// Serves a loop on a Unix socket that only this user can open; docs/formats/policy-serve.md. One thread reads all
// connections; answers are written by the thread that has them. A client that sends slowly, lies about a length or does
// not read its answers loses its own connection and delays nobody: nothing here blocks on a client. Errors of the
// constructor: bad_input (a path too long, a file that is no socket), io (another server listens there).
class SocketServer {
 public:
  SocketServer(const SocketOptions& options, ServeLoop* loop);
  ~SocketServer();  // as Stop
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;
  // Stops reading, writes what is answered already (for a second at most), closes, removes the socket.
  void Stop();

 private:
  struct Connection;

  void Poll();
  void Accept();
  // False: the connection is over.
  bool Read(const std::shared_ptr<Connection>& connection);
  void Handle(const std::shared_ptr<Connection>& connection, std::vector<uint8_t> message);
  void Send(Connection* connection, const std::string& frame);
  void Close(Connection* connection);
  void Wake();

  const SocketOptions options_;
  ServeLoop* const loop_;
  int listen_fd_ = -1, wake_fd_ = -1;
  std::vector<std::shared_ptr<Connection>> connections_;  // of the polling thread
  std::vector<uint8_t> buffer_;
  ServeLoop::Clock::time_point accept_after_{};
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace takt::serve
