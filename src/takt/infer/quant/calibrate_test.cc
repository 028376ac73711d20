// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/calibrate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/infer/quant/test_matrices.h"
#include "takt/infer/quant/test_policy.h"

namespace takt::quant {
namespace {

policy::PolicyConfig OneLayer() { return TestConfig(16, 1); }

// Feeds `calls` matrices to every product; those of step s are larger by a factor s + 1.
struct Feed {
  std::vector<std::vector<float>> x;  // [calls] of sa_qkv
  std::vector<int> step;
};
Feed Give(Collector* collector, int ticks, int steps, int rows) {
  Feed feed;
  for (int tick = 0; tick < ticks; ++tick) {
    for (int step = 0; step < steps; ++step) {
      std::vector<float> x = CorrelatedInputs(rows, 16, static_cast<uint64_t>(100 * tick + step));
      for (float& v : x) v *= static_cast<float>(step + 1);
      const std::vector<float> wide = RandomMatrix(rows, 64, static_cast<uint64_t>(step));
      collector->Input(step, 0, policy::LinearKind::kSaQkv, x, 16);
      collector->Input(step, 0, policy::LinearKind::kSaOut, x, 16);
      collector->Input(step, 0, policy::LinearKind::kFfn1, x, 16);
      collector->Input(step, 0, policy::LinearKind::kFfn2, wide, 64);
      feed.x.push_back(std::move(x));
      feed.step.push_back(step);
    }
  }
  return feed;
}

TEST(Collector, CountsWhatItSees) {
  const int ticks = 3, steps = 4, rows = 5;
  CalibrateOptions options;
  options.sample_rows = 1000;
  Collector collector(OneLayer(), steps, 1, options);
  const Feed feed = Give(&collector, ticks, steps, rows);
  const Calibration calibration = collector.Finish(ticks);
  ASSERT_EQ(calibration.layers.size(), 1u);
  EXPECT_EQ(calibration.windows, ticks);
  const ProductStats& stats = calibration.layers[0][0];
  EXPECT_EQ(stats.inputs, 16);
  EXPECT_EQ(stats.rows, static_cast<uint64_t>(ticks * steps * rows));
  EXPECT_EQ(stats.moment_rows, stats.rows);

  std::vector<float> all, channel_max(16 * steps, 0.0f);
  for (size_t call = 0; call < feed.x.size(); ++call) {
    all.insert(all.end(), feed.x[call].begin(), feed.x[call].end());
    for (size_t i = 0; i < feed.x[call].size(); ++i) {
      float& largest = channel_max[static_cast<size_t>(feed.step[call]) * 16 + i % 16];
      largest = std::max(largest, std::fabs(feed.x[call][i]));
    }
  }
  EXPECT_EQ(stats.step_channel_max, channel_max);
  const std::vector<double> wanted = MomentsOf(all, static_cast<int64_t>(all.size() / 16), 16);
  double largest = 0;
  for (const double v : wanted) largest = std::max(largest, std::fabs(v));
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(stats.moments[i], wanted[i], 1e-5 * largest);
  // All rows were kept, each once, with its step.
  ASSERT_EQ(stats.sample.size(), all.size());
  std::vector<std::pair<std::vector<float>, int>> got, given;
  for (size_t r = 0; r < stats.sample_step.size(); ++r) {
    got.push_back(
        {{stats.sample.begin() + 16 * static_cast<int64_t>(r), stats.sample.begin() + 16 * static_cast<int64_t>(r + 1)},
         stats.sample_step[r]});
    const size_t call = r / static_cast<size_t>(rows);
    given.push_back({{all.begin() + 16 * static_cast<int64_t>(r), all.begin() + 16 * static_cast<int64_t>(r + 1)},
                     feed.step[call]});
  }
  std::sort(got.begin(), got.end());
  std::sort(given.begin(), given.end());
  EXPECT_EQ(got, given);
}

// The sample of a long stream: as many as asked, from all of it, the same each time.
TEST(Collector, SamplesWithoutBias) {
  const int ticks = 50, steps = 10, rows = 4;
  CalibrateOptions options;
  options.sample_rows = 400;
  std::vector<Calibration> runs;
  for (int run = 0; run < 2; ++run) {
    Collector collector(OneLayer(), steps, 3, options);
    Give(&collector, ticks, steps, rows);
    runs.push_back(collector.Finish(ticks));
  }
  const ProductStats& stats = runs[0].layers[0][0];
  ASSERT_EQ(stats.sample_step.size(), 400u);
  std::vector<int> of_step(steps, 0);
  for (const int step : stats.sample_step) ++of_step[static_cast<size_t>(step)];
  for (const int count : of_step) EXPECT_NEAR(count, 40, 25);
  EXPECT_EQ(stats.sample, runs[1].layers[0][0].sample);
  EXPECT_EQ(stats.moments, runs[1].layers[0][0].moments);
  EXPECT_EQ(stats.step_tail, runs[1].layers[0][0].step_tail);
}

// Skipping most calls keeps all steps in the moments: the mean over steps that differ by a factor stays near.
TEST(Collector, StrideCountsAllSteps) {
  const int ticks = 40, steps = 8, rows = 8;
  std::vector<double> trace;
  for (const int stride : {1, 4, 8}) {
    Collector collector(OneLayer(), steps, stride, {});
    Give(&collector, ticks, steps, rows);
    const ProductStats stats = collector.Finish(ticks).layers[0][0];
    EXPECT_EQ(stats.moment_rows, static_cast<uint64_t>(ticks * steps * rows / stride));
    double sum = 0;
    for (size_t i = 0; i < 16; ++i) sum += stats.moments[17 * i];
    trace.push_back(sum);
  }
  EXPECT_NEAR(trace[1], trace[0], 0.2 * trace[0]);
  EXPECT_NEAR(trace[2], trace[0], 0.2 * trace[0]);
}

TEST(Collector, TailIsAboveAllButAThousandth) {
  Collector collector(OneLayer(), 1, 1, {});
  std::vector<float> x(16 * 2000);
  const Rng rng(3);
  for (size_t i = 0; i < x.size(); ++i) x[i] = rng.Normal4(i)[0];
  x[77] = 1000;
  for (const auto kind : {policy::LinearKind::kSaQkv, policy::LinearKind::kSaOut, policy::LinearKind::kFfn1}) {
    collector.Input(0, 0, kind, x, 16);
  }
  collector.Input(0, 0, policy::LinearKind::kFfn2, std::vector<float>(64, 0.0f), 64);
  const Calibration calibration = collector.Finish(1);
  const double tail = 1000.0 * calibration.layers[0][0].step_tail[0];
  EXPECT_GE(tail, 3.2);  // 3.29 sigma hold 99.9 %
  EXPECT_LE(tail, 3.7);
  EXPECT_EQ(calibration.layers[0][3].step_tail[0], 1);  // nothing but zeros
}

TEST(Collector, RefusesWhatIsNotFiniteAndWhatIsMissing) {
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    Collector collector(OneLayer(), 1, 1, {});
    Give(&collector, 1, 1, 2);
    collector.Input(0, 0, policy::LinearKind::kSaQkv, std::vector<float>(16, bad), 16);
    EXPECT_THROW(collector.Finish(1), Error);
  }
  Collector nothing(OneLayer(), 1, 1, {});
  EXPECT_THROW(nothing.Finish(1), Error);
  EXPECT_THROW(nothing.Input(1, 0, policy::LinearKind::kSaQkv, std::vector<float>(16, 1.0f), 16), Error);
  EXPECT_THROW(Calibrate(TestModel(OneLayer(), 1), {}), Error);
}

TEST(Calibrate, RunsTheExactPolicy) {
  const policy::PolicyConfig config = TestConfig(32, 2);
  const std::shared_ptr<policy::Model> model = TestModel(config, 3);
  const auto windows = TestWindows(config, 3, 4);
  CalibrateOptions options;
  options.sampler = policy::Sampler::kDdim;
  options.steps = 6;
  const Calibration calibration = Calibrate(model, windows, options);
  EXPECT_EQ(calibration.steps, 6);
  ASSERT_EQ(calibration.layers.size(), 2u);
  for (const auto& layer : calibration.layers) {
    for (int product = 0; product < kProducts; ++product) {
      const ProductStats& stats = layer[static_cast<size_t>(product)];
      EXPECT_EQ(stats.inputs, ShapeOf(config, product).k);
      EXPECT_EQ(stats.rows, static_cast<uint64_t>(3 * 6 * config.horizon));
    }
    // What goes through a LayerNorm with channels that stand out: the calibration sees them.
    const std::vector<float> largest = layer[0].ChannelMax();
    EXPECT_GT(largest[5], 4 * largest[6]);
  }
}

}  // namespace
}  // namespace takt::quant
