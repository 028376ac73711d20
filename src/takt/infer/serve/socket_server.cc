// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/socket_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::serve {
namespace {

using Clock = ServeLoop::Clock;

constexpr size_t kReadBytes = size_t{64} << 10;
constexpr size_t kMaxUnreadBytes = size_t{1} << 20;  // beyond this a client is not read from until it has read

Clock::duration Duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

Error SystemError(const std::filesystem::path& path, const char* what) {
  return Error(ErrorCode::kIo, path.string(), std::string(what) + ": " + std::strerror(errno));
}

sockaddr_un AddressOf(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.empty() || text.size() >= sizeof address.sun_path) {
    throw Error(ErrorCode::kBadInput, text,
                "is no path for a socket: 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes",
                "take a shorter one, in /run or /tmp");
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

// A socket that a dead server left behind is removed; anything else stays.
void MakeRoom(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) throw Error(ErrorCode::kBadInput, path.string(), "exists and is no socket");
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool is_alive = fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (fd >= 0) close(fd);
  if (is_alive)
    throw Error(ErrorCode::kIo, path.string(), "is served already", "stop the other server or take another path");
  unlink(path.c_str());
}

}  // namespace

struct SocketServer::Connection {
  Connection(int descriptor, uint64_t owner_number, uint32_t max_message_bytes)
      : fd(descriptor), owner(owner_number), reader(max_message_bytes) {}

  const int fd;
  const uint64_t owner;
  // Of the polling thread.
  FrameReader reader;
  Clock::time_point begun;  // when the first byte of the message arrived
  bool is_closing = false;  // closes when the answers are written

  // Under the lock: answers that the kernel did not take yet.
  std::mutex mutex;
  bool is_open = true;
  std::deque<std::string> unread;
  size_t unread_offset = 0;  // into the first
  size_t unread_bytes = 0;
  Clock::time_point stalled;  // when the kernel last took something, or the first answer had to wait

  // Gives the kernel what it takes. False: the other end is gone.
  bool Flush() {
    while (!unread.empty()) {
      const std::string& first = unread.front();
      const ssize_t sent =
          send(fd, first.data() + unread_offset, first.size() - unread_offset, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK;
      }
      stalled = Clock::now();
      unread_offset += static_cast<size_t>(sent);
      unread_bytes -= static_cast<size_t>(sent);
      if (unread_offset == first.size()) {
        unread.pop_front();
        unread_offset = 0;
      }
    }
    return true;
  }
};

SocketServer::SocketServer(const SocketOptions& options, ServeLoop* loop)
    : options_(options), loop_(loop), buffer_(kReadBytes) {
  const sockaddr_un address = AddressOf(options_.path);
  MakeRoom(options_.path, address);
  listen_fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // The mode is set before the name exists: nobody else can open it in between.
  const bool is_ok = listen_fd_ >= 0 && wake_fd_ >= 0 && fchmod(listen_fd_, 0600) == 0 &&
                     bind(listen_fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     listen(listen_fd_, 16) == 0;
  if (!is_ok) {
    const Error error = SystemError(options_.path, "cannot be listened on");
    if (listen_fd_ >= 0) close(listen_fd_);
    if (wake_fd_ >= 0) close(wake_fd_);
    throw error;
  }
  thread_ = std::thread([this] { Poll(); });
}

SocketServer::~SocketServer() { Stop(); }

void SocketServer::Stop() {
  if (!thread_.joinable()) return;
  is_stopping_ = true;
  Wake();
  thread_.join();
  close(listen_fd_);
  close(wake_fd_);
  unlink(options_.path.c_str());
}

void SocketServer::Wake() {
  const uint64_t one = 1;
  // A full counter wakes as well.
  if (write(wake_fd_, &one, sizeof one) < 0) return;
}

void SocketServer::Send(Connection* connection, const std::string& frame) {
  const std::lock_guard lock(connection->mutex);
  if (!connection->is_open) return;
  const bool was_empty = connection->unread.empty();
  if (was_empty) connection->stalled = Clock::now();
  connection->unread.push_back(frame);
  connection->unread_bytes += frame.size();
  if (!was_empty) return;  // the polling thread knows
  if (!connection->Flush()) shutdown(connection->fd, SHUT_RDWR);
  if (!connection->unread.empty()) Wake();
}

void SocketServer::Close(Connection* connection) {
  {
    const std::lock_guard lock(connection->mutex);
    connection->is_open = false;
    close(connection->fd);
  }
  loop_->Cancel(connection->owner);
}

void SocketServer::Accept() {
  const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    // Out of descriptors, perhaps: the listener stays readable, so it is left alone for a moment.
    if (errno != EAGAIN && errno != EWOULDBLOCK) accept_after_ = Clock::now() + std::chrono::milliseconds(100);
    return;
  }
  const auto connection = std::make_shared<Connection>(fd, loop_->NewOwner(), options_.max_message_bytes);
  connections_.push_back(connection);
  if (connections_.size() > static_cast<size_t>(options_.max_connections)) {
    Reply reply;
    reply.status = Status::kOverloaded;
    reply.message = std::to_string(options_.max_connections) + " connections are open already";
    Send(connection.get(), Frame(EncodeServerMessage(reply)));
    connection->is_closing = true;
  }
}

