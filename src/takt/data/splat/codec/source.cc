// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/source.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/codec/octree.h"

namespace takt::splat {
namespace {

constexpr size_t kGrain = 4096;
constexpr float kMaxLogit = 9.2f;  // opacity 0.9999: the renderer stops at 0.999

// The linear part spans what lies between the 2nd and 98th percentile, with a margin; a scene that hardly goes beyond is
// mapped linearly as a whole.
SpaceMap FitSpace(const Splats& splats) {
  const size_t n = splats.size();
  SpaceMap map;
  float core = 0, all = 0;
  std::vector<float> axis(n);
  for (int a = 0; a < 3; ++a) {
    for (size_t i = 0; i < n; ++i) axis[i] = splats.means[3 * i + a];
    const auto at = [&](size_t rank) {
      std::nth_element(axis.begin(), axis.begin() + static_cast<ptrdiff_t>(rank), axis.end());
      return axis[rank];
    };
    const float low = at(n / 50), high = at(n - 1 - n / 50);
    const auto [least, most] = std::minmax_element(axis.begin(), axis.end());
    map.centre[a] = 0.5f * (low + high);
    core = std::max(core, 0.75f * (high - low));
    all = std::max({all, *most - map.centre[a], map.centre[a] - *least});
  }
  map.radius = all <= 2.5f * core || !(core > 0) ? all : core;
  if (!(map.radius > 0)) map.radius = 1;
  map.extent = all > map.radius ? 1.0f + std::log(all / map.radius) : 1.0f;
  map.extent *= 1.000001f;
  return map;
}

// Eigenvectors of the weighted covariance of the DC colours by cyclic Jacobi rotations, largest variance first.
std::array<float, 9> FitColour(const Splats& splats, const Sensitivity& sensitivity, int k) {
  double mean[3] = {}, m[3][3] = {}, total = 0;
  const size_t stride = static_cast<size_t>(3 * k), channel = static_cast<size_t>(k);
  for (size_t i = 0; i < splats.size(); ++i) {
    const double w = sensitivity.sh[i * channel];
    total += w;
    for (int c = 0; c < 3; ++c) mean[c] += w * splats.sh[i * stride + c * channel];
  }
  if (!(total > 0)) return {1, 0, 0, 0, 1, 0, 0, 0, 1};
  for (double& x : mean) x /= total;
  for (size_t i = 0; i < splats.size(); ++i) {
    const double w = sensitivity.sh[i * channel];
    double d[3];
    for (int c = 0; c < 3; ++c) d[c] = splats.sh[i * stride + c * channel] - mean[c];
    for (int r = 0; r < 3; ++r) {
      for (int c = 0; c < 3; ++c) m[r][c] += w * d[r] * d[c];
    }
  }
  double v[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (int p = 0; p < 2; ++p) {
      for (int q = p + 1; q < 3; ++q) {
        if (m[p][q] == 0) continue;
        const double theta = 0.5 * std::atan2(2 * m[p][q], m[q][q] - m[p][p]);
        const double c = std::cos(theta), s = std::sin(theta);
        for (int i = 0; i < 3; ++i) {
          const double a = m[i][p], b = m[i][q];
          m[i][p] = c * a - s * b, m[i][q] = s * a + c * b;
        }
        for (int i = 0; i < 3; ++i) {
          const double a = m[p][i], b = m[q][i];
          m[p][i] = c * a - s * b, m[q][i] = s * a + c * b;
        }
        for (int i = 0; i < 3; ++i) {
          const double a = v[i][p], b = v[i][q];
          v[i][p] = c * a - s * b, v[i][q] = s * a + c * b;
        }
      }
    }
  }
  std::array<int, 3> order = {0, 1, 2};
  std::sort(order.begin(), order.end(), [&](int a, int b) { return m[a][a] > m[b][b]; });
  std::array<float, 9> rows;
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) rows[3 * r + c] = static_cast<float>(v[c][order[r]]);
  }
  return rows;
}

