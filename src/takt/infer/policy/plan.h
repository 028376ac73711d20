// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/nn/linear.h"
#include "takt/core/policy/policy_config.h"
#include "takt/infer/reuse/schedule.h"

namespace takt::policy {

enum class Sampler { kDdpm, kDdim, kEuler };  // the last one for flow heads

// How a model is executed: `plan.json` beside it. Nothing of it changes what the model is; all of it changes what a
// chunk costs and how near to the exact one it comes.
struct Plan {
  Sampler sampler = Sampler::kDdpm;
  int steps = 0;  // denoising steps; 0: the number of the training (Euler: 10)
  nn::Precision precision = nn::Precision::kF32;
  bool float_attention = false;  // keep the projections of attention in f32 (bf16 where `precision` is quantised)
  // Quantised weights and scales beside the plan (infer/quant writes them); empty: round to nearest at load time.
  std::string quant_file;
  std::optional<reuse::Schedule> schedule;  // none: every block in every step

  friend bool operator==(const Plan&, const Plan&) = default;
};

// The plan of an exact run: f32, every step, every block; DDPM, or ten Euler steps for a flow head.
Plan ExactPlan(const PolicyConfig& config);

// "w8a8 ddim-16 bac-10": for tables.
std::string PlanName(const Plan& plan);
std::string_view SamplerName(Sampler sampler);            // "ddpm", "ddim", "euler"
std::string_view PrecisionName(nn::Precision precision);  // "f32", "bf16", "w8a8", "w4a8"
// Errors: bad_input for another name.
Sampler ParseSampler(const std::string& name);
nn::Precision ParsePrecision(const std::string& name);

// Errors: bad_input naming the field; unsupported for another major version. `text` is plan.json, docs/formats/policy-plan.md.
Plan ParsePlan(const std::string& text, const std::string& subject);
std::string PlanText(const Plan& plan);
// The plan of a policy's folder; ExactPlan where it has none. Errors: as ParsePlan; io.
Plan LoadPlan(const std::filesystem::path& folder, const PolicyConfig& config);

}  // namespace takt::policy
