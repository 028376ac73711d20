// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/rrt.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "takt/core/base/rng.h"

namespace takt::demo {
namespace {

struct Tree {
  std::vector<Joints> nodes;
  std::vector<int> parents;  // -1 at a root

  int Add(const Joints& q, int parent) {
    nodes.push_back(q);
    parents.push_back(parent);
    return static_cast<int>(nodes.size()) - 1;
  }
  int Nearest(const PathSpace& space, const Joints& q) const {
    int best = 0;
    double best_distance = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < nodes.size(); ++i) {
      const double distance = Distance(space, nodes[i], q);
      if (distance < best_distance) {
        best_distance = distance;
        best = static_cast<int>(i);
      }
    }
    return best;
  }
  std::vector<Joints> FromRoot(int node) const {
    std::vector<Joints> path;
    for (int i = node; i >= 0; i = parents[static_cast<size_t>(i)]) path.push_back(nodes[static_cast<size_t>(i)]);
    std::reverse(path.begin(), path.end());
    return path;
  }
};

bool Check(const PathSpace& space, const Joints& q, int64_t* checks) {
  ++*checks;
  return space.valid(q);
}

enum class Grown { kTrapped, kAdvanced, kReached };

// One step from the nearest node towards `target`.
Grown Extend(const PathSpace& space, const Joints& target, double step_m, Tree* tree, int from, int* added,
             int64_t* checks) {
  const Joints near = tree->nodes[static_cast<size_t>(from)];
  const double distance = Distance(space, near, target);
  const bool reaches = distance <= step_m;
  Joints next = reaches ? target : Joints(near + (target - near) * (step_m / distance));
  if (!reaches && space.project) {
    // A projection that gives back what the step gained would let the tree grow for ever in one place.
    if (!space.project(&next) || !(Distance(space, next, target) < distance - 0.3 * step_m)) return Grown::kTrapped;
  }
  if (distance > 1e-12 && (!Check(space, next, checks) || !EdgeValid(space, near, next, checks))) return Grown::kTrapped;
  *added = distance > 1e-12 ? tree->Add(next, from) : from;
  return reaches ? Grown::kReached : Grown::kAdvanced;
}

// The point at `along` of the way through the polyline, and the edge that it lies on.
Joints PointAt(const std::vector<Joints>& path, const std::vector<double>& ends, double along, size_t* edge) {
  *edge = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), along) - ends.begin());
  *edge = std::min(*edge, path.size() - 2);
  const double start = *edge == 0 ? 0 : ends[*edge - 1];
  const double length = ends[*edge] - start;
  const double t = length > 0 ? std::clamp((along - start) / length, 0.0, 1.0) : 0;
  return path[*edge] + t * (path[*edge + 1] - path[*edge]);
}

}  // namespace

double Distance(const PathSpace& space, const Joints& a, const Joints& b) {
  return (a - b).cwiseAbs().dot(space.lever_m);
}

double PathLength(const PathSpace& space, const std::vector<Joints>& path) {
  double length = 0;
  for (size_t i = 1; i < path.size(); ++i) length += Distance(space, path[i - 1], path[i]);
  return length;
}

bool EdgeValid(const PathSpace& space, const Joints& a, const Joints& b, int64_t* checks) {
  const double cells = Distance(space, a, b) / space.resolution_m;
  int parts = 1;
  while (parts < cells) parts *= 2;
  // The middle first, then the quarters: a collision is usually far from both ends.
  for (int stride = parts / 2; stride >= 1; stride /= 2) {
    for (int i = stride; i < parts; i += 2 * stride) {
      if (!Check(space, a + (b - a) * (static_cast<double>(i) / parts), checks)) return false;
    }
  }
  return true;
}

