// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "takt/core/nn/linear.h"
#include "takt/core/nn/packed_weights.h"

namespace takt::nn {

inline constexpr int kMaxPanelWidth = 64;
alignas(64) inline constexpr float kZeroSums[kMaxPanelWidth] = {};

// Outputs of one panel for the instruction set that kernels use now.
int PanelWidth();

// One product over the outputs [n_begin, n_end): n_begin is a multiple of the panel's width.
struct LinearJob {
  const PackedWeights* weights;
  int n_begin, n_end;
  int64_t words_k;         // words of an output that count
  const uint8_t* a;        // [m] rows of words: floats, pairs of bfloat16, or codes
  int64_t lda_bytes;       // from row to row
  const float* row_scale;  // [m], integers only
  int m;
  float* y;  // [m, ldy]
  int64_t ldy;
  Epilogue epilogue;
  uint32_t* sums;   // [m, kMaxPanelWidth] work space
  int group_words;  // int4: words of one group
};

void RunF32(const LinearJob& job);
void RunBf16(const LinearJob& job);
void RunW8(const LinearJob& job);
void RunW4(const LinearJob& job);

// x [m, k] f32 to bfloat16 (nearest, ties to even; NaN stays NaN), rows of ldo elements, padded by zeros.
void RoundRowsToBf16(const float* x, int64_t ldx, int m, int64_t k, uint16_t* out, int64_t ldo);

}  // namespace takt::nn
