// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace takt::demo {

// a u + b x <= c at one place of a path, with u = d2s/dt2 and x = (ds/dt)^2. c >= 0 where standing still is allowed.
struct ToppRow {
  double a, b, c;
};

struct ToppProblem {
  std::vector<double> s;                   // grid, increasing [points]
  std::vector<double> x_max;               // from velocity limits [points]
  std::vector<std::vector<ToppRow>> rows;  // [points][rows]
};

// Speed over the grid: u is constant in each cell, so that x is linear between the points.
struct ToppProfile {
  std::vector<double> x;     // [points]
  std::vector<double> u;     // [points - 1]
  std::vector<double> t;     // time at each point, s
  bool feasible = true;      // false: some place can be neither passed nor stood on
};

// The fastest profile from rest to rest that fulfils the rows at both ends of every cell. Exact for the discrete problem up
// to rounding: at most as fast as the continuous optimum allows at the grid points, and TOPP-RA's greedy forward pass is
// optimal for it (Pham and Pham 2018, theorem 1).
ToppProfile SolveTopp(const ToppProblem& problem);

// The largest x >= 0 for which some u fulfils all rows; negative where none does.
double LargestX(const std::vector<ToppRow>& rows, double x_max);

}  // namespace takt::demo
