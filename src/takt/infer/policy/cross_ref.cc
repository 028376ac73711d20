// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "takt/core/nn/norm.h"
#include "takt/infer/policy/cross.h"

namespace takt::policy {

void FoldedCrossRef(const float* x, int count, int n, int64_t ld, std::span<const FoldedToken> memory, int heads, int reach,
                    const float* out_bias, float* y) {
  std::vector<double> xhat(static_cast<size_t>(n)), logit(memory.size());
  for (int t = 0; t < count; ++t) {
    const float* row = x + t * ld;
    float* out = y + t * ld;
    double mean = 0, var = 0;
    for (int i = 0; i < n; ++i) mean += row[i];
    mean /= n;
    for (int i = 0; i < n; ++i) var += (row[i] - mean) * (row[i] - mean);
    const double rstd = 1 / std::sqrt(var / n + nn::kLayerNormEps);
    for (int i = 0; i < n; ++i) xhat[static_cast<size_t>(i)] = (row[i] - mean) * rstd;
    const int seen = reach < 0 ? static_cast<int>(memory.size()) : std::min(static_cast<int>(memory.size()), t + reach + 1);
    std::vector<double> sum(static_cast<size_t>(n));
    for (int h = 0; h < heads; ++h) {
      double most = -INFINITY, total = 0;
      for (int s = 0; s < seen; ++s) {
        const FoldedToken& token = memory[static_cast<size_t>(s)];
        double dot = token.bias[h];
        for (int i = 0; i < n; ++i) dot += xhat[static_cast<size_t>(i)] * token.key[h * ld + i];
        logit[static_cast<size_t>(s)] = dot;
        most = std::max(most, dot);
      }
      for (int s = 0; s < seen; ++s) total += logit[static_cast<size_t>(s)] = std::exp(logit[static_cast<size_t>(s)] - most);
      for (int s = 0; s < seen; ++s) {
        const double p = logit[static_cast<size_t>(s)] / total;
        for (int i = 0; i < n; ++i) sum[static_cast<size_t>(i)] += p * memory[static_cast<size_t>(s)].value[h * ld + i];
      }
    }
    for (int i = 0; i < n; ++i) out[i] = static_cast<float>(sum[static_cast<size_t>(i)] + out_bias[i]);
  }
}

}  // namespace takt::policy
