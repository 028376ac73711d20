// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "takt/apps/evaluate/fit.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt::evaluate {
namespace {

void AddSchedules(policy::Sampler sampler, int steps, const std::vector<int>& updates,
                  const std::vector<Solver>& solvers, std::vector<PlanIdea>* ideas) {
  std::set<int> seen;
  for (int s : updates) {
    if (s < 2 || s >= steps || !seen.insert(s).second) continue;
    for (Solver solver : solvers) {
      SolveOptions solve;
      solve.solver = solver;
      solve.updates = s;
      solve.forced_last = solver == Solver::kBac || solver == Solver::kBudgeted ? 1 : 0;
      ideas->push_back({sampler, steps, solve});
    }
  }
}

void AddSteps(policy::Sampler sampler, int limit, std::vector<PlanIdea>* ideas) {
  for (int n : {64, 50, 40, 32, 25, 20, 16, 12, 10, 8, 6, 5, 4, 3, 2, 1}) {
    if (n < limit) ideas->push_back({sampler, n, std::nullopt});
  }
}

}  // namespace

std::vector<PlanIdea> PlanIdeas(const policy::PolicyConfig& config, bool reuse) {
  const std::vector<Solver> all = {Solver::kBac, Solver::kBudgeted, Solver::kUniform, Solver::kFora, Solver::kTeaCache};
  const std::vector<Solver> two = {Solver::kBac, Solver::kBudgeted};
  std::vector<PlanIdea> ideas;
  if (config.head == policy::Head::kFlow) {
    ideas.push_back({policy::Sampler::kEuler, 10, std::nullopt});
    AddSteps(policy::Sampler::kEuler, 10, &ideas);
    if (reuse) AddSchedules(policy::Sampler::kEuler, 10, {6, 4, 3, 2}, all, &ideas);
    return ideas;
  }
  const int k = config.train_steps;
  ideas.push_back({policy::Sampler::kDdpm, k, std::nullopt});
  AddSteps(policy::Sampler::kDdpm, k, &ideas);
  ideas.push_back({policy::Sampler::kDdim, k, std::nullopt});
  AddSteps(policy::Sampler::kDdim, k, &ideas);
  if (!reuse) return ideas;
  AddSchedules(policy::Sampler::kDdpm, k, {k / 4, k / 5, k / 7, k / 10, k / 14, k / 20}, all, &ideas);
  for (int steps : {std::min(k, 32), std::min(k, 16)}) {
    AddSchedules(policy::Sampler::kDdim, steps, {steps / 2, steps / 3, steps / 4, steps / 6}, two, &ideas);
  }
  return ideas;
}

void CopyPolicy(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::create_directories(to, error);
  if (error) throw Error(ErrorCode::kIo, to.string(), "cannot be made: " + error.message());
  for (const char* name : {"config.json", "model.safetensors"}) WriteFileAtomic(to / name, ReadFile(from / name));
}

FitLog::FitLog(std::filesystem::path path) : path_(std::move(path)) {
  if (!std::filesystem::exists(path_)) return;
  const std::string text = ReadTextFile(path_);
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;  // cut off
    const auto json = nlohmann::ordered_json::parse(text.begin() + static_cast<ptrdiff_t>(at),
                                                    text.begin() + static_cast<ptrdiff_t>(end), nullptr, false);
    if (json.is_object() && json.contains("key") && json["key"].is_string() && json.contains("value")) {
      values_[json["key"].get<std::string>()] = json["value"];
    }
    at = end + 1;
  }
}

const nlohmann::ordered_json* FitLog::Find(const std::string& key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? nullptr : &it->second;
}

void FitLog::Put(const std::string& key, const nlohmann::ordered_json& value) {
  values_[key] = value;
  std::string text;
  for (const auto& [k, v] : values_) text += nlohmann::ordered_json{{"key", k}, {"value", v}}.dump() + "\n";
  WriteFileAtomic(path_, text);
}

}  // namespace takt::evaluate
