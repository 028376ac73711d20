// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/rasterize_simd.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "takt/data/splat/render/renderer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/data/splat/render/rasterize_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace takt::splat {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Pixels of a tile are kept in Morton order, so that a vector of 4, 8 or 16 lanes is a block of 2x2, 4x2 or 4x4 px and
// a small splat touches few of them. What a pixel computes does not depend on the vector width.
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
using M = hn::Mask<D>;

struct Layout {
  alignas(64) float x[kTilePixels];  // pixel centre in the tile
  alignas(64) float y[kTilePixels];
  uint8_t pixel_x[kTilePixels];
  uint8_t pixel_y[kTilePixels];
};

constexpr int Spread(int v) { return (v & 1) | ((v & 2) << 1) | ((v & 4) << 2) | ((v & 8) << 3); }

constexpr Layout MakeLayout() {
  Layout layout{};
  for (int y = 0; y < kTilePx; ++y) {
    for (int x = 0; x < kTilePx; ++x) {
      const int i = Spread(x) | (Spread(y) << 1);
      layout.x[i] = static_cast<float>(x) + 0.5f;
      layout.y[i] = static_cast<float>(y) + 0.5f;
      layout.pixel_x[i] = static_cast<uint8_t>(x);
      layout.pixel_y[i] = static_cast<uint8_t>(y);
    }
  }
  return layout;
}
constexpr Layout kLayout = MakeLayout();

constexpr float kLog2MinAlpha = -7.994353436858858f;  // log2(1 / 255)

// Blocks of pixels, a vector each: block = pixel >> shift.
struct BlockShape {
  int shift_x, shift_y, lanes_log2;
};
HWY_INLINE BlockShape Shape() {
  const int lanes_log2 = std::countr_zero(hn::Lanes(D()));
  return {(lanes_log2 + 1) / 2, lanes_log2 / 2, lanes_log2};
}

// For each row of blocks, the first and the last block that the ellipse alpha >= 1/255 reaches (none: last < first).
// All rows at once: the ellipse's right edge over a slab of rows is at the slab's point nearest to where the ellipse is
// widest. Testing block by block instead meets twice as many blocks, and its branches are unpredictable.
struct RowRanges {
  alignas(64) int32_t first[2 * kTilePx], last[2 * kTilePx];
};
HWY_INLINE void FindRows(const Projected& p, const Tile& tile, const BlockShape& shape, RowRanges* ranges) {
  const D d;
  const hn::RebindToSigned<D> di;
  constexpr float kSlack = 0.02f;  // [px] rounding
  const float reach = p.log2_opacity - kLog2MinAlpha;
  const float height = static_cast<float>((1 << shape.shift_y) - 1);
  const V four_a_reach = hn::Set(d, 4.0f * p.a * reach), curvature = hn::Set(d, p.curvature);
  const V half_inverse_a = hn::Set(d, 0.5f / p.a), minus_b = hn::Set(d, -p.b);
  const V widest = hn::Set(d, -p.b * p.extent_x / (2.0f * p.c));
  const V mean_x = hn::Set(d, p.mean_x - static_cast<float>(tile.x0_px) - 0.5f);
  const V zero = hn::Zero(d);
  const int rows = kTilePx >> shape.shift_y, lanes = static_cast<int>(hn::Lanes(d));
  for (int row = 0; row < rows; row += lanes) {
    const V index = hn::Iota(d, static_cast<float>(row));
    const V top = hn::MulAdd(index, hn::Set(d, height + 1.0f),
                             hn::Set(d, static_cast<float>(tile.y0_px) + 0.5f - p.mean_y));
    const V bottom = hn::Add(top, hn::Set(d, height));
    const auto edge = [&](V at, V* discriminant) {
      const V dy = hn::Min(hn::Max(at, top), bottom);
      *discriminant = hn::NegMulAdd(hn::Mul(curvature, dy), dy, four_a_reach);
      return hn::Mul(minus_b, dy);
    };
    V right_square, left_square;
    const V right_middle = edge(widest, &right_square), left_middle = edge(hn::Neg(widest), &left_square);
    const V right = hn::MulAdd(hn::Add(right_middle, hn::Sqrt(hn::Max(right_square, zero))), half_inverse_a, mean_x);
    const V left = hn::MulAdd(hn::Sub(left_middle, hn::Sqrt(hn::Max(left_square, zero))), half_inverse_a, mean_x);
    const V last_px = hn::Min(hn::Max(hn::Floor(hn::Add(right, hn::Set(d, kSlack))), hn::Set(d, -1.0f)), hn::Set(d, 15.0f));
    const V first_px = hn::Min(hn::Max(hn::Ceil(hn::Sub(left, hn::Set(d, kSlack))), zero), hn::Set(d, 16.0f));
    // The same slack in y: a slab that the ellipse misses by less counts as touched.
    const M touched = hn::Ge(right_square, hn::Set(d, -kSlack * 4.0f * p.a * (reach + 1.0f)));
    const auto last = hn::ConvertTo(di, hn::IfThenElse(touched, last_px, hn::Set(d, -1.0f)));
    hn::Store(hn::ShiftRightSame(hn::ConvertTo(di, first_px), shape.shift_x), di, ranges->first + row);
    hn::Store(hn::ShiftRightSame(last, shape.shift_x), di, ranges->last + row);
  }
}
HWY_INLINE int BlockIndex(int bx, int by, const BlockShape& shape) {
  return (Spread(bx << shape.shift_x) | (Spread(by << shape.shift_y) << 1)) >> shape.lanes_log2;
}

