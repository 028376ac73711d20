// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "takt/core/nn/quant_rows.h"

namespace takt::nn {

inline constexpr float kLayerNormEps = 1e-5f;

// y[m, k] = (x[m, k] - mean_m) / sqrt(var_m + eps) * gamma[k] + beta[k], mean and (biased) variance over a row.
// x [rows, cols] f32; gamma, beta [cols], null for 1 and 0. y may be x. The variance is of the differences from the mean, so
// that a large mean costs no digits; sums are in f32, over lanes.
// Determinism: the same bytes for the same instruction set.
void LayerNorm(const float* x, int64_t ldx, int rows, int64_t cols, const float* gamma, const float* beta, float* y,
               int64_t ldy, float eps = kLayerNormEps);

// LayerNorm, then Quantise (quant_rows.h), without the floats in between: the codes are those that the two calls give.
// The rows and columns are those of `out`; one result serves several products.
void LayerNormQuantise(const float* x, int64_t ldx, const float* gamma, const float* beta, const QuantRows& out,
                       const float* act_scale = nullptr, float eps = kLayerNormEps);

// Gelu in place, then Quantise: x [out.rows, out.cols] holds its GELU afterwards.
void GeluQuantise(float* x, int64_t ldx, const QuantRows& out, const float* act_scale = nullptr);

}  // namespace takt::nn
