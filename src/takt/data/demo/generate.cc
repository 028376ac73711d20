// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/generate.h"

#include <fmt/format.h>

#include <algorithm>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/data/demo/generate_report.h"
#include "takt/data/demo/record.h"
#include "takt/data/splat/scene_file.h"

namespace takt::demo {
namespace {

void CheckOptions(const GenerateOptions& o) {
  const auto need = [](bool ok, const char* option, const char* what) {
    if (!ok) throw Error(ErrorCode::kBadInput, option, what);
  };
  need(o.episodes >= 1 && o.episodes <= 10'000'000, "--episodes", "must be 1 ... 10,000,000");
  need(o.max_attempts >= 0, "--max-attempts", "must not be negative");
  need(o.speed > 0 && o.speed <= 1, "--speed", "must be above 0 and at most 1");
  // The physics takes 500 steps a second, and an action a whole number of them.
  need(o.fps >= 5 && o.fps <= 100 && 500 % o.fps == 0, "--fps", "must divide 500: 5, 10, 20, 25, 50 or 100");
  need(o.shard_count >= 1 && o.shard_idx >= 0 && o.shard_idx < o.shard_count, "--shard", "must be i/n with 0 <= i < n");
  need(o.width_px >= 16 && o.width_px <= 2048 && o.width_px % 2 == 0, "--width", "must be even, 16 ... 2048");
  need(o.height_px >= 16 && o.height_px <= 2048 && o.height_px % 2 == 0, "--height", "must be even, 16 ... 2048");
  need(o.codec == "h264" || o.codec == "av1" || o.codec == "png", "--codec", "must be h264, av1 or png");
  need(!o.out.empty(), "--out", "is missing");
}

std::string RecipeText(const std::string& name_or_path) {
  const std::vector<std::string> built_in = scene::BuiltInRecipes();
  if (std::find(built_in.begin(), built_in.end(), name_or_path) != built_in.end()) {
    return std::string(scene::BuiltInRecipeText(name_or_path));
  }
  return ReadTextFile(name_or_path, 1 << 22);
}

std::shared_ptr<const sim::SplatBackground> LoadBackground(const BackgroundOptions& options) {
  if (options.splat.empty()) return nullptr;
  const splat::Splats splats = splat::ReadScene(options.splat);
  return std::make_shared<sim::SplatBackground>(
      splats, sim::Similarity{options.scale, Pose::Yaw(options.yaw_rad, options.place_m)});
}

// What one attempt of a batch leaves for the thread that writes.
struct Outcome {
  Attempt attempt;
  std::optional<dataset::PreparedEpisode> prepared;  // where it was kept
  std::vector<Image8> strip;                         // a few pictures, where the report wants them
  double render_s = 0, robust_s = 0, encode_s = 0;
};

class Generator {
 public:
  explicit Generator(const GenerateOptions& options) : options_(options) {
    CheckOptions(options);
    const std::string recipe = options.recipe.empty() ? std::string(DefaultRecipe(options.task)) : options.recipe;
    attempt_options_ = AttemptOptionsOf(options);
    attempt_options_.stage.recipe = scene::LoadRecipe(recipe);
    look_options_.width_px = options.width_px;
    look_options_.height_px = options.height_px;
    look_options_.front = options.front;
    look_options_.randomise = options.randomise_look;
    record_ = RecordOfOptions(attempt_options_, RecipeText(recipe));
    if (options.cameras) record_["look"] = RecordOfLook(look_options_);
    record_name_ = RecordName(record_);
    look_options_.background = LoadBackground(options.background);
    look_options_.in_background = options.background.hide;

    const Stage first = MakeStage(attempt_options_.stage, static_cast<uint64_t>(options.shard_idx));
    report_.recipe = attempt_options_.stage.recipe.name;
    report_.robot = first.robot.name;
    dataset::WriterOptions writer;
    writer.format = options.format;
    writer.fps = options.fps;
    writer.robot_type = "takt_" + first.robot.name;
    writer.features = FeaturesOf(first, options.cameras, options.width_px, options.height_px,
                                 options.codec == "png" ? "image" : "video");
    if (options.codec == "av1") writer.video.codec = dataset::VideoCodec::kAv1;
    writer_.emplace(options.out, writer);
    Resume();
  }

