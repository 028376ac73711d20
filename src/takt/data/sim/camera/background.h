// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "takt/core/geom/pose.h"
#include "takt/data/capture/camera.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/renderer.h"

namespace takt::sim {

// p_in_world = scale * R p_in_splat + t.
struct Similarity {
  double scale = 1;
  Pose pose;  // R and t
};

// A place for splats of a capture, whose axes are x right, y down, z forward: turned upright (z up, the capture's forward
// becomes +y), scaled, turned by `yaw_rad` about z, then moved so that the capture's origin lies at `origin_in_world_m`.
Similarity UprightPlace(double scale, double yaw_rad, const Vec3& origin_in_world_m);

// A real place as splats, put into the world. Immutable; share it between renderers.
//
// How it is composited with the shapes, pixel by pixel: let C, T be the splats' colour and the light that they let
// through, z their median depth (where the light that is left falls to a half; infinite where it never does), and F, f
// the colour and depth of the nearest shape.
//   f <  z   the shape stands in front:    F
//   f >= z   the splats stand in front:    C + T F
//   no shape                               C + T sky
// So thin haze before a shape is dropped, and haze over a shape behind the surface stays.
class SplatBackground {
 public:
  // Errors: bad_input as TransformSplats, for no splats, and for a scale that is not positive.
  SplatBackground(const splat::Splats& splats, const Similarity& world_from_splat);
  const splat::Splats& splats_in_world() const { return splats_; }

  // A lighter background for cameras that move: without the splats that cover less than `min_weight_px` pixels (sum of
  // opacity times the light that reaches them) in each of `views`. Give cameras that stand for where the real ones will
  // be, in their resolution: what no view sees is gone. Frames a second and loss in PSNR: camera_bench.cc.
  // Errors: bad_input when nothing is left. Cost: about three renderings a view, over ParallelFor.
  std::shared_ptr<const SplatBackground> Thinned(std::span<const capture::Camera> views, double min_weight_px) const;

 private:
  SplatBackground() = default;
  splat::Splats splats_;
};

}  // namespace takt::sim
