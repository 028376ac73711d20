// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "takt/infer/serve/metrics.h"
#include "takt/infer/serve/model.h"
#include "takt/infer/serve/wire.h"

namespace takt::serve {

struct LoopOptions {
  double default_deadline_ms = 1000;  // for requests that name none
  size_t max_clients = 64;            // that are remembered; the one idle for longest makes room for a new one
  uint64_t max_pending_bytes = uint64_t{256} << 20;
  double stuck_after_s = 30;  // an inference of that length is reported by GetHealth
};

// One model, one thread that runs it, many clients: latest wins (docs/adr/0402).
//
// - For each client only its newest request waits; an older one is answered `superseded` at once. What already runs is
//   finished and delivered, unless the client starts a new episode (reset) meanwhile.
// - Clients take turns; one that sends faster does not get more turns.
// - A request is answered `deadline_exceeded` at the moment when it can no longer be met: on arrival or while it waits,
//   when the usual time of an inference is more than what is left; at the deadline, when it runs already. A result that
//   is late is never delivered.
// - Every request gets exactly one answer. Answers are called without a lock, on the caller's thread or one of the
// loop's;
//   they must not block, throw or call back into the loop.
//
// The usual time is the median of the last 15 inferences. Each refusal that it caused while the model was idle shortens
// the estimate by a tenth until the next inference: a model that became faster is found out.
//
// Thread-safe. Starts two threads: one for the model, one that watches the deadlines.
// Cost: O(log clients) a request; memory for one request a client and one that runs.
class ServeLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using Answer = std::function<void(const Reply&)>;

  // Both outlive the loop.
  ServeLoop(ServeModel* model, const LoopOptions& options, ServeMetrics* metrics);
  ~ServeLoop();
  ServeLoop(const ServeLoop&) = delete;
  ServeLoop& operator=(const ServeLoop&) = delete;

  // A name for a connection; requests that it submitted can be cancelled together.
  uint64_t NewOwner();
  // Takes a request that arrived at `received`. Its answer may be called before Submit returns.
  void Submit(Request request, uint64_t owner, Clock::time_point received, Answer answer);
  // Answers a request that could not even be read; counts it as received and bad_input.
  void RefuseUnread(const std::string& field, const std::string& message, const Answer& answer);
  // The connection is gone: what it submitted is answered `cancelled`; a result that is being computed is dropped.
  void Cancel(uint64_t owner);
  // What waits is answered `shutting_down`, what runs is finished and answered. Later requests are answered
  // `shutting_down`. Blocks until the model is idle.
  void Stop();

  const ServeInfo& info() const { return info_; }
  Health GetHealth() const;

 private:
  struct Job {
    Request request;
    Answer answer;
    uint64_t owner = 0;
    Clock::time_point received, deadline;
    uint64_t bytes = 0;
  };
  struct Client {
    std::string id;
    std::optional<Job> pending;
    std::optional<uint64_t> newest_sequence;
    bool owes_reset = true;  // the model has not seen this client, or its reset, yet
    bool is_known_to_model = false;
    uint64_t last_used = 0;
  };
  // What the model computes now. The answer leaves by whoever comes first: the model's thread, the deadline, a reset,
  // Cancel.
  struct Running {
    Client* client = nullptr;
    std::optional<Answer> answer;
    std::string client_id;
    uint64_t sequence = 0;
    uint64_t owner = 0;
    Clock::time_point deadline, start;
  };
  struct Done {
    Answer answer;
    Reply reply;
  };
  using DoneList = std::vector<Done>;

  void Work();
  void WatchDeadlines();
  void Admit(Job job, DoneList* done);
  Client* FindOrAdd(const std::string& id);
  void DropPending(Client* client, Status status, const std::string& message, DoneList* done);
  void DropRunning(Status status, const std::string& message, DoneList* done);
  // Runs the model; never throws.
  Reply Run(Request* request);
  double EstimateS() const;  // 0 before the first inference
  Clock::time_point LatestStart(const Job& job) const;
  void Doubt(const Job& refused, Clock::time_point now);
  void Finish(const DoneList& done);
  static Done Answered(Job job, Status status, std::string message);

  ServeModel* const model_;
  const LoopOptions options_;
  ServeMetrics* const metrics_;
  const ServeInfo info_;
  const Clock::time_point begin_ = Clock::now();

  mutable std::mutex mutex_;
  std::condition_variable work_, watch_;
  std::map<std::string, Client> clients_;
  std::deque<Client*> turns_;  // clients with a pending request, the next one first
  std::vector<std::string> to_forget_;
  std::optional<Running> running_;
  uint64_t pending_bytes_ = 0;
  uint64_t uses_ = 0;
  uint64_t owners_ = 0;
  std::deque<double> run_times_s_;
  double doubt_ = 1;  // scales the estimate
  bool has_failed_ = false;
  bool is_stopping_ = false;
  Clock::time_point next_watch_ = Clock::time_point::max();
  std::thread worker_, watcher_;  // last: they use the others
};

}  // namespace takt::serve
