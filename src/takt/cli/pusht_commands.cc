// SPDX-License-Identifier: Apache-2.0
#include "takt/cli/pusht_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "takt/cli/output.h"
#include "takt/core/base/clock.h"
#include "takt/core/io/image.h"
#include "takt/data/demo/pusht/generate.h"

namespace takt::cli {
namespace {

struct PlayArguments {
  uint32_t seed = 0;
  int steps = sim::kPushTMaxSteps;
  std::filesystem::path replay;
  int64_t episode = 0;
  std::filesystem::path picture;
  int columns = 6, size_px = 192;
};

// `columns` pictures of the episode side by side, the first and the last among them.
Image8 Strip(const std::vector<sim::PushTState>& states, const std::vector<sim::Vec2>& targets, int columns, int size_px) {
  columns = static_cast<int>(std::min<size_t>(static_cast<size_t>(columns), states.size()));
  Image8 strip(columns * size_px, size_px, 3);
  for (int k = 0; k < columns; ++k) {
    const size_t i = columns == 1 ? states.size() - 1
                                  : static_cast<size_t>(k) * (states.size() - 1) / static_cast<size_t>(columns - 1);
    sim::PushT world;
    world.Restore(states[i]);
    const Image8 picture = world.Draw(size_px, i == 0 ? nullptr : &targets[i - 1]);
    for (int y = 0; y < size_px; ++y) std::copy_n(picture.row(y), 3 * size_px, strip.row(y) + 3 * k * size_px);
  }
  return strip;
}

int RunPlay(const PlayArguments& arguments, const Context& context) {
  std::vector<sim::PushTState> states;
  std::vector<sim::Vec2> targets;
  double coverage = 0, best = 0;
  int plans = 0;
  const double start = CpuSeconds();
  const auto look = [&](const sim::PushT& world) {
    coverage = world.Coverage();
    best = std::max(best, coverage);
    states.push_back(world.Save());
    if (states.size() > 1) targets.push_back(world.target_px());
  };
  uint32_t seed = arguments.seed;
  if (arguments.replay.empty()) {
    sim::PushT world;
    world.Reset(seed);
    demo::PushTExpert expert;
    look(world);
    while (world.steps() < arguments.steps && !world.Done()) {
      world.Step(expert.Act(world));
      look(world);
    }
    plans = expert.plans();
  } else {
    seed = demo::ReplayPushT(arguments.replay, arguments.episode, look).seed;
  }
  const double cpu_s = CpuSeconds() - start;
  const bool solved = best > sim::kPushTSuccess;
  if (!arguments.picture.empty()) {
    WriteImage(arguments.picture, Strip(states, targets, arguments.columns, arguments.size_px));
  }
  const int steps = static_cast<int>(states.size()) - 1;
  nlohmann::ordered_json document = {
      {"seed", seed},
      {"controller", arguments.replay.empty() ? "expert" : "replay"},
      {"steps", steps},
      {"coverage", coverage},
      {"best_coverage", best},
      {"reward", std::min(best / sim::kPushTSuccess, 1.0)},
      {"solved", solved},
      {"plans", plans},
      {"cpu_s", cpu_s},
  };
  std::vector<std::pair<std::string, std::string>> fields = {
      {"seed", fmt::format("{}", seed)},
      {"controller", arguments.replay.empty()
                         ? fmt::format("expert, {} plans, {:.1f} s of CPU", plans, cpu_s)
                         : fmt::format("replay of {}, episode {}", arguments.replay.string(), arguments.episode)},
      {"steps", fmt::format("{} ({:.1f} s)", steps, static_cast<double>(steps) / sim::kPushTHz)},
      {"coverage", fmt::format("{:.4f} at the end, {:.4f} at best", coverage, best)},
      {"solved", solved ? "yes" : "no"}};
  if (!arguments.picture.empty()) {
    document["picture"] = arguments.picture.string();
    fields.emplace_back("picture", arguments.picture.string());
  }
  PrintAnswer(context, document, FormatFields(fields));
  return solved ? 0 : 1;
}

int RunGenerate(demo::PushTGenerateOptions options, const Context& context) {
  options.progress = context.progress->Sink();
  const demo::PushTGenerateReport report = demo::GeneratePushT(options);
  const double each_s = report.run_attempts ? report.cpu_s / report.run_attempts : 0;
  PrintAnswer(context,
              {{"out", options.out.string()},
               {"episodes", report.kept},
               {"starts", report.attempts},
               {"seed", options.seed},
               {"frames", report.frames},
               {"median_steps", report.median_steps},
               {"longest_steps", report.longest_steps},
               {"mean_coverage", report.mean_coverage},
               {"bytes", report.dataset_bytes},
               {"run",
                {{"episodes", report.run_kept},
                 {"starts", report.run_attempts},
                 {"cpu_s", report.cpu_s},
                 {"wall_s", report.wall_s}}}},
              FormatFields({{"dataset", options.out.string()},
                            {"episodes", fmt::format("{} kept of {} starts", report.kept, report.attempts)},
                            {"steps", fmt::format("{} (median), {} at most; {} frames", report.median_steps,
                                                  report.longest_steps, report.frames)},
                            {"coverage", fmt::format("{:.3f} on average at the end", report.mean_coverage)},
                            {"size", fmt::format("{} bytes", report.dataset_bytes)},
                            {"cost", fmt::format("{:.1f} s of CPU, {:.2f} s a start", report.cpu_s, each_s)}}));
  return 0;
}

}  // namespace

void AddSimPushT(CLI::App& group, Context& context) {
  const auto arguments = std::make_shared<PlayArguments>();
  CLI::App* verb = group.add_subcommand("pusht", "Play one episode of Push-T with the built-in expert, or a recorded one");
  verb->add_option("--seed", arguments->seed, "The start; the field evaluates from 100000 on")->type_name("S");
  verb->add_option("--steps", arguments->steps, "Give up after so many")->type_name("N")->check(CLI::Range(1, 10000));
  verb->add_option("--replay", arguments->replay, "Carry out the actions of a set that takt demo pusht made")->type_name("DIR");
  verb->add_option("--episode", arguments->episode, "Which one of the set")->type_name("N");
  verb->add_option("--picture", arguments->picture, "Write pictures of the episode, side by side, as PNG or JPEG")->type_name("PATH");
  verb->add_option("--columns", arguments->columns, "Pictures in it")->type_name("N")->check(CLI::Range(1, 64));
  verb->add_option("--size", arguments->size_px, "Side of each in pixels")->type_name("N")->check(CLI::Range(16, 1024));
  verb->callback([arguments, &context] { context.verb = [arguments, &context] { return RunPlay(*arguments, context); }; });
}

void AddDemoPushT(CLI::App& group, Context& context) {
  const auto options = std::make_shared<demo::PushTGenerateOptions>();
  CLI::App* verb = group.add_subcommand("pusht", "Demonstrate Push-T by planning in its simulator; a LeRobot dataset of states");
  verb->add_option("--out", options->out, "Folder of the dataset; one that was left unfinished is gone on with")
      ->type_name("DIR")
      ->required();
  verb->add_option("--episodes", options->episodes, "Episodes to keep")->type_name("N");
  verb->add_option("--seed", options->seed, "Of the first start; the next ones count up, below 100000")->type_name("S");
  verb->add_option("--noise", options->demo.noise_px, "Deviation of what is added to executed actions, in pixels")->type_name("PX");
  verb->add_option("--noisy", options->demo.noisy_share, "Share of the episodes that get it")->type_name("X");
  verb->add_option("--max-steps", options->demo.max_steps, "Keep no episode that takes longer")->type_name("N");
  verb->callback([options, &context] { context.verb = [options, &context] { return RunGenerate(*options, context); }; });
}

}  // namespace takt::cli
