// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/infer/serve/client_grpc_impl.h"

namespace takt::serve {
namespace {

class SocketClient final : public PolicyClient {
 public:
  SocketClient(const std::string& path, const ClientOptions& options)
      : PolicyClient(options), path_(path), reader_(options.max_message_bytes), buffer_(64 << 10) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
      throw Error(ErrorCode::kBadInput, path, "is no path for a socket");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0 || connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      const int code = errno;
      if (fd_ >= 0) close(fd_);
      throw Error(ErrorCode::kIo, path, std::string("cannot be reached: ") + std::strerror(code),
                  "does `takt policy serve` run, with this socket?");
    }
  }
  ~SocketClient() override { close(fd_); }

  ServeInfo Info() override { return Question<ServeInfo>(InfoQuestion{}); }
  Health GetHealth() override { return Question<Health>(HealthQuestion{}); }
  void Write(const Request& request) override { WriteMessage(request); }
  std::optional<Reply> Read(double timeout_s) override {
    const double end_s = WallSeconds() + timeout_s;
    if (replies_.empty()) {
      std::optional<ServerMessage> message = ReadMessage(end_s);
      if (!message) return std::nullopt;
      Keep(std::move(*message));
    }
    if (replies_.empty()) return std::nullopt;
    Reply reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }

 private:
  template <class Answer>
  Answer Question(const ClientMessage& question) {
    WriteMessage(question);
    const double end_s = WallSeconds() + options_.timeout_s;
    while (std::optional<ServerMessage> message = ReadMessage(end_s)) {
      if (auto* answer = std::get_if<Answer>(&*message)) return std::move(*answer);
      Keep(std::move(*message));
    }
    throw Error(ErrorCode::kIo, path_, "gave no answer in time");
  }

  void Keep(ServerMessage message) {
    if (auto* reply = std::get_if<Reply>(&message)) replies_.push_back(std::move(*reply));
  }

  // Takes answers in while the server does not take more: both sides could wait for each other otherwise.
  void WriteMessage(const ClientMessage& message) {
    const std::string frame = Frame(EncodeClientMessage(message));
    const double end_s = WallSeconds() + options_.timeout_s;
    size_t sent = 0;
    while (sent < frame.size()) {
      const ssize_t count = send(fd_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count >= 0) {
        sent += static_cast<size_t>(count);
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) throw Lost();
      pollfd polled{fd_, POLLIN | POLLOUT, 0};
      if (WallSeconds() > end_s) throw Error(ErrorCode::kIo, path_, "does not take the request");
      poll(&polled, 1, 100);
      if ((polled.revents & POLLIN) != 0) {
        if (std::optional<ServerMessage> early = ReadMessage(WallSeconds())) Keep(std::move(*early));
      }
    }
  }

  // Nothing where no message is whole by `end_s`; what has come is kept.
  std::optional<ServerMessage> ReadMessage(double end_s) {
    for (;;) {
      while (at_ < filled_) {
        at_ += reader_.Feed(std::span<const uint8_t>(buffer_).subspan(at_, filled_ - at_));
        if (reader_.IsComplete()) return ParseServerMessage(reader_.Take());
      }
      pollfd polled{fd_, POLLIN, 0};
      const double left_ms = std::clamp((end_s - WallSeconds()) * 1e3, 0.0, 3600e3);
      const timespec wait = {static_cast<time_t>(left_ms / 1e3), static_cast<long>(std::fmod(left_ms, 1e3) * 1e6)};
      const int ready = ppoll(&polled, 1, &wait, nullptr);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return std::nullopt;
      const ssize_t count = recv(fd_, buffer_.data(), buffer_.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) throw Lost();
      at_ = 0;
      filled_ = static_cast<size_t>(count);
    }
  }

  Error Lost() const { return Error(ErrorCode::kIo, path_, "lost the connection", "see the log of the server"); }

  const std::string path_;
  int fd_ = -1;
  FrameReader reader_;
  std::vector<uint8_t> buffer_;
  size_t at_ = 0, filled_ = 0;  // what the reader has not seen
  std::deque<Reply> replies_;   // that came while something else was waited for
};

Reply Late(const Reply& reply, const char* message) {
  Reply late;
  late.client_id = reply.client_id;
  late.sequence = reply.sequence;
  late.status = Status::kDeadlineExceeded;
  late.queue_ms = reply.queue_ms;
  late.policy_ms = reply.policy_ms;
  late.message = message;
  return late;
}

}  // namespace

std::unique_ptr<PolicyClient> PolicyClient::Connect(const std::string& address, const ClientOptions& options) {
  constexpr std::string_view kUnix = "unix:";
  if (address.starts_with(kUnix)) return std::make_unique<SocketClient>(address.substr(kUnix.size()), options);
  return serve_internal::ConnectGrpc(address, options);
}

std::optional<Reply> PolicyClient::Ask(const Request& request, double end_s) {
  Send(request);
  for (;;) {
    std::optional<Reply> reply = Receive(std::max(0.0, end_s - WallSeconds()));
    if (!reply) return std::nullopt;
    const bool is_mine = reply->client_id == request.client_id && reply->sequence == request.sequence;
    // A request that could not be read is answered without its name.
    if (is_mine || (reply->client_id.empty() && reply->status != Status::kOk)) return reply;
  }
}

void PolicyClient::Send(const Request& request) {
  Write(request);
  if (request.deadline_ms > 0) {
    ends_s_[{request.client_id, request.sequence}] = WallSeconds() + request.deadline_ms * 1e-3;
  }
}

std::optional<Reply> PolicyClient::Receive(double timeout_s) {
  std::optional<Reply> reply = Read(timeout_s);
  if (!reply) return reply;
  const auto found = ends_s_.find({reply->client_id, reply->sequence});
  if (found == ends_s_.end()) return reply;
  if (reply->status == Status::kOk && WallSeconds() > found->second) *reply = Late(*reply, "the answer came too late");
  ends_s_.erase(found);
  return reply;
}

Reply PolicyClient::Act(const Request& request) {
  const bool has_deadline = request.deadline_ms > 0;
  const double end_s = WallSeconds() + (has_deadline ? request.deadline_ms * 1e-3 : options_.timeout_s);
  std::optional<Reply> reply = Ask(request, end_s);
  if (!reply && !has_deadline) throw Error(ErrorCode::kIo, "the policy server", "gave no answer in time");
  if (!reply) {
    reply.emplace();
    reply->client_id = request.client_id;
    reply->sequence = request.sequence;
    return Late(*reply, "no answer came in time");
  }
  if (reply->status == Status::kOk && has_deadline && WallSeconds() > end_s) {
    return Late(*reply, "the answer came too late");
  }
  return std::move(*reply);
}

}  // namespace takt::serve
