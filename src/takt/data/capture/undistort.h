// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/capture/camera.h"
#include "takt/data/capture/lens.h"

namespace takt::capture {

// The pinhole camera that replaces `lens`: the same focal lengths on the same pixel grid, cropped or grown by whole
// pixels to the rectangle around the principal point that has the largest area and shows no pixel from outside the
// picture, at most twice the picture in each direction (fisheye lenses see more than a plane can hold).
// cam_from_world is left as identity.
// Errors: bad_input naming `subject`: as CheckLens; a principal point outside a distorted picture; distortion that
// leaves less than a fifth of the width or height; unsupported: a distorted picture over 65,535 pixels a side.
// Cost: a few ms, nothing for a pinhole. Source: the aim of COLMAP's UndistortCamera with blank_pixels = 0;
// deviation: width and height are chosen together for area, in whole pixels, and every border pixel is checked.
Camera UndistortedCamera(const Lens& lens, const std::string& subject);

// Where each pixel of the undistorted picture lies in the distorted one, for one lens. Resamples any number of
// pictures.
class UndistortMap {
 public:
  // `camera` as UndistortedCamera gives it. Cost: 8 bytes and one evaluation of the lens per pixel, in parallel.
  UndistortMap(const Lens& lens, const Camera& camera);

  // Bilinear, in units of 1/256 pixel. Four and two channels are blended premultiplied, so that the colour of
  // transparent pixels does not bleed. `picture` has the lens's size (the caller checks).
  // Determinism: bit-identical for any thread count.
  Image8 Apply(const Image8& picture) const;

  uint64_t size_bytes() const { return samples_.size() * sizeof(Sample); }

 private:
  struct Sample {
    uint32_t x_256th_px;  // of the upper left neighbour's centre, fraction included
    uint32_t y_256th_px;
  };

  int width_px_ = 0;
  int height_px_ = 0;
  std::vector<Sample> samples_;  // [height_px_, width_px_]
};

// Mean over factor x factor pixels, rounded to nearest; a remainder at the right and bottom is cropped, colours are
// weighted by alpha where there is one. factor >= 1, at most the shorter side.
Image8 BoxDownscale(Image8 picture, int factor);

}  // namespace takt::capture
