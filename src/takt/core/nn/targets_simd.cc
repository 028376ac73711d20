// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/targets_simd.h"

#include <hwy/highway.h>

#include <cstdint>

#include "takt/core/base/error.h"
#include "takt/core/nn/targets.h"

namespace takt::nn {

namespace {

#if HWY_ARCH_X86
const bool vnni512_here = __builtin_cpu_supports("avx512vnni") != 0;
const bool bf16_512_here = __builtin_cpu_supports("avx512bf16") != 0;
#else
const bool vnni512_here = false, bf16_512_here = false;
#endif
bool use_vnni512 = vnni512_here, use_bf16_512 = bf16_512_here;

struct Target {
  std::string name;
  int64_t bit;
  bool vnni, bf16;
};

std::vector<Target> Targets() {
  std::vector<Target> targets;
  hwy::SetSupportedTargetsForTest(0);
  const int64_t here = hwy::SupportedTargets();
#if HWY_ARCH_X86
  if (here & HWY_AVX3) {
    if (vnni512_here && bf16_512_here) targets.push_back({"avx512_bf16", HWY_AVX3, true, true});
    if (vnni512_here) targets.push_back({"avx512_vnni", HWY_AVX3, true, false});
    targets.push_back({"avx512", HWY_AVX3, false, false});
  }
  if (here & HWY_AVX2) targets.push_back({"avx2", HWY_AVX2, false, false});
  if (here & HWY_SSE4) targets.push_back({"sse4", HWY_SSE4, false, false});
  targets.push_back({"baseline", HWY_STATIC_TARGET, false, false});
#else
  targets.push_back({"baseline", here, false, false});
#endif
  return targets;
}

}  // namespace

bool HasVnni512() { return use_vnni512; }
bool HasBf16_512() { return use_bf16_512; }

std::vector<std::string> KernelTargets() {
  std::vector<std::string> names;
  for (const Target& target : Targets()) names.push_back(target.name);
  return names;
}

void UseKernelTarget(const std::string& name) {
  const std::vector<Target> targets = Targets();
  use_vnni512 = vnni512_here, use_bf16_512 = bf16_512_here;
  if (name.empty()) {
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return;
  }
  for (const Target& target : targets) {
    if (target.name != name) continue;
    hwy::SetSupportedTargetsForTest(target.bit);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    use_vnni512 = target.vnni, use_bf16_512 = target.bf16;
    return;
  }
  throw Error(ErrorCode::kUnsupported, name, "is not an instruction set of this machine that kernels use");
}

}  // namespace takt::nn
