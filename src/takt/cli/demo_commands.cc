// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "takt/cli/command.h"
#include "takt/cli/output.h"
#include "takt/cli/pusht_commands.h"
#include "takt/core/base/budget.h"
#include "takt/data/demo/generate.h"
#include "takt/data/demo/verify.h"

namespace takt::cli {
namespace {

using nlohmann::ordered_json;

constexpr double kDegree = 3.14159265358979323846 / 180;

struct GenerateArguments {
  demo::GenerateOptions options;
  std::string task, shard, format = "v3.0";
  std::vector<double> splat_place;
  double splat_yaw_deg = 0;
  std::string front = "task";
  bool no_cameras = false, plain_look = false;
};

// "2/8", or "auto": rank and size of the Open MPI or Slurm job.
void ParseShard(const std::string& text, demo::GenerateOptions* options) {
  if (text.empty()) return;
  const Error wrong(ErrorCode::kBadInput, "--shard", fmt::format("'{}' is no shard", text),
                    "write i/n with 0 <= i < n, or auto under Open MPI or Slurm");
  std::string idx, count;
  if (text == "auto") {
    for (const auto& [rank, size] :
         {std::pair{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}, std::pair{"SLURM_PROCID", "SLURM_NTASKS"}}) {
      if (!idx.empty() || !std::getenv(rank) || !std::getenv(size)) continue;
      idx = std::getenv(rank);
      count = std::getenv(size);
    }
  } else if (const size_t slash = text.find('/'); slash != std::string::npos) {
    idx = text.substr(0, slash);
    count = text.substr(slash + 1);
  }
  const auto number = [&](const std::string& digits) {
    if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos) throw wrong;
    return std::stoi(digits);
  };
  options->shard_idx = number(idx);
  options->shard_count = number(count);
  if (options->shard_idx >= options->shard_count) throw wrong;
}

ordered_json ReasonsJson(const demo::GenerateReport& report) {
  ordered_json json = ordered_json::object();
  for (int r = 0; r < demo::kReasonCount; ++r) {
    json[std::string(demo::ReasonName(static_cast<demo::Reason>(r)))] = report.reasons[static_cast<size_t>(r)];
  }
  return json;
}

int RunGenerate(GenerateArguments arguments, const Context& context) {
  demo::GenerateOptions& options = arguments.options;
  options.task = demo::ParseTask(arguments.task);
  options.cameras = !arguments.no_cameras;
  options.front = arguments.front == "station" ? demo::FrontCamera::kStation : demo::FrontCamera::kTask;
  options.randomise_look = !arguments.plain_look;
  options.format = arguments.format == "v2.1" ? dataset::DatasetFormat::kV21 : dataset::DatasetFormat::kV30;
  if (arguments.splat_place.size() == 3) {
    options.background.place_m = {arguments.splat_place[0], arguments.splat_place[1], arguments.splat_place[2]};
  }
  options.background.yaw_rad = arguments.splat_yaw_deg * kDegree;
  ParseShard(arguments.shard, &options);
  options.progress = context.progress->Sink();
  const demo::GenerateReport report = demo::Generate(options);
  const double per_hour = report.cpu_s > 0 ? 3600 * report.run_kept / report.cpu_s : 0;
  const ordered_json document = {{"out", options.out.string()},
                                 {"task", demo::TaskName(options.task)},
                                 {"recipe", report.recipe},
                                 {"robot", report.robot},
                                 {"episodes", report.kept},
                                 {"attempts", report.attempts},
                                 {"yield", report.yield()},
                                 {"reasons", ReasonsJson(report)},
                                 {"frames", report.frames},
                                 {"motion_s", report.seconds_of_motion},
                                 {"bytes", report.dataset_bytes},
                                 {"run",
                                  {{"episodes", report.run_kept},
                                   {"attempts", report.run_attempts},
                                   {"cpu_s", report.cpu_s},
                                   {"wall_s", report.wall_s},
                                   {"episodes_per_cpu_hour", per_hour},
                                   {"stage_s", report.cost.stage_s},
                                   {"plan_s", report.cost.plan_s},
                                   {"physics_s", report.cost.physics_s},
                                   {"judge_s", report.cost.judge_s},
                                   {"perturbed_s", report.robust_s},
                                   {"render_s", report.render_s},
                                   {"encode_s", report.encode_s}}}};
  std::vector<std::pair<std::string, std::string>> fields = {
      {"dataset", fmt::format("{} ({})", options.out.string(), arguments.format)},
      {"task", fmt::format("{}, recipe {}, robot {}", demo::TaskName(options.task), report.recipe, report.robot)},
      {"episodes",
       fmt::format("{} kept of {} attempts ({:.1f} %)", report.kept, report.attempts, 100 * report.yield())},
      {"not kept", demo::ReasonLine(report.reasons)},
      {"motion",
       fmt::format("{} frames, {:.0f} s at {} frames/s", report.frames, report.seconds_of_motion, options.fps)},
      {"size", FormatBytes(report.dataset_bytes)},
      {"cost", fmt::format("{:.1f} s of CPU, {:.1f} s by the clock; {:.0f} episodes an hour and core", report.cpu_s,
                           report.wall_s, per_hour)}};
  if (!options.report.empty()) fields.emplace_back("report", options.report.string());
  PrintAnswer(context, document, FormatFields(fields));
  return 0;
}

void AddGenerate(CLI::App& group, Context& context) {
  const auto arguments = std::make_shared<GenerateArguments>();
  demo::GenerateOptions& o = arguments->options;
  CLI::App* verb = group.add_subcommand(
      "generate", "Plan, simulate and judge demonstrations; keep the good ones as a LeRobot dataset");
  verb->add_option("--task", arguments->task, "What to demonstrate; see takt demo tasks")->type_name("T")->required();
  verb->add_option("--out", o.out, "Folder of the dataset; one that was left unfinished is gone on with")
      ->type_name("DIR")
      ->required();
  verb->add_option("--episodes", o.episodes, "Episodes to keep")->type_name("N");
  verb->add_option("--recipe", o.recipe, "A built-in recipe or a file (default: the task's own)")->type_name("R");
  verb->add_option("--robot", o.robot, "arm5, arm7 or an MJCF file (default: the recipe's)")->type_name("R");
  verb->add_option("--seed", o.seed, "Equal seeds give equal bytes")->type_name("S");
  verb->add_option("--max-attempts", o.max_attempts, "Give up after so many (default: 20 for each episode)")
      ->type_name("N");
  verb->add_option("--fps", o.fps, "Control steps and frames a second: 5, 10, 20, 25, 50 or 100")->type_name("N");
  verb->add_option("--recovery", o.random.recovery,
                   "Share of the episodes that begin as after a missed grasp: who learns from them tries again")
      ->type_name("X")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--speed", o.speed, "Share of the arm's speed limits that motions use")->type_name("X");
  verb->add_option("--sort", o.sort_steps, "Objects that sort_to_bins moves")->type_name("N")->check(CLI::Range(1, 8));
  verb->add_flag("--robust", o.robust,
                 "Keep only what survives half the time step and friction 20 % up and down as well");
  verb->add_flag("--no-cameras", arguments->no_cameras, "No pictures");
  verb->add_option("--front", arguments->front,
                   "Where the front camera stands: across the task's places, or bolted down before the robot")
      ->type_name("F")->check(CLI::IsMember({"task", "station"}))->capture_default_str();
  verb->add_flag("--plain-look", arguments->plain_look, "The same light, colours and camera in every episode");
  verb->add_option("--width", o.width_px, "Width of a picture in pixels")->type_name("N");
  verb->add_option("--height", o.height_px, "Height of a picture in pixels")->type_name("N");
  verb->add_option("--codec", o.codec, "h264, av1, or png inside the data files")->type_name("C");
  verb->add_option("--format", arguments->format, "LeRobot layout")
      ->type_name("V")
      ->check(CLI::IsMember({"v2.1", "v3.0"}));
  verb->add_option("--splat", o.background.splat, "A splat file as the background of the pictures")->type_name("FILE");
  verb->add_option("--splat-scale", o.background.scale, "Metres per unit of the splats")->type_name("X");
  verb->add_option("--splat-yaw", arguments->splat_yaw_deg, "Turn of the splats about the vertical in degrees")
      ->type_name("DEG");
  verb->add_option("--splat-place", arguments->splat_place, "Where the origin of the splats is, in metres")
      ->type_name("X Y Z")
      ->expected(3);
  verb->add_option("--hide", o.background.hide, "Objects that the background shows already; they keep their shadows")
      ->type_name("ID");
  verb->add_option("--shard", arguments->shard,
                   "i/n, or auto under Open MPI or Slurm: this process makes every n-th attempt")
      ->type_name("I/N");
  verb->add_option("--report", o.report, "An HTML report")->type_name("PATH");
  verb->callback(
      [arguments, &context] { context.verb = [arguments, &context] { return RunGenerate(*arguments, context); }; });
}

int RunVerify(const demo::VerifyOptions& given, const Context& context) {
  demo::VerifyOptions options = given;
  options.progress = context.progress->Sink();
  const demo::VerifyReport report = demo::Verify(options);
  const size_t count = report.checks.size();
  ordered_json survived = ordered_json::object(), faults = ordered_json::array();
  const auto share = [&](int n) {
    return fmt::format("{} of {} ({:.1f} %)", n, count, count ? 100.0 * n / static_cast<double>(count) : 0.0);
  };
  std::vector<std::pair<std::string, std::string>> fields = {{"dataset", options.dataset.string()},
                                                             {"bit for bit", share(report.exact)},
                                                             {"kept again", share(report.judged)}};
  if (options.from_seed) fields.emplace_back("from the seed", share(report.planned));
  if (options.particles) fields.emplace_back("dry", share(report.dry));
  if (options.perturbed) {
    for (size_t p = 0; p < demo::kPerturbations.size(); ++p) {
      survived[std::string(demo::kPerturbations[p].name)] = report.survived[p];
      fields.emplace_back(demo::kPerturbations[p].name, share(report.survived[p]));
    }
    fields.emplace_back("all perturbations", share(report.robust));
  }
  int shown = 0;
  for (const demo::EpisodeCheck& check : report.checks) {
    if (check.detail.empty()) continue;
    faults.push_back({{"episode", check.episode}, {"detail", check.detail}});
    if (shown++ < 10) fields.emplace_back(fmt::format("episode {}", check.episode), check.detail);
  }
  if (shown > 10) fields.emplace_back("", fmt::format("and {} more", shown - 10));
  const ordered_json document = {{"dataset", options.dataset.string()},
                                 {"episodes", count},
                                 {"ok", report.ok()},
                                 {"exact", report.exact},
                                 {"judged", report.judged},
                                 {"planned", options.from_seed ? ordered_json(report.planned) : ordered_json()},
                                 {"dry", options.particles ? ordered_json(report.dry) : ordered_json()},
                                 {"survived", survived},
                                 {"robust", options.perturbed ? ordered_json(report.robust) : ordered_json()},
                                 {"cpu_s", report.cpu_s},
                                 {"faults", faults}};
  PrintAnswer(context, document, FormatFields(fields));
  return report.ok() ? 0 : 1;
}

void AddVerify(CLI::App& group, Context& context) {
  const auto options = std::make_shared<demo::VerifyOptions>();
  const auto plain = std::make_shared<bool>(false);
  CLI::App* verb = group.add_subcommand("verify", "Simulate every episode again, bit for bit and in other physics");
  verb->add_option("DIR", options->dataset, "A dataset that takt demo generate made, or several merged")->required();
  verb->add_option("--episode", options->episode, "Only this one")->type_name("N");
  verb->add_flag("--plain", *plain, "Leave out half the time step and friction 20 % up and down");
  verb->add_flag("--from-seed", options->from_seed,
                 "Plan each episode anew from its seed too, and compare every action");
  verb->add_flag("--particles", options->particles, "Fill carried vessels with spheres and count what is spilled");
  verb->callback([options, plain, &context] {
    options->perturbed = !*plain;
    context.verb = [options, &context] { return RunVerify(*options, context); };
  });
}

void AddTasks(CLI::App& group, Context& context) {
  CLI::App* verb = group.add_subcommand("tasks", "List the tasks and the recipes that they are made for");
  verb->callback([&context] {
    context.verb = [&context] {
      ordered_json document = ordered_json::array();
      std::vector<std::vector<std::string>> rows;
      for (int k = 0; k < demo::kTaskCount; ++k) {
        const auto kind = static_cast<demo::TaskKind>(k);
        const std::string name(demo::TaskName(kind)), what(demo::TaskWhat(kind)), recipe(demo::DefaultRecipe(kind));
        document.push_back({{"task", name}, {"what", what}, {"recipe", recipe}});
        rows.push_back({name, recipe, what});
      }
      PrintAnswer(context, document, FormatTable({"task", "recipe", "what"}, rows));
      return 0;
    };
  });
}

}  // namespace

void RegisterDemo(CLI::App& app, Context& context) {
  CLI::App* group =
      app.add_subcommand("demo", "Robot demonstrations without teleoperation: planned, simulated, judged");
  group->require_subcommand(1);
  AddGenerate(*group, context);
  AddVerify(*group, context);
  AddTasks(*group, context);
  AddDemoPushT(*group, context);
}

}  // namespace takt::cli
