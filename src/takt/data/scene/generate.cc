// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/generate.h"

#include <fmt/format.h>

#include "takt/core/base/error.h"
#include "takt/data/scene/generate_sketch.h"
#include "takt/data/scene/repair/certificate.h"
#include "takt/data/scene/repair/repair.h"

namespace takt::scene {
namespace {

constexpr int kAttempts = 16;
constexpr int kPatience = 12;  // attempts by darts alone; after them Repair finishes what is crowded

}  // namespace

Scene GenerateScene(const Recipe& recipe, uint64_t seed, uint64_t index) {
  drawing::Draw draw(seed, index);
  std::string failed;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    drawing::Sketch sketch(recipe, &draw);
    const bool crowd = attempt >= kPatience;
    if (!sketch.Fill(crowd)) {
      failed = "no place for " + sketch.failed();
      continue;
    }
    Scene scene = sketch.Assemble();
    Certificate certificate = Certify(scene);
    if (!certificate.holds && crowd) {
      RepairOptions options;
      options.seed = seed ^ index;
      options.prove = false;
      options.effort = attempt + 1 < kAttempts ? 0 : 1;  // its search is worth a second once, not in every attempt
      RepairResult repaired = Repair(scene, options);
      if (repaired.certificate.holds && sketch.KeepsReaches(repaired.scene)) {
        scene = std::move(repaired.scene);
        certificate = std::move(repaired.certificate);
      }
    }
    if (!certificate.holds) {
      failed = certificate.faults.empty() ? "no valid layout" : "no valid layout: " + certificate.faults[0].text;
      continue;
    }
    scene.name = fmt::format("{}_{:05}", recipe.name, index);
    scene.extra["recipe"] = recipe.name;
    scene.extra["seed"] = fmt::format("{}", seed);
    scene.extra["index"] = fmt::format("{}", index);
    for (const auto& [key, value] : recipe.hints) scene.extra["hint." + key] = value;
    return scene;
  }
  throw Error(ErrorCode::kInfeasibleBudget, fmt::format("scene {} of recipe {}", index, recipe.name),
              fmt::format("has {} in {} attempts", failed, kAttempts),
              "lower the counts or sizes, or give it a larger room or support");
}

}  // namespace takt::scene
