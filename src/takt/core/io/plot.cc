// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "takt/core/base/budget.h"
#include "takt/core/base/error.h"
#include "takt/core/io/html.h"

namespace takt {
namespace {

constexpr int kStyles = 6;                  // colours, dashes and markers that the style sheet tells apart
constexpr double kLargestDrawable = 1e150;  // beyond it a difference of two values may overflow
constexpr size_t kMaxTablePoints = 60;
constexpr double kCharacter_px = 7.0;  // mean width of a figure at the size of tick labels

struct Layout {
  const char* css_class;
  double width_px, height_px;
};
// As wide as the text column of the report, and as a phone held upright.
constexpr Layout kLayouts[] = {{"wide", 920, 380}, {"narrow", 380, 300}};

std::string WithMinusSign(std::string text) {
  if (!text.empty() && text[0] == '-') text.replace(0, 1, "−");
  return text;
}

// A tick label as short as the distance to the next tick allows; thousands as k, M, G from 10,000 on.
std::string TickLabel(double value, double step, double largest) {
  if (std::abs(value) < 1e-9 * step) value = 0;
  struct Scale {
    double from, unit;
    const char* suffix;
  };
  constexpr Scale kScales[] = {{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}, {0, 1, ""}};
  const Scale& scale = *std::find_if(std::begin(kScales), std::end(kScales),
                                     [&](const Scale& candidate) { return largest >= candidate.from; });
  if (largest >= 1e13 || largest < 1e-4) return WithMinusSign(fmt::format("{:.3g}", value));
  const int decimals = std::clamp(static_cast<int>(-std::floor(std::log10(step / scale.unit) + 1e-9)), 0, 8);
  return WithMinusSign(fmt::format("{:.{}f}{}", value / scale.unit, decimals, value == 0 ? "" : scale.suffix));
}

std::string LogTickLabel(double value) {
  if (value >= 1e13 || value < 1e-4) return fmt::format("{:.0e}", value);
  if (value >= 1e9) return fmt::format("{:g}G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:g}M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:g}k", value / 1e3);
  return fmt::format("{:g}", value);
}

// One axis: the shown range and its place on the drawing.
struct Axis {
  bool logarithmic = false;
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  double from_px = 0, to_px = 0;

