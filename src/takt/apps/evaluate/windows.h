// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "takt/apps/evaluate/evaluate.h"

namespace takt::evaluate {

// What a policy sees at a frame of a LeRobot set: the columns and pictures that its config names, and the task as
// instruction. Before the first frame there is nothing: windows there are shorter. Errors: not_found; bad_input (no
// such episode or frame, a column that is missing or has another width).
Window DatasetWindow(const std::filesystem::path& dataset, const policy::PolicyConfig& config, int64_t episode,
                     int64_t frame);
// `count` windows, or as many as there are frames, drawn evenly over the whole set. Determinism: by `seed`.
std::vector<Window> DatasetWindows(const std::filesystem::path& dataset, const policy::PolicyConfig& config, int count,
                                   uint64_t seed);

// `count` of the windows that the exact policy comes to see in the task, evenly from its episodes. Errors: as
// RunEpisodes. Cost: the episodes.
std::vector<Window> RolloutWindows(const Task& task, std::shared_ptr<const policy::Model> model,
                                   std::span<const Start> starts, int count, const ProgressSink& progress = {});

// Windows without a meaning: every number in the middle of its range, grey noise as pictures. For speed alone.
std::vector<Window> BlankWindows(const policy::Model& model, int count);

}  // namespace takt::evaluate
