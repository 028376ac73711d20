// SPDX-License-Identifier: Apache-2.0
// The product kernel of every precision: included once for each instruction set.
#if defined(TAKT_CORE_NN_LINEAR_TILE_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TAKT_CORE_NN_LINEAR_TILE_SIMD_INL_H_
#undef TAKT_CORE_NN_LINEAR_TILE_SIMD_INL_H_
#else
#define TAKT_CORE_NN_LINEAR_TILE_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "takt/core/nn/linear_simd.h"
#include "takt/core/nn/math_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of outputs that a tile covers, so that its sums stay in registers.
constexpr int kColumns = kLanes == 16 ? 4 : 2;
constexpr int kTileWidth = kLanes * kColumns;
// K is cut so that a slice of a panel stays in the second-level cache while all rows pass.
constexpr int64_t kSliceWords = 1024;
// Sums become outputs so many rows at a time: they lie in the first-level cache, and the loops are long enough to be cheap.
constexpr int kFinishRows = 16;

HWY_INLINE uint32_t LoadWord(const uint8_t* p) {
  uint32_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

// out[r, c] = init[r, c] + sum_k a[r, k] . w[k, c].
template <class T>
struct TileJob {
  const uint8_t* a;     // rows of words
  int64_t lda_bytes;
  const uint32_t* w;    // [words, step], aligned but for f32
  int64_t step, words;
  const T* init;        // aligned rows, init_stride apart; 0: the same row for all
  int64_t init_stride;
  T* out;               // rows out_stride apart
  int64_t out_stride;
  const uint32_t* ahead;  // what comes next, to be brought nearer; laid out as w
};

// One tile of kRows rows and kCols vectors of outputs, the sums in registers.
template <class Op, int kRows, int kCols>
HWY_INLINE void Tile(const TileJob<typename Op::T>& job) {
  const typename Op::D d;
  const uint8_t* HWY_RESTRICT a = job.a;
  const uint32_t* HWY_RESTRICT w = job.w;
  const uint32_t* ahead = job.ahead;
  const int64_t lda_bytes = job.lda_bytes, step = job.step, words = job.words, out_stride = job.out_stride;
  typename Op::T* out = job.out;
  hn::Vec<typename Op::D> sum[kRows][kCols];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) sum[r][c] = hn::Load(d, job.init + r * job.init_stride + c * kLanes);
  }
  for (int64_t k = 0; k < words; ++k) {
    typename Op::Weights wk[kCols];
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) {
      wk[c] = Op::LoadWeights(w + c * kLanes);
      __builtin_prefetch(ahead + c * kLanes, 0, 2);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const typename Op::Inputs ak = Op::Spread(LoadWord(a + r * lda_bytes + 4 * k));
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) sum[r][c] = Op::Dot(sum[r][c], ak, wk[c]);
    }
    w += step;
    ahead += step;
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) hn::StoreU(sum[r][c], d, out + r * out_stride + c * kLanes);
  }
}

template <class Op, int kCols>
HWY_NOINLINE void TileRows(int rows, const TileJob<typename Op::T>& job) {
  switch (rows) {
    case 1: return Tile<Op, 1, kCols>(job);
    case 2: return Tile<Op, 2, kCols>(job);
    case 3: return Tile<Op, 3, kCols>(job);
    case 4: return Tile<Op, 4, kCols>(job);
  }
  if constexpr (Op::kMaxRows > 4) {
    if (rows == 5) return Tile<Op, 5, kCols>(job);
    return Tile<Op, 6, kCols>(job);
  }
}

template <class Op>
HWY_INLINE void TileColumns(int rows, int columns, const TileJob<typename Op::T>& job) {
  switch (columns) {
    case 1: return TileRows<Op, 1>(rows, job);
    case 2: return TileRows<Op, 2>(rows, job);
    case 3: return TileRows<Op, HWY_MIN(3, kColumns)>(rows, job);
    default: return TileRows<Op, kColumns>(rows, job);
  }
}

struct FinishFloat;

struct OpF32 {
  using T = float;
  using D = DF;
  using Weights = VF;
  using Inputs = VF;
  using Finish = FinishFloat;
  static constexpr int kMaxRows = 6;
  static HWY_INLINE const float* Init(const LinearJob&, int) { return kZeroSums; }
  static HWY_INLINE Weights LoadWeights(const uint32_t* w) { return hn::BitCast(DF(), hn::LoadU(DU(), w)); }
  static HWY_INLINE Inputs Spread(uint32_t word) { return hn::BitCast(DF(), hn::Set(DU(), word)); }
  static HWY_INLINE VF Dot(VF sum, Inputs a, Weights w) { return hn::MulAdd(a, w, sum); }
};

// v + b, for one vector of outputs.
struct FinishFloat {
  HWY_INLINE FinishFloat(const LinearJob& job, int n) : bias(hn::Load(DF(), job.weights->bias.data() + n)) {}
  HWY_INLINE VF operator()(const float* sums, int) const { return hn::Add(hn::Load(DF(), sums), bias); }
  VF bias;
};

// y = f(v) for one vector.
template <Epilogue kEpilogue>
HWY_INLINE void Emit(VF v, float* y) {
  const DF d;
  if constexpr (kEpilogue == Epilogue::kGelu) v = GeluV(d, v);
  if constexpr (kEpilogue == Epilogue::kMish) v = MishV(d, v);
  if constexpr (kEpilogue == Epilogue::kSilu) v = SiluV(d, v);
  if constexpr (kEpilogue == Epilogue::kAdd) v = hn::Add(hn::LoadU(d, y), v);
  hn::StoreU(v, d, y);
}

