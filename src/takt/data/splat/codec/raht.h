// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace takt::splat {

// Region-adaptive hierarchical transform: an orthonormal Haar transform over the binary tree of Morton codes.
// Two neighbours with weights w1, w2 and scaled values y = sqrt(w) x become
//   low = a y1 + b y2,  high = -b y1 + a y2,  a = sqrt(w1 / (w1 + w2)),  b = sqrt(w2 / (w1 + w2)),
// so that the sum over splats of w_i (error of x_i)^2 equals the sum of squared errors of the coefficients: one
// quantiser step for all is the best there is, and splats of low weight are predicted from those of high weight.
// Source: de Queiroz and Chou, IEEE TIP 2016. Deviation: the weights are the sensitivity classes of the splats, not
// point counts; splats of the same cell are merged first.
class Raht {
 public:
  // Arguments: `codes` [N] ascending Morton codes of a grid of 2^depth cells an axis; `weights` [N] > 0.
  Raht(std::span<const uint64_t> codes, std::span<const float> weights, int depth);

  // In place over [N] values y: the coefficients stand where the first splat of their right subtree stood, the one
  // low-pass coefficient in slot 0. Single precision, fixed order: the same bits on any machine.
  void Forward(float* values) const;
  void Inverse(float* values) const;

  // What a squared error of a coefficient costs, given what squared errors of the x_i cost; in place over [N].
  void SpreadCosts(float* costs) const;

  // [N] w1 w2 / (w1 + w2) of the merge behind each slot: the variance of a coefficient grows with it. Slot 0: 0.
  std::span<const float> gains() const { return gains_; }

 private:
  struct Merge {
    uint32_t left, right;
    float a, b;
    float left_cost, right_cost;
  };
  std::vector<Merge> merges_;
  std::vector<float> gains_;
};

}  // namespace takt::splat
