// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/train/imitate/optimizer.h"
#include "takt/train/imitate/schedule.h"
#include "takt/train/imitate/trainer.h"

namespace takt::imitate {

// What a training needs to go on as if it had never been stopped: `checkpoint/state.safetensors`, one file, written
// atomically. Random numbers are counters of seed and step, so there is no state of a generator.
struct CheckpointState {
  std::vector<float> values;
  OptimizerState optimizer;   // its step is the step to go on with
  Schedule schedule;
  double elapsed_s = 0;
  std::vector<CurvePoint> curve;
  std::vector<double> sums;   // of the curve point that is being collected
  int64_t sum_count = 0;
  double next_evaluation = 0;  // share of the training
  nlohmann::ordered_json identity;  // what must be equal to go on: configuration, seed, threads, set
};

std::filesystem::path CheckpointPath(const std::filesystem::path& out);
// Errors: io.
void WriteCheckpoint(const std::filesystem::path& out, const CheckpointState& state);
// Errors: not_found; bad_input: damaged, of another run (naming the first field that differs), or of another size than n.
CheckpointState ReadCheckpoint(const std::filesystem::path& out, const nlohmann::ordered_json& identity, size_t n);

nlohmann::ordered_json CurvePointJson(const CurvePoint& point);  // NaN: the field is absent

}  // namespace takt::imitate