  GenerateReport Run() {
    const double wall = WallSeconds(), cpu = CpuSeconds();
    const int allowed = options_.max_attempts ? options_.max_attempts : std::max(100, 20 * options_.episodes);
    Show();
    while (report_.kept < options_.episodes) {
      if (report_.attempts >= allowed) {
        throw Error(ErrorCode::kInfeasibleBudget, "--max-attempts",
                    fmt::format("{} attempts gave {} of {} episodes ({})", report_.attempts, report_.kept,
                                options_.episodes, ReasonLine(report_.reasons)),
                    "raise --max-attempts, or ask for a task and recipe that fit each other");
      }
      // No more than may be needed: what is attempted after the last kept episode is thrown away.
      const size_t wanted = static_cast<size_t>(std::min(options_.episodes - report_.kept, allowed - report_.attempts));
      std::vector<Outcome> outcomes(std::min(4 * static_cast<size_t>(ThreadCount()), wanted));
      ParallelFor(outcomes.size(), 1,
                  [&](size_t begin, size_t) { outcomes[begin] = Try(next_attempt_ + begin * Stride()); });
      for (Outcome& outcome : outcomes) {
        if (report_.kept >= options_.episodes) break;
        Take(std::move(outcome));
      }
      Show();
      ThrowIfInterrupted();
    }
    const dataset::WriteSummary summary = writer_->Finish(options_.progress);
    report_.frames = summary.frames;
    report_.dataset_bytes = summary.bytes;
    report_.seconds_of_motion = static_cast<double>(summary.frames) / options_.fps;
    report_.wall_s = WallSeconds() - wall;
    report_.cpu_s = CpuSeconds() - cpu;
    if (!options_.report.empty()) WriteGenerateReport(options_, report_, gallery_, options_.report);
    return std::move(report_);
  }

 private:
  uint64_t Stride() const { return static_cast<uint64_t>(options_.shard_count); }

  // Takes up what an earlier run left: counts, the next attempt, the features of what was kept.
  void Resume() {
    next_attempt_ = static_cast<uint64_t>(options_.shard_idx);
    const std::string subject = (options_.out / "meta" / "takt_episodes.jsonl").string();
    for (const nlohmann::ordered_json& extra : writer_->extras()) {
      EpisodeRecord record = EpisodeRecordOf(extra, subject);
      if (record.options != record_name_) {
        throw Error(ErrorCode::kBadInput, options_.out.string(), "was made with other options",
                    "repeat those, or choose another --out");
      }
      for (const Failed& failed : record.failed_before) Count(failed.reason);
      Count(Reason::kKept);
      duplicates_.FindOrAdd(std::move(record.features));
      next_attempt_ = record.attempt + Stride();
    }
  }

  void Count(Reason reason) {
    ++report_.attempts;
    ++report_.reasons[static_cast<size_t>(reason)];
    if (reason == Reason::kKept) ++report_.kept;
  }

  Outcome Try(uint64_t index) const {
    Outcome outcome;
    outcome.attempt = MakeAttempt(attempt_options_, index);
    Attempt& attempt = outcome.attempt;
    if (attempt.reason != Reason::kKept) return outcome;
    const Stage stage = MakeStage(attempt_options_.stage, index);
    double start = ThreadCpuSeconds();
    if (options_.robust && !SurvivesPerturbation(stage, &attempt)) {
      outcome.robust_s = ThreadCpuSeconds() - start;
      return outcome;
    }
    outcome.robust_s = ThreadCpuSeconds() - start;
    start = ThreadCpuSeconds();
    std::optional<Look> look;
    if (options_.cameras) look.emplace(stage, look_options_);
    dataset::Episode episode = ToEpisode(attempt, look ? &*look : nullptr);
    outcome.render_s = ThreadCpuSeconds() - start;
    if (look && !options_.report.empty()) outcome.strip = Strip(episode);
    start = ThreadCpuSeconds();
    outcome.prepared = writer_->Prepare(episode);
    outcome.encode_s = ThreadCpuSeconds() - start;
    return outcome;
  }

