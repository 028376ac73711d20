// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/evaluate.h"

namespace takt::evaluate {
namespace {

class PolicyActor : public Actor {
 public:
  explicit PolicyActor(policy::Policy policy) : policy_(std::move(policy)) {}
  void Reset(uint64_t seed) override { policy_.Reset(seed); }
  policy::Chunk Act(std::span<const policy::Observation> window) override { return policy_.Act(window); }

 private:
  policy::Policy policy_;
};

}  // namespace

MakeActor ActorsOf(std::shared_ptr<const policy::Model> model, const policy::Plan& plan,
                   std::optional<quant::QuantFile> quant) {
  return [model = std::move(model), plan, quant = std::move(quant)] {
    return std::make_unique<PolicyActor>(policy::Policy(model, plan, quant));
  };
}

Evaluation RunEpisodes(const Task& task, std::shared_ptr<const policy::Model> model, const policy::Plan& plan,
                       const std::optional<quant::QuantFile>& quant, std::span<const Start> starts,
                       const RunOptions& options) {
  const int n_obs_steps = model->config.n_obs_steps;
  return RunEpisodes(task, ActorsOf(std::move(model), plan, quant), n_obs_steps, starts, options,
                     policy::PlanName(plan));
}

}  // namespace takt::evaluate
