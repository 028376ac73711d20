// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/grpc_server.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <set>

#include "takt/core/base/error.h"
#include "takt/infer/serve/client.h"
#include "takt/infer/serve/grpc_bytes_impl.h"
#include "takt/infer/serve/serve_test_model.h"

namespace takt::serve {
namespace {

class GrpcServerTest : public ::testing::Test {
 protected:
  ~GrpcServerTest() override { model_.OpenGate(); }
  void Start() {
    options_.address = "127.0.0.1:0";
    loop_ = std::make_unique<ServeLoop>(&model_, LoopOptions(), &metrics_);
    server_ = std::make_unique<GrpcServer>(options_, loop_.get());
  }
  std::string Address() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  std::unique_ptr<PolicyClient> Connect() { return PolicyClient::Connect(Address()); }
  bool WaitForCount(Status status, uint64_t count) {
    for (int i = 0; i < 3000; ++i) {
      if (metrics_.Answered(status) >= count) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  // Calls Act with any bytes. The reply is filled where the status is ok.
  grpc::Status CallAct(const std::string& bytes, Reply* reply) {
    grpc::GenericStub stub(grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    const grpc::ByteBuffer in = grpc_internal::ToBuffer(bytes);
    grpc::ByteBuffer out;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<grpc::Status> ended;
    stub.UnaryCall(&context, "/takt.policy.v1.Policy/Act", grpc::StubOptions(), &in, &out, [&](grpc::Status status) {
      const std::lock_guard lock(mutex);
      ended = std::move(status);
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ended.has_value(); });
    grpc::Slice slice;
    if (ended->ok() && grpc_internal::FromBuffer(out, &slice)) *reply = ParseActReply(grpc_internal::BytesOf(slice));
    return *ended;
  }

  FakeModel model_;
  ServeMetrics metrics_;
  GrpcOptions options_;
  std::unique_ptr<ServeLoop> loop_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerTest, AnswersAllCalls) {
  Start();
  const std::unique_ptr<PolicyClient> client = Connect();
  EXPECT_EQ(client->Info().action_dim, 2);
  EXPECT_EQ(client->GetHealth().state, "serving");
  for (uint64_t i = 1; i <= 20; ++i) {
    const Reply reply = client->Act(MakeRequest("a", i));
    ASSERT_EQ(reply.status, Status::kOk) << reply.message;
    EXPECT_EQ(reply.actions, std::vector<float>(8, static_cast<float>(i) + 0.5f));
  }
  for (uint64_t i = 21; i <= 40; ++i) {
    client->Send(MakeRequest("a", i));
    const std::optional<Reply> reply = client->Receive(30);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->sequence, i);
    EXPECT_EQ(reply->status, Status::kOk);
  }
}

TEST_F(GrpcServerTest, LatestWinsOverAStream) {
  Start();
  model_.CloseGate();
  const std::unique_ptr<PolicyClient> client = Connect();
  client->Send(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  for (uint64_t i = 2; i <= 100; ++i) client->Send(MakeRequest("a", i));
  for (uint64_t i = 2; i <= 99; ++i) {
    const std::optional<Reply> reply = client->Receive(30);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->sequence, i);
    EXPECT_EQ(reply->status, Status::kSuperseded);
  }
  model_.OpenGate();
  EXPECT_EQ(client->Receive(30)->sequence, 1u);
  EXPECT_EQ(client->Receive(30)->sequence, 100u);
  EXPECT_FALSE(client->Receive(0.02));
}

TEST_F(GrpcServerTest, DeadlinesOfRequestAndCall) {
  Start();
  model_.CloseGate();
  const std::unique_ptr<PolicyClient> client = Connect();
  const Reply reply = client->Act(MakeRequest("a", 1, 50));
  EXPECT_EQ(reply.status, Status::kDeadlineExceeded);
  EXPECT_TRUE(reply.actions.empty());
  client->Send(MakeRequest("b", 1, 50));
  const std::optional<Reply> streamed = client->Receive(30);
  ASSERT_TRUE(streamed);
  EXPECT_EQ(streamed->status, Status::kDeadlineExceeded);
  model_.OpenGate();
  EXPECT_EQ(client->Act(MakeRequest("a", 2)).status, Status::kOk);
}

TEST_F(GrpcServerTest, LeavingInTheMiddle) {
  Start();
  model_.CloseGate();
  {
    const std::unique_ptr<PolicyClient> client = Connect();
    client->Send(MakeRequest("a", 1));
    ASSERT_TRUE(model_.WaitForCalls(1));
    client->Send(MakeRequest("b", 1));
    while (loop_->GetHealth().pending == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(WaitForCount(Status::kCancelled, 2));
  model_.OpenGate();
  EXPECT_EQ(Connect()->Act(MakeRequest("c", 1)).status, Status::kOk);
}

TEST_F(GrpcServerTest, HostileBytes) {
  options_.max_message_bytes = 4096;
  Start();
  Reply reply;
  EXPECT_TRUE(CallAct("nonsense", &reply).ok());
  EXPECT_EQ(reply.status, Status::kBadInput);
  EXPECT_EQ(reply.field, "message");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += std::string("\x22\x00", 2);
  EXPECT_TRUE(CallAct(many, &reply).ok());
  EXPECT_EQ(reply.status, Status::kBadInput);
  EXPECT_EQ(CallAct(std::string(5000, 'x'), &reply).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const std::string good = EncodeActRequest(MakeRequest("a", 1));
  for (size_t length = 0; length < good.size(); length += 5) {
    EXPECT_TRUE(CallAct(good.substr(0, length), &reply).ok());
    EXPECT_EQ(reply.status, Status::kBadInput) << length;
  }
  EXPECT_TRUE(CallAct(good, &reply).ok());
  EXPECT_EQ(reply.status, Status::kOk) << reply.field << " " << reply.message;
}

TEST_F(GrpcServerTest, AnswersGoOutBeforeItCloses) {
  Start();
  model_.CloseGate();
  const std::unique_ptr<PolicyClient> client = Connect();
  client->Send(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  client->Send(MakeRequest("b", 1));
  while (loop_->GetHealth().pending == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::thread stop([&] {
    loop_->Stop();
    server_->Stop();
  });
  EXPECT_EQ(client->Receive(30)->status, Status::kShuttingDown);
  model_.OpenGate();
  EXPECT_EQ(client->Receive(30)->status, Status::kOk);
  stop.join();
  EXPECT_THROW(client->Act(MakeRequest("a", 2)), Error);
}

TEST_F(GrpcServerTest, ATakenPortIsSaid) {
  Start();
  GrpcOptions same = options_;
  same.address = Address();
  EXPECT_THROW(GrpcServer(same, loop_.get()), Error);
  EXPECT_THROW(PolicyClient::Connect("127.0.0.1:1", {.timeout_s = 0.2}), Error);
}

}  // namespace
}  // namespace takt::serve
