// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "takt/core/base/rng.h"

namespace takt::serve {
namespace {

TEST(LatencyWindowTest, QuantilesAreWithinOnePercentOfTheSortedValues) {
  for (const double scale_s : {2e-6, 1e-4, 8e-3, 0.9, 100.0}) {
    LatencyWindow window;
    std::vector<double> values;
    const Rng rng(3);
    for (uint64_t i = 0; i < 5000; ++i) {
      values.push_back(scale_s * (1 + 5 * rng.UniformDouble(i) * rng.UniformDouble(i + 100000)));
      window.Add(values.back(), 1000 + static_cast<double>(i) * 1e-3);
    }
    std::sort(values.begin(), values.end());
    for (const double q : {0.0, 0.01, 0.5, 0.95, 0.99, 0.999, 1.0}) {
      const size_t rank = static_cast<size_t>(std::max(1.0, std::ceil(q * 5000))) - 1;
      const double exact = values[rank], got = window.QuantileSeconds(q, 1005);
      if (!(std::abs(got - exact) <= 0.017 * exact))
        ADD_FAILURE() << scale_s << " " << q << ": " << got << " " << exact;
    }
    EXPECT_EQ(window.count(), 5000u);
  }
}

TEST(LatencyWindowTest, ForgetsWhatIsOlderThanAMinute) {
  LatencyWindow window;
  EXPECT_TRUE(std::isnan(window.QuantileSeconds(0.5, 0)));
  window.Add(1, 5);
  EXPECT_NEAR(window.QuantileSeconds(0.5, 50), 1, 0.02);
  window.Add(2, 64);  // takes the slot of the first
  EXPECT_NEAR(window.QuantileSeconds(0.0, 64), 2, 0.04);
  EXPECT_TRUE(std::isnan(window.QuantileSeconds(0.5, 130)));
  EXPECT_EQ(window.count(), 2u);
  EXPECT_DOUBLE_EQ(window.sum_s(), 3);
}

TEST(LatencyWindowTest, TakesAnyNumber) {
  LatencyWindow window;
  for (const double value : {0.0, -1.0, 1e-12, 1e9, 3600.0}) window.Add(value, 1);
  EXPECT_NEAR(window.QuantileSeconds(0.5, 1), 1e-6, 1e-7);
  EXPECT_NEAR(window.QuantileSeconds(1, 1), 3600, 40);
}

TEST(ServeMetricsTest, PrometheusText) {
  ServeMetrics metrics;
  metrics.CountReceived();
  metrics.CountReceived();
  metrics.CountAnswer(Status::kOk);
  metrics.CountAnswer(Status::kSuperseded);
  metrics.AddInference(0.008, 1);
  metrics.AddTotal(0.016, 1);
  Health health;
  health.is_serving = true;
  health.estimate_ms = std::nan("");
  const std::string text = metrics.Prometheus(health, 2);
  EXPECT_NE(text.find("\ntakt_policy_received_total 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("takt_policy_answers_total{status=\"ok\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("takt_policy_answers_total{status=\"superseded\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("takt_policy_answers_total{status=\"deadline_exceeded\"} 0\n"), std::string::npos);
  EXPECT_NE(text.find("takt_policy_inference_seconds{quantile=\"0.99\"} 0.00"), std::string::npos);
  EXPECT_NE(text.find("takt_policy_queue_seconds{quantile=\"0.5\"} NaN\n"), std::string::npos);
  EXPECT_NE(text.find("takt_policy_total_seconds_count 1\n"), std::string::npos);
  EXPECT_NE(text.find("takt_policy_estimate_seconds NaN\n"), std::string::npos);
  EXPECT_NE(text.find("takt_policy_up 1\n"), std::string::npos);
  // Each line is a comment, or a name and a number.
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) continue;
    const size_t space = line.rfind(' ');
    ASSERT_NE(space, std::string::npos) << line;
    char* end = nullptr;
    std::strtod(line.c_str() + space + 1, &end);
    EXPECT_EQ(*end, '\0') << line;
  }
}

}  // namespace
}  // namespace takt::serve
