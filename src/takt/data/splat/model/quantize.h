// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace takt::splat {

// Values that a format stores as exactly 0 or 1 (opacity) or 0 (scale) have no finite logit or logarithm. The field
// reads them as these.
inline constexpr float kSaturatedLogit = 13.815510558f;  // opacity 1 - 1e-6; the other end is its negative
inline constexpr float kFlatLogScale = -20.0f;           // 2e-9 units: flat at any resolution

inline double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// Opacity byte -> logit, 0 and 255 saturated.
inline std::array<float, 256> ByteLogits() {
  std::array<float, 256> logits;
  logits[0] = -kSaturatedLogit;
  logits[255] = kSaturatedLogit;
  for (int b = 1; b < 255; ++b) logits[b] = static_cast<float>(std::log(b / (255.0 - b)));
  return logits;
}

// Rounds to the nearest integer and clamps to [low, high]; `clamped` counts what lay more than half a step outside.
inline int64_t QuantizeClamped(double value, int64_t low, int64_t high, uint64_t& clamped) {
  const double rounded = std::round(value);
  if (rounded < static_cast<double>(low)) return ++clamped, low;
  if (rounded > static_cast<double>(high)) return ++clamped, high;
  return static_cast<int64_t>(rounded);
}

}  // namespace takt::splat
