// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "takt/core/geom/pose.h"

namespace takt::scene::score {

struct Pixel {
  int x = 0, y = 0;
};

// A picture of bytes; drawing outside of it draws nothing.
class Mask {
 public:
  Mask(int width_px, int height_px) : width_px_(width_px), height_px_(height_px), bytes_(Area(), 0) {}
  int width_px() const { return width_px_; }
  int height_px() const { return height_px_; }
  size_t Area() const { return static_cast<size_t>(width_px_) * static_cast<size_t>(height_px_); }
  uint8_t* Row(int y) { return bytes_.data() + static_cast<size_t>(y) * static_cast<size_t>(width_px_); }
  const uint8_t* Row(int y) const { return bytes_.data() + static_cast<size_t>(y) * static_cast<size_t>(width_px_); }
  uint8_t At(int x, int y) const { return Row(y)[x]; }
  size_t Count() const;  // pixels that are not 0

  // A polygon with its outline: every pixel whose centre is inside, and the 8-connected lines between the corners.
  void FillPolygon(std::span<const Pixel> corners, uint8_t value);
  // Every pixel within thickness / 2 of the outline.
  void DrawOutline(std::span<const Pixel> corners, int thickness_px, uint8_t value);
  // Each pixel becomes the least of the size x size around it (anchor size / 2); outside counts as 255.
  void Erode(int size_px);

 private:
  void Line(Pixel a, Pixel b, uint8_t value);
  int width_px_, height_px_;
  std::vector<uint8_t> bytes_;
};

struct Components {
  int count = 0;
  size_t largest_px = 0, all_px = 0;
};
// 8-connected components of what is not 0.
Components FindComponents(const Mask& mask);

// Corners of a turned rectangle as cv2.boxPoints gives them, cut towards zero.
std::array<Pixel, 4> BoxPixels(Pixel center, int width_px, int height_px, double angle_rad);

}  // namespace takt::scene::score
