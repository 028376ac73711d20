// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "takt/core/nn/scratch.h"

namespace takt::policy {

// Rows of activations are this many floats apart, so that every row starts a cache line; what lies beyond a row's own
// numbers stays zero.
inline int64_t RowStride(int64_t n) { return static_cast<int64_t>(nn::AlignUp(static_cast<size_t>(n), 16)); }

// Zeroed floats on a cache line.
class Floats {
 public:
  Floats() = default;
  explicit Floats(int64_t count) : count_(count) {
    const size_t bytes = nn::AlignUp(std::max<size_t>(static_cast<size_t>(count) * sizeof(float), 1), nn::kAlignment_bytes);
    data_.reset(static_cast<float*>(std::aligned_alloc(nn::kAlignment_bytes, bytes)));
    if (!data_) throw std::bad_alloc();
    std::fill_n(data_.get(), count, 0.0f);
  }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  int64_t size() const { return count_; }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float[], Free> data_;
  int64_t count_ = 0;
};

}  // namespace takt::policy
