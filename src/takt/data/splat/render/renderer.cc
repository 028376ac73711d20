// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/renderer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/render/project_backward.h"
#include "takt/data/splat/render/project_simd.h"
#include "takt/data/splat/render/rasterize_simd.h"

namespace takt::splat {
namespace {

constexpr size_t kProjectGrain = 2048;  // splats
constexpr size_t kSortGrain = 16384;    // keys
constexpr size_t kBinGrain = 8192;      // ranks
constexpr uint32_t kHidden = 0xffffffffu;

// Grows and never shrinks, so that a training loop settles without allocations.
template <class T>
void Ensure(std::vector<T>& v, size_t n) {
  if (v.size() < n) v.resize(n);
}

// Sorts keys by their upper 32 bits, least significant digit first, 11 bits a pass; stable. Each chunk counts its digits
// and knows from the prefix sums where its keys go, so the passes run in parallel and the result is the same.
void SortByDepth(size_t count, std::vector<uint64_t>& keys, std::vector<uint64_t>& scratch) {
  constexpr size_t kDigits = 2048;
  const size_t chunks = (count + kSortGrain - 1) / kSortGrain;
  std::vector<std::array<uint32_t, kDigits>> places(chunks);
  for (int pass = 0; pass < 3; ++pass) {
    const int shift = 32 + 11 * pass;
    const auto digit = [&](uint64_t key) { return (key >> shift) & (kDigits - 1); };
    ParallelFor(count, kSortGrain, [&](size_t begin, size_t end) {
      auto& histogram = places[begin / kSortGrain];
      histogram.fill(0);
      for (size_t i = begin; i < end; ++i) ++histogram[digit(keys[i])];
    });
    uint32_t sum = 0;
    for (size_t d = 0; d < kDigits; ++d) {
      for (auto& histogram : places) sum += std::exchange(histogram[d], sum);
    }
    ParallelFor(count, kSortGrain, [&](size_t begin, size_t end) {
      auto& next = places[begin / kSortGrain];
      for (size_t i = begin; i < end; ++i) scratch[next[digit(keys[i])]++] = keys[i];
    });
    std::swap(keys, scratch);
  }
}

// Calls visit(tile) for every tile that holds a pixel centre at which the splat's alpha can reach 1/255: for each row of
// tiles, the stretch of the ellipse log2 alpha >= -log2 255 between the row's first and last pixel centres.
template <class Visit>
void VisitTiles(const Projected& p, int tiles_x, int tiles_y, const Visit& visit) {
  const float slack = 0.01f;  // [px] rounding of the ellipse against that of the blending
  const float top = p.mean_y - p.extent_y - slack - 0.5f, bottom = p.mean_y + p.extent_y + slack - 0.5f;
  const float last_y = static_cast<float>(tiles_y * kTilePx - 1), last_x = static_cast<float>(tiles_x * kTilePx - 1);
  const int y0 = static_cast<int>(std::ceil(std::clamp(top, 0.0f, last_y + 1)));
  const int y1 = static_cast<int>(std::floor(std::clamp(bottom, -1.0f, last_y)));
  if (y0 > y1) return;
  const float box_left = p.mean_x - p.extent_x - slack - 0.5f, box_right = p.mean_x + p.extent_x + slack - 0.5f;
  const int box_x0 = static_cast<int>(std::ceil(std::clamp(box_left, 0.0f, last_x + 1)));
  const int box_x1 = static_cast<int>(std::floor(std::clamp(box_right, -1.0f, last_x)));
  if (box_x0 > box_x1) return;
  if (box_x0 / kTilePx == box_x1 / kTilePx) {  // a single column of tiles needs no ellipse
    for (int ty = y0 / kTilePx; ty <= y1 / kTilePx; ++ty) {
      visit(static_cast<uint32_t>(ty * tiles_x + box_x0 / kTilePx));
    }
    return;
  }
  const float reach = p.log2_opacity + 7.994353436858858f;
  const float half_inverse_a = 0.5f / p.a;
  const float widest_dy = -p.b * p.extent_x / (2.0f * p.c);  // where the ellipse is rightmost; leftmost is opposite
  for (int ty = y0 / kTilePx; ty <= y1 / kTilePx; ++ty) {
    const float from = std::max(static_cast<float>(ty * kTilePx) + 0.5f - p.mean_y, -p.extent_y - slack);
    const float to = std::min(static_cast<float>(ty * kTilePx + kTilePx) - 0.5f - p.mean_y, p.extent_y + slack);
    if (from > to) continue;
    const auto edge = [&](float dy, float side) {
      const float discriminant = 4.0f * p.a * reach - p.curvature * dy * dy;
      return (-p.b * dy + side * std::sqrt(std::max(0.0f, discriminant))) * half_inverse_a;
    };
    const float right = edge(std::clamp(widest_dy, from, to), 1.0f) + slack + p.mean_x - 0.5f;
    const float left = edge(std::clamp(-widest_dy, from, to), -1.0f) - slack + p.mean_x - 0.5f;
    const int x0 = static_cast<int>(std::ceil(std::clamp(left, 0.0f, last_x + 1)));
    const int x1 = static_cast<int>(std::floor(std::clamp(right, -1.0f, last_x)));
    if (x0 > x1) continue;
    for (int tx = x0 / kTilePx; tx <= x1 / kTilePx; ++tx) visit(static_cast<uint32_t>(ty * tiles_x + tx));
  }
}

}  // namespace

struct Renderer::Workspace {
  RenderOptions options;
  ProjectionCamera camera;
  int sh_degree = 0;
  int width_px = 0, height_px = 0, tiles_x = 0, tiles_y = 0;
  size_t drawn = 0, entries = 0;
  // A place is an index into `projected`: ascending with the splat index, with a gap at the end of each chunk of
  // kProjectGrain splats. A rank is an index into `sorted`.
  size_t splat_count = 0;
  std::vector<Projected> projected, sorted;    // sorted: front to back
  std::vector<size_t> chunk_counts;            // places used in each chunk
  std::vector<uint64_t> keys, scratch;
  std::vector<uint32_t> chunk_tile_counts;     // [chunk, tile], then start positions
  std::vector<std::vector<uint32_t>> chunk_tiles;  // per chunk: the tiles of its ranks, one after the other
  std::vector<uint32_t> tile_start;            // [tiles + 1]
  std::vector<uint32_t> tile_ranks;            // [entries] grouped by tile, front to back
  std::vector<uint32_t> rank_start;            // [drawn + 1]
  std::vector<uint32_t> rank_entries;          // [entries] positions in tile_ranks, grouped by rank
  std::vector<uint8_t> shown;                  // by place: visible in some pixel
  std::vector<uint32_t> row_of_place;          // row among the shown, in ascending splat order, or kHidden
  std::vector<uint32_t> rank_of_place;
  std::vector<uint64_t> touched;               // [entries] blocks of the tile in which the splat was visible
  std::vector<float> sums;                     // per entry, from the tiles