// From sums to y for rows [row, row + rows) and the outputs [n, n + count).
template <class Op, Epilogue kEpilogue>
HWY_NOINLINE void FinishRows(const LinearJob& job, int row, int rows, int n, int count, const typename Op::T* sums) {
  // A row of the tile at a time, with what belongs to its columns in registers.
  if (count >= kTileWidth) {
    using Columns = typename Op::Finish;
    const auto rows_of = [&](const auto&... finish) HWY_ATTR {
      float* y = job.y + row * job.ldy + n;
      const typename Op::T* from = sums;
      for (int r = 0; r < rows; ++r, y += job.ldy, from += kMaxPanelWidth) {
        int at = 0;
        ((Emit<kEpilogue>(finish(from + at, row + r), y + at), at += kLanes), ...);
      }
    };
    if constexpr (kColumns == 4) {
      rows_of(Columns(job, n), Columns(job, n + kLanes), Columns(job, n + 2 * kLanes), Columns(job, n + 3 * kLanes));
    } else {
      rows_of(Columns(job, n), Columns(job, n + kLanes));
    }
    return;
  }
  for (int c = 0; c < count; c += kLanes) {
    const typename Op::Finish finish(job, n + c);
    float* y = job.y + row * job.ldy + n + c;
    const typename Op::T* from = sums + c;
    const int left = count - c;
    if (left >= kLanes) {
      for (int r = 0; r < rows; ++r) Emit<kEpilogue>(finish(from + r * kMaxPanelWidth, row + r), y + r * job.ldy);
      continue;
    }
    for (int r = 0; r < rows; ++r, y += job.ldy) {
      alignas(64) float tail[kLanes] = {};
      for (int i = 0; i < left; ++i) tail[i] = y[i];
      Emit<kEpilogue>(finish(from + r * kMaxPanelWidth, row + r), tail);
      for (int i = 0; i < left; ++i) y[i] = tail[i];
    }
  }
}

template <class Op>
HWY_INLINE void Finish(const LinearJob& job, int row, int rows, int n, int count, const typename Op::T* sums) {
  switch (job.epilogue) {
    case Epilogue::kStore: return FinishRows<Op, Epilogue::kStore>(job, row, rows, n, count, sums);
    case Epilogue::kGelu: return FinishRows<Op, Epilogue::kGelu>(job, row, rows, n, count, sums);
    case Epilogue::kMish: return FinishRows<Op, Epilogue::kMish>(job, row, rows, n, count, sums);
    case Epilogue::kSilu: return FinishRows<Op, Epilogue::kSilu>(job, row, rows, n, count, sums);
    case Epilogue::kAdd: return FinishRows<Op, Epilogue::kAdd>(job, row, rows, n, count, sums);
  }
}

// Calls body(row, rows) for tiles of nearly equal height.
template <class Body>
HWY_INLINE void ForTiles(int m, int max_rows, const Body& body) {
  const int tiles = (m + max_rows - 1) / max_rows;
  for (int t = 0, row = 0; t < tiles; ++t) {
    const int rows = (m - row + tiles - t - 1) / (tiles - t);
    body(row, rows);
    row += rows;
  }
}

template <class Op>
HWY_INLINE void RunTiles(const LinearJob& job) {
  using T = typename Op::T;
  const PackedPanels& panels = *job.weights->panels;
  T* sums = reinterpret_cast<T*>(job.sums);
  const int64_t slice = job.m <= 2 * Op::kMaxRows ? job.words_k : kSliceWords;
  for (int panel = job.n_begin; panel < job.n_end; panel += panels.width) {
    const int step = panels.Step(panel);
    const int end = std::min(job.n_end, panel + panels.width);
    for (int n = panel; n < end; n += kTileWidth) {
      const uint32_t* w = panels.Panel(panel) + (n - panel);
      const int columns = std::min(kColumns, (std::min(end - n, step - (n - panel)) + kLanes - 1) / kLanes);
      const int count = std::min(end - n, kTileWidth);
      for (int64_t k = 0; k < job.words_k; k += slice) {
        const int64_t words = std::min(slice, job.words_k - k);
        const bool last = k + words == job.words_k;
        int finished = 0;
        ForTiles(job.m, Op::kMaxRows, [&](int row, int rows) HWY_ATTR {
          T* out = sums + static_cast<int64_t>(row) * kMaxPanelWidth;
          const T* init = k ? out : Op::Init(job, n);
          const int64_t init_stride = k ? kMaxPanelWidth : 0;
          const uint8_t* a = job.a + row * job.lda_bytes + 4 * k;
          const uint32_t* slice_w = w + k * step;
          // While the last rows pass over this slice, the next one comes nearer.
          const uint32_t* ahead = row + rows == job.m ? slice_w + words * step : slice_w;
          TileColumns<Op>(rows, columns,
                          {a, job.lda_bytes, slice_w, step, words, init, init_stride, out, kMaxPanelWidth, ahead});
          const int ready = row + rows - finished;
          if (last && (ready >= kFinishRows || row + rows == job.m)) {
            Finish<Op>(job, finished, ready, n, count, sums + static_cast<int64_t>(finished) * kMaxPanelWidth);
            finished += ready;
          }
        });
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#endif