// 2^x for x in [-9, 1]; relative error below 3e-7.
HWY_INLINE V Exp2(V x) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto whole = hn::NearestInt(x);
  const V f = hn::Sub(x, hn::ConvertTo(d, whole));
  V p = hn::Set(d, 1.5353362e-4f);
  p = hn::MulAdd(p, f, hn::Set(d, 1.3398874e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 9.6184373e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.5503324e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.4022648e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.9314720e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(whole)));
}

// A tile's splats lie scattered over an array larger than the second-level cache: without this, waiting for them takes a
// third of the time.
constexpr size_t kPrefetchAhead = 8;
HWY_INLINE void PrefetchEntry(const Tile& tile, size_t entry) {
  if (entry + kPrefetchAhead < tile.ranks.size()) {
    hwy::Prefetch(&tile.splats[tile.ranks[entry + kPrefetchAhead]]);
  }
}

// A splat's constants in registers.
struct SplatVectors {
  V mean_x, mean_y, a, b, c, log2_opacity;
  HWY_INLINE SplatVectors(const Projected& p, const Tile& tile) {
    const D d;
    mean_x = hn::Set(d, p.mean_x - static_cast<float>(tile.x0_px));
    mean_y = hn::Set(d, p.mean_y - static_cast<float>(tile.y0_px));
    a = hn::Set(d, p.a), b = hn::Set(d, p.b), c = hn::Set(d, p.c);
    log2_opacity = hn::Set(d, p.log2_opacity);
  }
};

// What one splat does to one block of pixels. `transmittance` is negative where a pixel has ended.
struct Sample {
  V dx, dy, exponent;
  M visible;
};
HWY_INLINE Sample Evaluate(const SplatVectors& s, V transmittance, int at) {
  const D d;
  const V dx = hn::Sub(hn::Load(d, kLayout.x + at), s.mean_x);
  const V dy = hn::Sub(hn::Load(d, kLayout.y + at), s.mean_y);
  const V linear = hn::MulAdd(s.b, dy, hn::Mul(s.a, dx));
  const V exponent = hn::NegMulAdd(linear, dx, hn::NegMulAdd(hn::Mul(s.c, dy), dy, s.log2_opacity));
  const M visible = hn::And(hn::Ge(exponent, hn::Set(d, kLog2MinAlpha)), hn::Gt(transmittance, hn::Zero(d)));
  return {dx, dy, exponent, visible};
}

struct Step {
  V alpha, raw_alpha, weight, next;  // next: transmittance for the splats behind
  M drawn;
};
HWY_INLINE Step Advance(const Sample& sample, V transmittance) {
  const D d;
  Step step;
  step.raw_alpha = Exp2(sample.exponent);
  step.alpha = hn::Min(step.raw_alpha, hn::Set(d, kMaxAlpha));
  const V full_weight = hn::Mul(step.alpha, transmittance);
  const V passed = hn::Sub(transmittance, full_weight);
  const M enough = hn::Gt(passed, hn::Set(d, kMinTransmittance));
  step.drawn = hn::And(sample.visible, enough);
  step.weight = hn::IfThenElseZero(step.drawn, full_weight);
  step.next = hn::IfThenElse(sample.visible, hn::IfThenElse(enough, passed, hn::Neg(transmittance)), transmittance);
  return step;
}

HWY_INLINE void StartTransmittance(const Tile& tile, float* transmittance) {
  for (int i = 0; i < kTilePixels; ++i) {
    const bool inside = kLayout.pixel_x[i] < tile.width_px && kLayout.pixel_y[i] < tile.height_px;
    transmittance[i] = inside ? 1.0f : -1.0f;
  }
}

