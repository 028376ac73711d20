// SPDX-License-Identifier: Apache-2.0
// What a policy server adds to its policy: a model that computes for about 8 ms, alone and behind the server, in turns
// within one run; then clients that send ten times as much as the model can do, with every answer counted.
//
//   bench_serve_latency [ROUNDS] [OVERLOAD_SECONDS]      prints Markdown tables; status 1 if an answer is wrong
//
// Service latency is from the moment the model is called for a request to the moment its client has the answer: what
// the server adds, without the time that is spent waiting for other clients. Total latency is from sending to having
// the answer. With C clients that ask again after each answer it is C turns of the model by arithmetic, and is compared
// with those.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "takt/core/base/clock.h"
#include "takt/infer/serve/client.h"
#include "takt/infer/serve/server.h"

namespace takt::serve {
namespace {

constexpr int kClients = 4;
constexpr double kModelS = 8e-3;
constexpr size_t kSlots = 1 << 16;

// A fixed amount of arithmetic over 256 kB, as long as kModelS when nothing disturbs it.
class BusyModel final : public ServeModel {
 public:
  BusyModel() : weights_(1 << 16, 0.5f) {
    double best_s = 1;
    passes_ = 16;
    for (int i = 0; i < 20; ++i) {
      const double begin_s = ThreadCpuSeconds();
      sink_ = Compute();
      best_s = std::min(best_s, ThreadCpuSeconds() - begin_s);
    }
    passes_ = std::max(1, static_cast<int>(std::lround(passes_ * kModelS / best_s)));
  }
  ServeInfo Info() const override {
    ServeInfo info;
    info.model = "busy";
    info.state_dim = 20;
    info.observation_steps = 2;
    info.action_dim = 2;
    info.horizon = 8;
    return info;
  }
  std::vector<float> Act(const Request& request) override {
    const size_t client = static_cast<size_t>(request.client_id.back() - '0');
    start_s[client][request.sequence % kSlots].store(WallSeconds());
    std::vector<float> actions(16, static_cast<float>(request.sequence));
    actions[0] += 1e-30f * Compute();
    return actions;
  }
  float Compute() {
    float sum = 1;
    for (int pass = 0; pass < passes_; ++pass) {
      for (const float weight : weights_) sum = sum * weight + 1;
    }
    return sum;
  }
  std::array<std::vector<std::atomic<double>>, kClients> start_s = MakeSlots();

