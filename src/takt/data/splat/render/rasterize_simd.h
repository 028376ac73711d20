// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace takt::splat {

inline constexpr int kTilePx = 16;
inline constexpr int kTilePixels = kTilePx * kTilePx;

// A splat as the screen sees it: one cache line.
//   log2 alpha(d) = log2_opacity - (a dx^2 + b dx dy + c dy^2), d = pixel - mean
struct alignas(64) Projected {
  float mean_x, mean_y;    // [px]
  float a, b, c;           // conic, scaled by log2(e): 1/2 Q_xx, Q_xy, 1/2 Q_yy
  float log2_opacity;
  float color[3];          // after SH, >= 0
  float extent_x, extent_y;  // half sizes of the box in which alpha >= 1/255 [px]
  float depth;             // z in the camera [world units]
  uint32_t splat_idx;
  float curvature;         // 4 a c - b^2, from the covariance: the difference itself would cancel
  float padding[2];
};
static_assert(sizeof(Projected) == 64);

// One tile's work: `ranks` index `splats`, front to back.
struct Tile {
  std::span<const Projected> splats;
  std::span<const uint32_t> ranks;
  int x0_px, y0_px;          // first pixel
  int width_px, height_px;   // pixels of the tile that lie in the picture, <= kTilePx
};

// The planes of a picture, [4, height, stride].
struct PlaneView {
  const float* planes;
  size_t plane_stride;  // floats between planes
  size_t row_stride;    // floats between rows
};
struct MutablePlaneView {
  float* planes;
  size_t plane_stride;
  size_t row_stride;
};

// Blends the tile into `out`. touched: [ranks], receives for each splat the set of blocks of the tile (a vector of pixels
// each, their order private to the kernels) in which it was visible; the passes below visit just those.
void BlendTile(const Tile& tile, const std::array<float, 3>& background, const MutablePlaneView& out,
               uint64_t* touched);
// The same, and the median depth of every pixel into `median_depth`: rows of out.row_stride.
void BlendTileWithDepth(const Tile& tile, const std::array<float, 3>& background, const MutablePlaneView& out,
                        uint64_t* touched, float* median_depth);

// Gradient sums of one splat in one tile, with v = d loss / d ln alpha per pixel.
inline constexpr int kGradientSums = 9;  // v, v dx, v dy, v dx^2, v dx dy, v dy^2, d color[3]

// sums: [ranks, kGradientSums]. `picture` is what BlendTile made, `d_picture` the gradient by it.
void BlendTileBackward(const Tile& tile, const PlaneView& picture, const PlaneView& d_picture, const uint64_t* touched,
                       float* sums);

// Moment sums of one splat in one tile: 15 of Renderer::Moments, then alpha T and (alpha T)^2.
inline constexpr int kMomentSums = 17;
void BlendTileMoments(const Tile& tile, const PlaneView& picture, const uint64_t* touched, float* sums);

}  // namespace takt::splat
