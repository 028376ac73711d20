// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/generate.h"

#include <fmt/format.h>

#include "takt/core/base/error.h"
#include "takt/data/scene/generate_layout.h"

namespace takt::scene {
namespace {

constexpr int kAttempts = 24;

}  // namespace

Scene GenerateScene(const Recipe& recipe, uint64_t seed, uint64_t index) {
  Draw draw(seed, index);
  std::string failed;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Layout layout(recipe, &draw);
    if (!layout.Fill(false)) {
      failed = layout.failed();
      continue;
    }
    Scene scene = layout.Assemble();
    scene.name = fmt::format("{}_{:05}", recipe.name, index);
    scene.extra["recipe"] = recipe.name;
    scene.extra["seed"] = fmt::format("{}", seed);
    scene.extra["index"] = fmt::format("{}", index);
    for (const auto& [key, value] : recipe.hints) scene.extra["hint." + key] = value;
    return scene;
  }
  throw Error(ErrorCode::kInfeasibleBudget, fmt::format("scene {} of recipe {}", index, recipe.name),
              fmt::format("has no place for {} in {} attempts", failed, kAttempts),
              "lower the counts or sizes, or give it a larger room or support");
}

}  // namespace takt::scene
