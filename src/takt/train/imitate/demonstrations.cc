// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/demonstrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "takt/core/base/error.h"

namespace takt::imitate {
namespace {

constexpr double kConstantColumn = 1e-6;

}  // namespace

void CheckDemonstrations(const Demonstrations& demonstrations, const TrainingConfig& config) {
  const policy::PolicyConfig& policy = config.policy;
  if (demonstrations.episodes.empty()) throw Error(ErrorCode::kBadInput, "demonstrations", "are none");
  for (size_t e = 0; e < demonstrations.episodes.size(); ++e) {
    const Episode& episode = demonstrations.episodes[e];
    const auto fail = [&](const std::string& what) {
      throw Error(ErrorCode::kBadInput, fmt::format("episode {}", e), what);
    };
    if (episode.length < 1) fail("has no frames");
    const auto columns = [&](const std::vector<float>& values, int dim, const char* name) {
      if (values.size() != static_cast<size_t>(episode.length) * static_cast<size_t>(dim)) {
        fail(fmt::format("has {} numbers of {} in {} frames of {}", values.size(), name, episode.length, dim));
      }
      if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
        fail(fmt::format("has a {} that is not finite", name));
      }
    };
    columns(episode.state, policy.state_dim(), "state");
    columns(episode.action, policy.action_dim, "action");
    columns(episode.auxiliary, demonstrations.auxiliary_dim, "auxiliary");
    if (episode.pictures.size() != policy.pictures.size()) fail("lacks pictures");
    const int stride = config.training.picture_stride;
    const auto kept = static_cast<size_t>((episode.length + stride - 1) / stride);
    for (size_t i = 0; i < episode.pictures.size(); ++i) {
      const auto& input = policy.pictures[i];
      const size_t bytes = kept * static_cast<size_t>(input.width_px) * static_cast<size_t>(input.height_px) * 3;
      if (episode.pictures[i].size() != bytes) fail(fmt::format("lacks pictures of {}", input.key));
    }
  }
}

Normaliser FitNormaliser(const Demonstrations& demonstrations, std::vector<float> Episode::*columns, int dim) {
  const auto width = static_cast<size_t>(dim);
  std::vector<float> low(width, std::numeric_limits<float>::infinity());
  std::vector<float> high(width, -std::numeric_limits<float>::infinity());
  if (width == 0) return {};
  for (const Episode& episode : demonstrations.episodes) {
    const std::vector<float>& values = episode.*columns;
    for (size_t i = 0; i < values.size(); ++i) {
      low[i % width] = std::min(low[i % width], values[i]);
      high[i % width] = std::max(high[i % width], values[i]);
    }
  }
  Normaliser normaliser;
  for (size_t i = 0; i < width; ++i) {
    const double range = double{high[i]} - low[i];
    const bool constant = !(range > kConstantColumn * std::max(1.0, std::abs(double{high[i]})));
    const double scale = constant ? 1 : 2 / range;
    normaliser.scale.push_back(static_cast<float>(scale));
    normaliser.offset.push_back(static_cast<float>(constant ? -0.5 * (double{low[i]} + high[i]) : -1 - low[i] * scale));
  }
  return normaliser;
}

}  // namespace takt::imitate
