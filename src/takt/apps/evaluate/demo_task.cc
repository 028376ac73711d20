// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "takt/apps/evaluate/task.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/demo/look.h"
#include "takt/data/demo/record.h"

namespace takt::evaluate {
namespace {

constexpr uint64_t kEvaluationSeed = 1'000'000'007;  // added to the seed of the demonstrations
constexpr int kCheckEvery = 5;                       // control steps between looks at the goal
constexpr const char* kState = "observation.state";
constexpr const char* kEnvironment = "observation.environment_state";
constexpr const char* kPictures = "observation.images.";

// What an episode needs to know of its task.
struct Setting {
  demo::AttemptOptions options;  // with the seed of the evaluation
  demo::LookOptions look;
  std::vector<std::string> state_keys;
  std::vector<int> cameras;  // of the policy's pictures, in their order
};

class DemoEpisode : public Episode {
 public:
  DemoEpisode(const Setting& setting, const Start& start)
      : setting_(setting),
        start_(start),
        stage_(demo::MakeStage(setting.options.stage, start.seed)),
        run_(stage_, stage_.model, setting.options.fps) {
    if (!run_.Settle()) End(false, "the scene does not come to rest");
  }

  policy::Observation Observe() override {
    policy::Observation observation;
    for (const std::string& key : setting_.state_keys) {
      const std::vector<float> values = key == kState ? run_.JointState() : run_.EnvironmentState();
      observation.state.insert(observation.state.end(), values.begin(), values.end());
    }
    for (int camera : setting_.cameras) observation.pictures.push_back(Render(camera));
    observation.instruction = stage_.task.instruction;
    return observation;
  }

  void Step(std::span<const float> action) override {
    const size_t wanted = stage_.robot.joints.size() + 1;
    if (action.size() != wanted ||
        !std::all_of(action.begin(), action.end(), [](float a) { return std::isfinite(a); })) {
      throw Error(ErrorCode::kBadInput, "action", fmt::format("is not {} finite numbers", wanted));
    }
    if (!run_.Apply(action, -1)) return End(false, "the simulation diverged");
    ++steps_;
    const bool last = steps_ >= start_.max_steps;
    if (!last && steps_ % kCheckEvery != 0) return;
    const std::string fault = Fault();
    if (last || fault.empty()) End(fault.empty(), fault);
  }

  Outcome Now() const override { return outcome_; }
  Image8 Draw() override { return Render(0); }

 private:
  void End(bool success, const std::string& detail) { outcome_ = {success ? 1.0 : 0.0, success, true, detail}; }

  // Why the goal is not reached; empty where it is. Which object the gripper was meant to hold nobody knows here, so
  // the judge asks nothing of the way.
  std::string Fault() const {
    for (const demo::Finding& f : demo::Judge(run_.trace(), setting_.options.limits).findings) {
      if (f.reason == demo::Reason::kMissed || f.reason == demo::Reason::kUnsettled ||
          f.reason == demo::Reason::kSpill) {
        return f.what;
      }
    }
    return {};
  }

  Image8 Render(int camera) {
    if (!look_) look_.emplace(stage_, setting_.look);
    const auto qpos = run_.world().qpos();
    return look_->Render(camera, {qpos.begin(), qpos.end()});
  }

  const Setting& setting_;
  Start start_;
  demo::Stage stage_;
  demo::Execution run_;
  std::optional<demo::Look> look_;
  int steps_ = 0;
  Outcome outcome_;
};

class DemoTask : public Task {
 public:
  DemoTask(std::string name, Setting setting) : name_(std::move(name)), setting_(std::move(setting)) {}

  std::string name() const override { return name_; }
  std::string metric() const override { return "1 where the goal is reached and at rest"; }
  double control_hz() const override { return setting_.options.fps; }

