// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace takt {

// One curve. Points with a NaN, or that a logarithmic axis cannot show, are gaps.
struct PlotSeries {
  std::string name;
  std::vector<double> x, y;  // equally long; the points are joined in this order
  bool line = true;
  bool markers = false;
};

// A labelled dashed line across the plot: a budget, the figure of a peer.
struct PlotReference {
  double at = 0;  // on the y axis, or on the x axis where `vertical`
  std::string label;
  bool vertical = false;
};

struct LinePlot {
  std::string title;
  std::string x_label, y_label;  // with the unit: "file size [MB]"
  bool log_x = false, log_y = false;
  std::vector<PlotSeries> series;  // up to 6 are told apart by colour, dash and marker; then they repeat
  std::vector<PlotReference> references;
};

// Horizontal bars, one per row, stacked from the values of the row.
struct BarRow {
  std::string label;
  std::vector<double> values;  // [parts], each >= 0
};
struct BarChart {
  std::string title;
  std::string unit;                // "B" is written as kB and MB
  std::vector<std::string> parts;  // the legend; one part needs none
  std::vector<BarRow> rows;
  std::vector<PlotReference> references;  // vertical; `vertical` is not read
};

// A figure as HTML: title, legend, the SVG in a wide and a narrow layout (the style sheet of Report shows the one that
// fits the screen) and the values as a table where they are few. Colours come from classes, so both themes work.
// Curves of more points than pixels are thinned so that every extreme stays visible.
// Errors: bad_input when x and y differ in length or a row does not have one value per part.
// Determinism: equal plots give equal bytes.
std::string LinePlotHtml(const LinePlot& plot);
std::string BarChartHtml(const BarChart& chart);

// Ticks at 1, 2 or 5 times a power of ten inside [low, high], about `count` of them; on a logarithmic axis at powers of
// ten, with 2 and 5 between where there are few. Finite bounds, low < high; low > 0 where `logarithmic`.
std::vector<double> NiceTicks(double low, double high, int count, bool logarithmic);

}  // namespace takt
