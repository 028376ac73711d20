// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/apps/evaluate/task.h"
#include "takt/core/base/error.h"
#include "takt/data/sim/pusht.h"

namespace takt::evaluate {
namespace {

constexpr int kDrawn_px = 160;

class PushTEpisode : public Episode {
 public:
  explicit PushTEpisode(const Start& start) : start_(start) { world_.Reset(static_cast<uint32_t>(start.seed)); }

  policy::Observation Observe() override {
    const auto values = world_.Observation();
    policy::Observation observation;
    observation.state.assign(values.begin(), values.end());
    return observation;
  }

  void Step(std::span<const float> action) override {
    if (action.size() != 2 || !std::isfinite(action[0]) || !std::isfinite(action[1])) {
      throw Error(ErrorCode::kBadInput, "action", "is no point of the table");
    }
    sim::Vec2 target;
    for (size_t a = 0; a < 2; ++a) target[a] = std::clamp(static_cast<double>(action[a]), 0.0, sim::kPushTSize_px);
    world_.Step(target);
    score_ = std::max(score_, world_.Reward());
    success_ = success_ || world_.Done();
  }

  Outcome Now() const override {
    Outcome outcome{score_, success_, success_ || world_.steps() >= start_.max_steps, {}};
    if (!success_) outcome.detail = fmt::format("best coverage {:.1f} %", 100 * sim::kPushTSuccess * score_);
    return outcome;
  }

  Image8 Draw() override { return world_.Draw(kDrawn_px); }

 private:
  Start start_;
  sim::PushT world_;
  double score_ = 0;
  bool success_ = false;
};

class PushTTask : public Task {
 public:
  std::string name() const override { return "pusht"; }
  std::string metric() const override { return "largest coverage / 0.95 of the episode"; }
  double control_hz() const override { return sim::kPushTHz; }
  std::vector<Start> Starts(int first, int count, const ProgressSink&) const override {
    std::vector<Start> starts;
    for (int i = 0; i < count; ++i) {
      starts.push_back({sim::kPushTEvaluationSeed + static_cast<uint64_t>(first + i), sim::kPushTMaxSteps});
    }
    return starts;
  }
  std::unique_ptr<Episode> Begin(const Start& start) const override { return std::make_unique<PushTEpisode>(start); }
};

}  // namespace

std::unique_ptr<Task> MakePushTTask(const policy::PolicyConfig& config) {
  const auto refuse = [](const std::string& what) {
    throw Error(ErrorCode::kBadInput, "policy", what, "Push-T gives 20 numbers of observation.state and takes a point");
  };
  if (config.state_dim() != 20 || config.state_keys.size() != 1) {
    refuse(fmt::format("wants {} numbers of state", config.state_dim()));
  }
  if (!config.pictures.empty()) refuse(fmt::format("wants pictures ({})", config.pictures.front().key));
  if (config.action_dim != 2) refuse(fmt::format("gives actions of {} numbers", config.action_dim));
  return std::make_unique<PushTTask>();
}

}  // namespace takt::evaluate
