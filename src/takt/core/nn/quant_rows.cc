// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/quant_rows.h"

#include "takt/core/base/error.h"

namespace takt::nn {

namespace {

constexpr int64_t RowBytes(int64_t cols) { return static_cast<int64_t>(AlignUp(static_cast<size_t>(cols), 64)); }

}  // namespace

size_t QuantBuffer::ScratchBytes(int max_rows, int64_t max_cols) {
  return Scratch::BytesFor<uint8_t>(static_cast<size_t>(max_rows) * RowBytes(max_cols)) +
         Scratch::BytesFor<float>(static_cast<size_t>(max_rows));
}

QuantRows QuantBuffer::Take(Scratch::Frame& frame, int rows, int64_t cols) {
  QuantRows view;
  view.rows = rows, view.cols = cols, view.ld = RowBytes(cols);
  view.codes = frame.Take<uint8_t>(static_cast<size_t>(rows) * view.ld);
  view.scale = frame.Take<float>(static_cast<size_t>(rows));
  return view;
}

QuantBuffer::QuantBuffer(int max_rows, int64_t max_cols)
    : max_rows_(max_rows), max_cols_(max_cols), memory_(ScratchBytes(max_rows, max_cols)) {}

QuantRows QuantBuffer::Rows(int rows, int64_t cols) {
  if (rows > max_rows_ || cols > max_cols_) {
    throw Error(ErrorCode::kInternal, "quantised rows", "are more than was allocated");
  }
  Scratch::Frame frame(memory_);  // the memory outlives the frame
  return Take(frame, rows, cols);
}

}  // namespace takt::nn