  bool Shows(double value) const {
    return std::abs(value) <= kLargestDrawable && (!logarithmic || value > 1 / kLargestDrawable);
  }
  void Include(double value) {
    if (!Shows(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double Map(double value) const { return logarithmic ? std::log10(value) : value; }
  double Unmap(double value) const { return logarithmic ? std::pow(10.0, value) : value; }
  // Adds room at both ends, and some range where all values are equal.
  void Pad(double fraction) {
    if (!(low <= high)) {
      low = logarithmic ? 1 : 0;
      high = logarithmic ? 10 : 1;
    }
    double a = Map(low), b = Map(high);
    const double equal_room = logarithmic ? 0.5 : std::max(std::abs(a) * 0.1, 1e-9);
    const double room = b > a ? (b - a) * fraction : equal_room;
    low = Unmap(a - room);
    high = Unmap(b + room);
  }
  double ToPx(double value) const {
    return from_px + (Map(value) - Map(low)) / (Map(high) - Map(low)) * (to_px - from_px);
  }
  std::vector<std::string> Labels(const std::vector<double>& ticks) const {
    std::vector<std::string> labels;
    double largest = 0;
    for (const double tick : ticks) largest = std::max(largest, std::abs(tick));
    const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : std::max(largest, 1e-9);
    for (const double tick : ticks) labels.push_back(logarithmic ? LogTickLabel(tick) : TickLabel(tick, step, largest));
    return labels;
  }
};

struct Point {
  double x, y;
};

// At most two points, the lowest and the highest, of every `stride`: what a column of pixels can show.
std::vector<Point> Thin(const std::vector<Point>& points, size_t columns) {
  if (points.size() <= 2 * columns) return points;
  const size_t stride = (points.size() + columns - 1) / columns;
  std::vector<Point> kept;
  for (size_t begin = 0; begin < points.size(); begin += stride) {
    const auto first = points.begin() + static_cast<ptrdiff_t>(begin);
    const auto last = points.begin() + static_cast<ptrdiff_t>(std::min(begin + stride, points.size()));
    auto [low, high] = std::minmax_element(first, last, [](const Point& a, const Point& b) { return a.y < b.y; });
    if (high < low) std::swap(low, high);
    kept.push_back(*low);
    if (low != high) kept.push_back(*high);
  }
  return kept;
}

std::string Marker(size_t style, double x, double y, const std::string& tip) {
  std::string shape;
  switch (style % 4) {
    case 0:
      shape = fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\">", x, y);
      break;
    case 1:
      shape = fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"7\" height=\"7\">", x - 3.5, y - 3.5);
      break;
    case 2:
      shape = fmt::format("<path d=\"M{:.1f} {:.1f}l5 5-5 5-5-5z\">", x, y - 5);
      break;
    default:
      shape = fmt::format("<path d=\"M{:.1f} {:.1f}l5 8.5h-10z\">", x, y - 5);
      break;
  }
  const std::string name = shape.substr(1, shape.find(' ') - 1);
  return fmt::format("{}<title>{}</title></{}>", shape, tip, name);
}

// The parts of one curve between its gaps.
std::vector<std::vector<Point>> Pieces(const PlotSeries& series, const Axis& x_axis, const Axis& y_axis) {
  std::vector<std::vector<Point>> pieces(1);
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (x_axis.Shows(series.x[i]) && y_axis.Shows(series.y[i])) {
      pieces.back().push_back({series.x[i], series.y[i]});
    } else if (!pieces.back().empty()) {
      pieces.emplace_back();
    }
  }
  if (pieces.back().empty()) pieces.pop_back();
  return pieces;
}

std::string CurveSvg(const PlotSeries& series, size_t index, const Axis& x_axis, const Axis& y_axis) {
  std::string svg = fmt::format("<g class=\"series s{}\">", index % kStyles + 1);
  const size_t columns = static_cast<size_t>(std::abs(x_axis.to_px - x_axis.from_px));
  for (const std::vector<Point>& piece : Pieces(series, x_axis, y_axis)) {
    if (series.line && piece.size() > 1) {
      const std::vector<Point> points = Thin(piece, columns);
      // A curve that fills whole columns would drown the others at full weight.
      svg += points.size() > columns / 2 ? "<path class=\"curve dense\" d=\"" : "<path class=\"curve\" d=\"";
      char command = 'M';
      for (const Point& point : points) {
        svg += fmt::format("{}{:.1f} {:.1f}", command, x_axis.ToPx(point.x), y_axis.ToPx(point.y));
        command = 'L';
      }
      svg += "\"/>";
    }
    // A point without neighbours would leave no trace as a line.
    if (!series.markers && piece.size() > 1 && series.line) continue;
    for (const Point& point : Thin(piece, columns)) {
      const std::string tip =
          fmt::format("{}{}{:.6g}, {:.6g}", EscapeHtml(series.name), series.name.empty() ? "" : ": ", point.x, point.y);
      svg += Marker(index, x_axis.ToPx(point.x), y_axis.ToPx(point.y), tip);
    }
  }
  return svg + "</g>";
}

std::string Text(double x, double y, const char* css_class, const char* anchor, const std::string& escaped) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}</text>", x, y, css_class,
                     anchor, escaped);
}

std::string Line(const char* css_class, double x1, double y1, double x2, double y2) {
  return fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", css_class, x1, y1,
                     x2, y2);
}

std::string SvgOpen(const Layout& layout, double height_px, const std::string& title) {
  return fmt::format(
      "<svg class=\"{}\" viewBox=\"0 0 {:.0f} {:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" role=\"img\" "
      "aria-label=\"{}\">",
      layout.css_class, layout.width_px, height_px, layout.width_px, height_px, EscapeHtml(title));
}