  std::vector<Start> Starts(int first, int count, const ProgressSink& progress) const override {
    const std::lock_guard lock(mutex_);
    const size_t wanted = static_cast<size_t>(first + count);
    while (solved_.size() < wanted) {
      ThrowIfInterrupted();
      if (progress) progress({"find scenes", solved_.size(), wanted, "scenes", "that the demonstrator solves"});
      // No more than may be needed: a plan takes a third of a second.
      std::vector<Start> found(std::min(wanted - solved_.size(), static_cast<size_t>(2 * ThreadCount())));
      ParallelFor(found.size(), 1, [&](size_t i, size_t) {
        const demo::Attempt attempt = demo::MakeAttempt(setting_.options, next_ + i);
        const bool kept = attempt.reason == demo::Reason::kKept;
        found[i] = {next_ + i, kept ? 2 * static_cast<int>(attempt.frames.size()) : 0};
      });
      next_ += found.size();
      for (const Start& start : found) {
        if (start.max_steps > 0) solved_.push_back(start);
      }
      if (next_ > 100 * wanted + 1000) {
        throw Error(ErrorCode::kInfeasibleBudget, name_, "has hardly a scene that its own demonstrator solves");
      }
    }
    return {solved_.begin() + first, solved_.begin() + first + count};
  }

  std::unique_ptr<Episode> Begin(const Start& start) const override {
    return std::make_unique<DemoEpisode>(setting_, start);
  }

 private:
  std::string name_;
  Setting setting_;
  mutable std::mutex mutex_;
  mutable std::vector<Start> solved_;
  mutable uint64_t next_ = 0;
};

// The record that the first episode names.
nlohmann::ordered_json RecordOf(const dataset::Dataset& set, const std::string& folder, std::filesystem::path* path) {
  if (set.extras.empty()) {
    throw Error(ErrorCode::kBadInput, folder, "holds no records of takt demo",
                "only datasets that takt demo generate made say how to make more of their scenes");
  }
  const std::string subject = folder + "/meta/takt_episodes.jsonl";
  *path = demo::RecordPath(folder, demo::EpisodeRecordOf(set.extras.begin()->second, subject).options);
  return dataset::ParseJson(ReadTextFile(*path, 1 << 24), path->string());
}

}  // namespace

std::unique_ptr<Task> MakeDemoTask(const std::string& dataset, const policy::PolicyConfig& config) {
  const dataset::Dataset set = dataset::LoadDataset(dataset);
  Setting setting;
  std::filesystem::path path;
  const nlohmann::ordered_json record = RecordOf(set, dataset, &path);
  setting.options = demo::OptionsOfRecord(path);
  setting.options.stage.seed += kEvaluationSeed;
  setting.options.stage.random.recovery = 0;  // a robot begins at home
  if (record.contains("look")) setting.look = demo::LookOfRecord(record.at("look"), path.string());

  const demo::Stage stage = demo::MakeStage(setting.options.stage, 0);
  const std::vector<std::string> cameras = demo::CameraNames(stage.robot);
  const int joints = static_cast<int>(stage.robot.joints.size()) + 1;
  const int poses = 14 * static_cast<int>(stage.task.steps.size());
  const auto refuse = [&](const std::string& what, const std::string& has) {
    throw Error(ErrorCode::kBadInput, "policy", what, fmt::format("{} has {}", dataset, has));
  };
  for (size_t k = 0; k < config.state_keys.size(); ++k) {
    const std::string& key = config.state_keys[k];
    if (key != kState && key != kEnvironment) {
      refuse(fmt::format("wants {}", key), fmt::format("{} and {}", kState, kEnvironment));
    }
    const int has = key == kState ? joints : poses;
    if (config.state_dims[k] != has)
      refuse(fmt::format("wants {} of {}", config.state_dims[k], key), fmt::format("{}", has));
  }
  setting.state_keys = config.state_keys;
  if (config.action_dim != joints) {
    refuse(fmt::format("gives actions of {} numbers", config.action_dim), fmt::format("actions of {}", joints));
  }
  if (config.fps > 0 && config.fps != setting.options.fps) {
    refuse(fmt::format("runs at {} Hz", config.fps), fmt::format("{} frames a second", setting.options.fps));
  }
  for (const policy::PictureInput& picture : config.pictures) {
    int camera = -1;
    for (size_t c = 0; c < cameras.size(); ++c) {
      if (kPictures + cameras[c] == picture.key) camera = static_cast<int>(c);
    }
    const dataset::Feature* feature = set.info.Find(picture.key);
    if (camera < 0 || !feature || feature->shape.size() != 3) refuse("wants " + picture.key, "no such pictures");
    setting.cameras.push_back(camera);
    setting.look.height_px = static_cast<int>(feature->shape[0]);
    setting.look.width_px = static_cast<int>(feature->shape[1]);
  }
  return std::make_unique<DemoTask>("demo:" + dataset, std::move(setting));
}

}  // namespace takt::evaluate
