// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "takt/apps/evaluate/fit.h"
#include "takt/cli/policy_options.h"

namespace takt::cli {
namespace {

using nlohmann::ordered_json;

struct FitArguments {
  std::filesystem::path model;
  std::string task, max_drop = "2%", metric = "success";
  std::vector<std::string> precisions = {"f32", "bf16", "w8a8"};
  bool no_reuse = false;
  evaluate::FitOptions options;
};

// "2%" or "0.02".
double ParseShare(const std::string& text, const char* option) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  const bool percent = at + 1 == end && *at == '%';
  if (error != std::errc() || (at != end && !percent)) {
    throw Error(ErrorCode::kBadInput, option, "is '" + text + "', no share", "write 2% or 0.02");
  }
  return percent ? value / 100 : value;
}

int FitPolicy(FitArguments a, const Context& context) {
  evaluate::FitOptions& o = a.options;
  o.max_drop = ParseShare(a.max_drop, "--max-drop");
  o.by_score = a.metric == "score";
  o.reuse = !a.no_reuse;
  o.precisions.clear();
  for (const std::string& name : a.precisions) o.precisions.push_back(policy::ParsePrecision(name));
  o.progress = context.progress->Sink();
  const auto task = evaluate::MakeTask(a.task, policy::LoadPolicyConfig(a.model));
  const evaluate::FitReport report = evaluate::Fit(a.model, *task, o);
  ordered_json document = evaluate::ToJson(report, o);
  document["out"] = o.out.string();
  const evaluate::FitCandidate& best = report.fitted;
  const evaluate::Interval& bound = o.by_score ? report.proof.score_interval : report.proof.rate_interval;
  std::vector<std::pair<std::string, std::string>> fields = {
      {"policy", o.out.string()},
      {"plan", policy::PlanName(best.plan)},
      {"a chunk", fmt::format("{}, 99 % within {}; asked: {:.3g} ms", Milliseconds(best.time.p50_ms),
                              Milliseconds(best.time.p99_ms), o.budget_ms)},
      {"exact policy", fmt::format("{}: {:.1f} times slower", Milliseconds(report.exact_time.p50_ms),
                                   report.exact_time.p50_ms / best.time.p50_ms)},
      {a.metric, fmt::format("{:.1f} % against {:.1f} % of the exact one, on {} fresh starts",
                             100 * report.fitted_metric, 100 * report.exact_metric, report.proof_starts)},
      {"difference", fmt::format("{:+.1f} % ({:.0f} %: {:.1f} ... {:.1f}); a drop of {:.1f} % is ruled out",
                                 100 * (report.fitted_metric - report.exact_metric), 100 * report.proof.level,
                                 100 * bound.low, 100 * bound.high, 100 * o.max_drop)},
      {"plans tried", fmt::format("{}", report.candidates.size())}};
  if (!o.report.empty()) fields.emplace_back("report", o.report.string());
  PrintAnswer(context, document, FormatFields(fields));
  return 0;
}

}  // namespace

void AddPolicyFitVerb(CLI::App& group, Context& context) {
  const auto a = std::make_shared<FitArguments>();
  evaluate::FitOptions& o = a->options;
  CLI::App* verb = group.add_subcommand("fit", "The best way to run a policy within a budget of milliseconds, proved");
  AddModel(*verb, &a->model);
  verb->add_option("--budget-ms", o.budget_ms, "CPU time of a chunk on one core of this machine")
      ->type_name("T")
      ->required();
  verb->add_option("--task", a->task, "pusht, or demo:DIR for the task of a dataset of takt demo")
      ->type_name("T")
      ->required();
  verb->add_option("--out", o.out, "Folder of the fitted policy; an interrupted search goes on there")
      ->type_name("DIR")
      ->required();
  verb->add_option("--max-drop", a->max_drop, "What may be lost against the exact policy")->type_name("X%");
  verb->add_option("--metric", a->metric, "Of what")->type_name("M")->check(CLI::IsMember({"success", "score"}));
  verb->add_option("--precisions", a->precisions, "To try: f32, bf16, w8a8, w4a8")->type_name("P,...")->delimiter(',');
  verb->add_flag("--no-reuse", a->no_reuse, "Try step counts and precisions alone");
  verb->add_option("--seeds", o.proof_starts, "Fresh starts of the proof")
      ->type_name("N")
      ->check(CLI::Range(2, 100000));
  verb->add_option("--search-starts", o.search_starts, "Starts of the first round of the search")
      ->type_name("N")
      ->check(CLI::Range(1, 10000));
  verb->add_option("--survivors", o.survivors, "Plans that enter the closed loop")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  verb->add_option("--finalists", o.finalists, "Plans that may try the proof; they share its 5 %")
      ->type_name("N")
      ->check(CLI::Range(1, 8));
  verb->add_option("--windows", o.windows, "Observations for errors, similarities and calibration")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--evolve", o.evolve_generations, "Generations of a search around the best schedule")
      ->type_name("N")
      ->check(CLI::Range(0, 1000));
  verb->add_option("--seed", o.seed, "Of the policy's noise")->type_name("S");
  verb->add_option("--report", o.report, "An HTML report")->type_name("PATH");
  verb->callback([a, &context] { context.verb = [a, &context] { return FitPolicy(*a, context); }; });
}

}  // namespace takt::cli