// Distance between a horizontal label box (its middle line from x1 to x2 at y) and the nearest curve; a curve that
// passes through counts as 0.
double Clearance(const LinePlot& plot, const Axis& x_axis, const Axis& y_axis, double x1, double x2, double y) {
  double clearance = std::numeric_limits<double>::infinity();
  for (const PlotSeries& series : plot.series) {
    for (const std::vector<Point>& piece : Pieces(series, x_axis, y_axis)) {
      for (size_t i = 0; i < piece.size(); ++i) {
        const Point& from = piece[i];
        const Point& to = piece[std::min(i + 1, piece.size() - 1)];
        const double ax = x_axis.ToPx(from.x), bx = x_axis.ToPx(to.x);
        const double left = std::max(std::min(ax, bx), x1), right = std::min(std::max(ax, bx), x2);
        if (left > right) continue;
        const double ay = y_axis.ToPx(from.y), by = y_axis.ToPx(to.y);
        const auto height = [&](double x) { return ax == bx ? ay : ay + (x - ax) / (bx - ax) * (by - ay); };
        const double dl = height(left) - y, dr = height(right) - y;
        clearance = std::min(clearance, dl * dr <= 0 ? 0 : std::min(std::abs(dl), std::abs(dr)));
      }
    }
  }
  return clearance;
}

std::string ReferenceSvg(const LinePlot& plot, const PlotReference& reference, const Axis& x_axis, const Axis& y_axis) {
  const Axis& axis = reference.vertical ? x_axis : y_axis;
  if (!axis.Shows(reference.at)) return "";
  const double at_px = axis.ToPx(reference.at);
  const std::string label = EscapeHtml(reference.label);
  if (reference.vertical) {
    const bool left_half = at_px < (x_axis.from_px + x_axis.to_px) / 2;
    return Line("reference", at_px, y_axis.from_px, at_px, y_axis.to_px) +
           Text(left_half ? at_px + 6 : at_px - 6, y_axis.to_px - 4, "note", left_half ? "start" : "end", label);
  }
  // Of the four corners along the line, the one farthest from any curve.
  const double length_px = kCharacter_px * static_cast<double>(reference.label.size()) + 8;
  std::string text;
  double best = -1;
  for (const bool right : {true, false}) {
    const double x = right ? x_axis.to_px - 4 : x_axis.from_px + 4;
    for (const double middle : {at_px - 10, at_px + 11}) {
      const double clearance =
          Clearance(plot, x_axis, y_axis, right ? x - length_px : x, right ? x : x + length_px, middle);
      if (clearance <= best) continue;
      best = clearance;
      text = Text(x, middle + 4, "note", right ? "end" : "start", label);
    }
  }
  return Line("reference", x_axis.from_px, at_px, x_axis.to_px, at_px) + text;
}

