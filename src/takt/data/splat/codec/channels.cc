// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/channels.h"

#include <utility>

#include "takt/core/base/parallel.h"

namespace takt::splat {
namespace {

constexpr size_t kGrain = 4096;

float Root(uint8_t c) { return static_cast<float>(1u << c); }  // sqrt of the class weight, exact

}  // namespace

AttributeBasis::AttributeBasis(std::span<const uint64_t> cells, std::vector<uint8_t> classes, int depth)
    : classes_(std::move(classes)),
      weights_(ClassWeights(classes_)),
      raht_(cells, weights_, depth),
      transform_groups_(GroupsOfTransform(raht_)),
      class_groups_(MakeGroups(classes_)) {}

float AttributeBasis::Forward(bool transformed, std::span<const float> x, std::vector<float>* samples) const {
  const size_t n = classes_.size();
  std::vector<float> y(n);
  float root;
  if (transformed) {
    for (size_t i = 0; i < n; ++i) y[i] = x[i] * Root(classes_[i]);
    raht_.Forward(y.data());
    root = y[0];
  } else {
    double sum = 0, total = 0;
    for (size_t i = 0; i < n; ++i) sum += static_cast<double>(weights_[i]) * x[i], total += weights_[i];
    root = static_cast<float>(sum / total);
    for (size_t i = 0; i < n; ++i) y[i] = (x[i] - root) * Root(classes_[i]);
  }
  const Groups& g = groups(transformed);
  samples->resize(g.order.size());
  for (size_t j = 0; j < g.order.size(); ++j) (*samples)[j] = y[g.order[j]];
  return root;
}

void AttributeBasis::Inverse(bool transformed, float root, std::span<const float> samples, std::vector<float>* x) const {
  const size_t n = classes_.size();
  x->assign(n, 0.0f);
  const Groups& g = groups(transformed);
  for (size_t j = 0; j < g.order.size(); ++j) (*x)[g.order[j]] = samples[j];
  if (transformed) {
    (*x)[0] = root;
    raht_.Inverse(x->data());
    for (size_t i = 0; i < n; ++i) (*x)[i] /= Root(classes_[i]);
  } else {
    for (size_t i = 0; i < n; ++i) (*x)[i] = root + (*x)[i] / Root(classes_[i]);
  }
}

void AttributeBasis::SpreadCosts(bool transformed, std::span<const float> x_costs, std::vector<float>* costs) const {
  const size_t n = classes_.size();
  std::vector<float> y(x_costs.begin(), x_costs.end());
  if (transformed) {
    raht_.SpreadCosts(y.data());
  } else {
    for (size_t i = 0; i < n; ++i) y[i] /= weights_[i];
  }
  const Groups& g = groups(transformed);
  costs->resize(g.order.size());
  for (size_t j = 0; j < g.order.size(); ++j) (*costs)[j] = y[g.order[j]];
}

std::vector<Axes> DecodeAxes(const Shapes& shapes, const Groups& direction, const Groups& spin,
                             const std::array<std::vector<float>, 3>& samples) {
  const size_t n = shapes.needle.size();
  std::vector<RotationCode> codes(n);
  for (size_t j = 0; j < n; ++j) {
    RotationCode& code = codes[direction.order[j]];
    code.u = samples[0][j];
    code.v = samples[1][j];
    codes[spin.order[j]].spin = samples[2][j];
  }
  std::vector<Axes> axes(n);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) axes[i] = DecodeRotation(codes[i], shapes.needle[i] != 0);
  });
  return axes;
}

}  // namespace takt::splat
