// SPDX-License-Identifier: Apache-2.0
// The denoising loop allocates nothing: counted by operator new itself, in an executable that replaces it.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "takt/infer/policy/policy.h"
#include "takt/infer/reuse/fixed.h"

namespace {
std::atomic<long> allocations{0};
}

void* operator new(size_t bytes) {
  ++allocations;
  if (void* p = std::malloc(bytes ? bytes : 1)) return p;
  throw std::bad_alloc();
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }

namespace takt::policy {
namespace {

TEST(Policy, DenoisesWithoutAllocating) {
  for (const int cond_layers : {0, 1}) {
    PolicyConfig c;
    c.state_keys = {"observation.state"};
    c.state_dims = {20};
    c.action_dim = 2;
    c.n_emb = 64;
    c.n_layer = 2;
    c.n_cond_layers = cond_layers;
    c.train_steps = 10;
    const auto model = std::make_shared<Model>(RandomModel(c, 1));
    for (const nn::Precision precision : {nn::Precision::kF32, nn::Precision::kBf16, nn::Precision::kW8A8, nn::Precision::kW4A8}) {
      Plan plan = ExactPlan(c);
      plan.precision = precision;
      plan.schedule = reuse::Uniform(reuse::TransformerBlocks(2), 10, 3);
      Policy policy(model, plan);
      const std::vector<float> cond(static_cast<size_t>(c.n_obs_steps * c.cond_dim()), 0.1f);
      policy.Denoise(cond);
      const long before = allocations;
      policy.Denoise(cond);
      EXPECT_EQ(allocations - before, 0) << PrecisionName(precision);
    }
  }
}

}  // namespace
}  // namespace takt::policy
