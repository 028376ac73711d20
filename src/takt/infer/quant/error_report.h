// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "takt/core/io/report.h"
#include "takt/infer/policy/policy.h"
#include "takt/infer/quant/quantise.h"

namespace takt::quant {

// What rounding costs one product, measured with the kernels that run it on the sampled inputs of the calibration.
struct ProductError {
  int layer = 0, product = 0;
  double alpha = 0;         // of smoothing; 0: none
  double weight_error = 0;  // ||w_q - w||_F / ||w||_F
  double output_error = 0;  // ||y_q - y||_F / ||y||_F
  double sqnr_db = 0;       // -20 log10 of it; infinite where nothing is lost
};
// Of every quantised product, layer by layer. A calibration over windows that Quantise did not see gives honest
// figures: GPTQ fits the rounding to the moments that it is given. Where an output is not finite the errors are NaN.
// Errors: bad_input where the calibration kept no rows.
std::vector<ProductError> ProductErrors(const QuantiseResult& result, const Calibration& calibration);

// How far the chunks of two policies are apart, in normalised actions (the demonstrations span -1 ... 1), whole
// horizon.
struct ActionError {
  int windows = 0;
  double max_abs = 0, mean_abs = 0, rms = 0;
  double signal_rms = 0;           // of the exact actions
  std::vector<double> window_max;  // [windows]
};
// One chunk a window from each, with the same noise. NaN where an action is not finite.
// Errors: bad_input where there is no window or the policies have other shapes; as Policy.
ActionError CompareActions(policy::Policy& exact, policy::Policy& other,
                           std::span<const std::vector<policy::Observation>> windows, uint64_t seed);

// The columns and rows that the command line and the report show.
ReportTable ErrorTable(std::span<const ProductError> errors);

// Adds a section: tiles for the actions, SQNR over the layers as a plot, and the table.
void AddErrorSection(Report* report, const std::string& made_by, std::span<const ProductError> errors,
                     const ActionError& actions);

}  // namespace takt::quant
