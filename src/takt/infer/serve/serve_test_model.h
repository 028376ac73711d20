// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "takt/infer/serve/loop.h"
#include "takt/infer/serve/model.h"

// Shared by the tests and the benchmark of this module.
namespace takt::serve {

inline constexpr auto kLong = std::chrono::seconds(30);  // what never takes that long on a machine that works

// Two states of three numbers in, four actions of two numbers out: each is the last state's first number plus the
// sequence.
class FakeModel : public ServeModel {
 public:
  struct Seen {
    std::string client_id;
    uint64_t sequence = 0;
    bool reset = false;
    bool operator==(const Seen&) const = default;
  };

  FakeModel() {
    info.model = "fake";
    info.state_dim = 3;
    info.observation_steps = 2;
    info.action_dim = 2;
    info.horizon = 4;
    info.state_names = {"x", "y", "angle"};
    info.control_hz = 10;
  }
  ServeInfo Info() const override { return info; }
  std::vector<float> Act(const Request& request) override {
    {
      std::unique_lock lock(mutex_);
      seen_.push_back({request.client_id, request.sequence, request.reset});
      changed_.notify_all();
      changed_.wait_for(lock, kLong, [this] { return is_open_ || permits_ > 0; });
      if (!is_open_) --permits_;
    }
    if (act) return act(request);
    return std::vector<float>(8, request.observations.back().state[0] + static_cast<float>(request.sequence));
  }
  void Forget(const std::string& client_id) override {
    const std::lock_guard lock(mutex_);
    forgotten_.push_back(client_id);
  }

  // From now on Act waits for Permit.
  void CloseGate() {
    const std::lock_guard lock(mutex_);
    is_open_ = false;
  }
  void Permit(int count = 1) {
    const std::lock_guard lock(mutex_);
    permits_ += count;
    changed_.notify_all();
  }
  void OpenGate() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  // Waits until Act has been called `count` times in all.
  bool WaitForCalls(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] { return seen_.size() >= count; });
  }
  std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::vector<std::string> forgotten() const {
    const std::lock_guard lock(mutex_);
    return forgotten_;
  }

  ServeInfo info;
  std::function<std::vector<float>(const Request&)> act;  // instead of the actions above

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = true;
  int permits_ = 0;
  std::vector<Seen> seen_;
  std::vector<std::string> forgotten_;
};

inline Request MakeRequest(const std::string& client_id, uint64_t sequence, double deadline_ms = 20e3) {
  Request request;
  request.client_id = client_id;
  request.sequence = sequence;
  request.deadline_ms = deadline_ms;
  request.observations.resize(2);
  for (Observation& observation : request.observations) observation.state = {0.5f, 1, 2};
  return request;
}

// Where answers arrive.
class Answers {
 public:
  ServeLoop::Answer Sink() {
    return [this](const Reply& reply) {
      const std::lock_guard lock(mutex_);
      replies_.push_back(reply);
      changed_.notify_all();
    };
  }
  bool WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] { return replies_.size() >= count; });
  }
  std::vector<Reply> all() const {
    const std::lock_guard lock(mutex_);
    return replies_;
  }
  // The only answer to this request; a reply with client_id "none" or "two" otherwise.
  Reply Only(const std::string& client_id, uint64_t sequence) const {
    Reply only;
    only.client_id = "none";
    for (const Reply& reply : all()) {
      if (reply.client_id != client_id || reply.sequence != sequence) continue;
      if (only.client_id == "none") {
        only = reply;
      } else {
        only.client_id = "two";
      }
    }
    return only;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Reply> replies_;
};

// A folder for sockets: their paths must be short.
class SocketFolder {
 public:
  SocketFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "takt-serve-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~SocketFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace takt::serve
