// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace takt::quant {

// The step of 8-bit codes that holds all of w: max |w| / 127. Zeros get 1. Always a positive normal float.
float Int8Scale(std::span<const double> w);

// The step of 4-bit codes with the least sum of importance[i] (w[i] - code step)^2, of max |w| / d, d = 7, 7.25 ... 14;
// of equal ones the largest. importance: as many as w, or empty. Zeros get 1. Always a positive normal float.
float Int4Scale(std::span<const double> w, std::span<const double> importance);

// The nearest code, ties to even: -127..127 in 8 bits, -8..7 in 4.
inline int8_t NearestCode(double w, float scale, int bits) {
  const double low = bits == 8 ? -127 : -8, high = bits == 8 ? 127 : 7;
  return static_cast<int8_t>(std::clamp(std::nearbyint(w / scale), low, high));
}

}  // namespace takt::quant