// The blur whose predicted cost of a shift, w sum_j 1 / (s_j^2 + blur^2), follows the true one best.
float FitBlur(const SplatSource& source) {
  const size_t n = source.size(), stride = std::max<size_t>(1, n / 8192);
  double log_sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < n; i += stride, ++count) log_sum += source.scales[1][i];
  const double typical = std::exp(log_sum / static_cast<double>(count));
  double best = std::numeric_limits<double>::infinity();
  float blur = 0;
  for (int k = -12; k <= 8; ++k) {
    const double candidate = typical * std::exp2(0.5 * k);
    double total = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < n; i += stride) {
      double truth = 0, predicted = 0;
      for (int a = 0; a < 3; ++a) {
        const double stretch = source.space.Stretch(source.fixed[a][i]);
        truth += source.fixed_cost[a][i] / (stretch * stretch);
        predicted += 1.0 / (std::exp(2.0 * source.scales[a][i]) + candidate * candidate);
      }
      const double w = source.removal[i];
      if (!(truth > 0) || !(w > 0) || !(source.dc_cost[i] > 0)) continue;
      const double ratio = std::log(truth) - std::log(predicted * source.dc_cost[i]);
      total += w, sum += w * ratio, squares += w * ratio * ratio;
    }
    if (!(total > 0)) continue;
    const double variance = squares / total - (sum / total) * (sum / total);
    if (variance < best) {
      best = variance;
      blur = static_cast<float>(candidate);
    }
  }
  return blur;
}

// Sensitivities are derivatives at the true value and for the views that were rendered; a coded value is a step away, and
// somebody will look from elsewhere. So every cost gets a floor.
//   1. A splat that the views hardly saw counts as kUnseen of what it would be in plain view, o^2 s_1 s_2.
//   2. Where a derivative is far below what a splat of this weight usually has (an axis below a pixel, an opacity below the
//      cut-off), the distortion grows much faster than the square of the error: a share of the usual.
// docs/adr/0102 has the measurements.
constexpr double kUnseen = 0.003;
constexpr double kScaleFloor = 0.5, kOpacityFloor = 1.0, kShiftFloor = 0.1, kTurnFloor = 0.1;

void RaiseCosts(SplatSource* s) {
  const size_t n = s->size();
  std::vector<double> plain(n), ratios;
  for (size_t i = 0; i < n; ++i) {
    const double opacity = std::exp(s->log_opacity[i]) - kOpacityBias;
    plain[i] = opacity * opacity * std::exp(std::min(60.0f, s->scales[0][i] + s->scales[1][i]));
    if (s->dc_cost[i] > 0 && plain[i] > 0) ratios.push_back(s->dc_cost[i] / plain[i]);
  }
  if (ratios.empty()) return;
  const size_t rank = ratios.size() * 9 / 10;
  std::nth_element(ratios.begin(), ratios.begin() + static_cast<ptrdiff_t>(rank), ratios.end());
  const double visible = ratios[rank];
  double dc_sum = 0, removal_sum = 0;
  for (size_t i = 0; i < n; ++i) dc_sum += s->dc_cost[i], removal_sum += s->removal[i];
  for (size_t i = 0; i < n; ++i) {
    const double floor = kUnseen * visible * plain[i];
    s->dc_cost[i] = std::max(s->dc_cost[i], static_cast<float>(floor));
    s->removal[i] = std::max(s->removal[i], static_cast<float>(floor * removal_sum / dc_sum));
  }
  // cost >= share * (sum of costs / sum of expected) * expected
  const auto raise = [&](std::vector<float>* cost, double share, const auto& expected) {
    std::vector<double> usual(n);
    ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) usual[i] = s->dc_cost[i] * expected(i);
    });
    double sum = 0, total = 0;
    for (size_t i = 0; i < n; ++i) sum += (*cost)[i], total += usual[i];
    const double scale = total > 0 ? share * sum / total : 0.0;
    for (size_t i = 0; i < n; ++i) (*cost)[i] = std::max((*cost)[i], static_cast<float>(scale * usual[i]));
  };
  const auto footprint = [&](size_t i) {
    const float log_scales[3] = {s->scales[0][i], s->scales[1][i], s->scales[2][i]};
    return Footprint(log_scales, s->blur);
  };
  for (auto& cost : s->scale_cost) raise(&cost, kScaleFloor, [](size_t) { return 1.0; });
  raise(&s->opacity_cost, kOpacityFloor, [](size_t) { return 1.0; });
  for (int a = 0; a < 3; ++a) {
    raise(&s->turn_cost[a], kTurnFloor, [&](size_t i) { return footprint(i).Turn((a + 1) % 3, (a + 2) % 3); });
    raise(&s->fixed_cost[a], kShiftFloor, [&](size_t i) {
      const double stretch = s->space.Stretch(s->fixed[a][i]);
      return footprint(i).ShiftWeight(AxesFromQuaternion(s->quats[i].data()), a) * stretch * stretch;
    });
  }
}