  bool SurvivesPerturbation(const Stage& stage, Attempt* attempt) const {
    std::vector<Action> actions;
    for (const Frame& frame : attempt->frames) actions.push_back(frame.action);
    for (const Perturbation& perturbation : kPerturbations) {
      const Verdict verdict =
          JudgePerturbed(stage, perturbation, options_.fps, actions, attempt->held, options_.limits);
      if (verdict.findings.empty()) continue;
      attempt->reason = verdict.reason();
      attempt->detail = fmt::format("with {}: {}", perturbation.name, verdict.findings.front().what);
      return false;
    }
    return true;
  }

  static std::vector<Image8> Strip(const dataset::Episode& episode) {
    std::vector<Image8> strip;
    for (const auto& [name, images] : episode.images) {
      for (size_t k = 0; k < kStripFrames; ++k) strip.push_back(images[k * (images.size() - 1) / (kStripFrames - 1)]);
    }
    return strip;
  }

  void Take(Outcome outcome) {
    Attempt& attempt = outcome.attempt;
    report_.cost.stage_s += attempt.cost.stage_s;
    report_.cost.plan_s += attempt.cost.plan_s;
    report_.cost.physics_s += attempt.cost.physics_s;
    report_.cost.judge_s += attempt.cost.judge_s;
    report_.render_s += outcome.render_s;
    report_.robust_s += outcome.robust_s;
    report_.encode_s += outcome.encode_s;
    next_attempt_ = attempt.index + Stride();
    ++report_.run_attempts;
    if (attempt.reason == Reason::kKept) {
      if (const auto same = duplicates_.FindOrAdd(attempt.features)) {
        attempt.reason = Reason::kDuplicate;
        attempt.detail = fmt::format("repeats episode {}", *same);
      }
    }
    Count(attempt.reason);
    if (attempt.reason != Reason::kKept) {
      auto& examples = report_.examples[static_cast<size_t>(attempt.reason)];
      if (examples.size() < 3) examples.push_back({attempt.index, attempt.detail});
      failed_.push_back({attempt.index, attempt.reason});
      return;
    }
    ++report_.run_kept;
    writer_->Add(std::move(*outcome.prepared), ToJson({record_name_, attempt.index, attempt.digest, attempt.held,
                                                       attempt.features, std::move(failed_)}));
    failed_.clear();
    if (!record_written_) {
      WriteFileAtomic(RecordPath(options_.out, record_name_), record_.dump(1) + "\n");
      record_written_ = true;
    }
    gallery_.Add(attempt, std::move(outcome.strip));
  }

  void Show() const {
    if (!options_.progress) return;
    options_.progress({"demonstrate", static_cast<uint64_t>(report_.kept), static_cast<uint64_t>(options_.episodes),
                       "episodes",
                       fmt::format("{} attempts, yield {:.0f} %", report_.attempts, 100 * report_.yield())});
  }

  const GenerateOptions& options_;
  AttemptOptions attempt_options_;
  nlohmann::ordered_json record_;
  std::string record_name_;
  bool record_written_ = false;
  LookOptions look_options_;
  std::optional<dataset::DatasetWriter> writer_;
  DuplicateIndex duplicates_;
  uint64_t next_attempt_ = 0;
  std::vector<Failed> failed_;
  GenerateReport report_;
  Gallery gallery_;
};

}  // namespace

AttemptOptions AttemptOptionsOf(const GenerateOptions& options) {
  AttemptOptions attempt;
  attempt.stage.task = options.task;
  attempt.stage.seed = options.seed;
  attempt.stage.robot = options.robot;
  attempt.stage.sort_steps = options.sort_steps;
  attempt.stage.random = options.random;
  attempt.fps = options.fps;
  attempt.speed = options.speed;
  attempt.limits = options.limits;
  return attempt;
}

std::string ReasonLine(const std::array<int, kReasonCount>& reasons) {
  std::vector<std::pair<int, int>> order;
  for (int r = 1; r < kReasonCount; ++r) {
    if (reasons[static_cast<size_t>(r)] > 0) order.emplace_back(-reasons[static_cast<size_t>(r)], r);
  }
  std::sort(order.begin(), order.end());
  std::string line;
  for (const auto& [count, r] : order) {
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", -count, ReasonName(static_cast<Reason>(r)));
  }
  return line.empty() ? "none failed" : line;
}

GenerateReport Generate(const GenerateOptions& options) { return Generator(options).Run(); }

}  // namespace takt::demo