std::string LinePlotSvg(const LinePlot& plot, const Layout& layout) {
  Axis x_axis, y_axis;
  x_axis.logarithmic = plot.log_x;
  y_axis.logarithmic = plot.log_y;
  bool markers = false;
  for (const PlotSeries& series : plot.series) {
    markers |= series.markers;
    for (const std::vector<Point>& piece : Pieces(series, x_axis, y_axis)) {
      for (const Point& point : piece) {
        x_axis.Include(point.x);
        y_axis.Include(point.y);
      }
    }
  }
  for (const PlotReference& reference : plot.references) (reference.vertical ? x_axis : y_axis).Include(reference.at);
  const bool empty = !(x_axis.low <= x_axis.high && y_axis.low <= y_axis.high);
  x_axis.Pad(markers ? 0.03 : 0.0);
  y_axis.Pad(0.06);

  const double top = 40, bottom = layout.height_px - 46;
  y_axis.from_px = bottom;
  y_axis.to_px = top;
  const std::vector<double> y_ticks =
      NiceTicks(y_axis.low, y_axis.high, static_cast<int>((bottom - top) / 48), plot.log_y);
  const std::vector<std::string> y_labels = y_axis.Labels(y_ticks);
  size_t longest = 1;
  for (const std::string& label : y_labels) longest = std::max(longest, label.size());
  x_axis.from_px = 14 + kCharacter_px * static_cast<double>(longest);
  x_axis.to_px = layout.width_px - 14;

  std::string svg = SvgOpen(layout, layout.height_px, plot.title);
  svg += Text(0, 14, "axis", "start", EscapeHtml(plot.y_label));
  for (size_t i = 0; i < y_ticks.size(); ++i) {
    const double y = y_axis.ToPx(y_ticks[i]);
    svg +=
        Line("grid", x_axis.from_px, y, x_axis.to_px, y) + Text(x_axis.from_px - 8, y + 4, "tick", "end", y_labels[i]);
  }
  const std::vector<double> x_ticks =
      NiceTicks(x_axis.low, x_axis.high, static_cast<int>((x_axis.to_px - x_axis.from_px) / 84), plot.log_x);
  const std::vector<std::string> x_labels = x_axis.Labels(x_ticks);
  svg += Line("base", x_axis.from_px, bottom, x_axis.to_px, bottom);
  double free_from = -1e9;
  for (size_t i = 0; i < x_ticks.size(); ++i) {
    const double x = x_axis.ToPx(x_ticks[i]);
    svg += Line("base", x, bottom, x, bottom + 5);
    const double half = kCharacter_px * static_cast<double>(x_labels[i].size()) / 2;
    if (x - half < free_from) continue;  // logarithmic ticks crowd
    svg += Text(std::min(x, layout.width_px - half), bottom + 20, "tick", "middle", x_labels[i]);
    free_from = x + half + 6;
  }
  svg += Text((x_axis.from_px + x_axis.to_px) / 2, layout.height_px - 6, "axis", "middle", EscapeHtml(plot.x_label));
  if (empty) {
    return svg + Text((x_axis.from_px + x_axis.to_px) / 2, (top + bottom) / 2, "axis", "middle", "no values") +
           "</svg>";
  }
  for (size_t i = 0; i < plot.series.size(); ++i) svg += CurveSvg(plot.series[i], i, x_axis, y_axis);
  for (const PlotReference& reference : plot.references) svg += ReferenceSvg(plot, reference, x_axis, y_axis);
  return svg + "</svg>";
}

struct LegendEntry {
  std::string name;
  bool line, marker;
};

std::string Legend(const std::vector<LegendEntry>& entries) {
  if (entries.size() < 2) return "";
  std::string html = "<ul class=\"legend\">";
  for (size_t i = 0; i < entries.size(); ++i) {
    std::string key;
    if (!entries[i].line && !entries[i].marker) key = "<rect x=\"4\" y=\"1\" width=\"12\" height=\"12\" rx=\"3\"/>";
    if (entries[i].line) key = "<path class=\"curve\" d=\"M0 7H26\"/>";
    if (entries[i].marker) key += Marker(i, 13, 7, "");
    const int width = entries[i].line || entries[i].marker ? 26 : 18;
    html += fmt::format(
        "<li><svg width=\"{}\" height=\"14\" aria-hidden=\"true\"><g class=\"series s{}\">{}</g></svg>{}</li>", width,
        i % kStyles + 1, key, EscapeHtml(entries[i].name));
  }
  return html + "</ul>";
}

std::string Figure(const std::string& title, const std::string& legend, const std::string& drawings,
                   const std::string& table) {
  std::string html = "<figure class=\"plot\">";
  if (!title.empty()) html += fmt::format("<figcaption>{}</figcaption>", EscapeHtml(title));
  html += legend + drawings;
  if (!table.empty()) html += "<details><summary>Values</summary><div class=\"scroll\">" + table + "</div></details>";
  return html + "</figure>\n";
}

