// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/loop.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/infer/serve/serve_test_model.h"

namespace takt::serve {
namespace {

using Clock = ServeLoop::Clock;
using Seen = FakeModel::Seen;

class LoopTest : public ::testing::Test {
 protected:
  ~LoopTest() override { model_.OpenGate(); }
  void Start(const LoopOptions& options = {}) { loop_ = std::make_unique<ServeLoop>(&model_, options, &metrics_); }
  void Submit(Request request, uint64_t owner = 0) {
    loop_->Submit(std::move(request), owner, Clock::now(), answers_.Sink());
  }
  Status StatusOf(const std::string& client_id, uint64_t sequence) const {
    const Reply reply = answers_.Only(client_id, sequence);
    EXPECT_EQ(reply.client_id, client_id) << "sequence " << sequence;
    return reply.status;
  }
  void ExpectOneAnswerEach() {
    const ServeReport report = metrics_.Report(0);
    uint64_t answered = 0;
    for (const uint64_t count : report.answered) answered += count;
    EXPECT_EQ(report.received, answered);
    EXPECT_EQ(answers_.all().size(), answered);
  }

  FakeModel model_;
  ServeMetrics metrics_;
  Answers answers_;
  std::unique_ptr<ServeLoop> loop_;  // last: it ends before what it uses
};

TEST_F(LoopTest, AnswersWithActions) {
  Start();
  Submit(MakeRequest("a", 7));
  ASSERT_TRUE(answers_.WaitFor(1));
  const Reply reply = answers_.Only("a", 7);
  EXPECT_EQ(reply.status, Status::kOk) << reply.message;
  EXPECT_EQ(reply.actions, std::vector<float>(8, 7.5f));
  EXPECT_EQ(reply.action_steps, 4);
  EXPECT_EQ(reply.action_dim, 2);
  EXPECT_GE(reply.queue_ms, 0);
  EXPECT_GE(reply.policy_ms, 0);
  EXPECT_EQ(model_.seen(), (std::vector<Seen>{{"a", 7, true}}));
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, LatestWins) {
  Start();
  model_.CloseGate();
  Submit(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  for (uint64_t sequence = 2; sequence <= 5; ++sequence) Submit(MakeRequest("a", sequence));
  EXPECT_EQ(answers_.all().size(), 3u);  // at once, while the model is busy
  for (uint64_t sequence = 2; sequence <= 4; ++sequence) EXPECT_EQ(StatusOf("a", sequence), Status::kSuperseded);
  model_.OpenGate();
  ASSERT_TRUE(answers_.WaitFor(5));
  EXPECT_EQ(StatusOf("a", 1), Status::kOk);
  EXPECT_EQ(StatusOf("a", 5), Status::kOk);
  EXPECT_EQ(model_.seen(), (std::vector<Seen>{{"a", 1, true}, {"a", 5, false}}));
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, ClientsTakeTurns) {
  Start();
  model_.CloseGate();
  Submit(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  Submit(MakeRequest("b", 1));
  Submit(MakeRequest("a", 2));
  Submit(MakeRequest("c", 1));
  Submit(MakeRequest("b", 2));  // replaces its first one and keeps the turn
  for (uint64_t sequence = 3; sequence < 50; ++sequence) Submit(MakeRequest("a", sequence));
  model_.OpenGate();
  ASSERT_TRUE(answers_.WaitFor(52));
  EXPECT_EQ(model_.seen(), (std::vector<Seen>{{"a", 1, true}, {"b", 2, true}, {"a", 49, false}, {"c", 1, true}}));
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, ADeadlineThatPassesWhileWaitingIsAnsweredThen) {
  Start();
  model_.CloseGate();
  Submit(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  Submit(MakeRequest("b", 1, 20));
  ASSERT_TRUE(answers_.WaitFor(1));  // the model is still busy
  EXPECT_EQ(StatusOf("b", 1), Status::kDeadlineExceeded);
  model_.OpenGate();
  ASSERT_TRUE(answers_.WaitFor(2));
  loop_->Stop();
  EXPECT_EQ(model_.seen().size(), 1u);
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, ALateResultIsNeverDelivered) {
  Start();
  model_.CloseGate();
  Submit(MakeRequest("a", 1, 20));
  ASSERT_TRUE(answers_.WaitFor(1));  // answered at its deadline
  const Reply reply = answers_.Only("a", 1);
  EXPECT_EQ(reply.status, Status::kDeadlineExceeded);
  EXPECT_TRUE(reply.actions.empty());
  model_.OpenGate();
  loop_->Stop();
  EXPECT_EQ(answers_.all().size(), 1u);
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, RefusesWhatCannotMakeItAndTriesAgainNowAndThen) {
  Start();
  model_.act = [](const Request&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return std::vector<float>(2, 0.0f);
  };
  uint64_t sequence = 0;
  for (size_t i = 1; i <= 3; ++i) {
    Submit(MakeRequest("a", ++sequence));
    ASSERT_TRUE(answers_.WaitFor(i));
  }
  Submit(MakeRequest("a", ++sequence, 5));
  EXPECT_EQ(StatusOf("a", sequence), Status::kDeadlineExceeded);  // at once
  EXPECT_EQ(model_.seen().size(), 3u);
  // The estimate is doubted more with each refusal: at last one gets its chance.
  model_.act = nullptr;
  int refused = 0;
  while (refused < 100) {
    Submit(MakeRequest("a", ++sequence, 15));
    ASSERT_TRUE(answers_.WaitFor(sequence));
    if (model_.seen().size() > 3) break;
    ++refused;
  }
  EXPECT_GE(refused, 1);
  EXPECT_LT(refused, 40);
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, NonFiniteActionsAreNotSent) {
  Start();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    model_.act = [bad](const Request&) { return std::vector<float>{0, 1, 2, bad}; };
    const size_t before = answers_.all().size();
    Submit(MakeRequest("a", before + 1));
    ASSERT_TRUE(answers_.WaitFor(before + 1));
    const Reply reply = answers_.Only("a", before + 1);
    EXPECT_EQ(reply.status, Status::kNonFinite);
    EXPECT_TRUE(reply.actions.empty());
    EXPECT_NE(reply.message.find("action 1, number 1"), std::string::npos) << reply.message;
    EXPECT_EQ(loop_->GetHealth().state, "failing");
    EXPECT_FALSE(loop_->GetHealth().is_serving);
  }
  model_.act = nullptr;
  Submit(MakeRequest("a", 9));
  ASSERT_TRUE(answers_.WaitFor(4));
  EXPECT_EQ(StatusOf("a", 9), Status::kOk);
  EXPECT_EQ(loop_->GetHealth().state, "serving");
}

TEST_F(LoopTest, WrongModelsAreToldFromWrongRequests) {
  Start();
  const std::vector<std::pair<std::function<std::vector<float>(const Request&)>, Status>> cases = {
      {[](const Request&) { return std::vector<float>(); }, Status::kModelError},
      {[](const Request&) { return std::vector<float>(3); }, Status::kModelError},
      {[](const Request&) { return std::vector<float>(10); }, Status::kModelError},
      {[](const Request&) -> std::vector<float> { throw std::runtime_error("broken"); }, Status::kModelError},
      {[](const Request&) -> std::vector<float> { throw 5; }, Status::kModelError},
      {[](const Request&) -> std::vector<float> { throw Error(ErrorCode::kInternal, "model", "broken"); },
       Status::kModelError},
      {[](const Request&) -> std::vector<float> { throw Error(ErrorCode::kBadInput, "instruction", "is odd"); },
       Status::kBadInput},
  };
  uint64_t sequence = 0;
  for (const auto& [act, status] : cases) {
    model_.act = act;
    Submit(MakeRequest("a", ++sequence));
    ASSERT_TRUE(answers_.WaitFor(sequence));
    EXPECT_EQ(StatusOf("a", sequence), status) << sequence;
    EXPECT_FALSE(answers_.Only("a", sequence).message.empty());
  }
  EXPECT_EQ(answers_.Only("a", sequence).field, "instruction");
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, AResetEndsWhatIsUnderWayAndIsNeverLost) {
  Start();
  model_.CloseGate();
  Submit(MakeRequest("a", 8));
  ASSERT_TRUE(model_.WaitForCalls(1));
  Submit(MakeRequest("a", 9));
  Request again = MakeRequest("a", 1);
  again.reset = true;
  Submit(again);
  // Both of the old episode are over, also the one that runs.
  EXPECT_EQ(StatusOf("a", 8), Status::kSuperseded);
  EXPECT_EQ(StatusOf("a", 9), Status::kSuperseded);
  Submit(MakeRequest("a", 2));  // takes the place of the one that carried the reset
  EXPECT_EQ(StatusOf("a", 1), Status::kSuperseded);
  model_.OpenGate();
  ASSERT_TRUE(answers_.WaitFor(4));
  EXPECT_EQ(StatusOf("a", 2), Status::kOk);
  EXPECT_EQ(model_.seen(), (std::vector<Seen>{{"a", 8, true}, {"a", 2, true}}));
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, AResetThatTheModelFailedOnIsRepeated) {
  Start();
  model_.act = [](const Request&) -> std::vector<float> { throw std::runtime_error("broken"); };
  Submit(MakeRequest("a", 1));
  ASSERT_TRUE(answers_.WaitFor(1));
  model_.act = nullptr;
  Submit(MakeRequest("a", 2));
  ASSERT_TRUE(answers_.WaitFor(2));
  EXPECT_EQ(model_.seen(), (std::vector<Seen>{{"a", 1, true}, {"a", 2, true}}));
}

TEST_F(LoopTest, OlderThanTheNewestIsStale) {
  Start();
  Submit(MakeRequest("a", 5));
  ASSERT_TRUE(answers_.WaitFor(1));
  Submit(MakeRequest("a", 4));
  EXPECT_EQ(StatusOf("a", 4), Status::kSuperseded);
  EXPECT_NE(answers_.Only("a", 4).message.find("reset"), std::string::npos);
  Submit(MakeRequest("b", 4));
  ASSERT_TRUE(answers_.WaitFor(3));
  EXPECT_EQ(StatusOf("b", 4), Status::kOk);
}

TEST_F(LoopTest, WhatAClientLeftBehindIsCancelled) {
  Start();
  model_.CloseGate();
  const uint64_t left = loop_->NewOwner(), stays = loop_->NewOwner();
  Submit(MakeRequest("a", 1), left);
  ASSERT_TRUE(model_.WaitForCalls(1));
  Submit(MakeRequest("a", 2), left);
  Submit(MakeRequest("b", 1), stays);
  loop_->Cancel(left);
  EXPECT_EQ(StatusOf("a", 1), Status::kCancelled);
  EXPECT_EQ(StatusOf("a", 2), Status::kCancelled);
  model_.OpenGate();
  ASSERT_TRUE(answers_.WaitFor(3));
  EXPECT_EQ(StatusOf("b", 1), Status::kOk);
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, StoppingAnswersEverybody) {
  Start();
  model_.CloseGate();
  Submit(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  Submit(MakeRequest("a", 2));
  Submit(MakeRequest("b", 1));
  std::thread stop([&] { loop_->Stop(); });
  ASSERT_TRUE(answers_.WaitFor(2));
  EXPECT_EQ(StatusOf("a", 2), Status::kShuttingDown);
  EXPECT_EQ(StatusOf("b", 1), Status::kShuttingDown);
  EXPECT_EQ(loop_->GetHealth().state, "stopping");
  Submit(MakeRequest("c", 1));
  EXPECT_EQ(StatusOf("c", 1), Status::kShuttingDown);
  model_.OpenGate();
  stop.join();
  EXPECT_EQ(StatusOf("a", 1), Status::kOk);
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, ForgetsTheClientIdleForLongest) {
  LoopOptions options;
  options.max_clients = 2;
  Start(options);
  for (uint64_t i = 1; const char* id : {"a", "b", "a", "c", "a"}) {
    Submit(MakeRequest(id, i));
    ASSERT_TRUE(answers_.WaitFor(i++));
  }
  EXPECT_EQ(model_.forgotten(), std::vector<std::string>{"b"});
  model_.CloseGate();
  Submit(MakeRequest("a", 11));
  ASSERT_TRUE(model_.WaitForCalls(6));
  Submit(MakeRequest("c", 12));
  Submit(MakeRequest("d", 13));  // nobody is idle
  EXPECT_EQ(StatusOf("d", 13), Status::kOverloaded);
  model_.OpenGate();
  ASSERT_TRUE(answers_.WaitFor(8));
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, BytesThatWaitAreBounded) {
  LoopOptions options;
  options.max_pending_bytes = 2000;
  Start(options);
  model_.CloseGate();
  Submit(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string id(1, static_cast<char>('b' + i));
    Submit(MakeRequest(id, 1));
    const Reply reply = answers_.Only(id, 1);
    if (reply.client_id == id) {
      EXPECT_EQ(reply.status, Status::kOverloaded);
      ++refused;
    }
  }
  EXPECT_GT(refused, 5);
  EXPECT_LT(refused, 20);
  model_.OpenGate();
  ASSERT_TRUE(answers_.WaitFor(21));
  ExpectOneAnswerEach();
}

TEST_F(LoopTest, AModelThatHangsIsReported) {
  LoopOptions options;
  options.stuck_after_s = 0.01;
  Start(options);
  model_.CloseGate();
  Submit(MakeRequest("a", 1));
  ASSERT_TRUE(model_.WaitForCalls(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(loop_->GetHealth().state, "stuck");
  model_.OpenGate();
}

TEST_F(LoopTest, EveryRequestOfAFloodGetsOneAnswerAndNoneIsStale) {
  Start();
  model_.act = [](const Request& request) {
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    return std::vector<float>(2, static_cast<float>(request.sequence));
  };
  constexpr int kClients = 6, kEach = 400;
  std::vector<std::thread> threads;
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      const Rng rng(1, static_cast<uint64_t>(c));
      const uint64_t owner = loop_->NewOwner();
      for (uint64_t i = 1; i <= kEach; ++i) {
        Request request = MakeRequest("client" + std::to_string(c), i, rng.Below(i, 3) == 0 ? 2 : 5000);
        if (rng.Below(i + 1000000, 50) == 0) request.observations[0].state[1] = std::numeric_limits<float>::quiet_NaN();
        Submit(std::move(request), owner);
        if (rng.Below(i + 2000000, 4) == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
        if (i == 200 && c == 0) loop_->Cancel(owner);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop_->Stop();
  ASSERT_EQ(answers_.all().size(), static_cast<size_t>(kClients * kEach));
  std::set<std::pair<std::string, uint64_t>> answered;
  std::map<std::string, uint64_t> newest;
  int delivered = 0;
  for (const Reply& reply : answers_.all()) {
    EXPECT_TRUE(answered.insert({reply.client_id, reply.sequence}).second);
    if (reply.status != Status::kOk) {
      EXPECT_TRUE(reply.actions.empty());
      continue;
    }
    ++delivered;
    EXPECT_EQ(reply.actions[0], static_cast<float>(reply.sequence));
    EXPECT_GT(reply.sequence, newest[reply.client_id]);  // never back in time
    newest[reply.client_id] = reply.sequence;
    const double deadline_ms = reply.queue_ms + reply.policy_ms;
    EXPECT_LE(deadline_ms, 5000);
  }
  EXPECT_GE(delivered, kClients);
  ExpectOneAnswerEach();
}

}  // namespace
}  // namespace takt::serve