HWY_INLINE uint64_t LiveBlocks(const float* transmittance, int lanes) {
  uint64_t live = 0;
  const D d;
  for (int block = 0; block * lanes < kTilePixels; ++block) {
    const M m = hn::Gt(hn::Load(d, transmittance + block * lanes), hn::Zero(d));
    if (!hn::AllFalse(d, m)) live |= uint64_t{1} << block;
  }
  return live;
}

HWY_INLINE size_t PixelOffset(const Tile& tile, int i, size_t row_stride) {
  return static_cast<size_t>(tile.y0_px + kLayout.pixel_y[i]) * row_stride +
         static_cast<size_t>(tile.x0_px + kLayout.pixel_x[i]);
}

// Reads a plane of the picture into tile order; pixels outside the picture read 0.
HWY_INLINE void LoadPlane(const Tile& tile, const PlaneView& view, int plane, float* out) {
  const float* source = view.planes + static_cast<size_t>(plane) * view.plane_stride;
  for (int i = 0; i < kTilePixels; ++i) {
    const bool inside = kLayout.pixel_x[i] < tile.width_px && kLayout.pixel_y[i] < tile.height_px;
    out[i] = inside ? source[PixelOffset(tile, i, view.row_stride)] : 0.0f;
  }
}

template <bool kDepth>
HWY_INLINE void Blend(const Tile& tile, const std::array<float, 3>& background, const MutablePlaneView& out,
                      uint64_t* touched, [[maybe_unused]] float* median_depth) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const BlockShape shape = Shape();
  alignas(64) float transmittance[kTilePixels];
  alignas(64) float red[kTilePixels] = {}, green[kTilePixels] = {}, blue[kTilePixels] = {};
  [[maybe_unused]] alignas(64) float depth[kDepth ? kTilePixels : 1];
  if constexpr (kDepth) std::fill_n(depth, kTilePixels, std::numeric_limits<float>::infinity());
  StartTransmittance(tile, transmittance);
  uint64_t live = LiveBlocks(transmittance, lanes);
  const int rows = kTilePx >> shape.shift_y;
  RowRanges ranges;
  std::fill_n(touched, tile.ranks.size(), uint64_t{0});
  for (size_t entry = 0; entry < tile.ranks.size(); ++entry) {
    PrefetchEntry(tile, entry);
    const Projected& p = tile.splats[tile.ranks[entry]];
    FindRows(p, tile, shape, &ranges);
    const SplatVectors s(p, tile);
    const V r = hn::Set(d, p.color[0]), g = hn::Set(d, p.color[1]), b = hn::Set(d, p.color[2]);
    for (int by = 0; by < rows; ++by) {
      for (int bx = ranges.first[by]; bx <= ranges.last[by]; ++bx) {
        const int block = BlockIndex(bx, by, shape);
        if (!((live >> block) & 1)) continue;
        const int at = block * lanes;
        const V t = hn::Load(d, transmittance + at);
        const Sample sample = Evaluate(s, t, at);
        if (hn::AllFalse(d, sample.visible)) continue;
        touched[entry] |= uint64_t{1} << block;
        const Step step = Advance(sample, t);
        hn::Store(hn::MulAdd(step.weight, r, hn::Load(d, red + at)), d, red + at);
        hn::Store(hn::MulAdd(step.weight, g, hn::Load(d, green + at)), d, green + at);
        hn::Store(hn::MulAdd(step.weight, b, hn::Load(d, blue + at)), d, blue + at);
        if constexpr (kDepth) {
          const V half = hn::Set(d, 0.5f);
          const M crossed = hn::And(step.drawn, hn::And(hn::Gt(t, half), hn::Le(step.next, half)));
          hn::Store(hn::IfThenElse(crossed, hn::Set(d, p.depth), hn::Load(d, depth + at)), d, depth + at);
        }
        hn::Store(step.next, d, transmittance + at);
        if (hn::AllFalse(d, hn::Gt(step.next, hn::Zero(d)))) live &= ~(uint64_t{1} << block);
      }
    }
    if (live == 0) break;
  }
  for (int i = 0; i < kTilePixels; ++i) {
    if (kLayout.pixel_x[i] >= tile.width_px || kLayout.pixel_y[i] >= tile.height_px) continue;
    float* pixel = out.planes + PixelOffset(tile, i, out.row_stride);
    const float t = std::abs(transmittance[i]);
    pixel[0] = red[i] + t * background[0];
    pixel[out.plane_stride] = green[i] + t * background[1];
    pixel[2 * out.plane_stride] = blue[i] + t * background[2];
    pixel[3 * out.plane_stride] = 1.0f - t;
    if constexpr (kDepth) median_depth[PixelOffset(tile, i, out.row_stride)] = depth[i];
  }
}

