// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/capture/camera.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// Constants of the image formation model, the same as gsplat's.
inline constexpr float kNearPlane = 0.01f;          // splats whose centre is nearer are not drawn [world units]
inline constexpr float kScreenBlur = 0.3f;          // added to the diagonal of the screen covariance [px^2]
inline constexpr float kMinAlpha = 1.0f / 255.0f;   // fainter contributions are skipped
inline constexpr float kMaxAlpha = 0.999f;
inline constexpr float kMinTransmittance = 1e-4f;   // a pixel ends before the splat that would go below it

// A rendered picture, planar: colour over the background, and coverage (1 - transmittance).
struct Picture {
  int width_px = 0;
  int height_px = 0;
  std::vector<float> planes;  // [4, height_px, width_px]: red, green, blue, coverage
  // [height_px, width_px] where RenderOptions asks, otherwise empty: z in the camera of the splat at which half of the
  // light is used up (transmittance <= 0.5), infinity where there is none. A depth at which something is, where a mean
  // would lie between two surfaces.
  std::vector<float> median_depth;

  void Resize(int width, int height) {
    width_px = width;
    height_px = height;
    planes.resize(4 * pixels());
  }
  size_t pixels() const { return static_cast<size_t>(width_px) * static_cast<size_t>(height_px); }
  float* plane(int c) { return planes.data() + static_cast<size_t>(c) * pixels(); }
  const float* plane(int c) const { return planes.data() + static_cast<size_t>(c) * pixels(); }
};

ImageF ToImage(const Picture& picture);  // RGB, not clamped

struct RenderOptions {
  std::array<float, 3> background = {0, 0, 0};
  int sh_degree = kMaxShDegree;  // bands above it are ignored; clamped to the splats' own degree
  bool median_depth = false;     // fill Picture::median_depth; nothing else changes
};

// Gradients of a scalar loss by the parameters of the splats that show in the last Forward, compact: row i belongs to
// splat `splat_idx[i]`, ascending. Splats that are not listed have a zero gradient. Layouts as in Splats; the arrays
// may be longer than V rows.
struct SplatGradients {
  std::vector<uint32_t> splat_idx;   // [V]
  std::vector<uint32_t> hidden_idx;  // in the picture's frustum, but behind what is opaque or too faint; ascending
  std::vector<float> means;         // [V, 3]
  std::vector<float> log_scales;    // [V, 3]
  std::vector<float> quats;         // [V, 4]
  std::vector<float> logits;        // [V]
  std::vector<float> sh;            // [V, 3, K], K of the rendered degree
  int sh_coefficients = 0;          // K
};

// Tile rasteriser for Gaussian splats on the CPU (Kerbl et al. 2023, with gsplat's constants).
//   alpha_i = min(0.999, o_i exp(-1/2 d^T S_i^-1 d)),  C = sum_i T_i alpha_i c_i + T_end background
// S_i = J W Sigma W^T J^T + 0.3 I. Tiles are 16 x 16 px; a splat reaches just the tiles in which its alpha can be 1/255.
// Keeps its work space between calls; one object a thread of calls. Determinism: bit-identical for any thread count; the
// SIMD width changes the result only by rounding (about 1e-6).
class Renderer {
 public:
  Renderer();
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  // Errors: bad_input for a picture of zero size or over 2^28 pixels.
  void Forward(const Splats& splats, const capture::Camera& camera, const RenderOptions& options, Picture* picture);

  // `d_picture` is the derivative of the loss by `picture`, which the last Forward rendered from the same splats.
  // Cost: about two Forwards.
  void Backward(const Splats& splats, const Picture& picture, const Picture& d_picture, SplatGradients* gradients);

  // Second moments behind ComputeSensitivity (sensitivity.h), for the last Forward. Row i belongs to splat_idx[i].
  //   moments[i][m] = sum over pixels of psi * dx^a dy^b, psi = sum over colours of (d colour / d ln alpha)^2,
  // (a, b) in the order 00 10 01 20 11 02 30 21 12 03 40 31 22 13 04 and (dx, dy) = pixel - projected mean.
  struct Moments {
    std::vector<uint32_t> splat_idx;              // [V] as in SplatGradients
    std::vector<std::array<double, 15>> moments;  // [V]
    std::vector<double> weight;                   // [V] sum over pixels of alpha * transmittance
    std::vector<double> weight_squared;           // [V] sum of its square, times the share of colours above 0
  };
  void SecondMoments(const Picture& picture, Moments* moments);

  size_t drawn_splats() const;   // of the last Forward
  size_t tile_entries() const;   // (tile, splat) pairs of the last Forward

 private:
  struct Workspace;
  std::unique_ptr<Workspace> work_;
};

}  // namespace takt::splat
