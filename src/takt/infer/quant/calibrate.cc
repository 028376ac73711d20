// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/calibrate.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <bit>
#include <cmath>
#include <queue>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/rng.h"

namespace takt::quant {
namespace {

// Magnitudes from 2^-16 to 2^16, 16 bins an octave: the bin is cut out of the bits of a float.
constexpr int kBinShift = 19, kBins = 32 * 16;
constexpr uint32_t kFirstBin = uint32_t{127 - 16} << 4;
constexpr double kTail = 0.001;
constexpr int64_t kChunkRows = 256;  // that are multiplied together
constexpr uint64_t kSampleStream = 0x53414d50;

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

int BinOf(float magnitude) {
  const int64_t bin = static_cast<int64_t>(std::bit_cast<uint32_t>(magnitude) >> kBinShift) - kFirstBin;
  return static_cast<int>(std::clamp<int64_t>(bin, 0, kBins - 1));
}
float UpperEdge(int bin) { return std::bit_cast<float>((static_cast<uint32_t>(bin) + 1 + kFirstBin) << kBinShift); }

// The smallest edge above all but kTail of the counts.
float TailEdge(const uint32_t* counts) {
  uint64_t total = 0, seen = 0;
  for (int bin = 0; bin < kBins; ++bin) total += counts[bin];
  for (int bin = 0; bin < kBins; ++bin) {
    seen += counts[bin];
    if (static_cast<double>(seen) >= (1 - kTail) * static_cast<double>(total)) return UpperEdge(bin);
  }
  return UpperEdge(kBins - 1);
}

class ProductCollector {
 public:
  ProductCollector(int64_t inputs, int steps, int stride, uint64_t seed, uint64_t number, int sample_rows)
      : steps_(steps),
        stride_(stride),
        sample_rows_(static_cast<size_t>(sample_rows)),
        rng_(seed, kSampleStream + number),
        histogram_(static_cast<size_t>(steps) * kBins, 0),
        moments_(Eigen::MatrixXd::Zero(inputs, inputs)) {
    stats_.inputs = inputs;
    stats_.step_channel_max.assign(static_cast<size_t>(steps * inputs), 0.0f);
    chunk_.reserve(static_cast<size_t>(kChunkRows * inputs));
  }

  void Add(int step, std::span<const float> x) {
    const int64_t k = stats_.inputs, rows = static_cast<int64_t>(x.size()) / k;
    // Tick t counts the steps t, t + stride ...: all of them come to count.
    const bool counts_for_moments = (calls_ + calls_ / steps_) % stride_ == 0;
    ++calls_;
    float* channel_max = stats_.step_channel_max.data() + step * k;
    uint32_t* histogram = histogram_.data() + static_cast<size_t>(step) * kBins;
    for (int64_t r = 0; r < rows; ++r) {
      const std::span<const float> row = x.subspan(static_cast<size_t>(r * k), static_cast<size_t>(k));
      for (int64_t i = 0; i < k; ++i) {
        const float magnitude = std::fabs(row[static_cast<size_t>(i)]);
        finite_ = finite_ && magnitude < INFINITY;
        channel_max[i] = std::max(channel_max[i], magnitude);
        ++histogram[BinOf(magnitude)];
      }
      Offer(step, row);
      if (counts_for_moments) chunk_.insert(chunk_.end(), row.begin(), row.end());
      if (static_cast<int64_t>(chunk_.size()) >= kChunkRows * k) AddChunk();
    }
  }

  ProductStats Finish() {
    AddChunk();
    if (stats_.rows == 0) return {};
    if (!finite_) {
      throw Error(ErrorCode::kBadInput, "calibration", "has an activation that is not finite",
                  "check the model's weights");
    }
    const int64_t k = stats_.inputs;
    stats_.moments.resize(static_cast<size_t>(k * k));
    Eigen::Map<Eigen::MatrixXd> out(stats_.moments.data(), k, k);
    out = moments_.selfadjointView<Eigen::Lower>();
    if (stats_.moment_rows > 0) out /= static_cast<double>(stats_.moment_rows);
    moments_.resize(0, 0);
    for (int step = 0; step < steps_; ++step) {
      const auto first = stats_.step_channel_max.begin() + step * k;
      const float largest = *std::max_element(first, first + k);
      const float edge = TailEdge(histogram_.data() + static_cast<size_t>(step) * kBins);
      stats_.step_tail.push_back(largest > 0 ? std::min(1.0f, edge / largest) : 1.0f);
    }
    return std::move(stats_);
  }

