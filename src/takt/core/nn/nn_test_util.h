// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "takt/core/base/rng.h"

namespace takt::nn {

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A matrix of f32 between guard zones of NaN, its first element off any alignment by `shift` elements.
class Guarded {
 public:
  Guarded(int rows, int64_t cols, int64_t ld, int shift)
      : rows_(rows), cols_(cols), ld_(ld), first_(kZone + shift), data_(2 * kZone + 16 + rows * ld, kNan) {}
  float* data() { return data_.data() + first_; }
  float& at(int r, int64_t c) { return data()[r * ld_ + c]; }
  int64_t ld() const { return ld_; }
  int rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  void Fill(uint64_t seed, float size = 1.0f) {
    const Rng rng(seed, 77);
    for (int r = 0; r < rows_; ++r) {
      for (int64_t c = 0; c < cols_; ++c) at(r, c) = size * rng.Normal4(static_cast<uint64_t>(r * cols_ + c))[0];
    }
  }
  // Whether everything outside the matrix is still NaN.
  bool Intact() const {
    for (size_t i = 0; i < data_.size(); ++i) {
      const int64_t at = static_cast<int64_t>(i) - static_cast<int64_t>(first_);
      const bool inside = at >= 0 && at < rows_ * ld_ && at % ld_ < cols_;
      if (!inside && !std::isnan(data_[i])) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kZone = 64;
  int rows_;
  int64_t cols_, ld_;
  size_t first_;
  std::vector<float> data_;
};

// max |a - b| / max |b|; NaN where either holds one.
inline double RelativeError(Guarded& a, Guarded& b) {
  double worst = 0, size = 1e-30;
  for (int r = 0; r < a.rows(); ++r) {
    for (int64_t c = 0; c < a.cols(); ++c) {
      const double error = std::abs(static_cast<double>(a.at(r, c)) - b.at(r, c));
      if (!(error <= worst)) worst = error;
      if (std::isnan(worst)) return worst;
      size = std::max(size, std::abs(static_cast<double>(b.at(r, c))));
    }
  }
  return worst / size;
}

}  // namespace takt::nn
