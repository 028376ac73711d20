// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace takt::nn {

enum class PeakKind { kF32, kBf16, kInt8 };

// What the multipliers of this core reach in 1e9 operations a second (two for each product and sum), from registers alone, with
// the AVX-512 instructions that our kernels use: vfmadd231ps, vdpbf16ps, vpdpbusd. The best of several runs by CPU time, some
// milliseconds in all. 0 where the machine has no such instruction. For benchmarks.
double PeakGops(PeakKind kind);

}  // namespace takt::nn