std::string ValueTable(const LinePlot& plot) {
  size_t points = 0;
  for (const PlotSeries& series : plot.series) points += series.x.size();
  if (points == 0 || points > kMaxTablePoints) return "";
  std::string html = fmt::format(
      "<table><thead><tr><th scope=\"col\">Series</th><th scope=\"col\" class=\"number\">{}</th>"
      "<th scope=\"col\" class=\"number\">{}</th></tr></thead><tbody>",
      EscapeHtml(plot.x_label), EscapeHtml(plot.y_label));
  for (const PlotSeries& series : plot.series) {
    for (size_t i = 0; i < series.x.size(); ++i) {
      html += fmt::format(
          "<tr><th scope=\"row\">{}</th><td class=\"number\">{:.6g}</td><td class=\"number\">{:.6g}</td></tr>",
          EscapeHtml(series.name), series.x[i], series.y[i]);
    }
  }
  return html + "</tbody></table>";
}

std::string Amount(double value, const std::string& unit) {
  if (unit == "B" && value >= 0 && value < 1e18) return FormatBytes(static_cast<uint64_t>(value));
  return unit.empty() ? fmt::format("{:.4g}", value) : fmt::format("{:.4g} {}", value, unit);
}

double Total(const BarRow& row) {
  double sum = 0;
  for (const double value : row.values) {
    if (value > 0 && value < kLargestDrawable) sum += value;
  }
  return sum;
}

std::string BarChartSvg(const BarChart& chart, const Layout& layout) {
  constexpr double kRow_px = 58, kBar_px = 18, kBarTop_px = 22;
  double top = 4;
  for (const PlotReference& reference : chart.references) {
    if (!reference.label.empty()) top = 26;
  }
  double largest = 0;
  for (const BarRow& row : chart.rows) largest = std::max(largest, Total(row));
  for (const PlotReference& reference : chart.references) {
    if (reference.at < kLargestDrawable) largest = std::max(largest, reference.at);
  }
  Axis axis;
  axis.low = 0;
  axis.high = largest > 0 ? largest : 1;
  axis.from_px = 0;
  axis.to_px = layout.width_px - 2;
  const double height = top + kRow_px * static_cast<double>(chart.rows.size()) - 10;
  std::string svg = SvgOpen(layout, height, chart.title);
  for (size_t r = 0; r < chart.rows.size(); ++r) {
    const BarRow& row = chart.rows[r];
    const double y = top + kRow_px * static_cast<double>(r);
    const std::string label = EscapeHtml(row.label);
    svg += Text(0, y + 15, "label", "start", label);
    svg += Text(layout.width_px, y + 15, "tick", "end", EscapeHtml(Amount(Total(row), chart.unit)));
    svg += fmt::format("<rect class=\"track\" x=\"0\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" rx=\"3\"/>",
                       y + kBarTop_px, layout.width_px, kBar_px);
    double start = 0;
    for (size_t p = 0; p < row.values.size(); ++p) {
      const double value = row.values[p];
      if (!(value > 0 && value < kLargestDrawable)) continue;
      const double x = axis.ToPx(start), width = axis.ToPx(start + value) - x;
      // A hairline between the parts, but never at the cost of the whole part.
      svg += fmt::format(
          "<g class=\"series s{}\"><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" "
          "rx=\"2\"><title>{}"
          "</title></rect></g>",
          p % kStyles + 1, x, y + kBarTop_px, std::max(width - 1.5, 0.5), kBar_px,
          EscapeHtml(fmt::format("{}{}{}: {}", row.label, chart.parts.empty() ? "" : ", ",
                                 chart.parts.empty() ? "" : chart.parts[p], Amount(value, chart.unit))));
      start += value;
    }
  }
  for (const PlotReference& reference : chart.references) {
    if (!(reference.at >= 0 && reference.at < kLargestDrawable)) continue;
    const double x = axis.ToPx(reference.at);
    svg += Line("reference", x, 20, x, height - 4);
    const char* anchor = x > layout.width_px / 2 ? "end" : "start";
    svg += Text(x, 13, "note", anchor, EscapeHtml(reference.label));
  }
  return svg + "</svg>";
}

