// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/server.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <csignal>
#include <map>
#include <numeric>
#include <thread>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/infer/serve/client.h"
#include "takt/infer/serve/serve_test_model.h"

namespace takt::serve {
namespace {

uint64_t Sum(const ServeReport& report) {
  return std::accumulate(report.answered.begin(), report.answered.end(), uint64_t{0});
}

ServerOptions AllDoors(const SocketFolder& folder) {
  ServerOptions options;
  options.socket_path = folder / "s";
  options.grpc_address = "127.0.0.1:0";
  options.http_address = "127.0.0.1:0";
  return options;
}

TEST(PolicyServerTest, AllDoorsLeadToOneModel) {
  const SocketFolder folder;
  FakeModel model;
  PolicyServer server(&model, AllDoors(folder));
  const auto over_socket = PolicyClient::Connect("unix:" + (folder / "s").string());
  const auto over_grpc = PolicyClient::Connect("127.0.0.1:" + std::to_string(server.grpc_port()));
  const Reply a = over_socket->Act(MakeRequest("a", 3)), b = over_grpc->Act(MakeRequest("b", 3));
  EXPECT_EQ(a.status, Status::kOk);
  EXPECT_EQ(b.status, Status::kOk);
  EXPECT_EQ(a.actions, b.actions);

  httplib::Client http("127.0.0.1", server.http_port());
  const httplib::Result metrics = http.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->status, 200);
  EXPECT_NE(metrics->body.find("takt_policy_answers_total{status=\"ok\"} 2\n"), std::string::npos) << metrics->body;
  EXPECT_EQ(metrics->body.find("inference_seconds{quantile=\"0.99\"} NaN"), std::string::npos);
  const httplib::Result health = http.Get("/health");
  ASSERT_TRUE(health);
  EXPECT_EQ(health->status, 200);
  EXPECT_NE(health->body.find("\"state\":\"serving\""), std::string::npos);
  EXPECT_EQ(http.Get("/other")->status, 404);

  model.act = [](const Request&) { return std::vector<float>{NAN, 0}; };
  EXPECT_EQ(over_grpc->Act(MakeRequest("b", 4)).status, Status::kNonFinite);
  EXPECT_EQ(http.Get("/health")->status, 503);

  server.Stop();
  EXPECT_FALSE(http.Get("/health"));
  EXPECT_EQ(server.metrics().Report(WallSeconds()).received, 3u);
}

TEST(PolicyServerTest, OptionsThatMeanNothing) {
  const SocketFolder folder;
  FakeModel model;
  EXPECT_THROW(PolicyServer(&model, ServerOptions()), Error);
  for (const char* address : {"nonsense", "127.0.0.1:", "127.0.0.1:70000", ":80", "127.0.0.1:8x"}) {
    ServerOptions options = AllDoors(folder);
    options.http_address = address;
    EXPECT_THROW(PolicyServer(&model, options), Error) << address;
    EXPECT_FALSE(std::filesystem::exists(options.socket_path));
  }
  PolicyServer first(&model, AllDoors(folder));
  ServerOptions taken = AllDoors(folder);
  taken.socket_path = folder / "t";
  taken.http_address = "127.0.0.1:" + std::to_string(first.http_port());
  EXPECT_THROW(PolicyServer(&model, taken), Error);
}

// Clients that send as fast as they can over both ways, with deadlines that some can keep: each counts the answers to
// its requests.
TEST(PolicyServerTest, UnderOverloadEveryRequestGetsOneAnswer) {
  const SocketFolder folder;
  FakeModel model;
  model.act = [](const Request& request) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return std::vector<float>(2, static_cast<float>(request.sequence));
  };
  PolicyServer server(&model, AllDoors(folder));
  std::atomic<int> wrong = 0, delivered = 0;
  std::vector<std::thread> threads;
  constexpr uint64_t kEach = 500;
  for (int c = 0; c < 4; ++c) {
    threads.emplace_back([&, c] {
      const auto client = PolicyClient::Connect(c % 2 == 0 ? "unix:" + (folder / "s").string()
                                                           : "127.0.0.1:" + std::to_string(server.grpc_port()));
      std::map<uint64_t, int> answers;
      uint64_t newest = 0, received = 0;
      const auto take = [&](const Reply& reply) {
        ++received;
        ++answers[reply.sequence];
        if (reply.status != Status::kOk) {
          wrong += reply.actions.empty() ? 0 : 1;
          return;
        }
        ++delivered;
        // Never older than one that came before, and of this very request.
        if (reply.sequence <= newest || reply.actions[0] != static_cast<float>(reply.sequence)) ++wrong;
        newest = reply.sequence;
      };
      for (uint64_t i = 1; i <= kEach; ++i) {
        client->Send(MakeRequest("client" + std::to_string(c), i, i % 5 == 0 ? 1.5 : 2000));
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        while (const std::optional<Reply> reply = client->Receive(0)) take(*reply);
      }
      while (received < kEach) {
        const std::optional<Reply> reply = client->Receive(30);
        if (!reply) break;
        take(*reply);
      }
      if (client->Receive(0.01) || answers.size() != kEach || answers.begin()->first != 1) ++wrong;
      for (const auto& [sequence, count] : answers) wrong += count == 1 ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(delivered, 4);
  server.Stop();
  const ServeReport report = server.metrics().Report(WallSeconds());
  EXPECT_EQ(report.received, 4 * kEach);
  EXPECT_EQ(Sum(report), 4 * kEach);
  // The client drops those that were late on their way.
  EXPECT_GE(report.answered[static_cast<size_t>(Status::kOk)], static_cast<uint64_t>(delivered));
}

// In a process of its own: an interrupt cannot be taken back.
TEST(ServeDeathTest, AnInterruptAnswersEverybodyAndEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    InstallInterruptHandler();
    const SocketFolder folder;
    FakeModel model;
    model.CloseGate();
    bool is_right = false;
    std::thread robot;
    const ServeReport report = Serve(&model, AllDoors(folder), [&](const PolicyServer&) {
      robot = std::thread([&] {
        const auto client = PolicyClient::Connect("unix:" + (folder / "s").string());
        client->Send(MakeRequest("a", 1));
        model.WaitForCalls(1);
        client->Send(MakeRequest("b", 1));
        while (client->GetHealth().pending == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::raise(SIGINT);
        const std::optional<Reply> b = client->Receive(30);
        model.OpenGate();
        const std::optional<Reply> a = client->Receive(30);
        is_right = b && b->status == Status::kShuttingDown && a && a->status == Status::kOk;
      });
    });
    robot.join();
    std::exit(is_right && report.received == 2 && Sum(report) == 2 ? 42 : 1);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace takt::serve
