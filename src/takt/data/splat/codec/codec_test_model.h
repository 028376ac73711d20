// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/splat/codec/tks_format.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/sensitivity.h"

namespace takt::splat {

inline int ChannelsOf(int degree) { return ChannelCount(degree); }

// Flat, coloured splats on a wavy surface: neighbours are alike, as in a trained model.
inline Splats TestSplats(size_t n, int degree, uint64_t seed) {
  const Rng rng(seed);
  Splats s;
  s.sh_degree = degree;
  s.Resize(n);
  const int k = ShCoefficients(degree);
  for (size_t i = 0; i < n; ++i) {
    const auto a = rng.Normal4(8 * i), b = rng.Normal4(8 * i + 1), c = rng.Normal4(8 * i + 2);
    const float x = 2 * rng.Uniform(8 * i + 3) - 1, y = 2 * rng.Uniform(8 * i + 4) - 1;
    s.means[3 * i] = x;
    s.means[3 * i + 1] = y;
    s.means[3 * i + 2] = 0.3f * std::sin(4 * x) * std::cos(3 * y) + 0.01f * a[0];
    for (int d = 0; d < 3; ++d) s.log_scales[3 * i + d] = -4.0f + 0.7f * b[d] - (d == 2 ? 1.5f : 0.0f);
    for (int d = 0; d < 4; ++d) s.quats[4 * i + d] = (d == 0 ? 2.0f : 0.0f) + 0.4f * c[d];
    s.logits[i] = 1.0f + 2.0f * a[1];
    for (int ch = 0; ch < 3; ++ch) {
      for (int j = 0; j < k; ++j) {
        const float noise = rng.Normal4(8 * i + 5 + (uint64_t{1} << 40) * static_cast<uint64_t>(ch * k + j))[0];
        s.sh[(i * 3 + static_cast<size_t>(ch)) * static_cast<size_t>(k) + static_cast<size_t>(j)] =
            j == 0 ? std::sin(3 * x + ch) + 0.1f * noise : 0.05f * noise;
      }
    }
  }
  return s;
}

// What a renderer would find if every splat stood alone in plain view.
inline Sensitivity ProxySensitivity(const Splats& s) {
  const size_t n = s.size();
  const auto k = static_cast<size_t>(ShCoefficients(s.sh_degree));
  Sensitivity h;
  h.importance.resize(n);
  h.removal.resize(n);
  h.means.resize(3 * n);
  h.log_scales.resize(3 * n);
  h.rotation.resize(3 * n);
  h.logits.resize(n);
  h.sh.resize(n * k);
  for (size_t i = 0; i < n; ++i) {
    double e[3];
    for (int a = 0; a < 3; ++a) e[a] = std::exp(std::clamp(s.log_scales[3 * i + a], -40.0f, 10.0f));
    std::sort(e, e + 3);
    const double opacity = 1.0 / (1.0 + std::exp(-s.logits[i]));
    const double area = e[1] * e[2], weight = opacity * opacity * area;
    h.importance[i] = static_cast<float>(opacity * area);
    h.removal[i] = static_cast<float>(0.2 * weight);
    h.logits[i] = static_cast<float>(0.2 * weight * (1 - opacity) * (1 - opacity));
    for (int a = 0; a < 3; ++a) {
      h.means[3 * i + a] = static_cast<float>(0.2 * weight / (e[0] * e[1] + 1e-12));
      h.log_scales[3 * i + a] = static_cast<float>(0.15 * weight);
      h.rotation[3 * i + a] = static_cast<float>(0.1 * weight);
    }
    for (size_t j = 0; j < k; ++j) h.sh[i * k + j] = static_cast<float>(0.08 * weight);
  }
  return h;
}

// Writes the checksum that fits the bytes behind it.
inline void MendChecksum(std::vector<uint8_t>* file) {
  const auto crc = static_cast<uint32_t>(crc32(0, file->data() + 12, static_cast<uInt>(file->size() - 12)));
  for (int b = 0; b < 4; ++b) (*file)[8 + b] = static_cast<uint8_t>(crc >> (8 * b));
}

}  // namespace takt::splat
