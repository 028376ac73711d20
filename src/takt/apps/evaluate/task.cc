// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/task.h"

#include "takt/core/base/error.h"

namespace takt::evaluate {

std::unique_ptr<Task> MakeTask(const std::string& spec, const policy::PolicyConfig& config) {
  if (spec == "pusht") return MakePushTTask(config);
  if (spec.starts_with("demo:")) return MakeDemoTask(spec.substr(5), config);
  throw Error(ErrorCode::kBadInput, "--task", "is '" + spec + "', no task",
              "pusht, or demo: and a dataset of takt demo");
}

}  // namespace takt::evaluate
