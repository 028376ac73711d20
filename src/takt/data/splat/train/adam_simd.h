// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace takt::splat {

struct AdamStep {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-15f;
  float correction1 = 1, correction2 = 1;  // 1 / (1 - beta^t)
};
AdamStep MakeAdamStep(long step);  // for step >= 1

// Updates n parameters in place: p -= rate[i] * m_hat / (sqrt(v_hat) + epsilon). `rate` is per element.
// Source: Kingma & Ba, "Adam", 2015.
void AdamUpdate(const AdamStep& step, size_t n, const float* gradient, const float* rate, float* parameter,
                float* moment1, float* moment2);

}  // namespace takt::splat