 private:
  // Keeps the rows with the smallest random numbers, which is a fair sample of a stream of any length.
  void Offer(int step, std::span<const float> row) {
    const auto words = rng_.Words(stats_.rows++);
    const uint64_t priority = uint64_t{words[0]} << 32 | words[1];
    size_t slot = kept_.size();
    if (slot >= sample_rows_) {
      if (sample_rows_ == 0 || priority >= kept_.top().first) return;
      slot = kept_.top().second;
      kept_.pop();
    } else {
      stats_.sample.resize((slot + 1) * row.size());
      stats_.sample_step.resize(slot + 1);
    }
    kept_.emplace(priority, slot);
    std::copy(row.begin(), row.end(), stats_.sample.begin() + static_cast<int64_t>(slot * row.size()));
    stats_.sample_step[slot] = step;
  }

  void AddChunk() {
    if (chunk_.empty()) return;
    const int64_t k = stats_.inputs, rows = static_cast<int64_t>(chunk_.size()) / k;
    const Eigen::Map<const RowMajor> x(chunk_.data(), rows, k);
    Eigen::MatrixXf sum = Eigen::MatrixXf::Zero(k, k);
    sum.selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
    moments_.triangularView<Eigen::Lower>() += sum.cast<double>();
    stats_.moment_rows += static_cast<uint64_t>(rows);
    chunk_.clear();
  }

  const int steps_, stride_;
  const size_t sample_rows_;
  const Rng rng_;
  int64_t calls_ = 0;
  bool finite_ = true;
  std::vector<uint32_t> histogram_;                        // [steps, kBins]
  Eigen::MatrixXd moments_;                                // lower half
  std::vector<float> chunk_;                               // rows that wait to be multiplied
  std::priority_queue<std::pair<uint64_t, size_t>> kept_;  // random number and place of the sampled rows
  ProductStats stats_;
};

}  // namespace

struct Collector::Impl {
  int steps = 0;
  std::vector<ProductCollector> products;  // [n_layer, kProducts]
};

std::vector<float> ProductStats::ChannelMax() const {
  std::vector<float> largest(static_cast<size_t>(inputs), 0.0f);
  for (size_t i = 0; i < step_channel_max.size(); ++i) {
    float& value = largest[i % largest.size()];
    value = std::max(value, step_channel_max[i]);
  }
  return largest;
}

Collector::Collector(const policy::PolicyConfig& config, int steps, int moment_stride, const CalibrateOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->steps = steps;
  impl_->products.reserve(static_cast<size_t>(config.n_layer) * kProducts);
  for (int layer = 0; layer < config.n_layer; ++layer) {
    for (int product = 0; product < kProducts; ++product) {
      impl_->products.emplace_back(ShapeOf(config, product).k, steps, moment_stride, options.seed,
                                   static_cast<uint64_t>(layer * kProducts + product), options.sample_rows);
    }
  }
}

Collector::~Collector() = default;

void Collector::Input(int step_idx, int layer, policy::LinearKind kind, std::span<const float> x, int inputs) {
  if (step_idx < 0 || step_idx >= impl_->steps || inputs < 1 || x.size() % static_cast<size_t>(inputs) != 0) {
    throw Error(ErrorCode::kInternal, "calibration", fmt::format("is given step {} with {} inputs", step_idx, inputs));
  }
  impl_->products.at(static_cast<size_t>(layer * kProducts + static_cast<int>(kind))).Add(step_idx, x);
}

Calibration Collector::Finish(int windows) {
  Calibration calibration;
  calibration.steps = impl_->steps, calibration.windows = windows;
  for (size_t i = 0; i < impl_->products.size(); ++i) {
    if (i % kProducts == 0) calibration.layers.emplace_back();
    ProductStats& stats = calibration.layers.back()[i % kProducts];
    stats = impl_->products[i].Finish();
    if (stats.rows == 0) {
      throw Error(ErrorCode::kBadInput, "calibration",
                  fmt::format("has no activations of layer {} {}", i / kProducts, kProductNames[i % kProducts]),
                  "run at least one window with every block computed");
    }
  }
  impl_->products.clear();
  return calibration;
}

Calibration Calibrate(std::shared_ptr<const policy::Model> model,
                      std::span<const std::vector<policy::Observation>> windows, const CalibrateOptions& options) {
  if (windows.empty()) {
    throw Error(ErrorCode::kBadInput, "calibration", "has no observations", "name a dataset with at least one frame");
  }
  policy::Plan plan = policy::ExactPlan(model->config);
  plan.sampler = options.sampler, plan.steps = options.steps;
  policy::Policy exact(model, plan);
  const policy::PolicyConfig& config = exact.model().config;
  const int64_t rows = static_cast<int64_t>(windows.size()) * exact.steps() * config.horizon;
  const int64_t stride = std::clamp<int64_t>(rows / std::max<int64_t>(1, options.moment_rows), 1, exact.steps());
  Collector collector(config, exact.steps(), static_cast<int>(stride), options);
  exact.SetProbe(&collector);
  exact.Reset(options.seed);
  for (const std::vector<policy::Observation>& window : windows) {
    ThrowIfInterrupted();
    exact.Denoise(exact.Encode(window));
  }
  return collector.Finish(static_cast<int>(windows.size()));
}

}  // namespace takt::quant
