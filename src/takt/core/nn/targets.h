// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace takt::nn {

// The instruction sets that the kernels of this folder can use on this machine, best first: "avx512_bf16", "avx512_vnni",
// "avx512", "avx2", "sse4", ...
std::vector<std::string> KernelTargets();

// Makes kernels use this one (empty: the best again), and layers be packed for it. For tests and benchmarks: no kernel may be
// running, and results for different sets differ by rounding.
// Errors: unsupported where the machine lacks it.
void UseKernelTarget(const std::string& name);

}  // namespace takt::nn
