// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "takt/cli/command.h"
#include "takt/cli/output.h"
#include "takt/infer/policy/plan.h"
#include "takt/infer/policy/policy.h"

// What the verbs of `takt policy` share.
namespace takt::cli {

// A model, and the options that choose how it runs.
struct PolicyArguments {
  std::filesystem::path model;  // folder
  std::filesystem::path plan;   // --plan; empty: the plan.json of the folder
  bool exact = false;           // --exact
  std::string precision, sampler;
  int steps = 0;
};

void AddModel(CLI::App& verb, std::filesystem::path* model);
void AddPlanOptions(CLI::App& verb, PolicyArguments* arguments);

// A plan with the quantised weights that it names.
struct LoadedPlan {
  policy::Plan plan;
  std::optional<quant::QuantFile> quant;
  policy::Policy Pack(std::shared_ptr<const policy::Model> model) const { return {std::move(model), plan, quant}; }
};

// Errors: as LoadModel.
std::shared_ptr<const policy::Model> LoadPolicyModel(const std::filesystem::path& folder);
// Errors: as LoadPlan, ReadQuantFile; bad_input for names that are none.
LoadedPlan LoadPlanOf(const PolicyArguments& arguments, const policy::Model& model);
// The plan in a file. Errors: as ParsePlan.
LoadedPlan LoadPlanFile(const std::filesystem::path& file, const policy::Model& model);

// "21.4 ms".
std::string Milliseconds(double ms);
// "81.2 % (77.4 ... 84.5)".
std::string RateText(double rate, double low, double high);

// The verbs, one function for each file of them.
void AddPolicyRunVerbs(CLI::App& group, Context& context);
void AddPolicyPlanVerbs(CLI::App& group, Context& context);
void AddPolicyFitVerb(CLI::App& group, Context& context);
void AddPolicyServeVerb(CLI::App& group, Context& context);

}  // namespace takt::cli
