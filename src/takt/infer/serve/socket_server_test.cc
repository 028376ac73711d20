// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/socket_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>

#include "takt/core/base/error.h"
#include "takt/infer/serve/client.h"
#include "takt/infer/serve/serve_test_model.h"

namespace takt::serve {
namespace {

// A connection that sends any bytes.
class RawClient {
 public:
  explicit RawClient(const std::filesystem::path& path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    const timeval timeout = {30, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      ADD_FAILURE() << "no connection";
  }
  ~RawClient() { Close(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  bool Write(const std::string& bytes) {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // Everything until the server closes.
  std::string ReadAll() {
    std::string all;
    char buffer[4096];
    ssize_t count;
    while ((count = recv(fd_, buffer, sizeof buffer, 0)) > 0) all.append(buffer, static_cast<size_t>(count));
    return all;
  }
  Reply ReadReply() {
    FrameReader reader(1 << 20);
    uint8_t byte;
    while (!reader.IsComplete()) {
      if (recv(fd_, &byte, 1, 0) != 1) {
        ADD_FAILURE() << "no reply";
        return {};
      }
      reader.Feed({&byte, 1});
    }
    return std::get<Reply>(ParseServerMessage(reader.Take()));
  }

 private:
  int fd_;
};

class SocketServerTest : public ::testing::Test {
 protected:
  ~SocketServerTest() override { model_.OpenGate(); }
  void Start() {
    options_.path = folder_ / "s";
    loop_ = std::make_unique<ServeLoop>(&model_, LoopOptions(), &metrics_);
    server_ = std::make_unique<SocketServer>(options_, loop_.get());
  }
  std::unique_ptr<PolicyClient> Connect() { return PolicyClient::Connect("unix:" + options_.path.string()); }
  void ExpectServes() {
    const Reply reply = Connect()->Act(MakeRequest("check" + std::to_string(++checks_), 1));
    EXPECT_EQ(reply.status, Status::kOk) << reply.message;
  }
  // Waits until the server has answered this many with this status.
  bool WaitForCount(Status status, uint64_t count) {
    for (int i = 0; i < 3000; ++i) {
      if (metrics_.Answered(status) >= count) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  SocketFolder folder_;
  FakeModel model_;
  ServeMetrics metrics_;
  SocketOptions options_;
  std::unique_ptr<ServeLoop> loop_;
  std::unique_ptr<SocketServer> server_;
  int checks_ = 0;
};

TEST_F(SocketServerTest, AnswersAllThreeQuestions) {
  Start();
  const std::unique_ptr<PolicyClient> client = Connect();
  EXPECT_EQ(client->Info().state_names, model_.info.state_names);
  EXPECT_EQ(client->GetHealth().state, "serving");
  for (uint64_t i = 1; i <= 20; ++i) {
    const Reply reply = client->Act(MakeRequest("a", i));
    ASSERT_EQ(reply.status, Status::kOk) << reply.message;
    EXPECT_EQ(reply.sequence, i);
    EXPECT_EQ(reply.actions, std::vector<float>(8, static_cast<float>(i) + 0.5f));
  }
  struct stat status;
  ASSERT_EQ(stat(options_.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(SocketServerTest, LatestWinsOverOneConnection) {
  Start();
  model_.CloseGate();
  const std::unique_ptr<PolicyClient> client = Connect();
  client->Send(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  for (uint64_t i = 2; i <= 30; ++i) client->Send(MakeRequest("a", i));
  for (uint64_t i = 2; i <= 29; ++i) {
    const std::optional<Reply> reply = client->Receive(30);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->sequence, i);
    EXPECT_EQ(reply->status, Status::kSuperseded);
  }
  model_.OpenGate();
  EXPECT_EQ(client->Receive(30)->sequence, 1u);
  EXPECT_EQ(client->Receive(30)->sequence, 30u);
  EXPECT_FALSE(client->Receive(0.02));
}

TEST_F(SocketServerTest, ASlowSenderLosesItsConnectionAndDelaysNobody) {
  options_.message_timeout_s = 0.3;
  Start();
  RawClient slow(options_.path);
  const std::string frame = Frame(EncodeClientMessage(MakeRequest("slow", 1)));
  std::atomic<bool> is_over = false;
  std::thread sender([&] {
    for (size_t i = 0; i + 1 < frame.size() && slow.Write(frame.substr(i, 1)); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(40));
    }
    is_over = true;
  });
  int served = 0;
  for (; !is_over; ++served) ExpectServes();
  sender.join();
  EXPECT_GT(served, 1);
  const Reply reply = slow.ReadReply();
  EXPECT_EQ(reply.status, Status::kBadInput);
  EXPECT_EQ(reply.field, "message");
  EXPECT_EQ(slow.ReadAll(), "");
}

TEST_F(SocketServerTest, LyingLengthsEndTheConnection) {
  options_.max_message_bytes = 4096;
  Start();
  for (const std::string& header :
       {std::string("\x00\x00\x00\x00", 4), std::string("\x01\x10\x00\x00", 4), std::string("\xFF\xFF\xFF\xFF", 4)}) {
    RawClient liar(options_.path);
    ASSERT_TRUE(liar.Write(header));
    const Reply reply = liar.ReadReply();
    EXPECT_EQ(reply.status, Status::kBadInput);
    EXPECT_NE(reply.message.find("length"), std::string::npos);
    EXPECT_EQ(liar.ReadAll(), "");
  }
  ExpectServes();
}

TEST_F(SocketServerTest, NonsenseIsAnsweredAndTheConnectionStays) {
  Start();
  RawClient client(options_.path);
  ASSERT_TRUE(client.Write(Frame("nonsense")));
  EXPECT_EQ(client.ReadReply().status, Status::kBadInput);
  Request request = MakeRequest("a", 1);
  request.observations[1].state.pop_back();
  ASSERT_TRUE(client.Write(Frame(EncodeClientMessage(request))));
  const Reply reply = client.ReadReply();
  EXPECT_EQ(reply.status, Status::kBadInput);
  EXPECT_EQ(reply.field, "observations[1].state");
  ASSERT_TRUE(client.Write(Frame(EncodeClientMessage(MakeRequest("a", 1)))));
  EXPECT_EQ(client.ReadReply().status, Status::kOk);
}

TEST_F(SocketServerTest, LeavingInTheMiddle) {
  Start();
  const std::string frame = Frame(EncodeClientMessage(MakeRequest("gone", 1)));
  for (size_t length = 0; length < frame.size(); length += 3) {
    RawClient client(options_.path);
    ASSERT_TRUE(client.Write(frame.substr(0, length)));
  }
  ExpectServes();
  // While the policy computes for it, and while it waits.
  model_.CloseGate();
  RawClient runs(options_.path);
  ASSERT_TRUE(runs.Write(frame));
  ASSERT_TRUE(model_.WaitForCalls(2));
  RawClient waits(options_.path);
  ASSERT_TRUE(waits.Write(Frame(EncodeClientMessage(MakeRequest("waits", 1)))));
  runs.Close();
  ASSERT_TRUE(WaitForCount(Status::kCancelled, 1));
  waits.Close();
  ASSERT_TRUE(WaitForCount(Status::kCancelled, 2) || metrics_.Answered(Status::kCancelled) == 2);
  model_.OpenGate();
  ExpectServes();
  EXPECT_EQ(metrics_.Received(), 4u);
}

TEST_F(SocketServerTest, AClientThatDoesNotReadIsNotReadFrom) {
  options_.message_timeout_s = 0.5;
  Start();
  RawClient deaf(options_.path);
  // Bad requests, each of which is answered at once, until the server takes no more.
  const std::string frame = Frame(std::string(100, 'x'));
  std::string many;
  for (int i = 0; i < 600; ++i) many += frame;
  int rounds = 0;
  while (rounds < 20000 && deaf.Write(many)) ++rounds;
  EXPECT_LT(rounds, 20000) << "the server takes requests without end from a client that does not read";
  ExpectServes();
}

TEST_F(SocketServerTest, ConnectionsAreBounded) {
  options_.max_connections = 2;
  Start();
  const std::unique_ptr<PolicyClient> first = Connect(), second = Connect();
  first->Info();
  second->Info();
  RawClient third(options_.path);
  EXPECT_EQ(third.ReadReply().status, Status::kOverloaded);
  EXPECT_EQ(third.ReadAll(), "");
  EXPECT_EQ(first->Act(MakeRequest("a", 1)).status, Status::kOk);
}

TEST_F(SocketServerTest, WhatItFindsAtItsPath) {
  Start();
  EXPECT_THROW(SocketServer(options_, loop_.get()), Error);  // a living server
  ExpectServes();
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(options_.path));
  {  // what a dead one left behind
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, options_.path.c_str());
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    close(fd);
  }
  server_ = std::make_unique<SocketServer>(options_, loop_.get());
  ExpectServes();
  SocketOptions file = options_;
  file.path = folder_ / "file";
  std::ofstream(file.path) << "mine";
  EXPECT_THROW(SocketServer(file, loop_.get()), Error);
  EXPECT_TRUE(std::filesystem::exists(file.path));
  SocketOptions longer = options_;
  longer.path = folder_ / std::string(200, 'a');
  EXPECT_THROW(SocketServer(longer, loop_.get()), Error);
  SocketOptions nowhere = options_;
  nowhere.path = folder_ / "none";
  nowhere.path /= "s";
  EXPECT_THROW(SocketServer(nowhere, loop_.get()), Error);
}

TEST_F(SocketServerTest, AnswersGoOutBeforeItCloses) {
  Start();
  model_.CloseGate();
  const std::unique_ptr<PolicyClient> client = Connect();
  client->Send(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  client->Send(MakeRequest("b", 1));
  while (loop_->GetHealth().pending == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::thread stop([&] { loop_->Stop(); });
  EXPECT_EQ(client->Receive(30)->status, Status::kShuttingDown);
  model_.OpenGate();
  stop.join();
  server_->Stop();
  EXPECT_EQ(client->Receive(30)->status, Status::kOk);
  EXPECT_THROW(client->Receive(30), Error);
  EXPECT_THROW(Connect(), Error);
}

TEST_F(SocketServerTest, TheClientDropsLateAnswers) {
  Start();
  model_.CloseGate();
  const std::unique_ptr<PolicyClient> client = Connect();
  const Reply late = client->Act(MakeRequest("a", 1, 30));
  EXPECT_EQ(late.status, Status::kDeadlineExceeded);
  EXPECT_TRUE(late.actions.empty());
  model_.OpenGate();
  const Reply next = client->Act(MakeRequest("a", 2));
  EXPECT_EQ(next.status, Status::kOk) << next.message;
  EXPECT_EQ(next.sequence, 2u);
}

}  // namespace
}  // namespace takt::serve
