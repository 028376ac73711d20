// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <thread>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/io/safetensors.h"
#include "takt/train/imitate/checkpoint.h"
#include "takt/train/imitate/network.h"
#include "takt/train/imitate/run_report.h"

namespace takt::imitate {
namespace {

using nlohmann::ordered_json;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kLogEvery = 50;    // steps
constexpr int kEvaluations = 30;     // over the whole training
constexpr int kHeldOutSamples = 96;  // of each
constexpr int kSamplingSteps = 10;
constexpr double kLossSmoothing = 0.02;  // of the progress line

void CheckOptions(const TrainOptions& options) {
  if (!(options.minutes >= 0) || std::isinf(options.minutes)) {
    throw Error(ErrorCode::kBadInput, "--minutes", "must be a number, and not negative");
  }
  if (options.steps < 0) throw Error(ErrorCode::kBadInput, "--steps", "must not be negative");
  if (options.minutes == 0 && options.steps == 0) {
    throw Error(ErrorCode::kBadInput, "--minutes", "is missing: how long is to be trained?", "give --minutes or --steps");
  }
  if (options.device != "cpu") {
    throw Error(ErrorCode::kUnsupported, "--device", fmt::format("'{}' cannot be trained on: this takt-train is built for the CPU",
                options.device), "leave it out");
  }
}

class Run {
 public:
  Run(const Demonstrations& demonstrations, const TrainingConfig& config, const TrainOptions& options)
      : config_(config),
        options_(options),
        threads_(options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency())),
        blas_(SetTorchThreads(threads_)),
        batches_(demonstrations, config, options.seed),
        network_(config, demonstrations.auxiliary_dim, options.seed) {
    if (batches_.train().empty()) throw Error(ErrorCode::kBadInput, "demonstrations", "leave nothing to train on");
    state_.optimizer = MakeOptimizer(network_.values(), network_.size());
    state_.sums.assign(3, 0);
    state_.identity = {{"config", ordered_json::parse(TrainingConfigText(config))},
                       {"seed", options.seed},
                       {"threads", threads_},
                       {"bf16", UsesBf16(config.training)},
                       {"set", options.provenance}};
    if (options.resume) {
      state_ = ReadCheckpoint(options.out, state_.identity, network_.size());
      std::copy(state_.values.begin(), state_.values.end(), network_.values());
    }
    state_.schedule.steps = options.minutes > 0 ? 0 : options.steps;
    state_.schedule.seconds = 60 * options.minutes;
    batches_.HeldOut(kHeldOutSamples, &held_out_);
  }

  TrainReport Execute();

 private:
  bool Step();
  void ClosePoint();
  void Evaluate(CurvePoint* point);
  void Save();
  void Export();
  void Log(const CurvePoint& point);
  void RewriteLog();
  void Progress(const Network::Losses& losses);
  double Elapsed() const { return state_.elapsed_s + WallSeconds() - started_; }
  TrainReport Finish();

