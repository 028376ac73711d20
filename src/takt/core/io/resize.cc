// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "takt/core/base/error.h"

namespace takt {
namespace {

// Which old pixels a new one covers, and how much of each; weights sum to 1.
struct Span {
  int first = 0;
  std::vector<double> weights;
};

std::vector<Span> Spans(int from, int to) {
  std::vector<Span> spans(static_cast<size_t>(to));
  const double ratio = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double low = i * ratio, high = (i + 1) * ratio;
    Span& span = spans[static_cast<size_t>(i)];
    span.first = std::min(static_cast<int>(low), from - 1);
    const int last = std::clamp(static_cast<int>(std::ceil(high)) - 1, span.first, from - 1);
    for (int p = span.first; p <= last; ++p) {
      span.weights.push_back(std::max(0.0, std::min(high, p + 1.0) - std::max(low, static_cast<double>(p))) / ratio);
    }
  }
  return spans;
}

}  // namespace

Image8 ResizeArea(const Image8& image, int width_px, int height_px) {
  if (image.width_px < 1 || image.height_px < 1 || width_px < 1 || height_px < 1) {
    throw Error(ErrorCode::kBadInput, "picture", "cannot be resized from or to nothing");
  }
  if (image.width_px == width_px && image.height_px == height_px) return image;
  const std::vector<Span> columns = Spans(image.width_px, width_px), rows = Spans(image.height_px, height_px);
  const int channels = image.channels;
  const size_t row_values = static_cast<size_t>(width_px) * static_cast<size_t>(channels);
  Image8 out(width_px, height_px, channels);
  std::vector<double> sum(row_values);
  for (int y = 0; y < height_px; ++y) {
    const Span& row = rows[static_cast<size_t>(y)];
    std::fill(sum.begin(), sum.end(), 0.0);
    for (size_t r = 0; r < row.weights.size(); ++r) {
      const uint8_t* from = image.row(row.first + static_cast<int>(r));
      for (int x = 0; x < width_px; ++x) {
        const Span& column = columns[static_cast<size_t>(x)];
        for (int c = 0; c < channels; ++c) {
          double value = 0;
          for (size_t i = 0; i < column.weights.size(); ++i) {
            value += column.weights[i] * from[(column.first + static_cast<int>(i)) * channels + c];
          }
          sum[static_cast<size_t>(x * channels + c)] += row.weights[r] * value;
        }
      }
    }
    uint8_t* to = out.row(y);
    // The small number keeps exact halves together, whatever the order of the sums.
    for (size_t i = 0; i < row_values; ++i) to[i] = static_cast<uint8_t>(std::clamp(sum[i] + 0.5 + 1e-9, 0.0, 255.0));
  }
  return out;
}

}  // namespace takt
