// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/raycast_bvh.h"

#include <numeric>
#include <utility>

namespace takt::capture::raycast {
namespace {

constexpr float kTraversalCost = 0.6f;  // of a box, relative to a primitive
constexpr int kMaxDepth = 64;           // deeper nodes become leaves: the stacks below never overflow

float Component(Vec3 v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }

struct RayBoxes {
  explicit RayBoxes(const Ray& ray)
      : origin(ray.origin), inverse{1.0f / ray.direction.x, 1.0f / ray.direction.y, 1.0f / ray.direction.z} {}

  // Distance to the box, kNoHit where it is missed. A NaN (0 * infinity: the origin lies on a face) must not win:
  // std::min and std::max return their first argument then.
  float Entry(const Bounds& box, float t_max) const {
    const Vec3 a = (box.lo - origin) * inverse, b = (box.hi - origin) * inverse;
    const Vec3 near = Min(a, b), far = Max(a, b);
    const float t_in = std::max(std::max(std::max(0.0f, near.x), near.y), near.z);
    const float t_out = std::min(std::min(std::min(t_max, far.x), far.y), far.z);
    return t_in <= t_out * (1 + 1e-6f) ? t_in : kNoHit;
  }

  Vec3 origin, inverse;
};

}  // namespace

Bvh::Bvh(std::vector<Primitive> primitives) : primitives_(std::move(primitives)) {
  if (primitives_.empty()) return;
  std::vector<Bounds> bounds;
  bounds.reserve(primitives_.size());
  for (const Primitive& primitive : primitives_) {
    Bounds box = WorldBounds(primitive);
    const Vec3 margin{kHitTolerance, kHitTolerance, kHitTolerance};
    box.lo = box.lo - margin, box.hi = box.hi + margin;
    bounds.push_back(box);
  }
  order_.resize(primitives_.size());
  std::iota(order_.begin(), order_.end(), 0u);
  nodes_.reserve(2 * primitives_.size());
  nodes_.resize(2);  // the second stays empty: pairs of children then share a cache line

  struct Task {
    uint32_t node_idx, first, count;
    int depth;
  };
  std::vector<Task> tasks = {{0, 0, static_cast<uint32_t>(primitives_.size()), 0}};
  std::vector<uint32_t> sorted, best;
  std::vector<float> right_area;
  while (!tasks.empty()) {
    const Task task = tasks.back();
    tasks.pop_back();
    const auto begin = order_.begin() + task.first, end = begin + task.count;
    Bounds whole;
    for (auto it = begin; it != end; ++it) whole.Grow(bounds[*it]);
    nodes_[task.node_idx] = {whole, task.first, task.count};

    float best_cost = static_cast<float>(task.count) * whole.Area();
    uint32_t best_left = 0;
    for (int axis = 0; axis < 3 && task.count > 1 && task.depth < kMaxDepth; ++axis) {
      sorted.assign(begin, end);
      std::sort(sorted.begin(), sorted.end(), [&](uint32_t a, uint32_t b) {
        const float ca = Component(bounds[a].lo + bounds[a].hi, axis),
                    cb = Component(bounds[b].lo + bounds[b].hi, axis);
        return ca != cb ? ca < cb : a < b;
      });
      right_area.resize(task.count);
      Bounds right;
      for (uint32_t i = task.count; i-- > 1;) right.Grow(bounds[sorted[i]]), right_area[i] = right.Area();
      Bounds left;
      for (uint32_t i = 1; i < task.count; ++i) {
        left.Grow(bounds[sorted[i - 1]]);
        const float cost = kTraversalCost * whole.Area() + left.Area() * static_cast<float>(i) +
                           right_area[i] * static_cast<float>(task.count - i);
        if (cost < best_cost) best_cost = cost, best_left = i, best = sorted;
      }
    }
    if (best_left == 0) continue;
    std::copy(best.begin(), best.end(), begin);
    const auto child = static_cast<uint32_t>(nodes_.size());
    nodes_.resize(nodes_.size() + 2);
    nodes_[task.node_idx].first = child;
    nodes_[task.node_idx].count = 0;
    tasks.push_back({child, task.first, best_left, task.depth + 1});
    tasks.push_back({child + 1, task.first + best_left, task.count - best_left, task.depth + 1});
  }
  leaf_primitives_.reserve(primitives_.size());
  for (const uint32_t idx : order_) leaf_primitives_.push_back(primitives_[idx]);
}

Hit Bvh::Nearest(const Ray& ray, float t_max_m, uint32_t likely_idx) const {
  Hit hit;
  if (nodes_.empty()) return hit;
  // Two arrays: a pair written by halves and read at once would stall the processor.
  float entry_t[kMaxDepth + 2];
  uint32_t entry_node[kMaxDepth + 2];
  const RayBoxes boxes(ray);
  const float t_likely = Intersect(primitives_[likely_idx], ray, t_max_m);
  if (t_likely != kNoHit) hit = {t_likely, likely_idx};
  float t_max = std::min(t_max_m, t_likely);
  int top = 0;
  const auto push = [&](float t, uint32_t node_idx) {
    if (t == kNoHit) return;
    entry_t[top] = t;
    entry_node[top++] = node_idx;
  };
  push(boxes.Entry(nodes_[0].bounds, t_max), 0);
  while (top > 0) {
    --top;
    if (entry_t[top] > t_max) continue;
    const Node& node = nodes_[entry_node[top]];
    for (uint32_t i = node.first; i < node.first + node.count; ++i) {
      const float t = Intersect(leaf_primitives_[i], ray, t_max);
      if (t < hit.t_m || (t == hit.t_m && t != kNoHit && order_[i] < hit.primitive_idx)) {
        hit = {t, order_[i]};
        t_max = t;
      }
    }
    if (node.count > 0) continue;
    const float t0 = boxes.Entry(nodes_[node.first].bounds, t_max),
                t1 = boxes.Entry(nodes_[node.first + 1].bounds, t_max);
    const bool second_nearer = t1 < t0;
    push(second_nearer ? t0 : t1, node.first + (second_nearer ? 0 : 1));
    push(second_nearer ? t1 : t0, node.first + (second_nearer ? 1 : 0));
  }
  return hit;
}

bool Bvh::Occluded(const Ray& ray, float t_max_m) const {
  if (nodes_.empty()) return false;
  uint32_t stack[kMaxDepth + 2];
  const RayBoxes boxes(ray);
  int top = 0;
  stack[top++] = 0;
  while (top > 0) {
    const Node& node = nodes_[stack[--top]];
    if (boxes.Entry(node.bounds, t_max_m) == kNoHit) continue;
    for (uint32_t i = node.first; i < node.first + node.count; ++i) {
      if (Intersect(leaf_primitives_[i], ray, t_max_m) != kNoHit) return true;
    }
    if (node.count > 0) continue;
    stack[top++] = node.first + 1;
    stack[top++] = node.first;
  }
  return false;
}

bool Bvh::Contains(Vec3 p, float depth_m, uint32_t except_idx) const {
  if (nodes_.empty()) return false;
  uint32_t stack[kMaxDepth + 2];
  int top = 0;
  stack[top++] = 0;
  while (top > 0) {
    const Node& node = nodes_[stack[--top]];
    const Vec3 lo = node.bounds.lo, hi = node.bounds.hi;
    if (p.x < lo.x || p.y < lo.y || p.z < lo.z || p.x > hi.x || p.y > hi.y || p.z > hi.z) continue;
    for (uint32_t i = node.first; i < node.first + node.count; ++i) {
      const Primitive& primitive = leaf_primitives_[i];
      if (order_[i] != except_idx && Distance(primitive, primitive.world_from_local.ToLocal(p)) < -depth_m) return true;
    }
    if (node.count > 0) continue;
    stack[top++] = node.first + 1;
    stack[top++] = node.first;
  }
  return false;
}

}  // namespace takt::capture::raycast