std::string BarTable(const BarChart& chart) {
  if (chart.rows.size() * chart.parts.size() > kMaxTablePoints || chart.parts.size() < 2) return "";
  std::string html = "<table><thead><tr><th scope=\"col\"></th>";
  for (const std::string& part : chart.parts) {
    html += fmt::format("<th scope=\"col\" class=\"number\">{}</th>", EscapeHtml(part));
  }
  html += "</tr></thead><tbody>";
  for (const BarRow& row : chart.rows) {
    html += fmt::format("<tr><th scope=\"row\">{}</th>", EscapeHtml(row.label));
    for (const double value : row.values) {
      html += fmt::format("<td class=\"number\">{}</td>", EscapeHtml(Amount(value, chart.unit)));
    }
    html += "</tr>";
  }
  return html + "</tbody></table>";
}

}  // namespace

std::vector<double> NiceTicks(double low, double high, int count, bool logarithmic) {
  count = std::clamp(count, 2, 20);
  std::vector<double> ticks;
  if (logarithmic) {
    const int first = static_cast<int>(std::ceil(std::log10(low) - 1e-9));
    const int last = static_cast<int>(std::floor(std::log10(high) + 1e-9));
    const int stride = std::max(1, (last - first + count) / count);
    const bool fill = last - first < std::min(count / 2, 3);
    for (int exponent = first - 1; exponent <= last; ++exponent) {
      if (!fill && (exponent < first || (exponent - first) % stride != 0)) continue;
      const double decade = std::pow(10.0, exponent);
      for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor > 1 && !fill) break;
        const double tick = decade * factor;
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push_back(tick);
      }
    }
    // Less than one step of 1, 2, 5 in the range: linear ticks say more.
    return ticks.size() >= 2 ? ticks : NiceTicks(low, high, count, false);
  }
  const double rough = (high - low) / count;
  const double magnitude = std::pow(10.0, std::floor(std::log10(rough)));
  const double fraction = rough / magnitude;
  const double step = magnitude * (fraction <= 1 ? 1 : fraction <= 2 ? 2 : fraction <= 5 ? 5 : 10);
  // Multiples, not sums: a sum would drift off the round numbers.
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= 2 * count; ++i) {
    const double tick = (first + i) * step;
    if (tick > high + 1e-9 * step) break;
    ticks.push_back(tick);
  }
  return ticks;
}

std::string LinePlotHtml(const LinePlot& plot) {
  std::vector<LegendEntry> legend;
  for (const PlotSeries& series : plot.series) {
    if (series.x.size() != series.y.size()) {
      throw Error(ErrorCode::kBadInput, "plot",
                  fmt::format("series '{}' has {} x and {} y values", series.name, series.x.size(), series.y.size()));
    }
    legend.push_back({series.name, series.line, series.markers || !series.line});
  }
  std::string drawings;
  for (const Layout& layout : kLayouts) drawings += LinePlotSvg(plot, layout);
  return Figure(plot.title, Legend(legend), drawings, ValueTable(plot));
}

std::string BarChartHtml(const BarChart& chart) {
  std::vector<LegendEntry> legend;
  for (const std::string& part : chart.parts) legend.push_back({part, false, false});
  for (const BarRow& row : chart.rows) {
    if (row.values.size() != std::max<size_t>(chart.parts.size(), 1)) {
      throw Error(ErrorCode::kBadInput, "plot",
                  fmt::format("bar '{}' has {} values for {} parts", row.label, row.values.size(), chart.parts.size()));
    }
  }
  std::string drawings;
  for (const Layout& layout : kLayouts) drawings += BarChartSvg(chart, layout);
  return Figure(chart.title, Legend(legend), drawings, BarTable(chart));
}

}  // namespace takt
