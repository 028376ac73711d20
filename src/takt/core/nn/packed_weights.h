// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "takt/core/nn/linear.h"

namespace takt::nn {

// An array that starts at a cache line, zero at first.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t size) : size_(size) {
    const size_t bytes = AlignUp(size * sizeof(T), kAlignment_bytes);
    data_.reset(static_cast<T*>(std::aligned_alloc(kAlignment_bytes, bytes ? bytes : kAlignment_bytes)));
    if (!data_) throw std::bad_alloc();
    std::memset(data_.get(), 0, bytes);
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t size_ = 0;
};

// Outputs are padded to whole cache lines of 32-bit words.
inline constexpr int kOutputUnit = 16;

// Weights as the kernels stream them. Consecutive inputs of one output share a 32-bit word: 1 float, 2 bfloat16, 4 int8, or
// 8 int4 (the low halves of the 4 bytes are inputs 0-3, the high halves 4-7, as code + 8). The words of `width` outputs for
// one place in K lie together, then those for the next place: [N / width][words_k][width]. The last panel holds only as many
// multiples of 16 outputs as it needs. So the first n outputs and the first k inputs are a prefix of panels and of each panel.
struct PackedPanels {
  int width = 0;         // outputs of a panel
  int n = 0;             // outputs that are stored
  int64_t words_k = 0;   // words for one output
  AlignedArray<uint32_t> words;

  const uint32_t* Panel(int first_output) const { return words.data() + first_output * words_k; }
  // Words from one place in K to the next.
  int Step(int first_output) const {
    const int left = static_cast<int>(AlignUp(static_cast<size_t>(n - first_output), kOutputUnit));
    return left < width ? left : width;
  }
};

// What one Linear computes with: shared panels, and its own numbers for each output, padded to whole units.
struct PackedWeights {
  std::shared_ptr<const PackedPanels> panels;
  AlignedArray<float> bias;              // [N]
  AlignedArray<float> scale;             // [N] for int8; [groups, padded N] for int4
  AlignedArray<int32_t> compensation;    // -128 sum_k q[n, k] over all of K, or over each group, in the layout of scale
};

constexpr int InputsPerWord(Precision p) {
  return p == Precision::kF32 ? 1 : p == Precision::kBf16 ? 2 : p == Precision::kW8A8 ? 4 : 8;
}

}  // namespace takt::nn