void BlendTileImpl(const Tile& tile, const std::array<float, 3>& background, const MutablePlaneView& out,
                   uint64_t* touched) {
  Blend<false>(tile, background, out, touched, nullptr);
}

void BlendTileWithDepthImpl(const Tile& tile, const std::array<float, 3>& background, const MutablePlaneView& out,
                            uint64_t* touched, float* median_depth) {
  Blend<true>(tile, background, out, touched, median_depth);
}

void BlendTileBackwardImpl(const Tile& tile, const PlaneView& picture, const PlaneView& d_picture,
                           const uint64_t* touched, float* sums) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  alignas(64) float transmittance[kTilePixels];
  alignas(64) float d_red[kTilePixels], d_green[kTilePixels], d_blue[kTilePixels], d_coverage[kTilePixels];
  // d_picture . (picture - what is blended so far): what the splats behind still contribute to the loss. Walking front
  // to back with this one number repeats the forward pass exactly, without dividing transmittances back.
  alignas(64) float rest[kTilePixels];
  StartTransmittance(tile, transmittance);
  LoadPlane(tile, d_picture, 0, d_red);
  LoadPlane(tile, d_picture, 1, d_green);
  LoadPlane(tile, d_picture, 2, d_blue);
  LoadPlane(tile, d_picture, 3, d_coverage);
  {
    alignas(64) float value[kTilePixels];
    std::fill_n(rest, kTilePixels, 0.0f);
    const float* gradients[4] = {d_red, d_green, d_blue, d_coverage};
    for (int c = 0; c < 4; ++c) {
      LoadPlane(tile, picture, c, value);
      for (int i = 0; i < kTilePixels; ++i) rest[i] += gradients[c][i] * value[i];
    }
  }
  const V zero = hn::Zero(d);
  for (size_t entry = 0; entry < tile.ranks.size(); ++entry) {
    PrefetchEntry(tile, entry);
    float* out = sums + entry * kGradientSums;
    if (touched[entry] == 0) {
      std::fill_n(out, kGradientSums, 0.0f);
      continue;
    }
    const Projected& p = tile.splats[tile.ranks[entry]];
    const SplatVectors s(p, tile);
    const V r = hn::Set(d, p.color[0]), g = hn::Set(d, p.color[1]), b = hn::Set(d, p.color[2]);
    V s0 = zero, sx = zero, sy = zero, sxx = zero, sxy = zero, syy = zero, sr = zero, sg = zero, sb = zero;
    for (uint64_t blocks = touched[entry]; blocks != 0; blocks &= blocks - 1) {
      const int at = std::countr_zero(blocks) * lanes;
      const V t = hn::Load(d, transmittance + at);
      const Sample sample = Evaluate(s, t, at);
      const Step step = Advance(sample, t);
      const V gr = hn::Load(d, d_red + at), gg = hn::Load(d, d_green + at), gb = hn::Load(d, d_blue + at);
      const V along = hn::MulAdd(gr, r, hn::MulAdd(gg, g, hn::MulAdd(gb, b, hn::Load(d, d_coverage + at))));
      const V behind = hn::NegMulAdd(step.weight, along, hn::Load(d, rest + at));
      hn::Store(behind, d, rest + at);
      hn::Store(step.next, d, transmittance + at);
      sr = hn::MulAdd(step.weight, gr, sr);
      sg = hn::MulAdd(step.weight, gg, sg);
      sb = hn::MulAdd(step.weight, gb, sb);
      // v = alpha * (T along - behind / (1 - alpha)); a clamped alpha has no gradient.
      const V odds = hn::Div(step.alpha, hn::Sub(hn::Set(d, 1.0f), step.alpha));
      const M smooth = hn::And(step.drawn, hn::Le(step.raw_alpha, hn::Set(d, kMaxAlpha)));
      const V v = hn::IfThenElseZero(smooth, hn::NegMulAdd(odds, behind, hn::Mul(step.weight, along)));
      const V vx = hn::Mul(v, sample.dx), vy = hn::Mul(v, sample.dy);
      s0 = hn::Add(s0, v);
      sx = hn::Add(sx, vx);
      sy = hn::Add(sy, vy);
      sxx = hn::MulAdd(vx, sample.dx, sxx);
      sxy = hn::MulAdd(vx, sample.dy, sxy);
      syy = hn::MulAdd(vy, sample.dy, syy);
    }
    const V all[kGradientSums] = {s0, sx, sy, sxx, sxy, syy, sr, sg, sb};
    for (int k = 0; k < kGradientSums; ++k) out[k] = hn::GetLane(hn::SumOfLanes(d, all[k]));
  }
}

