// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "takt/cli/policy_options.h"
#include "takt/core/base/file.h"

namespace takt::cli {
namespace {

constexpr uint64_t kMaxPlanBytes = 1 << 26;

LoadedPlan WithQuant(policy::Plan plan, const std::filesystem::path& folder, const policy::Model& model) {
  LoadedPlan loaded{std::move(plan), std::nullopt};
  if (!loaded.plan.quant_file.empty()) {
    loaded.quant = quant::ReadQuantFile(folder / loaded.plan.quant_file, model.config, model.sha256);
  }
  return loaded;
}

}  // namespace

void AddModel(CLI::App& verb, std::filesystem::path* model) {
  verb.add_option("M", *model, "Folder of a policy: config.json, model.safetensors, and maybe a plan.json")->required();
}

void AddPlanOptions(CLI::App& verb, PolicyArguments* arguments) {
  AddModel(verb, &arguments->model);
  verb.add_option("--plan", arguments->plan, "How to run it, a plan.json (default: the one in the folder)")
      ->type_name("F");
  verb.add_flag("--exact", arguments->exact, "In f32 with every step and every block, whatever plan.json says");
  verb.add_option("--precision", arguments->precision, "Instead of the plan's: f32, bf16, w8a8 or w4a8")
      ->type_name("P");
  verb.add_option("--sampler", arguments->sampler, "Instead of the plan's: ddpm, ddim or euler")->type_name("S");
  verb.add_option("--steps", arguments->steps, "Instead of the plan's denoising steps; drops its schedule")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
}

std::shared_ptr<const policy::Model> LoadPolicyModel(const std::filesystem::path& folder) {
  return std::make_shared<const policy::Model>(policy::LoadModel(folder));
}

LoadedPlan LoadPlanFile(const std::filesystem::path& file, const policy::Model& model) {
  return WithQuant(policy::ParsePlan(ReadTextFile(file, kMaxPlanBytes), file.string()), file.parent_path(), model);
}

LoadedPlan LoadPlanOf(const PolicyArguments& arguments, const policy::Model& model) {
  LoadedPlan loaded;
  if (arguments.exact) {
    loaded.plan = policy::ExactPlan(model.config);
  } else if (!arguments.plan.empty()) {
    loaded = LoadPlanFile(arguments.plan, model);
  } else {
    loaded = WithQuant(policy::LoadPlan(arguments.model, model.config), arguments.model, model);
  }
  if (!arguments.precision.empty()) {
    const nn::Precision precision = policy::ParsePrecision(arguments.precision);
    if (precision != loaded.plan.precision) {
      loaded.plan.quant_file.clear();
      loaded.quant.reset();
    }
    loaded.plan.precision = precision;
  }
  if (!arguments.sampler.empty() || arguments.steps > 0) loaded.plan.schedule.reset();
  if (!arguments.sampler.empty()) loaded.plan.sampler = policy::ParseSampler(arguments.sampler);
  if (arguments.steps > 0) loaded.plan.steps = arguments.steps;
  return loaded;
}

std::string Milliseconds(double ms) { return fmt::format("{:.{}f} ms", ms, ms < 10 ? 2 : 1); }

std::string RateText(double rate, double low, double high) {
  return fmt::format("{:.1f} % ({:.1f} ... {:.1f})", 100 * rate, 100 * low, 100 * high);
}

void RegisterPolicy(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("policy", "Run diffusion and flow policies within a budget of milliseconds");
  group->require_subcommand(1);
  AddPolicyRunVerbs(*group, context);
  AddPolicyPlanVerbs(*group, context);
  AddPolicyFitVerb(*group, context);
  AddPolicyServeVerb(*group, context);
}

}  // namespace takt::cli
