// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/info.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace takt::splat {
namespace {

float Quantile(std::vector<float>& values, double at) {
  const auto it = values.begin() + static_cast<std::ptrdiff_t>(at * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), it, values.end());
  return *it;
}

}  // namespace

InfoReport Info(const std::filesystem::path& path) {
  InfoReport report;
  report.path = path;
  const Splats splats = ReadScene(path, &report.scene);
  for (size_t k = 0; k < 3; ++k) {
    std::vector<float> values(splats.size());
    for (size_t i = 0; i < splats.size(); ++i) values[i] = splats.means[3 * i + k];
    report.lower_in_world[k] = Quantile(values, 0);
    report.lower_90_in_world[k] = Quantile(values, 0.05);
    report.upper_90_in_world[k] = Quantile(values, 0.95);
    report.upper_in_world[k] = Quantile(values, 1);
  }
  std::vector<float> log_scales = splats.log_scales, logits = splats.logits;
  report.median_scale = std::exp(Quantile(log_scales, 0.5));
  report.median_opacity = 1.0f / (1.0f + std::exp(-Quantile(logits, 0.5)));
  return report;
}

}  // namespace takt::splat