void BlendTileMomentsImpl(const Tile& tile, const PlaneView& picture, const uint64_t* touched, float* sums) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  alignas(64) float transmittance[kTilePixels];
  alignas(64) float behind[3][kTilePixels];  // colour that the splats behind and the background still add
  StartTransmittance(tile, transmittance);
  for (int c = 0; c < 3; ++c) LoadPlane(tile, picture, c, behind[c]);
  const V zero = hn::Zero(d);
  for (size_t entry = 0; entry < tile.ranks.size(); ++entry) {
    PrefetchEntry(tile, entry);
    float* out = sums + entry * kMomentSums;
    if (touched[entry] == 0) {
      std::fill_n(out, kMomentSums, 0.0f);
      continue;
    }
    const Projected& p = tile.splats[tile.ranks[entry]];
    const SplatVectors s(p, tile);
    V sum[kMomentSums];
    for (V& v : sum) v = zero;
    for (uint64_t blocks = touched[entry]; blocks != 0; blocks &= blocks - 1) {
      const int at = std::countr_zero(blocks) * lanes;
      const V t = hn::Load(d, transmittance + at);
      const Sample sample = Evaluate(s, t, at);
      const Step step = Advance(sample, t);
      hn::Store(step.next, d, transmittance + at);
      const V odds = hn::Div(step.alpha, hn::Sub(hn::Set(d, 1.0f), step.alpha));
      V psi = zero;
      for (int c = 0; c < 3; ++c) {
        const V color = hn::Set(d, p.color[c]);
        const V rest = hn::NegMulAdd(step.weight, color, hn::Load(d, behind[c] + at));
        hn::Store(rest, d, behind[c] + at);
        const V slope = hn::NegMulAdd(odds, rest, hn::Mul(step.weight, color));
        psi = hn::MulAdd(slope, slope, psi);
      }
      psi = hn::IfThenElseZero(step.drawn, psi);
      const V x = sample.dx, y = sample.dy;
      V power[5];  // psi x^a
      power[0] = psi;
      for (int k = 1; k < 5; ++k) power[k] = hn::Mul(power[k - 1], x);
      int m = 0;
      for (int degree = 0; degree <= 4; ++degree) {
        for (int b = 0; b <= degree; ++b) {
          V term = power[degree - b];
          for (int k = 0; k < b; ++k) term = hn::Mul(term, y);
          sum[m] = hn::Add(sum[m], term);
          ++m;
        }
      }
      sum[15] = hn::Add(sum[15], step.weight);
      sum[16] = hn::MulAdd(step.weight, step.weight, sum[16]);
    }
    for (int k = 0; k < kMomentSums; ++k) {
      out[k] = hn::GetLane(hn::SumOfLanes(d, sum[k]));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::splat
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::splat {

HWY_EXPORT(BlendTileImpl);
HWY_EXPORT(BlendTileWithDepthImpl);
HWY_EXPORT(BlendTileBackwardImpl);
HWY_EXPORT(BlendTileMomentsImpl);

void BlendTile(const Tile& tile, const std::array<float, 3>& background, const MutablePlaneView& out,
               uint64_t* touched) {
  HWY_DYNAMIC_DISPATCH(BlendTileImpl)(tile, background, out, touched);
}
void BlendTileWithDepth(const Tile& tile, const std::array<float, 3>& background, const MutablePlaneView& out,
                        uint64_t* touched, float* median_depth) {
  HWY_DYNAMIC_DISPATCH(BlendTileWithDepthImpl)(tile, background, out, touched, median_depth);
}
void BlendTileBackward(const Tile& tile, const PlaneView& picture, const PlaneView& d_picture, const uint64_t* touched,
                       float* sums) {
  HWY_DYNAMIC_DISPATCH(BlendTileBackwardImpl)(tile, picture, d_picture, touched, sums);
}
void BlendTileMoments(const Tile& tile, const PlaneView& picture, const uint64_t* touched, float* sums) {
  HWY_DYNAMIC_DISPATCH(BlendTileMomentsImpl)(tile, picture, touched, sums);
}

}  // namespace takt::splat
#endif  // HWY_ONCE
