// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace takt::imitate {

// The streams of takt::Rng that a training draws from, so that no two purposes share a number.
enum Stream : uint64_t {
  kStreamInit = 0x1a17'0000,
  kStreamSplit,
  kStreamShuffle,
  kStreamTime,
  kStreamNoise,
  kStreamShift,
  kStreamDropout,
  kStreamSampling,
  kStreamTeleop,
};

}  // namespace takt::imitate
