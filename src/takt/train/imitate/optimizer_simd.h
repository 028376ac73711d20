// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace takt::imitate {

struct AdamWFactors {
  float beta1, beta2;
  float correction1, correction2;  // 1 / (1 - beta^step)
  float learning_rate, shrink;     // shrink: 1 - learning_rate * weight_decay
  float gradient_scale;            // of the clipped gradient
  float average_rest;              // 1 - decay of the moving average
};

// One range of AdamW; see optimizer.h.
void AdamWUpdate(const AdamWFactors& factors, size_t n, const float* gradient, float* values, float* moment1,
                 float* moment2, float* average);
// Sum of squares of up to some thousand numbers, in f64 lanes. Determinism: per vector width of the machine.
double SumSquares(size_t n, const float* values);

}  // namespace takt::imitate
