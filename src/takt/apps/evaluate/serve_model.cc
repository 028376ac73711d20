// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/serve_model.h"

#include <utility>

namespace takt::evaluate {

PolicyServeModel::PolicyServeModel(std::string name, std::shared_ptr<const policy::Model> model,
                                   const policy::Plan& plan, std::optional<quant::QuantFile> quant, int ready)
    : name_(std::move(name)), model_(std::move(model)), plan_(plan), quant_(std::move(quant)) {
  for (int i = 0; i < ready; ++i) free_.push_back(Pack());
}

std::unique_ptr<policy::Policy> PolicyServeModel::Pack() const {
  return std::make_unique<policy::Policy>(model_, plan_, quant_);
}

serve::ServeInfo PolicyServeModel::Info() const {
  const policy::PolicyConfig& config = model_->config;
  serve::ServeInfo info;
  info.model = name_ + " " + policy::PlanName(plan_);
  info.state_dim = config.state_dim();
  info.observation_steps = config.n_obs_steps;
  info.action_dim = config.action_dim;
  info.horizon = config.n_action_steps;
  for (const policy::PictureInput& picture : config.pictures) info.pictures.push_back({picture.key, 0, 0});
  info.takes_instruction = config.instruction_bytes > 0;
  info.control_hz = config.fps;
  return info;
}

std::vector<float> PolicyServeModel::Act(const serve::Request& request) {
  std::unique_ptr<policy::Policy>& policy = by_client_[request.client_id];
  if (!policy) {
    if (free_.empty()) free_.push_back(Pack());
    policy = std::move(free_.back());
    free_.pop_back();
    policy->Reset(request.seed);
  }
  if (request.reset) policy->Reset(request.seed);
  std::vector<policy::Observation> window;
  for (const serve::Observation& seen : request.observations) {
    policy::Observation& observation = window.emplace_back();
    observation.state = seen.state;
    for (const serve::Picture& picture : seen.pictures) observation.pictures.push_back(picture.image);
    observation.instruction = request.instruction;
  }
  return policy->Act(window).actions;
}

void PolicyServeModel::Forget(const std::string& client_id) {
  const auto it = by_client_.find(client_id);
  if (it == by_client_.end()) return;
  free_.push_back(std::move(it->second));
  by_client_.erase(it);
}

}  // namespace takt::evaluate
