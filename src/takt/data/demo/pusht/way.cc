// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/pusht/way.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace takt::demo {
namespace {

constexpr double kClear_px = sim::kPushTAgentRadius_px + 4.5;  // of the disc's middle from the T
constexpr double kCorner_px = 25;                              // how far the way goes around a corner, on each axis
constexpr double kLow_px = 12, kHigh_px = sim::kPushTSize_px - 12;

bool OnTable(Vec2 p) { return std::min(p[0], p[1]) >= kLow_px && std::max(p[0], p[1]) <= kHigh_px; }

// Whether the straight line between two places in the T's frame keeps clear of it.
bool Clear(Vec2 a, Vec2 b) {
  const double length = Length(b - a);
  for (double at = 0; at < length;) {
    const double distance = DistanceToBlock_px(a + (at / length) * (b - a));
    if (distance < kClear_px) return false;
    at += std::max(distance - kClear_px, 1.0);
  }
  return DistanceToBlock_px(b) >= kClear_px;
}

// The nearest place with the clearance, by walking up the distance.
Vec2 Leave(Vec2 p) {
  constexpr double kStep = 1, kProbe = 1e-3;
  for (int i = 0; i < 100 && DistanceToBlock_px(p) < kClear_px + 0.5; ++i) {
    const double here = DistanceToBlock_px(p);
    const Vec2 up = {DistanceToBlock_px({p[0] + kProbe, p[1]}) - here, DistanceToBlock_px({p[0], p[1] + kProbe}) - here};
    const double norm = Length(up);
    p = norm > 0 ? p + (kStep / norm) * up : Vec2{p[0], p[1] - kStep};
  }
  return p;
}

}  // namespace

double Length(Vec2 v) { return std::hypot(v[0], v[1]); }

Vec2 BlockPose::TurnToWorld(Vec2 d) const {
  const double c = std::cos(rad), s = std::sin(rad);
  return {c * d[0] - s * d[1], s * d[0] + c * d[1]};
}
Vec2 BlockPose::ToWorld(Vec2 p) const { return cog_px + TurnToWorld(p - sim::kPushTCog_px); }
Vec2 BlockPose::ToBlock(Vec2 p) const {
  const double c = std::cos(rad), s = std::sin(rad);
  const Vec2 d = p - cog_px;
  return Vec2{c * d[0] + s * d[1], -s * d[0] + c * d[1]} + sim::kPushTCog_px;
}

double DistanceToBlock_px(Vec2 p) {
  double nearest = std::numeric_limits<double>::infinity();
  for (const auto& box : sim::kPushTBoxes_px) {
    double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
    for (const Vec2& v : box) {
      for (size_t k = 0; k < 2; ++k) {
        low[k] = std::min(low[k], v[k]);
        high[k] = std::max(high[k], v[k]);
      }
    }
    const double x = std::max(low[0] - p[0], p[0] - high[0]), y = std::max(low[1] - p[1], p[1] - high[1]);
    const double outside = std::hypot(std::max(x, 0.0), std::max(y, 0.0));
    nearest = std::min(nearest, outside + std::min(std::max(x, y), 0.0));
  }
  return nearest;
}

std::vector<Vec2> WayAround(const BlockPose& block, Vec2 from_px, Vec2 to_px) {
  // Nodes in the T's frame: 0 start, 1 end, then a place beside each convex corner.
  std::array<Vec2, 8> nodes = {Leave(block.ToBlock(from_px)), block.ToBlock(to_px)};
  constexpr Vec2 kCorners[6] = {{-60, 0}, {60, 0}, {60, 30}, {15, 120}, {-15, 120}, {-60, 30}};
  constexpr Vec2 kOut[6] = {{-1, -1}, {1, -1}, {1, 1}, {1, 1}, {-1, 1}, {-1, 1}};
  for (size_t i = 0; i < 6; ++i) nodes[i + 2] = kCorners[i] + kCorner_px * kOut[i];
  std::array<double, 8> cost;
  std::array<size_t, 8> before{};
  std::array<bool, 8> done{};
  cost.fill(std::numeric_limits<double>::infinity());
  cost[0] = 0;
  for (;;) {
    size_t at = nodes.size();
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (!done[i] && std::isfinite(cost[i]) && (at == nodes.size() || cost[i] < cost[at])) at = i;
    }
    if (at == nodes.size()) return {};
    if (at == 1) break;
    done[at] = true;
    for (size_t i = 1; i < nodes.size(); ++i) {
      if (done[i] || (i > 1 && !OnTable(block.ToWorld(nodes[i])))) continue;
      const double through = cost[at] + Length(nodes[i] - nodes[at]);
      if (through < cost[i] && Clear(nodes[at], nodes[i])) {
        cost[i] = through;
        before[i] = at;
      }
    }
  }
  std::vector<Vec2> way;
  for (size_t i = 1; i != 0; i = before[i]) way.push_back(block.ToWorld(nodes[i]));
  const Vec2 start = block.ToWorld(nodes[0]);
  if (Length(start - from_px) > 0.5) way.push_back(start);
  std::reverse(way.begin(), way.end());
  return way;
}

}  // namespace takt::demo
