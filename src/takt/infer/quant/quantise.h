// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "takt/core/nn/linear.h"
#include "takt/infer/policy/model.h"
#include "takt/infer/quant/calibrate.h"
#include "takt/infer/quant/file/quant_file.h"
#include "takt/infer/quant/rounding.h"
#include "takt/infer/quant/smooth.h"

namespace takt::quant {

enum class Method { kRtn, kGptq };

// What a given scale of activations has to hold; what lies beyond is clipped.
enum class ActRange {
  kMax,   // everything that calibration saw in that denoising step
  kTail,  // all but 0.1 % of it
};

struct QuantiseOptions {
  nn::Precision precision = nn::Precision::kW8A8;  // or kW4A8
  Method method = Method::kGptq;
  int group = 64;                // inputs that share a scale of 4-bit weights: a multiple of 8
  double smooth_alpha = -1;      // of SmoothQuant, in (0, 1); 0: none; -1: searched for each product
  bool per_step_scales = false;  // activations by a scale for each denoising step, instead of one measured for each row
  ActRange act_range = ActRange::kMax;
  bool float_attention = false;  // leave sa_qkv and sa_out alone
  GptqOptions gptq;
};

// "gptq w4a8 group 64, smooth 0.5, per step": for tables, and for made_by.
std::string QuantiseName(const QuantiseOptions& options);

struct QuantiseResult {
  QuantFile file;
  policy::Model folded;  // the model after smoothing, in float: what the codes stand for
  std::vector<std::array<Smoothing, kProducts>> smoothing;  // [n_layer] that was folded in; alpha 0: none
};

// Post-training quantisation of the decoder layers of a policy: smooths what can be smoothed for free (smooth.h),
// rounds the weights of the products (rounding.h), and measures scales of activations. Second moments of smoothed
// inputs are those of the calibration, divided by s_i s_j; errors of products before are not in them. What stays in
// float: embeddings, condition, cross-attention, norms, head, vision. Errors: bad_input for options out of range, and a
// calibration of another model shape; unsupported for a precision that is not quantised. Determinism: the same bytes
// for any number of threads (rounding.h). Cost: D = 256, 8 layers, about 10 s of CPU time with GPTQ and searched
// smoothing (bench/RESULTS.md).
QuantiseResult Quantise(const policy::Model& model, const QuantiseOptions& options, const Calibration& calibration);

}  // namespace takt::quant
