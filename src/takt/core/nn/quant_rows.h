// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "takt/core/nn/scratch.h"

namespace takt::nn {

// Activations in 8 bits: x[m, k] ~ (codes[m * ld + k] - 128) * scale[m]. Codes are 1..255: symmetric, so that zero is exact.
// A view; the memory belongs to a QuantBuffer or a Scratch. The bytes from `cols` to `ld` of a row may be read.
struct QuantRows {
  uint8_t* codes = nullptr;  // [rows, ld] code of the element
  float* scale = nullptr;    // [rows] step of the row's codes; NaN where the row held a value that is not finite
  int64_t ld = 0;            // bytes from row to row; a multiple of 64, at least cols
  int rows = 0;              // M
  int64_t cols = 0;          // K
};

// Memory for quantised rows, allocated once.
class QuantBuffer {
 public:
  QuantBuffer(int max_rows, int64_t max_cols);
  // A view of that many rows, with undefined contents. Errors: internal beyond what was allocated.
  QuantRows Rows(int rows, int64_t cols);

  static size_t ScratchBytes(int max_rows, int64_t max_cols);
  // The same out of a frame.
  static QuantRows Take(Scratch::Frame& frame, int rows, int64_t cols);

 private:
  int max_rows_;
  int64_t max_cols_;
  Scratch memory_;
};

// Quantises rows of x [rows, cols] f32 symmetrically:
//
//   scale = max_k |x[m, k]| / 127, or *act_scale;   code = 128 + clamp(round_half_even(x / scale), -127, 127)
//
// A row of zeros gets scale 0 and codes 128, and so does, but for the scale, one below 1e-36. A row with an infinity or a NaN gets scale NaN, so that no product hides it.
// act_scale: a scale for all rows, > 0, from calibration; null for one scale per row (per token).
// Cost: about 0.25 cycles an element on AVX-512. Determinism: the same bytes on every machine.
void Quantise(const float* x, int64_t ldx, const QuantRows& out, const float* act_scale = nullptr);

}  // namespace takt::nn
