// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace takt::nn {

// Elementwise functions y[i] = f(x[i]) of n floats; y may be x. All of them hand NaN on. The relative error against the same
// formula in double is below 1e-6 wherever the result is a normal float, tails included; below that it may be 0.
// Determinism: the same bytes for the same instruction set; other sets may round differently.

// x Phi(x) = x/2 (1 + erf(x / sqrt 2)), the form that torch.nn.GELU has by default.
void Gelu(const float* x, size_t n, float* y);
// x tanh(log(1 + exp(x))).
void Mish(const float* x, size_t n, float* y);
// x / (1 + exp(-x)).
void Silu(const float* x, size_t n, float* y);

// Every row of x [rows, cols] becomes exp(x - max) / sum exp(x - max), in place. -inf is a masked entry and becomes 0; a row
// of nothing else, and one with a NaN or +inf, becomes NaN.
void Softmax(float* x, int64_t ldx, int rows, int cols);

}  // namespace takt::nn