void Shortcut(const PathSpace& space, std::vector<Joints>* path, int rounds, uint64_t seed, int64_t* checks) {
  // Greedy: from each corner to the furthest one in sight. The first edge is known to be free.
  std::vector<Joints> kept = {path->front()};
  for (size_t i = 0; i + 1 < path->size();) {
    size_t j = path->size() - 1;
    while (j > i + 1 && !EdgeValid(space, (*path)[i], (*path)[j], checks)) --j;
    kept.push_back((*path)[j]);
    i = j;
  }
  *path = std::move(kept);
  const Rng rng(seed, 0x5c);
  for (int round = 0; round < rounds && path->size() > 2; ++round) {
    std::vector<double> ends;
    double length = 0;
    for (size_t i = 1; i < path->size(); ++i) ends.push_back(length += Distance(space, (*path)[i - 1], (*path)[i]));
    double from = rng.UniformDouble(static_cast<uint64_t>(2 * round)) * length;
    double to = rng.UniformDouble(static_cast<uint64_t>(2 * round + 1)) * length;
    if (from > to) std::swap(from, to);
    size_t edge_from = 0, edge_to = 0;
    const Joints a = PointAt(*path, ends, from, &edge_from), b = PointAt(*path, ends, to, &edge_to);
    if (edge_from == edge_to || !(Distance(space, a, b) < (to - from) * (1 - 1e-3))) continue;
    if (!Check(space, a, checks) || !Check(space, b, checks) || !EdgeValid(space, a, b, checks)) continue;
    std::vector<Joints> next(path->begin(), path->begin() + static_cast<std::ptrdiff_t>(edge_from) + 1);
    if (Distance(space, next.back(), a) > 1e-9) next.push_back(a);
    if (Distance(space, b, (*path)[edge_to + 1]) > 1e-9) next.push_back(b);
    next.insert(next.end(), path->begin() + static_cast<std::ptrdiff_t>(edge_to) + 1, path->end());
    *path = std::move(next);
  }
}

PathResult PlanPath(const PathSpace& space, const Joints& start, const std::vector<Joints>& goals,
                    const RrtOptions& options) {
  PathResult result;
  result.start_valid = Check(space, start, &result.checks);
  std::vector<int> order;
  for (size_t i = 0; i < goals.size(); ++i) {
    if (Check(space, goals[i], &result.checks)) order.push_back(static_cast<int>(i));
  }
  result.any_goal_valid = !order.empty();
  if (!result.start_valid || order.empty()) return result;
  const auto goal = [&](int idx) -> const Joints& { return goals[static_cast<size_t>(idx)]; };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return Distance(space, start, goal(a)) < Distance(space, start, goal(b));
  });
  for (const int idx : order) {
    if (!EdgeValid(space, start, goal(idx), &result.checks)) continue;
    result.path = {start, goal(idx)};
    result.goal_idx = idx;
    return result;
  }

  Tree trees[2];
  trees[0].Add(start, -1);
  for (const int idx : order) trees[1].Add(goal(idx), -1);
  const Rng rng(options.seed, 0x44);
  const int n = static_cast<int>(start.size());
  for (int iteration = 0; iteration < options.max_iterations; ++iteration) {
    result.iterations = iteration + 1;
    Joints sample(n);
    for (int j = 0; j < n; ++j) {
      const double u = rng.UniformDouble(static_cast<uint64_t>(iteration) * kMaxJoints + static_cast<uint64_t>(j));
      sample[j] = space.lower[j] + u * (space.upper[j] - space.lower[j]);
    }
    Tree& growing = trees[iteration % 2];
    Tree& other = trees[1 - iteration % 2];
    int node = -1;
    const int near = growing.Nearest(space, sample);
    if (Extend(space, sample, options.step_m, &growing, near, &node, &result.checks) == Grown::kTrapped) continue;
    const Joints meeting = growing.nodes[static_cast<size_t>(node)];
    int from = other.Nearest(space, meeting);
    Grown grown = Grown::kAdvanced;
    while (grown == Grown::kAdvanced) grown = Extend(space, meeting, options.step_m, &other, from, &from, &result.checks);
    if (grown != Grown::kReached) continue;
    std::vector<Joints> head = trees[0].FromRoot(iteration % 2 == 0 ? node : from);
    std::vector<Joints> tail = trees[1].FromRoot(iteration % 2 == 0 ? from : node);
    const Joints reached = tail.front();
    for (const int idx : order) {
      if (goal(idx) == reached) result.goal_idx = idx;
    }
    // Both end in the meeting point.
    head.insert(head.end(), tail.rbegin() + 1, tail.rend());
    result.path = std::move(head);
    Shortcut(space, &result.path, options.shortcut_rounds, options.seed, &result.checks);
    return result;
  }
  return result;
}

}  // namespace takt::demo