void SocketServer::Handle(const std::shared_ptr<Connection>& connection, std::vector<uint8_t> message) {
  const auto answer = [this, connection](const Reply& reply) {
    if (reply.status != Status::kCancelled) Send(connection.get(), Frame(EncodeServerMessage(reply)));
  };
  try {
    ClientMessage question = ParseClientMessage(message);
    if (auto* request = std::get_if<Request>(&question)) {
      loop_->Submit(std::move(*request), connection->owner, connection->begun, answer);
    } else if (std::holds_alternative<InfoQuestion>(question)) {
      Send(connection.get(), Frame(EncodeServerMessage(loop_->info())));
    } else {
      Send(connection.get(), Frame(EncodeServerMessage(loop_->GetHealth())));
    }
  } catch (const Error& error) {
    loop_->RefuseUnread(error.subject(), error.message(), answer);
  }
}

bool SocketServer::Read(const std::shared_ptr<Connection>& connection) {
  const ssize_t count = recv(connection->fd, buffer_.data(), buffer_.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  if (count == 0) return false;
  const Clock::time_point now = Clock::now();
  std::span<const uint8_t> bytes(buffer_.data(), static_cast<size_t>(count));
  try {
    while (!bytes.empty()) {
      if (connection->reader.IsEmpty()) connection->begun = now;
      bytes = bytes.subspan(connection->reader.Feed(bytes));
      if (connection->reader.IsComplete()) Handle(connection, connection->reader.Take());
    }
    uint64_t buffered_bytes = 0;
    for (const auto& c : connections_) buffered_bytes += c->reader.buffered_bytes();
    if (buffered_bytes > options_.max_buffered_bytes) {
      throw Error(ErrorCode::kBadInput, "message", "is too much beside the others that are on their way");
    }
  } catch (const Error& error) {
    loop_->RefuseUnread(error.subject(), error.message(),
                        [&](const Reply& reply) { Send(connection.get(), Frame(EncodeServerMessage(reply))); });
    connection->reader.Take();
    connection->is_closing = true;  // where the next message begins is unknown
  }
  return true;
}

void SocketServer::Poll() {
  std::vector<pollfd> polled;
  Clock::time_point end = Clock::time_point::max();
  for (;;) {
    if (is_stopping_ && end == Clock::time_point::max()) {
      end = Clock::now() + std::chrono::seconds(1);
      for (const auto& connection : connections_) connection->is_closing = true;
    }
    polled.clear();
    const bool is_accepting = !is_stopping_ && Clock::now() >= accept_after_;
    polled.push_back({wake_fd_, POLLIN, 0});
    polled.push_back({listen_fd_, static_cast<short>(is_accepting ? POLLIN : 0), 0});
    for (const auto& connection : connections_) {
      const std::lock_guard lock(connection->mutex);
      short events = 0;
      if (!connection->is_closing && connection->unread_bytes < kMaxUnreadBytes) events |= POLLIN;
      if (!connection->unread.empty()) events |= POLLOUT;
      polled.push_back({connection->fd, events, 0});
    }
    const bool is_idle = std::all_of(connections_.begin(), connections_.end(), [](const auto& connection) {
      const std::lock_guard lock(connection->mutex);
      return connection->reader.IsEmpty() && connection->unread.empty() && !connection->is_closing;
    });
    // 100 ms: how often slow messages and unread answers are looked at.
    poll(polled.data(), polled.size(), is_idle && is_accepting ? -1 : 100);
    if (polled[0].revents != 0) {
      uint64_t ignored;
      while (read(wake_fd_, &ignored, sizeof ignored) > 0) {
      }
    }
    const Clock::time_point now = Clock::now();
    const Clock::duration timeout = Duration(options_.message_timeout_s);
    std::vector<std::shared_ptr<Connection>> open;
    for (size_t i = 0; i < connections_.size(); ++i) {
      const std::shared_ptr<Connection>& connection = connections_[i];
      const short events = polled[2 + i].revents;
      bool is_over = (events & (POLLERR | POLLNVAL)) != 0 || ((events & POLLHUP) != 0 && (events & POLLIN) == 0);
      if (!is_over && (events & POLLIN) != 0) is_over = !Read(connection);
      if (!connection->reader.IsEmpty() && !connection->is_closing && now - connection->begun > timeout) {
        loop_->RefuseUnread("message", "did not arrive in time",
                            [&](const Reply& reply) { Send(connection.get(), Frame(EncodeServerMessage(reply))); });
        connection->is_closing = true;
      }
      {
        const std::lock_guard lock(connection->mutex);
        if (!is_over && (events & POLLOUT) != 0) is_over = !connection->Flush();
        is_over = is_over || (!connection->unread.empty() && now - connection->stalled > timeout) ||
                  (connection->is_closing && connection->unread.empty()) || now > end;
      }
      if (is_over)
        Close(connection.get());
      else
        open.push_back(connection);
    }
    connections_ = std::move(open);
    if (polled[1].revents != 0) Accept();
    if (is_stopping_ && end != Clock::time_point::max() && connections_.empty()) return;
  }
}

}  // namespace takt::serve
