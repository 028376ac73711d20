// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/imitate/imitate.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "takt/apps/imitate/load_demonstrations.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/progress_line.h"
#include "takt/train/imitate/teleop.h"
#include "takt/train/imitate/trainer.h"

namespace takt::imitate {
namespace {

using nlohmann::ordered_json;

ProgressStyle StyleOf(const ordered_json& request) {
  const std::string style = request.value("progress", "auto");
  return style == "quiet" ? ProgressStyle::kQuiet : style == "json" ? ProgressStyle::kJson : ProgressStyle::kAuto;
}

std::string ConfigText(const std::string& config) {
  if (std::filesystem::is_regular_file(config)) return ReadTextFile(config, 1 << 20);
  return FindBuiltinConfig(config).text;
}

ordered_json NumberOrNull(double value) { return std::isnan(value) ? ordered_json() : ordered_json(value); }

ordered_json AnswerTrain(const ordered_json& request) {
  ProgressLine line(stderr, StyleOf(request));
  const std::filesystem::path folder = request.at("dataset").get<std::string>();
  const std::string config_name = request.at("config").get<std::string>();
  TrainOptions options;
  options.out = request.at("out").get<std::string>();
  options.minutes = request.value("minutes", 0.0);
  options.steps = request.value("steps", int64_t{0});
  options.resume = request.value("resume", false);
  options.seed = request.value("seed", uint64_t{0});
  options.threads = request.value("threads", 0);
  options.device = request.value("device", "cpu");
  options.progress = line.Sink();
  SetThreadCount(options.threads);

  const dataset::Dataset set = dataset::LoadDataset(folder);
  std::vector<std::string> notes;
  const TrainingConfig config = ParseTrainingConfig(ConfigText(config_name), config_name, FactsOf(set), &notes);
  LoadDemonstrationsOptions load;
  load.episodes = request.value("episodes", int64_t{0});
  load.max_bytes = request.value("memory_mb", uint64_t{12'000}) * 1'000'000;
  load.progress = line.Sink();
  Demonstrations demonstrations = LoadDemonstrations(set, config, load);
  const double teleop = request.value("teleop_noise", 0.0);
  if (!(teleop >= 0 && teleop <= 10)) throw Error(ErrorCode::kBadInput, "--teleop-noise", "must be from 0 to 10");
  AddTeleopNoise(teleop, options.seed, config.training.picture_stride, config.policy.action_dim, &demonstrations);
  options.inputs = SetInputs(folder);
  options.provenance = {{"name", folder.filename().empty() ? folder.parent_path().filename().string()
                                                           : folder.filename().string()},
                        {"robot_type", set.info.robot_type},
                        {"episodes", demonstrations.episodes.size()},
                        {"teleop_noise", teleop}};
  const TrainReport report = Train(demonstrations, config, options);
  line.Finish();
  notes.insert(notes.end(), report.notes.begin(), report.notes.end());
  const CurvePoint last = report.curve.empty() ? CurvePoint{} : report.curve.back();
  return {{"out", options.out.string()},
          {"id", report.id},
          {"steps", report.step},
          {"elapsed_s", report.elapsed_s},
          {"samples_per_s", report.samples_per_s},
          {"parameters", report.parameters},
          {"train_episodes", report.train_episodes},
          {"held_out_episodes", report.held_out_episodes},
          {"train_samples", report.train_samples},
          {"loss", NumberOrNull(last.loss)},
          {"held_out_loss", NumberOrNull(last.held_out)},
          {"action_rmse", NumberOrNull(last.action_rmse)},
          {"notes", notes}};
}

ordered_json AnswerConfigs() {
  ordered_json configs = ordered_json::array();
  for (const BuiltinConfig& config : BuiltinConfigs()) {
    configs.push_back({{"name", config.name}, {"purpose", config.purpose}, {"config", ordered_json::parse(config.text)}});
  }
  return {{"configs", configs}};
}

}  // namespace

ordered_json AnswerRequest(const std::string& text) {
  try {
    const ordered_json request = ordered_json::parse(text);
    const std::string verb = request.at("verb").get<std::string>();
    if (verb == "configs") return AnswerConfigs();
    if (verb == "train") return AnswerTrain(request);
    throw Error(ErrorCode::kBadInput, "takt-train", fmt::format("knows no verb '{}'", verb));
  } catch (const ordered_json::exception& error) {
    throw Error(ErrorCode::kBadInput, "takt-train", fmt::format("cannot read its request: {}", error.what()),
                "takt and takt-train must be of one version");
  }
}

}  // namespace takt::imitate