  const TrainingConfig& config_;
  const TrainOptions& options_;
  int threads_;
  std::string blas_;
  Batches batches_;
  Network network_;
  CheckpointState state_;
  Batch batch_, held_out_;
  double started_ = WallSeconds();
  int64_t steps_here_ = 0;
  double smooth_loss_ = kNaN;
};

// Returns false when the training is done.
bool Run::Step() {
  const int64_t step = state_.optimizer.step;
  if (state_.schedule.Due(step)) state_.schedule.Decide(step, Elapsed());
  const double share = state_.schedule.Share(step);
  if (share >= 1) return false;
  batches_.Train(step, &batch_);
  network_.SetDropout(true, step);
  const Network::Losses losses = network_.Step(batch_);
  if (!std::isfinite(losses.denoise)) {
    throw Error(ErrorCode::kBadInput, "training", fmt::format("has come to a loss that is not finite, at step {}", step),
                "lower learning_rate");
  }
  const double rate = LearningRate(config_.training, share);
  const double norm = OptimizerStep(config_.training, rate, network_.size(), network_.decayed(), network_.gradients(),
                                    network_.values(), &state_.optimizer);
  ++steps_here_;
  state_.sums[0] += losses.denoise;
  state_.sums[1] += losses.auxiliary;
  state_.sums[2] += norm;
  ++state_.sum_count;
  Progress(losses);
  if ((step + 1) % kLogEvery == 0) ClosePoint();
  return true;
}

void Run::ClosePoint() {
  const double share = state_.schedule.Share(state_.optimizer.step);
  const auto count = static_cast<double>(state_.sum_count);
  CurvePoint point = {state_.optimizer.step, Elapsed(), state_.sums[0] / count, state_.sums[1] / count,
                      LearningRate(config_.training, share), state_.sums[2] / count, kNaN, kNaN, kNaN};
  if (share >= state_.next_evaluation) {
    state_.next_evaluation = (std::floor(share * kEvaluations) + 1) / kEvaluations;
    Evaluate(&point);
  }
  state_.sums.assign(3, 0);
  state_.sum_count = 0;
  state_.curve.push_back(point);
  Log(point);
}

// With the averaged weights in the place of the current ones.
void Run::Evaluate(CurvePoint* point) {
  if (held_out_.observations == 0) return;
  const policy::PolicyConfig& p = config_.policy;
  std::vector<float>& average = state_.optimizer.average;
  std::swap_ranges(average.begin(), average.end(), network_.values());
  const Network::Losses losses = network_.Evaluate(held_out_);
  point->held_out = losses.denoise;
  point->held_out_auxiliary = losses.auxiliary;
  const std::vector<float> actions = network_.Sample(held_out_, kSamplingSteps, options_.seed);
  std::swap_ranges(average.begin(), average.end(), network_.values());
  double sum = 0;
  const size_t first = static_cast<size_t>((p.n_obs_steps - 1) * p.action_dim);
  const size_t count = static_cast<size_t>(p.n_action_steps * p.action_dim);
  const size_t size = static_cast<size_t>(p.horizon * p.action_dim);
  for (size_t b = 0; b < static_cast<size_t>(held_out_.observations); ++b) {
    for (size_t i = b * size + first; i < b * size + first + count; ++i) {
      const double error = double{actions[i]} - held_out_.actions[i];
      sum += error * error;
    }
  }
  point->action_rmse = std::sqrt(sum / static_cast<double>(count * static_cast<size_t>(held_out_.observations)));
}

void Run::Log(const CurvePoint& point) {
  std::ofstream file(options_.out / "train.jsonl", std::ios::app);
  file << CurvePointJson(point).dump() << '\n';
}

void Run::RewriteLog() {
  std::string text;
  for (const CurvePoint& point : state_.curve) text += CurvePointJson(point).dump() + "\n";
  WriteFileAtomic(options_.out / "train.jsonl", text);
}

void Run::Progress(const Network::Losses& losses) {
  smooth_loss_ = std::isnan(smooth_loss_) ? losses.denoise : smooth_loss_ + kLossSmoothing * (losses.denoise - smooth_loss_);
  if (!options_.progress) return;
  double held_out = kNaN;
  for (const CurvePoint& point : state_.curve) held_out = std::isnan(point.held_out) ? held_out : point.held_out;
  const int64_t step = state_.optimizer.step;
  std::string note = fmt::format("loss {:.4f}", smooth_loss_);
  if (!std::isnan(held_out)) note += fmt::format(", held out {:.4f}", held_out);
  if (state_.schedule.steps > 0) {
    options_.progress({"train", static_cast<uint64_t>(step), static_cast<uint64_t>(state_.schedule.steps), "steps", note});
  } else {
    const auto total = static_cast<uint64_t>(std::ceil(state_.schedule.seconds));
    options_.progress({"train", std::min(static_cast<uint64_t>(Elapsed()), total - 1), total, "s",
                       fmt::format("step {}, {:.0f} samples/s, {}", step,
                                   static_cast<double>(steps_here_) * config_.training.batch_size / (WallSeconds() - started_), note)});
  }
}

void Run::Save() {
  CheckpointState state = state_;
  state.values.assign(network_.values(), network_.values() + network_.size());
  state.elapsed_s = Elapsed();
  WriteCheckpoint(options_.out, state);
  Export();
}

void Run::Export() {
  TrainingConfig config = config_;
  config.policy.training["run"] = {{"seed", options_.seed},
                                   {"threads", threads_},
                                   {"steps", state_.optimizer.step},
                                   {"train_episodes", batches_.train_episodes()},
                                   {"held_out_episodes", batches_.held_out_episodes()},
                                   {"train_samples", batches_.train().size()},
                                   {"set", options_.provenance}};
  SafeTensorsWriter writer;
  for (const Parameter& parameter : network_.parameters()) {
    if (parameter.name.starts_with("auxiliary.")) continue;
    const float* values = state_.optimizer.average.data() + parameter.offset;
    writer.Add(parameter.name, DType::kF32, parameter.shape,
               {reinterpret_cast<const uint8_t*>(values), parameter.count * sizeof(float)});
  }
  const auto add = [&](const char* name, const Normaliser& normaliser) {
    const auto dim = static_cast<int64_t>(normaliser.scale.size());
    writer.Add(fmt::format("normalizer.{}.scale", name), {dim}, normaliser.scale);
    writer.Add(fmt::format("normalizer.{}.offset", name), {dim}, normaliser.offset);
  };
  add("action", batches_.action());
  if (config_.policy.state_dim() > 0) add("state", batches_.state());
  writer.Write(options_.out / "model.safetensors");
  WriteFileAtomic(options_.out / "config.json", TrainingConfigText(config));
}

TrainReport Run::Execute() {
  RewriteLog();
  started_ = WallSeconds();
  double saved = started_;
  for (;;) {
    if (InterruptRequested() || (options_.pause_at > 0 && state_.optimizer.step >= options_.pause_at)) {
      Save();
      throw Error(ErrorCode::kCancelled, options_.out.string(),
                  fmt::format("interrupted at step {}; {} has it all", state_.optimizer.step,
                              CheckpointPath(options_.out).string()),
                  "repeat the command with --resume to go on");
    }
    if (!Step()) break;
    if (WallSeconds() - saved >= options_.checkpoint_every_s) {
      Save();
      saved = WallSeconds();
    }
  }
  return Finish();
}

TrainReport Run::Finish() {
  // The last point always says how the exported weights do.
  if (state_.sum_count > 0) {
    state_.next_evaluation = 0;
    ClosePoint();
  } else if (!state_.curve.empty() && std::isnan(state_.curve.back().held_out)) {
    Evaluate(&state_.curve.back());
    RewriteLog();
  }
  Save();
  TrainReport report;
  report.step = state_.optimizer.step;
  report.elapsed_s = Elapsed();
  report.samples_per_s = static_cast<double>(steps_here_) * config_.training.batch_size / (WallSeconds() - started_);
  for (const Parameter& parameter : network_.parameters()) {
    if (!parameter.name.starts_with("auxiliary.")) report.parameters += parameter.count;
  }
  report.train_episodes = batches_.train_episodes();
  report.held_out_episodes = batches_.held_out_episodes();
  report.train_samples = static_cast<int64_t>(batches_.train().size());
  report.curve = state_.curve;
  if (config_.training.bf16 && !UsesBf16(config_.training)) {
    report.notes.push_back("this processor has no instructions for bf16: the products were made in f32");
  }
  if (blas_.empty()) {
    report.notes.push_back("the products did not run on OpenBLAS, which is many times faster: install libopenblas0");
  }
  WriteRunReport(config_, options_, report);
  report.id = RecordRun(config_, options_, threads_, report);
  return report;
}

}  // namespace

TrainReport Train(const Demonstrations& demonstrations, const TrainingConfig& config, const TrainOptions& options) {
  CheckOptions(options);
  CheckDemonstrations(demonstrations, config);
  std::error_code failed;
  std::filesystem::create_directories(options.out, failed);
  if (failed) throw Error(ErrorCode::kIo, options.out.string(), fmt::format("cannot create: {}", failed.message()));
  if (!options.resume && std::filesystem::exists(CheckpointPath(options.out))) {
    throw Error(ErrorCode::kBadInput, options.out.string(), "holds a training already",
                "go on with it by --resume, or train into another folder");
  }
  return Run(demonstrations, config, options).Execute();
}

}  // namespace takt::imitate
