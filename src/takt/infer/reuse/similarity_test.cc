// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/similarity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"

namespace takt::reuse {
namespace {

std::vector<float> Outputs(int steps, size_t n, uint64_t seed) {
  std::vector<float> x(static_cast<size_t>(steps) * n);
  for (size_t i = 0; i < x.size(); ++i) x[i] = Rng(seed).Normal4(i)[0];
  return x;
}

// As the header says it.
double Slow(const std::vector<float>& x, size_t n, int a, int t, Metric metric) {
  double dot = 0, aa = 0, tt = 0, l1 = 0, mse = 0;
  for (size_t i = 0; i < n; ++i) {
    const double u = x[static_cast<size_t>(a) * n + i], v = x[static_cast<size_t>(t) * n + i];
    dot += u * v;
    aa += u * u;
    tt += v * v;
    l1 += std::abs(u - v) / static_cast<double>(n);
    mse += (u - v) * (u - v) / static_cast<double>(n);
  }
  return metric == Metric::kCosine ? dot / std::sqrt(aa * tt) : metric == Metric::kL1 ? l1 : mse;
}

TEST(Similarity, IsTheMeanOverEpisodes) {
  for (const int steps : {1, 2, 7, 8}) {
    for (const size_t n : {1u, 7u, 8u, 45u}) {
      SimilarityAccumulator accumulator(steps, 2);
      const auto first = Outputs(steps, n, 1), second = Outputs(steps, n, 2);
      accumulator.Add(1, first);
      accumulator.Add(1, second);
      EXPECT_EQ(accumulator.episodes(1), 2u);
      const BlockSimilarity mean = accumulator.Mean(1);
      for (const Metric metric : {Metric::kCosine, Metric::kL1, Metric::kMse}) {
        for (int a = 0; a < steps; ++a) {
          for (int t = 0; t < steps; ++t) {
            const double expected = (Slow(first, n, a, t, metric) + Slow(second, n, a, t, metric)) / 2;
            ASSERT_NEAR(mean.of(metric).at(a, t), expected, 1e-12);
          }
        }
      }
      EXPECT_THROW(accumulator.Mean(0), Error);
      EXPECT_THROW(accumulator.MeanOfAll(), Error);
    }
  }
}

TEST(Similarity, IsTheSameForAnyNumberOfThreads) {
  const auto x = Outputs(50, 333, 3);
  std::vector<double> before;
  for (const int threads : {1, 2, 5}) {
    SetThreadCount(threads);
    SimilarityAccumulator accumulator(50, 1);
    accumulator.Add(0, x);
    accumulator.Add(0, x);
    const std::vector<double> values = accumulator.Mean(0).cosine.values;
    if (threads > 1) {
      EXPECT_EQ(values, before);
    }
    before = values;
  }
  SetThreadCount(0);
}

TEST(Similarity, KnowsZeros) {
  SimilarityAccumulator accumulator(3, 1);
  accumulator.Add(0, std::vector<float>{0, 0, 0, 0, 1, 0});
  const StepMatrix cosine = accumulator.Mean(0).cosine;
  EXPECT_EQ(cosine.at(0, 1), 1);
  EXPECT_EQ(cosine.at(0, 2), 0);
  EXPECT_EQ(cosine.at(2, 2), 1);
  EXPECT_DOUBLE_EQ(ChangeScore(accumulator.Mean(0)), (0 + 0.5 + 0.5) / 3);
}

TEST(Similarity, MeanOfBlocks) {
  SimilarityAccumulator accumulator(4, 2);
  accumulator.Add(0, Outputs(4, 5, 1));
  accumulator.Add(1, Outputs(4, 9, 2));
  const auto all = accumulator.MeanOfAll();
  EXPECT_NEAR(MeanSimilarity(all).l1.at(1, 2), (all[0].l1.at(1, 2) + all[1].l1.at(1, 2)) / 2, 1e-15);
  EXPECT_THROW(MeanSimilarity({}), Error);
}

TEST(Similarity, RefusesWhatItCannotCompare) {
  EXPECT_THROW(SimilarityAccumulator(0, 1), Error);
  EXPECT_THROW(SimilarityAccumulator(1, 0), Error);
  EXPECT_THROW(SimilarityAccumulator(1 << 30, 1), Error);
  SimilarityAccumulator accumulator(3, 2);
  EXPECT_THROW(accumulator.Add(2, std::vector<float>(3)), Error);
  EXPECT_THROW(accumulator.Add(-1, std::vector<float>(3)), Error);
  EXPECT_THROW(accumulator.Add(0, std::vector<float>(4)), Error);
  EXPECT_THROW(accumulator.Add(0, std::vector<float>()), Error);
  EXPECT_THROW(accumulator.Add(0, std::vector<float>{1, 2, NAN}), Error);
  EXPECT_THROW(accumulator.Add(0, std::vector<float>{1, 2, INFINITY}), Error);
  EXPECT_EQ(accumulator.episodes(0), 0u);
  accumulator.Add(0, std::vector<float>(3));
  EXPECT_THROW(accumulator.Add(0, std::vector<float>(6)), Error);
}

}  // namespace
}  // namespace takt::reuse
