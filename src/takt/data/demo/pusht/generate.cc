// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/pusht/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/writer.h"

namespace takt::demo {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kNoisyStream = 0x50757368'00000001, kNoiseStream = 0x50757368'00000002;
constexpr const char* kTask = "Push the T-shaped block onto the T-shaped goal.";

void CheckOptions(const PushTGenerateOptions& o) {
  const auto need = [](bool ok, const char* option, const char* what) {
    if (!ok) throw Error(ErrorCode::kBadInput, option, what);
  };
  need(!o.out.empty(), "--out", "is missing");
  need(o.episodes >= 1 && o.episodes < 100000, "--episodes", "must be 1 ... 99,999");
  need(o.seed < sim::kPushTEvaluationSeed, "--seed", "must be below 100,000: seeds from there on are for evaluation");
  need(o.demo.max_steps >= 1 && o.demo.max_steps <= sim::kPushTMaxSteps, "--max-steps", "must be 1 ... 300");
  need(o.demo.noise_px >= 0 && o.demo.noise_px <= 50, "--noise", "must be 0 ... 50 px");
  need(o.demo.noisy_share >= 0 && o.demo.noisy_share <= 1, "--noisy", "must be 0 ... 1");
}

// What decides an episode beside its seed.
Json RecordOf(const PushTDemoOptions& options) {
  return {{"max_steps", options.max_steps}, {"noise_px", options.noise_px}, {"noisy_share", options.noisy_share}};
}

// One line of meta/takt_episodes.jsonl.
struct Line {
  uint32_t seed = 0;
  int steps = 0;
  double coverage = 0;
  PushTDemoOptions options;
};

Line LineOf(const Json& json, const std::string& subject) {
  try {
    Line line;
    line.seed = json.at("seed").get<uint32_t>();
    line.steps = json.at("steps").get<int>();
    line.coverage = json.at("coverage").get<double>();
    line.options.max_steps = json.at("pusht").at("max_steps").get<int>();
    line.options.noise_px = json.at("pusht").at("noise_px").get<double>();
    line.options.noisy_share = json.at("pusht").at("noisy_share").get<double>();
    return line;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kBadInput, subject, "is no record of takt demo pusht", "the set was made by something else, or is damaged");
  }
}

dataset::WriterOptions WriterOptionsOf() {
  std::vector<std::string> state;
  for (int k = 0; k < 9; ++k) {
    state.push_back(fmt::format("keypoint_{}_x_px", k));
    state.push_back(fmt::format("keypoint_{}_y_px", k));
  }
  state.insert(state.end(), {"agent_x_px", "agent_y_px"});
  dataset::WriterOptions options;
  options.fps = sim::kPushTHz;
  options.robot_type = "takt_pusht";
  options.features = {dataset::VectorFeature("observation.state", state),
                      dataset::VectorFeature("action", {"target_x_px", "target_y_px"})};
  return options;
}

dataset::Episode EpisodeOf(const PushTDemo& demo, const PushTDemoOptions& options) {
  dataset::Episode episode;
  episode.tasks = {kTask};
  std::vector<float> state, action;
  for (const auto& row : demo.observations) state.insert(state.end(), row.begin(), row.end());
  for (const auto& row : demo.actions) action.insert(action.end(), row.begin(), row.end());
  episode.columns = {{"observation.state", std::move(state)}, {"action", std::move(action)}};
  episode.extra = {{"seed", demo.seed},         {"steps", demo.actions.size()}, {"coverage", demo.coverage},
                   {"noisy", demo.noisy},       {"plans", demo.plans},          {"pusht", RecordOf(options)}};
  return episode;
}

}  // namespace

bool PushTIsNoisy(uint32_t seed, const PushTDemoOptions& options) {
  return Rng(seed, kNoisyStream).UniformDouble(0) < options.noisy_share;
}

sim::Vec2 PushTNoise_px(uint32_t seed, int step, const PushTDemoOptions& options) {
  if (!PushTIsNoisy(seed, options)) return {0, 0};
  // A moving sum of white noise: steps that lie near each other err alike, and any step can be had without those before it.
  constexpr int kSpan = 4;
  constexpr double kWeight = 0.5;  // 1 / sqrt(kSpan)
  const Rng rng(seed, kNoiseStream);
  sim::Vec2 sum{};
  for (int i = 0; i < kSpan; ++i) {
    const auto normal = rng.Normal4(static_cast<uint64_t>(step + i));
    sum = sum + Vec2{normal[0], normal[1]};
  }
  return options.noise_px * kWeight * sum;
}

PushTDemo DemonstratePushT(uint32_t seed, const PushTDemoOptions& options) {
  PushTDemo demo;
  demo.seed = seed;
  demo.noisy = PushTIsNoisy(seed, options);
  sim::PushT world;
  world.Reset(seed);
  PushTExpert expert(options.expert);
  double before = world.Coverage();
  for (int step = 0; step < options.max_steps; ++step) {
    const Vec2 target = expert.Act(world);
    demo.observations.push_back(world.Observation());
    // What is executed is what can be recorded.
    demo.actions.push_back({static_cast<float>(target[0]), static_cast<float>(target[1])});
    world.Step(Vec2{demo.actions.back()[0], demo.actions.back()[1]} + PushTNoise_px(seed, step, options));
    const double coverage = world.Coverage();
    if (world.Done() && coverage <= before + 1e-3) break;
    before = coverage;
  }
  demo.coverage = world.Coverage();
  demo.solved = world.Done();
  demo.plans = expert.plans();
  return demo;
}

