// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/data/splat/model/formats.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// N splats such as a capture gives, with parameters well inside every format's range.
inline Splats RandomSplats(size_t n, int sh_degree, uint64_t seed = 1) {
  Splats s;
  s.sh_degree = sh_degree;
  s.Resize(n);
  uint64_t counter = 0;
  const auto fill = [&](std::vector<float>& values, float mean, float deviation, uint64_t stream) {
    const Rng rng(seed, stream);
    for (float& v : values) v = mean + deviation * rng.Normal4(counter++)[0];
  };
  fill(s.means, 0, 2, 0);
  fill(s.log_scales, -4, 1, 1);
  fill(s.quats, 0, 1, 2);
  fill(s.logits, 0, 2, 3);
  fill(s.sh, 0, 0.15f, 4);
  return s;
}

inline std::vector<uint8_t> ToBytes(std::string_view text) { return {text.begin(), text.end()}; }

// The Error that `action` throws; a test failure and an internal error when it throws none.
inline Error ErrorOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(ErrorCode::kInternal, "nothing", "was thrown");
}

// Parses every proper prefix of `bytes`; each must end in bad_input. `subject` gives the suffix.
inline void ExpectTruncationsFail(const std::vector<uint8_t>& bytes, const std::string& subject) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    try {
      ParseSplats(cut, subject);
      ADD_FAILURE() << subject << " cut to " << size << " of " << bytes.size() << " bytes was read";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kBadInput) << size << ": " << e.what();
    }
  }
}

// Angle between the rotations of two quaternions of any length [rad].
inline double RotationAngle(const float* a, const float* b) {
  double dot = 0, aa = 0, bb = 0;
  for (int i = 0; i < 4; ++i) {
    dot += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return 2 * std::acos(std::min(1.0, std::abs(dot) / std::sqrt(aa * bb)));
}

inline double Opacity(float logit) { return 1.0 / (1.0 + std::exp(-double{logit})); }

}  // namespace takt::splat
