// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "takt/apps/evaluate/fit.h"
#include "takt/cli/policy_options.h"
#include "takt/core/base/file.h"
#include "takt/core/io/image.h"
#include "takt/infer/quant/error_report.h"
#include "takt/infer/quant/quantise.h"
#include "takt/infer/reuse/evolve.h"

namespace takt::cli {
namespace {

using nlohmann::ordered_json;

// Where observations come from: a dataset, or what the exact policy sees in a task.
struct WindowArguments {
  std::filesystem::path dataset;
  std::string task;
  int count = 16;
};

void AddWindowOptions(CLI::App& verb, WindowArguments* a) {
  verb.add_option("--dataset", a->dataset, "Take observations from this LeRobot dataset")->type_name("DIR");
  verb.add_option("--task", a->task, "Or from what the exact policy sees in this task: pusht, demo:DIR")
      ->type_name("T");
  verb.add_option("--windows", a->count, "How many")->type_name("N")->check(CLI::Range(1, 4096));
}

std::vector<evaluate::Window> WindowsOf(const WindowArguments& a, const std::shared_ptr<const policy::Model>& model,
                                        const Context& context) {
  if (!a.dataset.empty()) return evaluate::DatasetWindows(a.dataset, model->config, a.count, 0);
  if (a.task.empty()) {
    throw Error(ErrorCode::kBadInput, "takt policy", "has no observations", "give --dataset or --task");
  }
  const auto task = evaluate::MakeTask(a.task, model->config);
  return evaluate::RolloutWindows(*task, model, task->Starts(0, 4), a.count, context.progress->Sink());
}

struct QuantizeArguments {
  std::filesystem::path model, out, report;
  WindowArguments windows;
  std::string precision = "w8a8", method = "gptq";
  quant::QuantiseOptions options;
};

int QuantizePolicy(QuantizeArguments a, const Context& context) {
  const auto model = LoadPolicyModel(a.model);
  a.options.precision = policy::ParsePrecision(a.precision);
  a.options.method = a.method == "rtn" ? quant::Method::kRtn : quant::Method::kGptq;
  std::vector<evaluate::Window> windows = WindowsOf(a.windows, model, context);
  // Half to learn from, half to be honest about.
  const size_t half = (windows.size() + 1) / 2;
  const std::span<const evaluate::Window> seen = std::span(windows).first(half);
  const std::span<const evaluate::Window> unseen = windows.size() > 1 ? std::span(windows).subspan(half) : seen;
  policy::Plan plan = policy::LoadPlan(a.model, model->config);
  quant::CalibrateOptions calibrate;
  calibrate.sampler = plan.sampler;
  calibrate.steps = plan.steps;
  const quant::QuantiseResult result = quant::Quantise(*model, a.options, quant::Calibrate(model, seen, calibrate));
  plan.precision = a.options.precision;
  plan.float_attention = a.options.float_attention;
  plan.quant_file = "quant.safetensors";
  policy::Plan float_plan = plan;
  float_plan.precision = nn::Precision::kF32;
  float_plan.float_attention = false;
  float_plan.quant_file.clear();
  policy::Policy exact(model, float_plan), quantised(model, plan, result.file);
  const quant::ActionError actions = quant::CompareActions(exact, quantised, unseen, 0);
  const std::vector<quant::ProductError> errors =
      quant::ProductErrors(result, quant::Calibrate(model, unseen, calibrate));
  double worst_db = errors.empty() ? 0 : errors.front().sqnr_db;
  for (const quant::ProductError& e : errors) worst_db = std::min(worst_db, e.sqnr_db);

  evaluate::CopyPolicy(a.model, a.out);
  quant::WriteQuantFile(result.file, a.out / plan.quant_file);
  WriteFileAtomic(a.out / "plan.json", policy::PlanText(plan));
  if (!a.report.empty()) {
    Report page(fmt::format("{} in {}", a.model.filename().string(), a.precision),
                fmt::format("Actions move by {:.4f} (RMS, normalised) where exact ones span {:.3f}.", actions.rms,
                            actions.signal_rms));
    page.SetKicker("takt policy quantize");
    quant::AddErrorSection(&page, result.file.made_by, errors, actions);
    page.Write(a.report);
  }
  PrintAnswer(context,
              {{"out", a.out.string()},
               {"plan", policy::PlanName(plan)},
               {"made_by", result.file.made_by},
               {"windows", windows.size()},
               {"action_rms", actions.rms},
               {"action_max", actions.max_abs},
               {"signal_rms", actions.signal_rms},
               {"worst_sqnr_db", worst_db}},
              FormatFields({{"policy", a.out.string()},
                            {"plan", policy::PlanName(plan)},
                            {"made by", result.file.made_by},
                            {"worst product", fmt::format("{:.1f} dB", worst_db)},
                            {"actions", fmt::format("RMS error {:.5f}, largest {:.4f}, of {:.3f} (unseen observations)",
                                                    actions.rms, actions.max_abs, actions.signal_rms)}}));
  return 0;
}

void AddQuantize(CLI::App& group, Context& context) {
  const auto a = std::make_shared<QuantizeArguments>();
  CLI::App* verb =
      group.add_subcommand("quantize", "Weights and activations in integers, with the error that it costs");
  AddModel(*verb, &a->model);
  AddWindowOptions(*verb, &a->windows);
  verb->add_option("--out", a->out, "Folder of the quantised policy")->type_name("DIR")->required();
  verb->add_option("--precision", a->precision, "8 or 4 bits for weights")
      ->type_name("P")
      ->check(CLI::IsMember({"w8a8", "w4a8"}));
  verb->add_option("--method", a->method, "How weights are rounded")
      ->type_name("M")
      ->check(CLI::IsMember({"gptq", "rtn"}));
  verb->add_option("--group", a->options.group, "Inputs that share a scale of 4-bit weights")->type_name("N");
  verb->add_option("--smooth", a->options.smooth_alpha, "SmoothQuant's alpha; 0: none, -1: searched")->type_name("A");
  verb->add_flag("--per-step", a->options.per_step_scales, "A given scale of activations for each denoising step");
  verb->add_flag("--float-attention", a->options.float_attention, "Leave the projections of attention in float");
  verb->add_option("--report", a->report, "An HTML report")->type_name("PATH");
  verb->callback([a, &context] { context.verb = [a, &context] { return QuantizePolicy(*a, context); }; });
}

struct ScheduleArguments {
  PolicyArguments policy;
  WindowArguments windows;
  std::filesystem::path out;
  std::string solver = "bac";
  evaluate::SolveOptions solve;
  int generations = 20, population = 20, starts = 10;  // evo
};

reuse::Schedule EvolvedSchedule(const ScheduleArguments& a, const evaluate::Similarities& known,
                                const std::shared_ptr<const policy::Model>& model, const LoadedPlan& loaded,
                                const Context& context) {
  if (a.windows.task.empty()) {
    throw Error(ErrorCode::kBadInput, "--solver", "evo plays the task", "give --task");
  }
  const auto task = evaluate::MakeTask(a.windows.task, model->config);
  const std::vector<evaluate::Start> starts = task->Starts(0, a.starts, context.progress->Sink());
  evaluate::SolveOptions bac = a.solve;
  bac.solver = evaluate::Solver::kBudgeted;
  const std::vector<reuse::Schedule> seeds = {evaluate::Solve(known, bac)};
  reuse::EvolveOptions evolve;
  evolve.computed_cells = a.solve.updates * static_cast<int>(known.blocks.size());
  evolve.population = a.population;
  evolve.elite = std::max(1, a.population / 5);
  evolve.max_generations = a.generations;
  reuse::EvolveState state =
      reuse::StartEvolve(known.blocks, known.steps, evolve, reuse::Importance(known.similarity), seeds);
  const std::filesystem::path log = a.out.string() + ".evolve.json";
  if (std::filesystem::exists(log)) {
    reuse::EvolveState earlier = reuse::ParseEvolveState(ReadTextFile(log), log.string());
    if (earlier.options == state.options && earlier.blocks == state.blocks && earlier.steps == state.steps) {
      state = std::move(earlier);
    }
  }
  const auto fitness = [&](std::span<const reuse::Schedule> schedules) {
    std::vector<double> scores;
    for (const reuse::Schedule& schedule : schedules) {
      policy::Plan plan = loaded.plan;
      plan.schedule = schedule;
      scores.push_back(evaluate::RunEpisodes(*task, model, plan, loaded.quant, starts, {}).mean_score());
    }
    return scores;
  };
  reuse::Schedule best = reuse::Evolve(&state, fitness, [&](const reuse::EvolveState& s) {
    WriteFileAtomic(log, reuse::EvolveStateText(s));
    context.progress->Sink()({"evolve", static_cast<uint64_t>(s.generation()), static_cast<uint64_t>(a.generations),
                              "generations", fmt::format("best score {:.3f}", s.best_fitness.back())});
  });
  best.made_by = fmt::format("evo-{}", a.solve.updates);
  return best;
}

int SchedulePolicy(ScheduleArguments a, const Context& context) {
  const auto model = LoadPolicyModel(a.policy.model);
  LoadedPlan loaded = LoadPlanOf(a.policy, *model);
  loaded.plan.schedule.reset();
  const bool evolve = a.solver == "evo";
  if (!evolve) a.solve.solver = evaluate::ParseSolver(a.solver);
  const std::vector<evaluate::Window> windows = WindowsOf(a.windows, model, context);
  const evaluate::Similarities known =
      evaluate::CollectSimilarities(model, loaded.plan.sampler, loaded.plan.steps, windows, context.progress->Sink());
  policy::Plan whole = loaded.plan;
  loaded.plan.schedule = evolve ? EvolvedSchedule(a, known, model, loaded, context) : evaluate::Solve(known, a.solve);

  policy::Policy with = loaded.Pack(model), without(model, whole, loaded.quant);
  const evaluate::ActionError error =
      evaluate::ErrorOf(evaluate::ChunksOf(&with, windows, 0), evaluate::ChunksOf(&without, windows, 0));
  const double share = reuse::ComputeShare(*loaded.plan.schedule, known.costs);
  // A plan stands beside its quantised weights.
  if (loaded.quant && a.out.parent_path() != a.policy.model) {
    quant::WriteQuantFile(*loaded.quant, a.out.parent_path() / loaded.plan.quant_file);
  }
  WriteFileAtomic(a.out, policy::PlanText(loaded.plan));
  const std::filesystem::path picture = a.out.string() + ".png";
  WriteImage(picture, reuse::SchedulePicture(*loaded.plan.schedule));
  const size_t cells = reuse::ComputedCells(*loaded.plan.schedule),
               all = known.blocks.size() * static_cast<size_t>(known.steps);
  PrintAnswer(context,
              {{"out", a.out.string()},
               {"picture", picture.string()},
               {"plan", policy::PlanName(loaded.plan)},
               {"computed_cells", cells},
               {"cells", all},
               {"compute_share", share},
               {"flops", with.flops()},
               {"flops_without", without.flops()},
               {"action_rms", error.rms},
               {"action_max", error.max}},
              FormatFields({{"plan", fmt::format("{}: {}", a.out.string(), policy::PlanName(loaded.plan))},
                            {"picture", picture.string()},
                            {"computed", fmt::format("{} of {} blocks, {:.1f} % of the work", cells, all, 100 * share)},
                            {"actions", fmt::format("RMS error {:.4f}, largest {:.3f}, against every block computed",
                                                    error.rms, error.max)}}));
  return 0;
}

void AddSchedule(CLI::App& group, Context& context) {
  const auto a = std::make_shared<ScheduleArguments>();
  CLI::App* verb =
      group.add_subcommand("schedule", "Which blocks are computed in which denoising step, and which reused");
  AddPlanOptions(*verb, &a->policy);
  AddWindowOptions(*verb, &a->windows);
  verb->add_option("--out", a->out, "The plan; a picture is put beside it")->type_name("F")->required();
  verb->add_option("--solver", a->solver, "bac, bac-adjacent, bac-shared, budgeted, uniform, fora, teacache or evo")
      ->type_name("S");
  verb->add_option("--updates", a->solve.updates, "Computations of each block, or work for so many")->type_name("N");
  verb->add_option("--union", a->solve.union_blocks, "Blocks of BAC's bubbling union; 0: none")->type_name("N");
  verb->add_option("--forced-last", a->solve.forced_last, "Last steps that every block computes")->type_name("N");
  verb->add_option("--order", a->solve.order, "Hold (0), or a line through the last two values (1)")
      ->type_name("N")
      ->check(CLI::Range(0, 1));
  verb->add_option("--generations", a->generations, "Of evo")->type_name("N")->check(CLI::Range(1, 1000));
  verb->add_option("--population", a->population, "Of evo")->type_name("N")->check(CLI::Range(2, 1000));
  verb->add_option("--starts", a->starts, "Starts that evo plays for each schedule")
      ->type_name("N")
      ->check(CLI::Range(1, 10000));
  verb->callback([a, &context] { context.verb = [a, &context] { return SchedulePolicy(*a, context); }; });
}

}  // namespace

void AddPolicyPlanVerbs(CLI::App& group, Context& context) {
  AddQuantize(group, context);
  AddSchedule(group, context);
}

}  // namespace takt::cli
