// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/raht.h"

#include <cmath>

namespace takt::splat {

Raht::Raht(std::span<const uint64_t> codes, std::span<const float> weights, int depth) : gains_(codes.size(), 0.0f) {
  struct Node {
    uint64_t code;
    uint32_t slot;
    double weight;
  };
  std::vector<Node> nodes(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) nodes[i] = {codes[i], static_cast<uint32_t>(i), weights[i]};
  merges_.reserve(codes.size());
  const auto merge = [&](Node* left, const Node& right) {
    const double sum = left->weight + right.weight;
    merges_.push_back({left->slot, right.slot, static_cast<float>(std::sqrt(left->weight / sum)),
                       static_cast<float>(std::sqrt(right.weight / sum)),
                       static_cast<float>(right.weight / (left->weight * sum)),
                       static_cast<float>(left->weight / (right.weight * sum))});
    gains_[right.slot] = static_cast<float>(left->weight * right.weight / sum);
    left->weight = sum;
  };
  // Splats of one cell: as a balanced tree, so that no splat is far from the sum.
  size_t kept = 0;
  for (size_t begin = 0; begin < nodes.size();) {
    size_t end = begin + 1;
    while (end < nodes.size() && nodes[end].code == nodes[begin].code) ++end;
    for (size_t stride = 1; stride < end - begin; stride *= 2) {
      for (size_t i = begin; i + stride < end; i += 2 * stride) merge(&nodes[i], nodes[i + stride]);
    }
    nodes[kept++] = nodes[begin];
    begin = end;
  }
  nodes.resize(kept);
  for (int bit = 0; bit < 3 * depth && nodes.size() > 1; ++bit) {
    kept = 0;
    for (size_t i = 0; i < nodes.size(); ++kept) {
      Node node = nodes[i++];
      node.code >>= 1;
      if (i < nodes.size() && nodes[i].code >> 1 == node.code) merge(&node, nodes[i++]);
      nodes[kept] = node;
    }
    nodes.resize(kept);
  }
}

void Raht::Forward(float* values) const {
  for (const Merge& m : merges_) {
    const float left = values[m.left], right = values[m.right];
    values[m.left] = m.a * left + m.b * right;
    values[m.right] = m.a * right - m.b * left;
  }
}

void Raht::Inverse(float* values) const {
  for (size_t i = merges_.size(); i-- > 0;) {
    const Merge& m = merges_[i];
    const float low = values[m.left], high = values[m.right];
    values[m.left] = m.a * low - m.b * high;
    values[m.right] = m.b * low + m.a * high;
  }
}

void Raht::SpreadCosts(float* costs) const {
  for (const Merge& m : merges_) {
    const float left = costs[m.left], right = costs[m.right];
    costs[m.left] = left + right;
    costs[m.right] = left * m.left_cost + right * m.right_cost;
  }
}

}  // namespace takt::splat
