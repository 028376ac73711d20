// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/plan.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "takt/core/base/diagnostic.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/json.h"
#include "takt/infer/reuse/schedule_io.h"

namespace takt::policy {
namespace {

using nlohmann::ordered_json;

constexpr int kMajor = 1;
constexpr uint64_t kMaxPlanBytes = 1 << 26;
constexpr std::array<std::string_view, 3> kSamplers = {"ddpm", "ddim", "euler"};
constexpr std::array<std::string_view, 4> kPrecisions = {"f32", "bf16", "w8a8", "w4a8"};

template <size_t N>
std::string List(const std::array<std::string_view, N>& names) {
  std::string text = "one of: ";
  for (size_t i = 0; i < N; ++i) text += (i ? ", " : "") + std::string(names[i]);
  return text;
}

template <size_t N>
int IndexOf(const std::array<std::string_view, N>& names, const std::string& name, const std::string& subject,
            const char* field) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<int>(i);
  }
  throw Error(ErrorCode::kBadInput, subject, fmt::format("has an unknown \"{}\": \"{}\"", field, name), List(names));
}

}  // namespace

std::string_view SamplerName(Sampler sampler) { return kSamplers[static_cast<size_t>(sampler)]; }
std::string_view PrecisionName(nn::Precision precision) { return kPrecisions[static_cast<size_t>(precision)]; }

Sampler ParseSampler(const std::string& name) {
  return static_cast<Sampler>(IndexOf(kSamplers, name, "sampler", "sampler"));
}

nn::Precision ParsePrecision(const std::string& name) {
  return static_cast<nn::Precision>(IndexOf(kPrecisions, name, "precision", "precision"));
}

Plan ExactPlan(const PolicyConfig& config) {
  Plan plan;
  plan.sampler = config.head == Head::kFlow ? Sampler::kEuler : Sampler::kDdpm;
  return plan;
}

std::string PlanName(const Plan& plan) {
  std::string name = fmt::format("{} {}", PrecisionName(plan.precision), SamplerName(plan.sampler));
  if (plan.steps > 0) name += fmt::format("-{}", plan.steps);
  if (plan.float_attention) name += " float-attention";
  if (plan.schedule) name += " " + (plan.schedule->made_by.empty() ? std::string("schedule") : plan.schedule->made_by);
  return name;
}

Plan ParsePlan(const std::string& text, const std::string& subject) {
  const ordered_json json = ParseJson(text, subject);
  if (!json.is_object()) throw Error(ErrorCode::kBadInput, subject, "is no JSON object");
  const auto get = [&](const char* name, auto fallback) {
    const auto it = json.find(name);
    if (it == json.end()) return fallback;
    try {
      return it->template get<decltype(fallback)>();
    } catch (const ordered_json::exception&) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("has a \"{}\" of the wrong type", name));
    }
  };
  const auto schema = get("schema", std::vector<int>());
  if (schema.size() != 2 || schema[0] != kMajor) {
    throw Error(ErrorCode::kUnsupported, subject, "was made by another version of takt", "use the version that made it");
  }
  Plan plan;
  plan.sampler = static_cast<Sampler>(IndexOf(kSamplers, get("sampler", std::string("ddpm")), subject, "sampler"));
  plan.precision = static_cast<nn::Precision>(IndexOf(kPrecisions, get("precision", std::string("f32")), subject, "precision"));
  const double steps = get("steps", 0.0);
  if (!(steps >= 0 && steps <= reuse::kMaxSteps) || steps != std::floor(steps)) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has \"steps\" that are no whole number from 0 to {}", reuse::kMaxSteps));
  }
  plan.steps = static_cast<int>(steps);
  plan.float_attention = get("float_attention", false);
  plan.quant_file = get("quant_file", std::string());
  if (plan.quant_file.find('/') != std::string::npos || plan.quant_file == "..") {
    throw Error(ErrorCode::kBadInput, subject, "has a \"quant_file\" that is no plain name", "it lies beside the plan");
  }
  if (const auto it = json.find("schedule"); it != json.end() && !it->is_null()) {
    reuse::ScheduleResult result = reuse::ParseScheduleText(it->dump(), subject);
    for (const Diagnostic& d : result.diagnostics) {
      if (d.severity == Severity::kError) throw Error(ErrorCode::kBadInput, subject, "has a schedule that " + d.message);
    }
    plan.schedule = std::move(result.schedule);
  }
  return plan;
}

std::string PlanText(const Plan& plan) {
  ordered_json json = {{"schema", {kMajor, 0}},
                       {"sampler", SamplerName(plan.sampler)},
                       {"steps", plan.steps},
                       {"precision", PrecisionName(plan.precision)},
                       {"float_attention", plan.float_attention},
                       {"quant_file", plan.quant_file},
                       {"schedule", nullptr}};
  if (plan.schedule) json["schedule"] = ordered_json::parse(reuse::WriteScheduleText(*plan.schedule));
  return json.dump(2) + "\n";
}

Plan LoadPlan(const std::filesystem::path& folder, const PolicyConfig& config) {
  const std::filesystem::path path = folder / "plan.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return ExactPlan(config);
  return ParsePlan(ReadTextFile(path, kMaxPlanBytes), path.string());
}

}  // namespace takt::policy
