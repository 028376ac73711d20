// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/plot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"

namespace takt {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

size_t Count(const std::string& text, const std::string& word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++count;
  return count;
}

std::string WithoutTips(std::string html) {
  for (size_t at = html.find("<title>"); at != html.npos; at = html.find("<title>", at)) {
    html.erase(at, html.find("</title>", at) - at + std::string("</title>").size());
  }
  return html;
}

// The smallest y of a curve: its highest point on the screen.
double Top(const std::string& html) {
  const size_t begin = html.find("d=\"M", html.find("class=\"curve"));
  const std::string path = html.substr(begin + 4, html.find('"', begin + 4) - begin - 4);
  double top = 1e9;
  for (size_t at = path.find(' '); at != path.npos; at = path.find(' ', at + 1)) {
    top = std::min(top, std::stod(path.substr(at + 1)));
  }
  return top;
}

LinePlot OneCurve(std::vector<double> x, std::vector<double> y) {
  LinePlot plot;
  plot.series.push_back({"a", std::move(x), std::move(y)});
  return plot;
}

TEST(NiceTicks, AreRoundAndInside) {
  EXPECT_EQ(NiceTicks(0, 10, 5, false), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(NiceTicks(-1, 1, 4, false), (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
  EXPECT_EQ(NiceTicks(1, 1000, 6, true), (std::vector<double>{1, 10, 100, 1000}));
  EXPECT_EQ(NiceTicks(1, 20, 6, true), (std::vector<double>{1, 2, 5, 10, 20}));
  const Rng rng(1);
  for (uint64_t i = 0; i < 2000; ++i) {
    const double span = std::pow(10.0, 40 * rng.UniformDouble(3 * i) - 20);
    const double low = span * (4 * rng.UniformDouble(3 * i + 1) - 2);
    const std::vector<double> ticks = NiceTicks(low, low + span, 6, false);
    ASSERT_GE(ticks.size(), 2u) << low << " " << span;
    ASSERT_LE(ticks.size(), 13u);
    ASSERT_GE(ticks.front(), low - 1e-6 * span);
    ASSERT_LE(ticks.back(), low + span * (1 + 1e-6));
    const double high_log = std::pow(10.0, 12 * rng.UniformDouble(3 * i + 2));
    const std::vector<double> log_ticks = NiceTicks(1, 1.01 * high_log, 6, true);
    ASSERT_GE(log_ticks.size(), 2u) << high_log;
    ASSERT_LE(log_ticks.size(), 13u) << high_log;
  }
}

TEST(LinePlot, EveryNumberInTheDrawingIsFinite) {
  const LinePlot plots[] = {
      OneCurve({}, {}),
      OneCurve({1}, {1}),
      OneCurve({1, 1, 1}, {2, 2, 2}),
      OneCurve({0, 1, 2, 3}, {1, kNan, kInf, -kInf}),
      OneCurve({0, 1}, {-1e308, 1e308}),
      OneCurve({0, 1}, {1e-300, 2e-300}),
      OneCurve({1e9, 1e9 + 1}, {5, 6}),
  };
  for (LinePlot plot : plots) {
    for (const bool logarithmic : {false, true}) {
      plot.log_x = plot.log_y = logarithmic;
      plot.references = {{kNan, "none", false}, {3, "three", false}, {-1, "minus one", true}};
      std::string html = LinePlotHtml(plot);
      // The table of values repeats what it was given, NaN included; the drawing must not.
      html = WithoutTips(html.substr(0, html.find("<details>")));
      EXPECT_EQ(html.find("nan"), html.npos);
      EXPECT_EQ(html.find("inf"), html.npos);
    }
  }
}

TEST(LinePlot, GapsSplitTheCurve) {
  const std::string html = LinePlotHtml(OneCurve({0, 1, 2, 3, 4}, {1, 2, kNan, 3, 4}));
  EXPECT_EQ(Count(html, "class=\"curve\""), 4u);  // two pieces in two layouts
  EXPECT_NE(LinePlotHtml(OneCurve({}, {})).find("no values"), html.npos);
}

TEST(LinePlot, LongCurvesAreThinnedAndKeepTheirExtremes) {
  std::vector<double> x, y;
  for (int i = 0; i < 200000; ++i) {
    x.push_back(i);
    y.push_back(std::sin(i * 1e-3));
  }
  y[123456] = 50;
  const std::string html = LinePlotHtml(OneCurve(x, y));
  EXPECT_LT(html.size(), 80000u);
  // The peak of one sample in 200,000 stands where the largest value belongs: at the top, below the padding.
  EXPECT_GE(Top(html), 40);
  EXPECT_LE(Top(html), 60);
}

TEST(LinePlot, TextIsEscaped) {
  LinePlot plot = OneCurve({0, 1}, {0, 1});
  plot.title = plot.x_label = plot.y_label = "<script>&\"";
  plot.series[0].name = "<b>";
  plot.series[0].markers = true;
  plot.series.push_back(plot.series[0]);
  plot.references = {{0.5, "<i>", false}};
  const std::string html = LinePlotHtml(plot);
  EXPECT_EQ(html.find("<script>"), html.npos);
  EXPECT_EQ(html.find("<b>"), html.npos);
  EXPECT_EQ(html.find("<i>"), html.npos);
}

TEST(Plots, MismatchedSizesAreRefused) {
  EXPECT_THROW(LinePlotHtml(OneCurve({1, 2}, {1})), Error);
  BarChart chart;
  chart.parts = {"a", "b"};
  chart.rows = {{"row", {1}}};
  EXPECT_THROW(BarChartHtml(chart), Error);
  chart.parts = {};
  EXPECT_NO_THROW(BarChartHtml(chart));
}

TEST(BarChart, HostileValuesDrawNothing) {
  BarChart chart;
  chart.unit = "B";
  chart.parts = {"a", "b", "c", "d"};
  chart.rows = {{"row", {kNan, -1, kInf, 0}}, {"fine", {1e6, 2e6, 0, 5e5}}};
  chart.references = {{kNan, "", true}, {4e6, "budget", true}};
  std::string html = BarChartHtml(chart);
  html = html.substr(0, html.find("<details>"));
  EXPECT_EQ(html.find("nan"), html.npos);
  EXPECT_EQ(html.find("inf"), html.npos);
  EXPECT_EQ(Count(html, "<title>fine"), 6u);
  EXPECT_NE(html.find("3.5 MB"), html.npos);
}

}  // namespace
}  // namespace takt