PushTGenerateReport GeneratePushT(const PushTGenerateOptions& options) {
  CheckOptions(options);
  const double wall = WallSeconds(), cpu = CpuSeconds();
  dataset::DatasetWriter writer(options.out, WriterOptionsOf());
  PushTGenerateReport report;
  uint32_t next = options.seed;
  std::vector<int> steps;
  const auto count = [&](uint32_t seed, int length, double coverage) {
    steps.push_back(length);
    report.mean_coverage += coverage;
    report.attempts = static_cast<int>(seed - options.seed) + 1;
    ++report.kept;
    next = seed + 1;
  };
  for (const Json& extra : writer.extras()) {
    const Line line = LineOf(extra, (options.out / "meta" / "takt_episodes.jsonl").string());
    if (RecordOf(line.options) != RecordOf(options.demo) || line.seed < next) {
      throw Error(ErrorCode::kBadInput, options.out.string(), "was made with other options", "repeat those, or choose another --out");
    }
    count(line.seed, line.steps, line.coverage);
  }
  const auto show = [&] {
    if (!options.progress) return;
    options.progress({"demonstrate", static_cast<uint64_t>(report.kept), static_cast<uint64_t>(options.episodes), "episodes",
                      fmt::format("{} starts", report.attempts)});
  };
  show();
  while (report.kept < options.episodes) {
    const size_t wanted = static_cast<size_t>(options.episodes - report.kept);
    std::vector<PushTDemo> demos(std::min(4 * static_cast<size_t>(ThreadCount()), wanted));
    if (next + demos.size() > sim::kPushTEvaluationSeed) {
      throw Error(ErrorCode::kBadInput, "--seed", "leads to the seeds of evaluation, 100,000 and up", "start lower, or ask for fewer");
    }
    ParallelFor(demos.size(), 1, [&](size_t begin, size_t) {
      ThrowIfInterrupted();
      demos[begin] = DemonstratePushT(next + static_cast<uint32_t>(begin), options.demo);
    });
    for (const PushTDemo& demo : demos) {
      ++report.run_attempts;
      report.attempts = static_cast<int>(demo.seed - options.seed) + 1;
      next = demo.seed + 1;
      if (!demo.solved) continue;
      writer.AddEpisode(EpisodeOf(demo, options.demo));
      count(demo.seed, static_cast<int>(demo.actions.size()), demo.coverage);
      ++report.run_kept;
    }
    if (report.attempts >= 20 && report.attempts > 2 * report.kept) {
      throw Error(ErrorCode::kInfeasibleBudget, "--max-steps",
                  fmt::format("{} of {} starts were solved", report.kept, report.attempts), "allow more steps, or less noise");
    }
    show();
    ThrowIfInterrupted();
  }
  const dataset::WriteSummary summary = writer.Finish(options.progress);
  std::sort(steps.begin(), steps.end());
  report.median_steps = steps[steps.size() / 2];
  report.longest_steps = steps.back();
  report.mean_coverage /= report.kept;
  report.frames = summary.frames;
  report.dataset_bytes = summary.bytes;
  report.cpu_s = CpuSeconds() - cpu;
  report.wall_s = WallSeconds() - wall;
  return report;
}

PushTReplay ReplayPushT(const std::filesystem::path& folder, int64_t episode,
                        const std::function<void(const sim::PushT& world)>& visit) {
  const dataset::Dataset set = dataset::LoadDataset(folder);
  const std::string subject = fmt::format("{}, episode {}", folder.string(), episode);
  const auto meta = std::find_if(set.episodes.begin(), set.episodes.end(), [&](const auto& e) { return e.index == episode; });
  const auto extra = set.extras.find(episode);
  if (meta == set.episodes.end()) throw Error(ErrorCode::kNotFound, subject, "is not there");
  if (extra == set.extras.end()) throw Error(ErrorCode::kBadInput, subject, "has no record in meta/takt_episodes.jsonl");
  const Line line = LineOf(extra->second, subject);
  const dataset::Values values = dataset::EpisodeReader(set).Read(*meta, {"action"}).Numbers("action");
  const auto* actions = std::get_if<std::vector<float>>(&values);
  if (!actions || actions->size() != 2 * static_cast<size_t>(meta->length)) {
    throw Error(ErrorCode::kBadInput, subject, "has no actions of two float32");
  }
  sim::PushT world;
  world.Reset(line.seed);
  if (visit) visit(world);
  for (size_t i = 0; 2 * i < actions->size(); ++i) {
    world.Step(Vec2{(*actions)[2 * i], (*actions)[2 * i + 1]} + PushTNoise_px(line.seed, static_cast<int>(i), line.options));
    if (visit) visit(world);
  }
  return {line.seed, line.coverage, world.Coverage()};
}

}  // namespace takt::demo
