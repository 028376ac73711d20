// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/attention.h"

#include <limits>

namespace takt::nn {

void CausalBias(int m, int s, int reach, float* bias, int64_t ldb) {
  for (int query = 0; query < m; ++query) {
    for (int t = 0; t < s; ++t) {
      bias[query * ldb + t] = t <= query + reach ? 0.0f : -std::numeric_limits<float>::infinity();
    }
  }
}

}  // namespace takt::nn
