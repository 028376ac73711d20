// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/train/mcmc.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"

namespace takt::splat {
namespace {

constexpr int kMaxSplit = 51;  // as the paper's code: binomials beyond it lose all precision in float
constexpr uint64_t kRelocateStream = 0x51, kGrowStream = 0x52, kNoiseStream = 0x53;

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }
float Logit(float p) { return std::log(p / (1.0f - p)); }

// A draw of `count` indices in proportion to `weight` (0 = never).
std::vector<uint32_t> Draw(const std::vector<float>& weight, size_t count, const Rng& rng) {
  std::vector<double> cumulative(weight.size());
  double sum = 0;
  for (size_t i = 0; i < weight.size(); ++i) cumulative[i] = sum += weight[i];
  std::vector<uint32_t> drawn;
  if (!(sum > 0)) return drawn;
  drawn.reserve(count);
  for (size_t k = 0; k < count; ++k) {
    const double at = rng.UniformDouble(k) * sum;
    const auto it = std::upper_bound(cumulative.begin(), cumulative.end(), at);
    drawn.push_back(static_cast<uint32_t>(std::min<std::ptrdiff_t>(it - cumulative.begin(),
                                                                  static_cast<std::ptrdiff_t>(weight.size()) - 1)));
  }
  return drawn;
}

void CopySplat(Splats& s, size_t from, size_t to) {
  std::copy_n(&s.means[3 * from], 3, &s.means[3 * to]);
  std::copy_n(&s.log_scales[3 * from], 3, &s.log_scales[3 * to]);
  std::copy_n(&s.quats[4 * from], 4, &s.quats[4 * to]);
  s.logits[to] = s.logits[from];
  std::copy_n(&s.sh[from * s.sh_stride()], s.sh_stride(), &s.sh[to * s.sh_stride()]);
}

// Places `places[k]` on `sources[k]` and shares the opacity among them.
void PlaceCopies(Splats& s, const std::vector<uint32_t>& places, const std::vector<uint32_t>& sources,
                 std::vector<uint8_t>& changed) {
  std::vector<uint32_t> copies(s.size(), 0);
  for (const uint32_t source : sources) ++copies[source];
  for (size_t i = 0; i < copies.size(); ++i) {
    if (copies[i] == 0) continue;
    const SplitResult split = SplitSplat(Sigmoid(s.logits[i]), static_cast<int>(std::min<uint32_t>(copies[i] + 1, kMaxSplit)));
    s.logits[i] = Logit(std::clamp(split.opacity, kDeadOpacity, 1.0f - 1e-6f));
    for (int k = 0; k < 3; ++k) s.log_scales[3 * i + k] += std::log(split.scale_factor);
    changed[i] = 1;
  }
  for (size_t k = 0; k < places.size(); ++k) {
    CopySplat(s, sources[k], places[k]);
    changed[places[k]] = 1;
  }
}

}  // namespace

SplitResult SplitSplat(float opacity, int n) {
  n = std::clamp(n, 1, kMaxSplit);
  const double shared = 1.0 - std::pow(1.0 - double{opacity}, 1.0 / n);
  double denominator = 0;
  for (int i = 1; i <= n; ++i) {
    double binomial = 1, sign = 1, power = shared;
    for (int k = 0; k < i; ++k) {
      denominator += binomial * sign * power / std::sqrt(k + 1.0);
      binomial *= static_cast<double>(i - 1 - k) / (k + 1);
      sign = -sign;
      power *= shared;
    }
  }
  return {static_cast<float>(shared), static_cast<float>(opacity / denominator)};
}

std::vector<uint32_t> RelocateAndGrow(Splats& splats, size_t target, uint64_t seed, uint64_t iteration) {
  const size_t n = splats.size();
  std::vector<float> weight(n);
  std::vector<uint32_t> dead;
  for (size_t i = 0; i < n; ++i) {
    const float opacity = Sigmoid(splats.logits[i]);
    const bool alive = opacity > kDeadOpacity;
    weight[i] = alive ? opacity : 0.0f;
    if (!alive) dead.push_back(static_cast<uint32_t>(i));
  }
  std::vector<uint8_t> changed(std::max(n, target), 0);
  const std::vector<uint32_t> hosts = Draw(weight, dead.size(), Rng(seed ^ iteration, kRelocateStream));
  if (!hosts.empty()) PlaceCopies(splats, dead, hosts, changed);
  if (target > n) {
    for (size_t i = 0; i < n; ++i) weight[i] = Sigmoid(splats.logits[i]);
    const std::vector<uint32_t> sources = Draw(weight, target - n, Rng(seed ^ iteration, kGrowStream));
    if (!sources.empty()) {
      splats.Resize(target);
      std::vector<uint32_t> places(target - n);
      for (size_t k = 0; k < places.size(); ++k) places[k] = static_cast<uint32_t>(n + k);
      PlaceCopies(splats, places, sources, changed);
    }
  }
  std::vector<uint32_t> indices;
  for (size_t i = 0; i < changed.size(); ++i) {
    if (changed[i]) indices.push_back(static_cast<uint32_t>(i));
  }
  return indices;
}

void AddNoise(Splats& splats, float scale, uint64_t seed, uint64_t iteration) {
  const Rng rng(seed, kNoiseStream + (iteration << 8));
  ParallelFor(splats.size(), 4096, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      // 1 / (1 + exp(100 (o - 0.005))): below 1e-6 beyond o = 0.144, that is beyond logit -1.78.
      if (splats.logits[i] > -1.78f) continue;
      const float gate = 1.0f / (1.0f + std::exp(100.0f * (Sigmoid(splats.logits[i]) - kDeadOpacity)));
      const auto normal = rng.Normal4(i);
      const float* q = &splats.quats[4 * i];
      const float inverse = 1.0f / std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
      const float w = q[0] * inverse, x = q[1] * inverse, y = q[2] * inverse, z = q[3] * inverse;
      const float rot[9] = {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
                            2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                            2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
      float local[3];  // S^2 R^T n
      for (int k = 0; k < 3; ++k) {
        const float variance = std::exp(2.0f * splats.log_scales[3 * i + k]);
        local[k] = variance * (rot[k] * normal[0] + rot[3 + k] * normal[1] + rot[6 + k] * normal[2]);
      }
      for (int k = 0; k < 3; ++k) {
        splats.means[3 * i + k] +=
            scale * gate * (rot[3 * k] * local[0] + rot[3 * k + 1] * local[1] + rot[3 * k + 2] * local[2]);
      }
    }
  });
}

}  // namespace takt::splat
