// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "takt/apps/evaluate/evaluate.h"
#include "takt/apps/evaluate/measure.h"
#include "takt/apps/evaluate/windows.h"
#include "takt/cli/policy_options.h"
#include "takt/core/base/file.h"

namespace takt::cli {
namespace {

using nlohmann::ordered_json;

struct RunArguments {
  PolicyArguments policy;
  std::filesystem::path dataset;
  int64_t episode = 0, frame = 0;
  std::vector<float> state;
  std::string instruction;
  uint64_t seed = 0;
};

int RunPolicy(const RunArguments& a, const Context& context) {
  const auto model = LoadPolicyModel(a.policy.model);
  evaluate::Window window;
  if (!a.dataset.empty()) {
    window = evaluate::DatasetWindow(a.dataset, model->config, a.episode, a.frame);
  } else if (!a.state.empty()) {
    policy::Observation& observation = window.emplace_back();
    observation.state = a.state;
    observation.instruction = a.instruction;
  } else {
    throw Error(ErrorCode::kBadInput, "takt policy run", "has nothing to look at", "give --dataset or --state");
  }
  const LoadedPlan loaded = LoadPlanOf(a.policy, *model);
  policy::Policy policy = loaded.Pack(model);
  policy.Reset(a.seed);
  const policy::Chunk chunk = policy.Act(window);
  ordered_json actions = ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> header = {"step"};
  for (int d = 0; d < chunk.dim; ++d) header.push_back(fmt::format("{}[{}]", model->config.action_key, d));
  for (int k = 0; k < chunk.count; ++k) {
    ordered_json action = ordered_json::array();
    std::vector<std::string> row = {fmt::format("{}", k)};
    for (int d = 0; d < chunk.dim; ++d) {
      const float value = chunk.actions[static_cast<size_t>(k * chunk.dim + d)];
      action.push_back(value);
      row.push_back(fmt::format("{:.4f}", value));
    }
    actions.push_back(std::move(action));
    rows.push_back(std::move(row));
  }
  PrintAnswer(context, {{"plan", policy::PlanName(loaded.plan)}, {"seed", a.seed}, {"actions", actions}},
              FormatTable(header, rows));
  return 0;
}

void AddRun(CLI::App& group, Context& context) {
  const auto a = std::make_shared<RunArguments>();
  CLI::App* verb = group.add_subcommand("run", "One chunk of actions for one observation");
  AddPlanOptions(*verb, &a->policy);
  verb->add_option("--dataset", a->dataset, "Look at a frame of this LeRobot dataset")->type_name("DIR");
  verb->add_option("--episode", a->episode, "Of the dataset")->type_name("I");
  verb->add_option("--frame", a->frame, "Of the episode")->type_name("K");
  verb->add_option("--state", a->state, "Or at these numbers: all state keys of the policy, one after another")
      ->type_name("X,...")
      ->delimiter(',');
  verb->add_option("--instruction", a->instruction, "What to do, with --state")->type_name("TEXT");
  verb->add_option("--seed", a->seed, "Of the noise; equal seeds give equal bytes")->type_name("S");
  verb->callback([a, &context] { context.verb = [a, &context] { return RunPolicy(*a, context); }; });
}

struct EvalArguments {
  PolicyArguments policy;
  std::string task;
  int episodes = 50, first = 0, films = 0;
  std::vector<std::string> against;  // plans: files, or "exact"
  uint64_t seed = 0;
  bool per_episode = false;
  std::filesystem::path report;
};

int EvalPolicy(const EvalArguments& a, const Context& context) {
  const auto model = LoadPolicyModel(a.policy.model);
  const auto task = evaluate::MakeTask(a.task, model->config);
  std::vector<LoadedPlan> plans;
  for (const std::string& other : a.against) {
    plans.push_back(other == "exact" ? LoadedPlan{policy::ExactPlan(model->config), std::nullopt}
                                     : LoadPlanFile(other, *model));
  }
  plans.push_back(LoadPlanOf(a.policy, *model));
  const std::vector<evaluate::Start> starts = task->Starts(a.first, a.episodes, context.progress->Sink());
  evaluate::RunOptions options;
  options.noise_seed = a.seed;
  options.films = a.report.empty() ? 0 : a.films;
  options.progress = context.progress->Sink();
  std::vector<evaluate::Evaluation> evaluations;
  for (const LoadedPlan& plan : plans) {
    options.label = "evaluate";
    evaluations.push_back(evaluate::RunEpisodes(*task, model, plan.plan, plan.quant, starts, options));
  }
  ordered_json document = {{"model", a.policy.model.string()},
                           {"sha256", model->sha256},
                           {"task", task->name()},
                           {"metric", task->metric()},
                           {"first", a.first},
                           {"seed", a.seed},
                           {"evaluations", ordered_json::array()},
                           {"comparisons", ordered_json::array()}};
  std::vector<std::vector<std::string>> rows, pairs;
  for (const evaluate::Evaluation& e : evaluations) {
    document["evaluations"].push_back(evaluate::ToJson(e, a.per_episode));
    const evaluate::Interval rate = evaluate::Wilson(e.successes(), static_cast<int64_t>(e.episodes.size()));
    const std::vector<double> ms = e.chunk_ms();
    rows.push_back({e.plan, RateText(e.success_rate(), rate.low, rate.high), fmt::format("{:.3f}", e.mean_score()),
                    Milliseconds(evaluate::Percentile(ms, 0.5)), Milliseconds(evaluate::Percentile(ms, 0.99)),
                    fmt::format("{}", e.episodes.size())});
  }
  std::string text = FormatTable({"plan", "success (95 %)", "score", "p50", "p99", "episodes"}, rows);
  for (size_t i = 0; i + 1 < evaluations.size(); ++i) {
    const evaluate::Comparison c = evaluate::Compare(evaluations[i], evaluations.back());
    ordered_json json = evaluate::ToJson(c);
    json["reference"] = evaluations[i].plan;
    document["comparisons"].push_back(std::move(json));
    pairs.push_back({evaluations[i].plan, fmt::format("{:+.1f} %", 100 * c.rate_difference),
                     fmt::format("{:+.1f} ... {:+.1f}", 100 * c.rate_interval.low, 100 * c.rate_interval.high),
                     fmt::format("{:.3f}", c.mcnemar_p), fmt::format("{:+.3f}", c.score_difference),
                     fmt::format("{:+.3f} ... {:+.3f}", c.score_interval.low, c.score_interval.high)});
  }
  if (!pairs.empty()) {
    text +=
        "\nseed by seed against\n" + FormatTable({"reference", "success", "90 %", "McNemar p", "score", "90 %"}, pairs);
  }
  if (!a.report.empty()) {
    evaluate::WriteEvaluationReport(*task, a.policy.model.filename().string(), evaluations, a.report);
    document["report"] = a.report.string();
  }
  PrintAnswer(context, document, text);
  return 0;
}

void AddEval(CLI::App& group, Context& context) {
  const auto a = std::make_shared<EvalArguments>();
  a->films = 3;
  CLI::App* verb =
      group.add_subcommand("eval", "Closed loop in a simulator, over seeds that no demonstration has seen");
  AddPlanOptions(*verb, &a->policy);
  verb->add_option("--task", a->task, "pusht, or demo:DIR for the task of a dataset of takt demo")
      ->type_name("T")
      ->required();
  verb->add_option("--episodes", a->episodes, "How many starts")->type_name("N")->check(CLI::Range(1, 1000000));
  verb->add_option("--first", a->first, "Number of the first start")->type_name("I")->check(CLI::Range(0, 1000000));
  verb->add_option("--against", a->against, "Other plans on the same starts: exact, or a plan.json")->type_name("F");
  verb->add_option("--seed", a->seed, "Of the policy's noise; the starts do not depend on it")->type_name("S");
  verb->add_flag("--per-episode", a->per_episode, "Each episode too, with --json");
  verb->add_option("--report", a->report, "An HTML report with film strips")->type_name("PATH");
  verb->add_option("--films", a->films, "Film strips of each plan in the report")
      ->type_name("N")
      ->check(CLI::Range(0, 100));
  verb->callback([a, &context] { context.verb = [a, &context] { return EvalPolicy(*a, context); }; });
}

struct BenchArguments {
  PolicyArguments policy;
  std::vector<std::string> precisions;
  int chunks = 20;
  double seconds = 5;
};

ordered_json ToJson(const std::string& plan, const evaluate::ChunkTime& t) {
  return {{"plan", plan},       {"chunks", t.chunks}, {"p50_ms", t.p50_ms},           {"p99_ms", t.p99_ms},
          {"min_ms", t.min_ms}, {"flops", t.flops},   {"exact_flops", t.exact_flops}, {"gflop_s", t.gflop_s()}};
}

// The plan; it in other precisions; it without its schedule; and the exact one.
int BenchPolicy(const BenchArguments& a, const Context& context) {
  const auto model = LoadPolicyModel(a.policy.model);
  const LoadedPlan chosen = LoadPlanOf(a.policy, *model);
  const std::vector<evaluate::Window> windows = evaluate::BlankWindows(*model, 1);
  std::vector<LoadedPlan> plans = {chosen};
  for (const std::string& name : a.precisions) {
    const nn::Precision precision = policy::ParsePrecision(name);
    if (precision == chosen.plan.precision) continue;
    LoadedPlan& plan = plans.emplace_back(LoadedPlan{chosen.plan, std::nullopt});
    plan.plan.precision = precision;
    plan.plan.quant_file.clear();
  }
  std::optional<size_t> without;
  if (chosen.plan.schedule) {
    without = plans.size();
    plans.push_back(chosen);
    plans.back().plan.schedule.reset();
  }
  const policy::Plan exact = policy::ExactPlan(model->config);
  if (std::none_of(plans.begin(), plans.end(), [&](const LoadedPlan& p) { return p.plan == exact; })) {
    plans.push_back({exact, std::nullopt});
  }
  std::vector<evaluate::ChunkTime> times;
  ordered_json document = {{"model", a.policy.model.string()}, {"plans", ordered_json::array()}};
  for (const LoadedPlan& plan : plans) {
    policy::Policy policy = plan.Pack(model);
    times.push_back(evaluate::MeasureChunks(&policy, windows, a.chunks, a.seconds));
    document["plans"].push_back(ToJson(policy::PlanName(plan.plan), times.back()));
  }
  std::vector<std::vector<std::string>> rows;
  const auto exact_at = std::find_if(plans.begin(), plans.end(), [&](const LoadedPlan& p) { return p.plan == exact; });
  const double exact_ms = times[static_cast<size_t>(exact_at - plans.begin())].p50_ms;
  for (size_t i = 0; i < plans.size(); ++i) {
    const evaluate::ChunkTime& t = times[i];
    rows.push_back({policy::PlanName(plans[i].plan), Milliseconds(t.p50_ms), Milliseconds(t.p99_ms),
                    fmt::format("{:.3f}", 1e-9 * t.flops), fmt::format("{:.1f}", t.gflop_s()),
                    fmt::format("{:.1f}x", exact_ms / t.p50_ms)});
  }
  std::string text = FormatTable({"plan", "p50", "p99", "GFLOP", "GFLOP/s", "speed"}, rows);
  if (without) {
    const double share = evaluate::RealisedShare(times[0], times[*without]);
    document["realised_share"] = share;
    text += fmt::format("\n{:.2f}x less arithmetic by reuse, {:.2f}x less time: {:.0f} % of it realised\n",
                        times[*without].flops / times[0].flops, times[*without].min_ms / times[0].min_ms, 100 * share);
  }
  PrintAnswer(context, document, text);
  return 0;
}

void AddBench(CLI::App& group, Context& context) {
  const auto a = std::make_shared<BenchArguments>();
  CLI::App* verb = group.add_subcommand("bench", "CPU time of a chunk on one core, beside the exact policy");
  AddPlanOptions(*verb, &a->policy);
  verb->add_option("--precisions", a->precisions, "The plan in these as well")->type_name("P,...")->delimiter(',');
  verb->add_option("--chunks", a->chunks, "Chunks to time")->type_name("N")->check(CLI::Range(3, 100000));
  verb->add_option("--seconds", a->seconds, "At most so long for each plan")->type_name("S");
  verb->callback([a, &context] { context.verb = [a, &context] { return BenchPolicy(*a, context); }; });
}

// Before anything is trained: what would a chunk of this config cost?
void AddBlank(CLI::App& group, Context& context) {
  struct Arguments {
    std::filesystem::path config, out;
    uint64_t seed = 0;
  };
  const auto a = std::make_shared<Arguments>();
  CLI::App* verb =
      group.add_subcommand("blank", "A policy of a config with random weights: to time it before training");
  verb->add_option("--config", a->config, "Folder or file of a config.json")->type_name("F")->required();
  verb->add_option("--out", a->out, "Folder of the policy")->type_name("DIR")->required();
  verb->add_option("--seed", a->seed, "Of the weights")->type_name("S");
  verb->callback([a, &context] {
    context.verb = [a, &context] {
      const bool folder = std::filesystem::is_directory(a->config);
      const policy::PolicyConfig config =
          folder ? policy::LoadPolicyConfig(a->config)
                 : policy::ParsePolicyConfig(ReadTextFile(a->config, 1 << 24), a->config.string());
      policy::SaveModel(policy::RandomModel(config, a->seed), a->out);
      const std::string file = (a->out / "model.safetensors").string();
      PrintAnswer(context, {{"out", a->out.string()}, {"seed", a->seed}},
                  FormatFields({{"policy", a->out.string()}, {"weights", file}}));
      return 0;
    };
  });
}

void AddExport(CLI::App& group, Context& context) {
  struct Arguments {
    std::filesystem::path model, out;
    std::string weights = "f16";
  };
  const auto a = std::make_shared<Arguments>();
  CLI::App* verb = group.add_subcommand("export", "A policy in half the bytes, to pass on");
  verb->add_option("M", a->model, "Folder of the policy")->type_name("M")->required();
  verb->add_option("--out", a->out, "Folder of the new policy")->type_name("DIR")->required();
  verb->add_option("--weights", a->weights, "f16, or f32")->type_name("TYPE")->check(CLI::IsMember({"f16", "f32"}));
  verb->callback([a, &context] {
    context.verb = [a, &context] {
      const auto model = LoadPolicyModel(a->model);
      policy::SaveModel(*model, a->out, a->weights == "f16");
      const auto bytes = std::filesystem::file_size(a->out / "model.safetensors");
      PrintAnswer(context, {{"out", a->out.string()}, {"weights", a->weights}, {"bytes", bytes}},
                  FormatFields({{"policy", a->out.string()}, {"weights", fmt::format("{}, {} bytes", a->weights, bytes)}}));
      return 0;
    };
  });
}

}  // namespace

void AddPolicyRunVerbs(CLI::App& group, Context& context) {
  AddRun(group, context);
  AddEval(group, context);
  AddBench(group, context);
  AddBlank(group, context);
  AddExport(group, context);
}

}  // namespace takt::cli
