// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/error_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "takt/core/base/error.h"

namespace takt::quant {
namespace {

double RelativeError(std::span<const float> got, std::span<const float> wanted) {
  double error = 0, power = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double d = static_cast<double>(got[i]) - wanted[i];
    error += d * d;
    power += static_cast<double>(wanted[i]) * wanted[i];
  }
  return power > 0 ? std::sqrt(error / power) : std::sqrt(error);
}

ProductError MeasureProduct(const QuantiseResult& result, int layer, int product, const ProductStats& stats) {
  const size_t l = static_cast<size_t>(layer), p = static_cast<size_t>(product);
  const QuantLinear& linear = result.file.layers[l][p];
  const Smoothing& smoothing = result.smoothing[l][p];
  const std::vector<float>& w = result.folded.Get(WeightName(layer, product));
  const int64_t k = linear.k;
  const int m = static_cast<int>(stats.sample_step.size()), n = linear.n;
  std::vector<float> x = stats.sample;
  if (!smoothing.s.empty()) {
    for (size_t i = 0; i < x.size(); ++i) x[i] /= smoothing.s[i % static_cast<size_t>(k)];
  }
  const nn::Linear exact = nn::Linear::PackF32(w.data(), nullptr, n, k);
  const nn::Linear rounded = result.file.weight_bits == 8
                                 ? nn::Linear::PackW8(linear.codes.data(), linear.scales.data(), nullptr, n, k)
                                 : nn::Linear::PackW4(linear.codes.data(), linear.scales.data(),
                                                      static_cast<int>(linear.group), nullptr, n, k);
  nn::Scratch scratch(std::max(exact.ScratchBytes(m), rounded.ScratchBytes(m)));
  std::vector<float> y(static_cast<size_t>(m) * static_cast<size_t>(n)), yq(y.size());
  exact.Apply(x.data(), k, m, y.data(), n, nn::Epilogue::kStore, scratch);
  if (linear.act_scales.empty()) {
    rounded.Apply(x.data(), k, m, yq.data(), n, nn::Epilogue::kStore, scratch);
  } else {
    for (int r = 0; r < m; ++r) {
      const float* scale = &linear.act_scales[static_cast<size_t>(stats.sample_step[static_cast<size_t>(r)])];
      rounded.Apply(x.data() + r * k, k, 1, yq.data() + int64_t{r} * n, n, nn::Epilogue::kStore, scratch, scale);
    }
  }
  ProductError error;
  error.layer = layer, error.product = product, error.alpha = smoothing.alpha;
  error.weight_error = RelativeError(Dequantise(linear), w);
  error.output_error = RelativeError(yq, y);
  error.sqnr_db = -20 * std::log10(error.output_error);
  return error;
}

}  // namespace

std::vector<ProductError> ProductErrors(const QuantiseResult& result, const Calibration& calibration) {
  std::vector<ProductError> errors;
  for (size_t layer = 0; layer < result.file.layers.size(); ++layer) {
    for (size_t product = 0; product < kProducts; ++product) {
      if (result.file.layers[layer][product].empty()) continue;
      const ProductStats& stats = calibration.layers.at(layer)[product];
      if (stats.sample_step.empty()) throw Error(ErrorCode::kBadInput, "calibration", "kept no rows to measure with");
      errors.push_back(MeasureProduct(result, static_cast<int>(layer), static_cast<int>(product), stats));
    }
  }
  return errors;
}

ActionError CompareActions(policy::Policy& exact, policy::Policy& other,
                           std::span<const std::vector<policy::Observation>> windows, uint64_t seed) {
  if (windows.empty()) throw Error(ErrorCode::kBadInput, "comparison", "has no observations");
  ActionError error;
  exact.Reset(seed);
  other.Reset(seed);
  double sum = 0, square_sum = 0, signal_sum = 0;
  size_t count = 0;
  for (const std::vector<policy::Observation>& window : windows) {
    const std::span<const float> wanted = exact.Denoise(exact.Encode(window));
    const std::span<const float> got = other.Denoise(other.Encode(window));
    if (wanted.size() != got.size()) {
      throw Error(ErrorCode::kBadInput, "comparison", "is between policies of other shapes",
                  "quantise this model again");
    }
    double largest = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const double d = std::fabs(static_cast<double>(got[i]) - wanted[i]);
      if (!(d <= largest)) largest = d;  // keeps a NaN, and all that comes after it
      if (std::isnan(d)) break;
      sum += d;
      square_sum += d * d;
      signal_sum += static_cast<double>(wanted[i]) * wanted[i];
    }
    count += wanted.size();
    error.window_max.push_back(largest);
  }
  error.windows = static_cast<int>(windows.size());
  error.signal_rms = std::sqrt(signal_sum / static_cast<double>(count));
  if (std::any_of(error.window_max.begin(), error.window_max.end(), [](double v) { return !std::isfinite(v); })) {
    error.max_abs = error.mean_abs = error.rms = std::numeric_limits<double>::quiet_NaN();
    return error;
  }
  error.max_abs = *std::max_element(error.window_max.begin(), error.window_max.end());
  error.mean_abs = sum / static_cast<double>(count);
  error.rms = std::sqrt(square_sum / static_cast<double>(count));
  return error;
}

ReportTable ErrorTable(std::span<const ProductError> errors) {
  ReportTable table;
  table.caption = "Error of each quantised product on the calibration's inputs";
  table.columns = {{"product", false}, {"smoothing", true}, {"weights", true}, {"output", true}, {"SQNR [dB]", true}};
  for (const ProductError& error : errors) {
    table.rows.push_back({fmt::format("l{}.{}", error.layer, kProductNames[static_cast<size_t>(error.product)]),
                          error.alpha > 0 ? fmt::format("{:.1f}", error.alpha) : "none",
                          fmt::format("{:.2f} %", 100 * error.weight_error),
                          fmt::format("{:.2f} %", 100 * error.output_error), fmt::format("{:.1f}", error.sqnr_db)});
  }
  return table;
}

void AddErrorSection(Report* report, const std::string& made_by, std::span<const ProductError> errors,
                     const ActionError& actions) {
  report->Section("Quantisation error");
  report->Paragraph(
      fmt::format("Weights: {}. Actions are compared over {} chunks with the same noise, in normalised units (the "
                  "demonstrations span "
                  "-1 to 1).",
                  made_by, actions.windows));
  report->Tiles({{"largest action error", fmt::format("{:.4f}", actions.max_abs), "normalised", TileState::kPlain},
                 {"mean action error", fmt::format("{:.5f}", actions.mean_abs), "normalised", TileState::kPlain},
                 {"RMS of the error", fmt::format("{:.5f}", actions.rms),
                  fmt::format("of actions: {:.3f}", actions.signal_rms), TileState::kPlain}});
  LinePlot plot;
  plot.title = "Signal over rounding noise, by layer";
  plot.x_label = "decoder layer";
  plot.y_label = "SQNR [dB]";
  for (size_t product = 0; product < kProducts; ++product) {
    PlotSeries series;
    series.name = std::string(kProductNames[product]);
    series.markers = true;
    for (const ProductError& error : errors) {
      if (error.product != static_cast<int>(product)) continue;
      series.x.push_back(error.layer);
      series.y.push_back(error.sqnr_db);
    }
    if (!series.x.empty()) plot.series.push_back(std::move(series));
  }
  report->Plot(plot);
  report->Table(ErrorTable(errors));
}

}  // namespace takt::quant
