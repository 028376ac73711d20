// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "takt/infer/policy/model.h"
#include "takt/infer/quant/file/quant_file.h"

namespace takt::quant {

// SmoothQuant: y = (x / s) (w s)^T is the same product, but with s large where x has outliers both sides are easier to
// round. s is never applied to activations here: it is folded into what makes them (docs/adr/0403).
//
//   s_j = max|x_j|^alpha / max|w_j|^(1 - alpha), over a geometric mean of 1
//
// act_max, weight_max [K] >= 0. A channel that is below 1e-5 of the largest counts as that; where nothing is above
// zero, s = 1. Source: Xiao et al., SmoothQuant, ICML 2023, equation 4. We add the mean, so that alpha moves no overall
// factor.
std::vector<float> SmoothScales(std::span<const float> act_max, std::span<const float> weight_max, double alpha);

// max_n |w[n, k]|: [K].
std::vector<float> ColumnMax(std::span<const float> w, int n, int64_t k);

// How weights and activations of a product are rounded.
struct RoundingKind {
  int bits = 8;       // of weights
  int64_t group = 0;  // of 4-bit weights
};

// ||xq wq^T - x w^T||_F^2 / ||x w^T||_F^2 for x [M, K], w [N, K] with activations in 8 bits per row and weights rounded
// to nearest, both after smoothing by s [K] (empty: none). Cost: 2 M N K multiplications and the rounding of w.
double SmoothedError(std::span<const float> x, std::span<const float> w, int n, int64_t k, std::span<const float> s,
                     const RoundingKind& rounding);

struct Smoothing {
  double alpha = 0;          // 0: none
  std::vector<float> s;      // [K] empty: none
  double error = 0;          // SmoothedError with it
  double error_without = 0;  // and without
};
// The alpha of 0.1, 0.2 ... 0.9, or none, with the least SmoothedError over x [M, K].
Smoothing SearchSmoothing(std::span<const float> x, std::span<const float> act_max, std::span<const float> w, int n,
                          int64_t k, const RoundingKind& rounding);

// w[n, k] *= s[k].
void ScaleInputs(std::span<float> w, int n, int64_t k, std::span<const float> s);

// Whether smoothing of a product costs nothing at run time. sa_qkv and ffn1 are fed by a LayerNorm, sa_out by the
// values of attention, which are means of rows of a linear product. What feeds ffn2 went through GELU: GELU(v) / s is
// no GELU.
bool CanFold(int product);

// Smooths one product of a decoder layer within the model: the product's weights *= s, and what feeds it /= s:
//   sa_qkv: norm1.{weight, bias};  sa_out: rows 2D ... 3D of self_attn.in_proj_{weight, bias};  ffn1: norm3.{weight,
//   bias}
// s: [D] > 0. The network computes the same but for rounding. Errors: internal for ffn2.
void FoldSmoothing(policy::Model* model, int layer, int product, std::span<const float> s);

// Name of the weights of a product, and of its bias.
std::string WeightName(int layer, int product);
std::string BiasName(int layer, int product);

}  // namespace takt::quant