float NotNegative(float x) { return x > 0 && std::isfinite(x) ? x : 0.0f; }

void Resize(SplatSource* s, size_t n, size_t colours) {
  s->codes.resize(n);
  s->quats.resize(n);
  s->colour.resize(colours);
  for (auto* v : {&s->log_opacity, &s->removal, &s->dc_cost, &s->opacity_cost}) v->resize(n);
  for (auto& v : s->colour) v.resize(n);
  for (int a = 0; a < 3; ++a) {
    s->fixed[a].resize(n);
    for (auto* v : {&s->scales[a], &s->fixed_cost[a], &s->scale_cost[a], &s->turn_cost[a]}) v->resize(n);
  }
}

}  // namespace

SplatSource PrepareSource(const Splats& splats, const Sensitivity& sensitivity, const char* subject) {
  const size_t n = splats.size();
  const int k = ShCoefficients(splats.sh_degree);
  if (n == 0) throw Error(ErrorCode::kBadInput, subject, "there are no splats");
  if (sensitivity.removal.size() != n || sensitivity.means.size() != 3 * n || sensitivity.log_scales.size() != 3 * n ||
      sensitivity.rotation.size() != 3 * n || sensitivity.logits.size() != n ||
      sensitivity.sh.size() != n * static_cast<size_t>(k)) {
    throw Error(ErrorCode::kBadInput, subject, "the sensitivities belong to another model");
  }
  SplatSource s;
  s.sh_degree = splats.sh_degree;
  s.antialiased = splats.antialiased;
  s.space = FitSpace(splats);
  s.colour_rows = FitColour(splats, sensitivity, k);
  Resize(&s, n, static_cast<size_t>(3 * k));

  std::vector<uint64_t> fine(n);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      uint32_t cell[3];
      for (int a = 0; a < 3; ++a) cell[a] = s.space.ToFixed(a, splats.means[3 * i + a]) >> 16;
      fine[i] = CellCode(cell[0], cell[1], cell[2]);
    }
  });
  std::vector<uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return fine[a] != fine[b] ? fine[a] < fine[b] : a < b; });

  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t at = begin; at < end; ++at) {
      const size_t i = order[at];
      s.codes[at] = fine[i];
      std::array<int, 3> sorted = {0, 1, 2};
      const float* log_scales = &splats.log_scales[3 * i];
      std::stable_sort(sorted.begin(), sorted.end(), [&](int a, int b) { return log_scales[a] > log_scales[b]; });
      const Axes axes = AxesFromQuaternion(&splats.quats[4 * i]);
      QuaternionFromAxes({axes[sorted[0]], axes[sorted[1]], axes[sorted[2]]}, s.quats[at].data());
      for (int a = 0; a < 3; ++a) {
        const uint32_t fixed = s.space.ToFixed(a, splats.means[3 * i + a]);
        const double stretch = s.space.Stretch(fixed);
        s.fixed[a][at] = fixed;
        s.fixed_cost[a][at] = NotNegative(static_cast<float>(sensitivity.means[3 * i + a] * stretch * stretch));
        s.scales[a][at] = log_scales[sorted[a]];
        s.scale_cost[a][at] = NotNegative(sensitivity.log_scales[3 * i + sorted[a]]);
        s.turn_cost[a][at] = NotNegative(sensitivity.rotation[3 * i + sorted[a]]);
      }
      const double logit = std::min(splats.logits[i], kMaxLogit);
      const double through = 1.0 / (1.0 + std::exp(logit));  // 1 - opacity
      const double opacity = 1.0 - through;
      // d logit / d t = (o + bias) / (o (1 - o))
      const double slope = (opacity + kOpacityBias) / (std::max(opacity, 1e-12) * through);
      s.log_opacity[at] = static_cast<float>(std::log(opacity + kOpacityBias));
      s.opacity_cost[at] = NotNegative(static_cast<float>(sensitivity.logits[i] * slope * slope));
      s.removal[at] = NotNegative(sensitivity.removal[i]);
      s.dc_cost[at] = NotNegative(sensitivity.sh[i * static_cast<size_t>(k)]);
      const float* sh = &splats.sh[i * static_cast<size_t>(3 * k)];
      for (int c = 0; c < 3; ++c) {
        const float* row = &s.colour_rows[3 * c];
        for (int j = 0; j < k; ++j) {
          s.colour[static_cast<size_t>(c * k + j)][at] = row[0] * sh[j] + row[1] * sh[k + j] + row[2] * sh[2 * k + j];
        }
      }
    }
  });
  s.sh_cost_ratio.assign(static_cast<size_t>(k), 1.0f);
  std::vector<double> sums(static_cast<size_t>(k), 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (int j = 0; j < k; ++j) sums[j] += NotNegative(sensitivity.sh[i * static_cast<size_t>(k) + j]);
  }
  for (int j = 1; j < k; ++j) s.sh_cost_ratio[j] = sums[0] > 0 ? static_cast<float>(sums[j] / sums[0]) : 1.0f;
  s.blur = FitBlur(s);
  RaiseCosts(&s);
  return s;
}