 private:
  static std::array<std::vector<std::atomic<double>>, kClients> MakeSlots() {
    return {std::vector<std::atomic<double>>(kSlots), std::vector<std::atomic<double>>(kSlots),
            std::vector<std::atomic<double>>(kSlots), std::vector<std::atomic<double>>(kSlots)};
  }
  std::vector<float> weights_;
  volatile float sink_ = 0;  // what is not used is not computed
  int passes_ = 0;
};

struct Samples {
  std::vector<double> s;
  double Ms(double q) const {
    if (s.empty()) return std::nan("");
    std::vector<double> sorted = s;
    std::sort(sorted.begin(), sorted.end());
    const double rank = std::ceil(q * static_cast<double>(sorted.size()));
    return 1e3 * sorted[static_cast<size_t>(std::max(1.0, rank)) - 1];
  }
  void Add(const Samples& other) { s.insert(s.end(), other.s.begin(), other.s.end()); }
};

Request MakeRequest(int client, uint64_t sequence, double deadline_ms) {
  Request request;
  request.client_id = "client" + std::to_string(client);
  request.sequence = sequence;
  request.deadline_ms = deadline_ms;
  request.observations.resize(2);
  for (Observation& observation : request.observations) observation.state.assign(20, 0.5f);
  return request;
}

struct Measured {
  Samples service, total;
};

// Each client asks `count` times, again after each answer.
Measured ClosedLoop(const std::string& address, BusyModel* model, int clients, int count,
                    std::array<uint64_t, kClients>* sequences) {
  std::vector<Measured> each(static_cast<size_t>(clients));
  std::vector<std::thread> threads;
  for (int c = 0; c < clients; ++c) {
    threads.emplace_back([&, c] {
      const auto client = PolicyClient::Connect(address);
      for (int i = 0; i < count; ++i) {
        const uint64_t sequence = ++(*sequences)[c];
        const double begin_s = WallSeconds();
        const Reply reply = client->Act(MakeRequest(c, sequence, 60e3));
        const double end_s = WallSeconds();
        if (reply.status != Status::kOk) {
          std::fprintf(stderr, "%s: %s\n", std::string(StatusName(reply.status)).c_str(), reply.message.c_str());
          std::exit(1);
        }
        if (i == 0) continue;  // the connection is new
        each[c].service.s.push_back(end_s - model->start_s[c][sequence % kSlots].load());
        each[c].total.s.push_back(end_s - begin_s);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Measured all;
  for (const Measured& one : each) {
    all.service.Add(one.service);
    all.total.Add(one.total);
  }
  return all;
}

void PrintRow(const char* what, const Samples& samples, double bare_p99_ms) {
  std::printf("| %s | %zu | %.2f | %.2f | %.2f | %.3f |\n", what, samples.s.size(), samples.Ms(0.5), samples.Ms(0.95),
              samples.Ms(0.99), samples.Ms(0.99) / bare_p99_ms);
}

void MeasureLatency(const std::string& unix_address, const std::string& grpc_address, BusyModel* model, int rounds) {
  Samples bare, bare_cpu, bare_turns;
  Measured over_unix, over_grpc, one_unix, one_grpc;
  std::array<uint64_t, kClients> sequences = {};
  constexpr int kEach = 40;
  for (int round = 0; round < rounds; ++round) {
    Samples here;
    std::thread([&] {
      Request request = MakeRequest(0, 0, 0);
      for (int i = 0; i < kClients * kEach; ++i) {
        const double begin_s = WallSeconds(), begin_cpu_s = ThreadCpuSeconds();
        model->Act(request);
        here.s.push_back(WallSeconds() - begin_s);
        bare_cpu.s.push_back(ThreadCpuSeconds() - begin_cpu_s);
      }
    }).join();
    bare.Add(here);
    for (size_t i = 0; i + kClients <= here.s.size(); ++i) {
      double turns_s = 0;
      for (size_t k = i; k < i + kClients; ++k) turns_s += here.s[k];
      bare_turns.s.push_back(turns_s);
    }
    const auto add = [](const Measured& from, Measured* to) {
      to->service.Add(from.service);
      to->total.Add(from.total);
    };
    add(ClosedLoop(unix_address, model, kClients, kEach, &sequences), &over_unix);
    add(ClosedLoop(grpc_address, model, kClients, kEach, &sequences), &over_grpc);
    add(ClosedLoop(unix_address, model, 1, kEach, &sequences), &one_unix);
    add(ClosedLoop(grpc_address, model, 1, kEach, &sequences), &one_grpc);
  }
  std::printf("| latency, ms | n | p50 | p95 | p99 | p99 / bare |\n|---|---|---|---|---|---|\n");
  const double p99 = bare.Ms(0.99);
  PrintRow("bare policy", bare, p99);
  PrintRow("bare policy, CPU time", bare_cpu, p99);
  PrintRow("service, 4 clients, Unix socket", over_unix.service, p99);
  PrintRow("service, 4 clients, gRPC", over_grpc.service, p99);
  PrintRow("total, 1 client, Unix socket", one_unix.total, p99);
  PrintRow("total, 1 client, gRPC", one_grpc.total, p99);
  std::printf("\n| latency, ms | n | p50 | p95 | p99 | p99 / four bare |\n|---|---|---|---|---|---|\n");
  const double turns_p99 = bare_turns.Ms(0.99);
  PrintRow("four bare calls in a row", bare_turns, turns_p99);
  PrintRow("total, 4 clients, Unix socket", over_unix.total, turns_p99);
  PrintRow("total, 4 clients, gRPC", over_grpc.total, turns_p99);
}

struct Count {
  uint64_t sent = 0, answers = 0, twice = 0, missing = 0, late = 0, backwards = 0, foreign = 0;
  std::array<uint64_t, kStatusCount> by_status = {};
  double oldest_ms = 0;  // of what was delivered, from sending to having it
};

// Each client sends every `period_s`, whatever has come back.
Count Overload(const std::string& address, double seconds, double period_s, double deadline_ms, uint64_t first) {
  std::vector<Count> each(kClients);
  std::vector<std::thread> threads;
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      Count& count = each[c];
      const auto client = PolicyClient::Connect(address);
      std::map<uint64_t, int> answers;
      std::vector<double> sent_s;
      uint64_t newest = 0;
      const auto take = [&](const Reply& reply) {
        ++count.answers;
        ++answers[reply.sequence];
        ++count.by_status[static_cast<size_t>(reply.status)];
        if (reply.status != Status::kOk) return;
        const double age_ms = 1e3 * (WallSeconds() - sent_s[reply.sequence - first]);
        count.oldest_ms = std::max(count.oldest_ms, age_ms);
        count.late += age_ms > deadline_ms + 1 ? 1 : 0;  // 1 ms: from the client's own check to here
        count.backwards += reply.sequence <= newest ? 1 : 0;
        count.foreign += reply.actions.back() == static_cast<float>(reply.sequence) ? 0 : 1;
        newest = reply.sequence;
      };
      const double begin_s = WallSeconds();
      for (uint64_t i = 0; static_cast<double>(i) * period_s < seconds; ++i) {
        const double due_s = begin_s + static_cast<double>(i) * period_s;
        double left_s;
        while ((left_s = due_s - WallSeconds()) > 0) {
          if (const std::optional<Reply> reply = client->Receive(left_s)) take(*reply);
        }
        sent_s.push_back(WallSeconds());
        client->Send(MakeRequest(c, first + i, deadline_ms));
        ++count.sent;
      }
      while (count.answers < count.sent) {
        const std::optional<Reply> reply = client->Receive(5);
        if (!reply) break;
        take(*reply);
      }
      while (const std::optional<Reply> reply = client->Receive(0.05)) take(*reply);
      for (uint64_t i = 0; i < count.sent; ++i) {
        count.missing += answers[first + i] == 0 ? 1 : 0;
        count.twice += answers[first + i] > 1 ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Count all;
  for (const Count& one : each) {
    all.sent += one.sent;
    all.answers += one.answers;
    all.twice += one.twice;
    all.missing += one.missing;
    all.late += one.late;
    all.backwards += one.backwards;
    all.foreign += one.foreign;
    all.oldest_ms = std::max(all.oldest_ms, one.oldest_ms);
    for (int i = 0; i < kStatusCount; ++i) all.by_status[i] += one.by_status[i];
  }
  return all;
}

int Main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 8;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
  const std::filesystem::path socket =
      std::filesystem::temp_directory_path() / ("takt-bench-" + std::to_string(getpid()));
  BusyModel model;
  ServerOptions options;
  options.socket_path = socket;
  options.grpc_address = "127.0.0.1:0";
  PolicyServer server(&model, options);
  const std::string unix_address = "unix:" + socket.string();
  const std::string grpc_address = "127.0.0.1:" + std::to_string(server.grpc_port());
  MeasureLatency(unix_address, grpc_address, &model, rounds);

  std::printf(
      "\n| 10 times its capacity | sent | ok | superseded | deadline | other | twice | missing | late | backwards | "
      "foreign | oldest delivered, ms |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  bool is_right = true;
  uint64_t first = 1000000;
  for (const double deadline_ms : {100.0, 20.0}) {
    for (const std::string& address : {unix_address, grpc_address}) {
      const Count count = Overload(address, seconds, kClients * kModelS / 10, deadline_ms, first);
      first += 1000000;
      const auto of = [&](Status status) { return count.by_status[static_cast<size_t>(status)]; };
      const uint64_t ok = of(Status::kOk), superseded = of(Status::kSuperseded), late = of(Status::kDeadlineExceeded);
      std::printf(
          "| %s, deadline %.0f ms | %llu | %llu | %llu | %llu | %llu | %llu | %llu | %llu | %llu | %llu | %.1f |\n",
          address == unix_address ? "Unix socket" : "gRPC", deadline_ms, static_cast<unsigned long long>(count.sent),
          static_cast<unsigned long long>(ok), static_cast<unsigned long long>(superseded),
          static_cast<unsigned long long>(late),
          static_cast<unsigned long long>(count.answers - ok - superseded - late),
          static_cast<unsigned long long>(count.twice), static_cast<unsigned long long>(count.missing),
          static_cast<unsigned long long>(count.late), static_cast<unsigned long long>(count.backwards),
          static_cast<unsigned long long>(count.foreign), count.oldest_ms);
      is_right = is_right && count.answers == count.sent &&
                 count.twice + count.missing + count.late + count.backwards + count.foreign == 0;
    }
  }
  std::printf("\n%s\n", is_right ? "every request got exactly one answer, and nothing stale was delivered" : "WRONG");
  return is_right ? 0 : 1;
}

}  // namespace
}  // namespace takt::serve

int main(int argc, char** argv) { return takt::serve::Main(argc, argv); }
