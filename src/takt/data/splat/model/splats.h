// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace takt::splat {

inline constexpr int kMaxShDegree = 3;
inline constexpr float kShC0 = 0.28209479177387814f;  // Y_00: colour = 0.5 + kShC0 * dc

// Coefficients per colour channel for an SH degree: 1, 4, 9, 16.
constexpr int ShCoefficients(int sh_degree) { return (sh_degree + 1) * (sh_degree + 1); }

// N Gaussian splats with the parameters that training optimises (Kerbl et al., SIGGRAPH 2023), structure of arrays.
// World axes are whatever the source file used; quaternions rotate splat axes into the world, Hamilton convention.
struct Splats {
  int sh_degree = 0;             // 0-3
  bool antialiased = false;      // trained with the 2-D mip filter (opacity compensation)
  std::vector<float> means;      // [N, 3] world units
  std::vector<float> log_scales; // [N, 3] natural log of the standard deviations, world units
  std::vector<float> quats;      // [N, 4] w x y z, not necessarily normalised
  std::vector<float> logits;     // [N] opacity = 1 / (1 + exp(-logit))
  std::vector<float> sh;         // [N, 3, K] channel-major, K = ShCoefficients(sh_degree); sh[.., 0] is the DC term

  size_t size() const { return logits.size(); }
  int sh_stride() const { return 3 * ShCoefficients(sh_degree); }  // floats of `sh` a splat
  void Resize(size_t n) {
    means.resize(n * 3);
    log_scales.resize(n * 3);
    quats.resize(n * 4);
    logits.resize(n);
    sh.resize(n * static_cast<size_t>(sh_stride()));
  }
  friend bool operator==(const Splats&, const Splats&) = default;
};

// Errors: bad_input naming `subject` when array lengths disagree, a value is not finite or a quaternion is zero.
void CheckSplats(const Splats& splats, const char* subject);

}  // namespace takt::splat