  Tile TileAt(size_t t) const {
    const int tx = static_cast<int>(t % tiles_x), ty = static_cast<int>(t / tiles_x);
    return {std::span(sorted.data(), drawn),
            std::span(tile_ranks.data() + tile_start[t], tile_start[t + 1] - tile_start[t]),
            tx * kTilePx,
            ty * kTilePx,
            std::min(kTilePx, width_px - tx * kTilePx),
            std::min(kTilePx, height_px - ty * kTilePx)};
  }
  size_t tiles() const { return static_cast<size_t>(tiles_x) * tiles_y; }

  // Calls body(begin, end) in parallel with the places that each chunk uses.
  template <class Body>
  void ForEachPlaceRange(size_t n, const Body& body) {
    ParallelFor(n, kProjectGrain,
                [&](size_t begin, size_t) { body(begin, begin + chunk_counts[begin / kProjectGrain]); });
  }
  void Project(const Splats& splats);
  void Bin();
  void OrderRows(std::vector<uint32_t>* shown_idx, std::vector<uint32_t>* hidden_idx);
};

void Renderer::Workspace::Project(const Splats& splats) {
  const size_t n = splat_count = splats.size();
  Ensure(projected, n);
  chunk_counts.assign((n + kProjectGrain - 1) / kProjectGrain, 0);
  ParallelFor(n, kProjectGrain, [&](size_t begin, size_t end) {
    chunk_counts[begin / kProjectGrain] = ProjectSplats(splats, begin, end, camera, sh_degree, &projected[begin]);
  });
  std::vector<size_t> first(chunk_counts.size());
  drawn = 0;
  for (size_t chunk = 0; chunk < first.size(); ++chunk) {
    first[chunk] = drawn;
    drawn += chunk_counts[chunk];
  }
  Ensure(keys, drawn);
  Ensure(scratch, drawn);
  // Positive floats order as their bits do; equal depths keep file order, because places ascend with it.
  ForEachPlaceRange(n, [&](size_t begin, size_t end) {
    uint64_t* key = keys.data() + first[begin / kProjectGrain];
    for (size_t place = begin; place < end; ++place) {
      *key++ = (uint64_t{std::bit_cast<uint32_t>(projected[place].depth)} << 32) | place;
    }
  });
  SortByDepth(drawn, keys, scratch);
  Ensure(sorted, drawn);
  ParallelFor(drawn, kBinGrain, [&](size_t begin, size_t end) {
    for (size_t rank = begin; rank < end; ++rank) sorted[rank] = projected[static_cast<uint32_t>(keys[rank])];
  });
}

void Renderer::Workspace::Bin() {
  const size_t chunks = (drawn + kBinGrain - 1) / kBinGrain, tile_count = tiles();
  chunk_tile_counts.assign(chunks * tile_count, 0);
  if (chunk_tiles.size() < chunks) chunk_tiles.resize(chunks);
  Ensure(rank_start, drawn + 1);
  ParallelFor(drawn, kBinGrain, [&](size_t begin, size_t end) {
    uint32_t* counts = &chunk_tile_counts[begin / kBinGrain * tile_count];
    std::vector<uint32_t>& reached = chunk_tiles[begin / kBinGrain];
    reached.clear();
    for (size_t rank = begin; rank < end; ++rank) {
      const size_t before = reached.size();
      VisitTiles(sorted[rank], tiles_x, tiles_y, [&](uint32_t tile) {
        ++counts[tile];
        reached.push_back(tile);
      });
      rank_start[rank + 1] = static_cast<uint32_t>(reached.size() - before);
    }
  });
  Ensure(tile_start, tile_count + 1);
  uint32_t sum = 0;
  for (size_t tile = 0; tile < tile_count; ++tile) {
    tile_start[tile] = sum;
    for (size_t chunk = 0; chunk < chunks; ++chunk) sum += std::exchange(chunk_tile_counts[chunk * tile_count + tile], sum);
  }
  tile_start[tile_count] = sum;
  entries = sum;
  rank_start[0] = 0;
  for (size_t rank = 0; rank < drawn; ++rank) rank_start[rank + 1] += rank_start[rank];
  Ensure(tile_ranks, entries);
  Ensure(rank_entries, entries);
  ParallelFor(drawn, kBinGrain, [&](size_t begin, size_t end) {
    uint32_t* next = &chunk_tile_counts[begin / kBinGrain * tile_count];
    const uint32_t* tile = chunk_tiles[begin / kBinGrain].data();
    for (size_t rank = begin; rank < end; ++rank) {
      for (uint32_t e = rank_start[rank]; e < rank_start[rank + 1]; ++e) {
        rank_entries[e] = next[*tile]++;
        tile_ranks[rank_entries[e]] = static_cast<uint32_t>(rank);
        ++tile;
      }
    }
  });
}

void Renderer::Workspace::OrderRows(std::vector<uint32_t>* shown_idx, std::vector<uint32_t>* hidden_idx) {
  Ensure(rank_of_place, splat_count);
  Ensure(shown, splat_count);
  Ensure(row_of_place, splat_count);
  ParallelFor(drawn, kBinGrain, [&](size_t begin, size_t end) {
    for (size_t rank = begin; rank < end; ++rank) {
      uint64_t any = 0;
      for (uint32_t e = rank_start[rank]; e < rank_start[rank + 1]; ++e) any |= touched[rank_entries[e]];
      const uint32_t place = static_cast<uint32_t>(keys[rank]);
      shown[place] = any != 0;
      rank_of_place[place] = static_cast<uint32_t>(rank);
    }
  });
  shown_idx->clear();
  if (hidden_idx) hidden_idx->clear();
  for (size_t chunk = 0; chunk < chunk_counts.size(); ++chunk) {
    for (size_t place = chunk * kProjectGrain; place < chunk * kProjectGrain + chunk_counts[chunk]; ++place) {
      if (shown[place]) {
        row_of_place[place] = static_cast<uint32_t>(shown_idx->size());
        shown_idx->push_back(projected[place].splat_idx);
      } else {
        row_of_place[place] = kHidden;
        if (hidden_idx) hidden_idx->push_back(projected[place].splat_idx);
      }
    }
  }
}

Renderer::Renderer() : work_(std::make_unique<Workspace>()) {}
Renderer::~Renderer() = default;

size_t Renderer::drawn_splats() const { return work_->drawn; }
size_t Renderer::tile_entries() const { return work_->entries; }

void Renderer::Forward(const Splats& splats, const capture::Camera& camera, const RenderOptions& options,
                       Picture* picture) {
  if (camera.width_px <= 0 || camera.height_px <= 0 ||
      static_cast<uint64_t>(camera.width_px) * static_cast<uint64_t>(camera.height_px) > (uint64_t{1} << 28)) {
    throw Error(ErrorCode::kBadInput, "render", "the picture has no pixels or more than 2^28",
                "choose a width and a height of 1 to 16384 pixels");
  }
  Workspace& w = *work_;
  w.options = options;
  w.camera = MakeProjectionCamera(camera);
  w.sh_degree = std::clamp(options.sh_degree, 0, splats.sh_degree);
  w.width_px = camera.width_px, w.height_px = camera.height_px;
  w.tiles_x = (w.width_px + kTilePx - 1) / kTilePx, w.tiles_y = (w.height_px + kTilePx - 1) / kTilePx;
  w.Project(splats);
  w.Bin();
  Ensure(w.touched, w.entries + 1);
  picture->Resize(w.width_px, w.height_px);
  picture->median_depth.resize(options.median_depth ? picture->pixels() : 0);
  const MutablePlaneView out = {picture->planes.data(), picture->pixels(), static_cast<size_t>(w.width_px)};
  ParallelFor(w.tiles(), 1, [&](size_t begin, size_t end) {
    for (size_t tile = begin; tile < end; ++tile) {
      uint64_t* touched = &w.touched[w.tile_start[tile]];
      if (options.median_depth) {
        BlendTileWithDepth(w.TileAt(tile), options.background, out, touched, picture->median_depth.data());
      } else {
        BlendTile(w.TileAt(tile), options.background, out, touched);
      }
    }
  });
}

void Renderer::Backward(const Splats& splats, const Picture& picture, const Picture& d_picture,
                        SplatGradients* gradients) {
  Workspace& w = *work_;
  const PlaneView pixels = {picture.planes.data(), picture.pixels(), static_cast<size_t>(w.width_px)};
  const PlaneView d_pixels = {d_picture.planes.data(), d_picture.pixels(), static_cast<size_t>(w.width_px)};
  Ensure(w.sums, (w.entries + 1) * kGradientSums);
  ParallelFor(w.tiles(), 1, [&](size_t begin, size_t end) {
    for (size_t tile = begin; tile < end; ++tile) {
      const size_t first = w.tile_start[tile];
      BlendTileBackward(w.TileAt(tile), pixels, d_pixels, &w.touched[first], &w.sums[first * kGradientSums]);
    }
  });
  w.OrderRows(&gradients->splat_idx, &gradients->hidden_idx);
  const size_t rows = gradients->splat_idx.size();
  const int coefficients = ShCoefficients(w.sh_degree);
  gradients->sh_coefficients = coefficients;
  Ensure(gradients->means, 3 * rows);
  Ensure(gradients->log_scales, 3 * rows);
  Ensure(gradients->quats, 4 * rows);
  Ensure(gradients->logits, rows);
  Ensure(gradients->sh, 3 * rows * coefficients);
  // In splat order, so that parameters and gradients stream through the cache.
  w.ForEachPlaceRange(w.splat_count, [&](size_t begin, size_t end) {
    for (size_t place = begin; place < end; ++place) {
      const size_t row = w.row_of_place[place], rank = w.rank_of_place[place];
      if (row == kHidden) continue;
      float sums[kGradientSums] = {};
      for (uint32_t e = w.rank_start[rank]; e < w.rank_start[rank + 1]; ++e) {
        const float* entry = &w.sums[size_t{w.rank_entries[e]} * kGradientSums];
        for (int k = 0; k < kGradientSums; ++k) sums[k] += entry[k];
      }
      ProjectBackward(splats, w.projected[place], w.camera, w.sh_degree, sums,
                      {&gradients->means[3 * row], &gradients->log_scales[3 * row], &gradients->quats[4 * row],
                       &gradients->logits[row], &gradients->sh[3 * row * coefficients]});
    }
  });
}

void Renderer::SecondMoments(const Picture& picture, Moments* moments) {
  Workspace& w = *work_;
  const PlaneView pixels = {picture.planes.data(), picture.pixels(), static_cast<size_t>(w.width_px)};
  Ensure(w.sums, (w.entries + 1) * kMomentSums);
  ParallelFor(w.tiles(), 1, [&](size_t begin, size_t end) {
    for (size_t tile = begin; tile < end; ++tile) {
      const size_t first = w.tile_start[tile];
      BlendTileMoments(w.TileAt(tile), pixels, &w.touched[first], &w.sums[first * kMomentSums]);
    }
  });
  w.OrderRows(&moments->splat_idx, nullptr);
  const size_t rows = moments->splat_idx.size();
  moments->moments.resize(rows);
  moments->weight.resize(rows);
  moments->weight_squared.resize(rows);
  // In splat order, so that parameters and gradients stream through the cache.
  w.ForEachPlaceRange(w.splat_count, [&](size_t begin, size_t end) {
    for (size_t place = begin; place < end; ++place) {
      const size_t row = w.row_of_place[place], rank = w.rank_of_place[place];
      if (row == kHidden) continue;
      double sums[kMomentSums] = {};
      for (uint32_t e = w.rank_start[rank]; e < w.rank_start[rank + 1]; ++e) {
        const float* entry = &w.sums[size_t{w.rank_entries[e]} * kMomentSums];
        for (int k = 0; k < kMomentSums; ++k) sums[k] += entry[k];
      }
      std::copy_n(sums, 15, moments->moments[row].begin());
      moments->weight[row] = sums[15];
      // A colour that was clamped at 0 does not follow its coefficients.
      const float* color = w.projected[place].color;
      moments->weight_squared[row] = sums[16] * ((color[0] > 0) + (color[1] > 0) + (color[2] > 0)) / 3;
    }
  });
}

ImageF ToImage(const Picture& picture) {
  ImageF image(picture.width_px, picture.height_px, 3);
  for (size_t i = 0; i < picture.pixels(); ++i) {
    for (int c = 0; c < 3; ++c) image.pixels[3 * i + c] = picture.plane(c)[i];
  }
  return image;
}

}  // namespace takt::splat
