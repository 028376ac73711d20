// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace takt::nn {

// Instructions beyond Highway's AVX3 that the chosen target has. Highway 1.0.3 knows VNNI only together with extensions that
// Cascade Lake lacks, and bfloat16 not at all.
bool HasVnni512();
bool HasBf16_512();

}  // namespace takt::nn
