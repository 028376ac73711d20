// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "takt/infer/quant/file/quant_file.h"

namespace takt::quant {

// All functions take weights w [N, K] f32, finite, of y = x w^T, and give QuantLinear without scales of activations.
// Determinism: the same bytes for any number of threads. Gptq's products are Eigen's, whose order of sums follows the
// caches of the processor: another machine may round a tie the other way.

// Round to nearest, symmetric, one scale per output: scale[n] = max_k |w[n, k]| / 127. The error is at most half a
// step.
QuantLinear RoundInt8(std::span<const float> w, int n, int64_t k);

// Round to nearest in 4 bits, one scale per output and `group` inputs (a multiple of 8). The scale is the one of
// max |w| / d, d = 7, 7.25 ... 14, with the least sum of importance[k] (w - code scale)^2: clipping the largest weight
// often pays. d = 8 lets a largest weight that is negative use the code -8.
// importance [K] >= 0, empty: all equal.
// Cost: 29 N K roundings.
QuantLinear RoundInt4(std::span<const float> w, int n, int64_t k, int64_t group,
                      std::span<const double> importance = {});

struct GptqOptions {
  double damping = 0.01;          // of the mean of diag(H), added to the diagonal; 0.01 to 0.05
  bool activation_order = false;  // inputs of large second moment first; the scales are then fixed before
};

// GPTQ: rounds one input after the other and moves what the rounding lost onto the inputs that are still to come, so
// that the error of the output, ||X (w - w_q)^T||_F, becomes small instead of that of the weights:
//
//   H = 2 X^T X + damping, H^-1 = U^T U (U upper);  e = (w_k - q_k) / U_kk;  w_j -= e U_kj for j > k
//
// moments [K, K]: X^T X up to a factor, symmetric. bits 8 (one scale per output, as RoundInt8) or 4 (groups; the scale
// of a group is searched when its first input is reached, weighted by diag(H)). Every output keeps whichever is better
// for `moments`, this or round to nearest: never worse than RoundInt*. Errors: bad_input where `moments` is not finite
// or has a negative diagonal. Cost: about K^3 + 2 N K^2 multiplications in double; memory 3 K^2 doubles. Source:
// Frantar et al., GPTQ, ICLR 2023, algorithm 1. U comes from one Cholesky factorisation of H in reverse order instead
// of an inverse and a second one.
QuantLinear Gptq(std::span<const float> w, int n, int64_t k, int bits, int64_t group, std::span<const double> moments,
                 const GptqOptions& options = {});

// [N, K] codes * scales.
std::vector<float> Dequantise(const QuantLinear& linear);

// (w - w_q) moments (w - w_q)^T summed over the outputs: ||X dW^T||_F^2 up to the factor of the moments.
double MomentError(std::span<const float> w, const QuantLinear& linear, std::span<const double> moments);

}  // namespace takt::quant
