// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "takt/infer/policy/policy.h"
#include "takt/infer/quant/file/quant_file.h"
#include "takt/infer/serve/model.h"

namespace takt::evaluate {

// A policy behind infer/serve. Each client has a packed policy of its own, because schedules may reuse what the last
// tick of an episode left; those of clients that left are lent to new ones. `ready`: how many are packed before anybody
// asks; a client beyond them waits for the packing, once.
class PolicyServeModel : public serve::ServeModel {
 public:
  // Errors: as policy::Policy.
  PolicyServeModel(std::string name, std::shared_ptr<const policy::Model> model, const policy::Plan& plan,
                   std::optional<quant::QuantFile> quant, int ready);
  serve::ServeInfo Info() const override;
  // The chunk; noise from request.seed of the last reset. Errors: as Policy::Act.
  std::vector<float> Act(const serve::Request& request) override;
  void Forget(const std::string& client_id) override;

 private:
  std::unique_ptr<policy::Policy> Pack() const;

  std::string name_;
  std::shared_ptr<const policy::Model> model_;
  policy::Plan plan_;
  std::optional<quant::QuantFile> quant_;
  std::vector<std::unique_ptr<policy::Policy>> free_;
  std::map<std::string, std::unique_ptr<policy::Policy>> by_client_;
};

}  // namespace takt::evaluate
