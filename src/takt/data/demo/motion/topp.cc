// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/topp.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace takt::demo {
namespace {

constexpr double kFlat = 1e-12;  // rows with a smaller |a| do not bound u

struct Interval {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  const ToppRow* low_row = nullptr;
  const ToppRow* high_row = nullptr;
};

void Bound(const ToppRow& row, double x, Interval* u) {
  if (std::abs(row.a) < kFlat) return;
  const double bound = (row.c - row.b * x) / row.a;
  if (row.a > 0 && bound < u->high) {
    u->high = bound;
    u->high_row = &row;
  } else if (row.a < 0 && bound > u->low) {
    u->low = bound;
    u->low_row = &row;
  }
}

Interval Bounds(const std::vector<ToppRow>& rows, double x) {
  Interval u;
  for (const ToppRow& row : rows) Bound(row, x, &u);
  return u;
}

// Rows that hold in the cell after point i, with x that of point i.
void CellRows(const ToppProblem& p, size_t i, std::vector<ToppRow>* rows) {
  const double twice = 2 * (p.s[i + 1] - p.s[i]);
  *rows = p.rows[i];
  for (const ToppRow& row : p.rows[i + 1]) rows->push_back({row.a + twice * row.b, row.b, row.c});
}

}  // namespace

double LargestX(const std::vector<ToppRow>& rows, double x_max) {
  double x = x_max;
  for (const ToppRow& row : rows) {
    if (std::abs(row.a) < kFlat && row.b > 0) x = std::min(x, row.c / row.b);
  }
  // The feasible x form an interval that holds 0. The two rows that bound u at an infeasible x exclude everything beyond
  // their crossing: step down to it until the two fit. Each step meets a new pair, and few do.
  for (int step = 0; step < 200; ++step) {
    if (!(x >= 0)) return -1;
    const Interval u = Bounds(rows, x);
    if (u.low_row == nullptr || u.high_row == nullptr) return x;
    const double gap = u.low - u.high;
    if (gap <= 1e-9 * (1 + std::abs(u.low))) return x;
    const double slope = -u.low_row->b / u.low_row->a + u.high_row->b / u.high_row->a;  // of the gap by x
    if (!(slope > 0)) return -1;
    x -= gap / slope;
    if (x < 0 && x > -1e-12) x = 0;
  }
  return x;
}

ToppProfile SolveTopp(const ToppProblem& problem) {
  const size_t n = problem.s.size();
  ToppProfile profile;
  profile.x.assign(n, 0);
  profile.u.assign(n - 1, 0);
  profile.t.assign(n, 0);
  std::vector<double> reach(n, 0);  // the largest x from which the end can still be met
  std::vector<ToppRow> rows;
  for (size_t i = n - 1; i-- > 0;) {
    const double twice = 2 * (problem.s[i + 1] - problem.s[i]);
    CellRows(problem, i, &rows);
    rows.push_back({twice, 1, reach[i + 1]});
    rows.push_back({-twice, -1, 0});
    reach[i] = LargestX(rows, problem.x_max[i]);
    if (!(reach[i] >= 0)) {
      profile.feasible = false;
      reach[i] = 0;
    }
  }
  for (size_t i = 0; i + 1 < n; ++i) {
    const double twice = 2 * (problem.s[i + 1] - problem.s[i]);
    CellRows(problem, i, &rows);
    const double high = Bounds(rows, profile.x[i]).high;
    double next = std::min(profile.x[i] + twice * high, reach[i + 1]);
    if (!(next >= 0)) next = 0;
    profile.x[i + 1] = next;
    profile.u[i] = (next - profile.x[i]) / twice;
    const double speeds = std::sqrt(profile.x[i]) + std::sqrt(next);
    if (!(speeds > 1e-9)) {
      profile.feasible = false;
      return profile;
    }
    profile.t[i + 1] = profile.t[i] + twice / speeds;
  }
  return profile;
}

}  // namespace takt::demo
