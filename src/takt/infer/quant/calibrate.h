// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "takt/infer/policy/policy.h"
#include "takt/infer/quant/file/quant_file.h"

namespace takt::quant {

struct CalibrateOptions {
  policy::Sampler sampler = policy::Sampler::kDdpm;
  int steps = 0;               // denoising steps, as in policy::Plan
  uint64_t seed = 0;           // of the noise, and of which rows are kept
  int sample_rows = 256;       // kept of the inputs of each product, to try roundings on
  int64_t moment_rows = 8192;  // about so many rows make the second moments; the rest only counts for the ranges
};

// What the exact network put into one product.
struct ProductStats {
  int64_t inputs = 0;                   // K
  uint64_t rows = 0;                    // that were seen
  std::vector<float> step_channel_max;  // [steps, K] max |x|
  std::vector<float> step_tail;  // [steps] 99.9 % of |x| are below this share of the step's max; 6 % too large at most
  uint64_t moment_rows = 0;      // rows behind `moments`
  std::vector<double> moments;   // [K, K] mean of x x^T
  std::vector<float> sample;     // [rows kept, K] drawn without bias
  std::vector<int> sample_step;  // [rows kept] denoising step of each

  std::vector<float> ChannelMax() const;  // [K] over all steps
};

struct Calibration {
  int steps = 0;
  int windows = 0;
  std::vector<std::array<ProductStats, kProducts>> layers;  // [n_layer]
};

// Collects a Calibration from whatever policy it is attached to. Memory: about 8 K^2 + 4 K (steps + sample_rows + 256)
// bytes for each product of K inputs; D = 256, 8 layers, 100 steps: 130 MB.
class Collector final : public policy::Probe {
 public:
  // moment_stride: of every so many calls of a product one counts for the moments, and which one moves on from tick to
  // tick, so that all steps come to count.
  Collector(const policy::PolicyConfig& config, int steps, int moment_stride, const CalibrateOptions& options);
  ~Collector() override;
  void Input(int step_idx, int layer, policy::LinearKind kind, std::span<const float> x, int inputs) override;
  // What was collected; the collector is empty afterwards. Errors: bad_input where a product saw nothing, or something
  // that is not finite.
  Calibration Finish(int windows);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Runs the exact policy over the windows, one tick each, and collects.
// Errors: bad_input where there is no window; as Policy. Determinism: equal arguments give equal bytes.
// Cost: one exact chunk a window, and about K^2 / 2 multiplications for each row of the moments.
Calibration Calibrate(std::shared_ptr<const policy::Model> model,
                      std::span<const std::vector<policy::Observation>> windows, const CalibrateOptions& options = {});

}  // namespace takt::quant