SplatSource Subset(const SplatSource& source, std::span<const uint32_t> kept) {
  SplatSource s;
  s.sh_degree = source.sh_degree;
  s.antialiased = source.antialiased;
  s.space = source.space;
  s.blur = source.blur;
  s.colour_rows = source.colour_rows;
  s.sh_cost_ratio = source.sh_cost_ratio;
  Resize(&s, kept.size(), source.colour.size());
  const auto copy = [&](const auto& from, auto* to) {
    for (size_t i = 0; i < kept.size(); ++i) (*to)[i] = from[kept[i]];
  };
  copy(source.codes, &s.codes);
  copy(source.quats, &s.quats);
  copy(source.log_opacity, &s.log_opacity);
  copy(source.removal, &s.removal);
  copy(source.dc_cost, &s.dc_cost);
  copy(source.opacity_cost, &s.opacity_cost);
  for (int a = 0; a < 3; ++a) {
    copy(source.fixed[a], &s.fixed[a]);
    copy(source.scales[a], &s.scales[a]);
    copy(source.fixed_cost[a], &s.fixed_cost[a]);
    copy(source.scale_cost[a], &s.scale_cost[a]);
    copy(source.turn_cost[a], &s.turn_cost[a]);
  }
  ParallelFor(source.colour.size(), 1, [&](size_t begin, size_t end) {
    for (size_t c = begin; c < end; ++c) copy(source.colour[c], &s.colour[c]);
  });
  return s;
}

}  // namespace takt::splat
