// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/score/raster.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace takt::scene::score {

size_t Mask::Count() const {
  return static_cast<size_t>(std::count_if(bytes_.begin(), bytes_.end(), [](uint8_t v) { return v != 0; }));
}

void Mask::Line(Pixel a, Pixel b, uint8_t value) {
  const int dx = std::abs(b.x - a.x), dy = -std::abs(b.y - a.y);
  const int sx = a.x < b.x ? 1 : -1, sy = a.y < b.y ? 1 : -1;
  int error = dx + dy;
  while (true) {
    if (a.x >= 0 && a.x < width_px_ && a.y >= 0 && a.y < height_px_) Row(a.y)[a.x] = value;
    if (a.x == b.x && a.y == b.y) return;
    const int twice = 2 * error;
    if (twice >= dy) error += dy, a.x += sx;
    if (twice <= dx) error += dx, a.y += sy;
  }
}

void Mask::FillPolygon(std::span<const Pixel> corners, uint8_t value) {
  const size_t n = corners.size();
  int top = height_px_, bottom = -1;
  for (const Pixel& p : corners) top = std::min(top, p.y), bottom = std::max(bottom, p.y);
  std::vector<double> cuts;
  for (int y = std::max(top, 0); y <= std::min(bottom, height_px_ - 1); ++y) {
    cuts.clear();
    for (size_t i = 0; i < n; ++i) {
      const Pixel &p = corners[i], &q = corners[(i + 1) % n];
      if ((p.y <= y) == (q.y <= y)) continue;
      cuts.push_back(p.x + static_cast<double>(y - p.y) * (q.x - p.x) / (q.y - p.y));
    }
    std::sort(cuts.begin(), cuts.end());
    for (size_t i = 0; i + 1 < cuts.size(); i += 2) {
      const int from = std::max(0, static_cast<int>(std::ceil(cuts[i])));
      const int to = std::min(width_px_ - 1, static_cast<int>(std::floor(cuts[i + 1])));
      if (from <= to) std::fill(Row(y) + from, Row(y) + to + 1, value);
    }
  }
  for (size_t i = 0; i < n; ++i) Line(corners[i], corners[(i + 1) % n], value);
}

void Mask::DrawOutline(std::span<const Pixel> corners, int thickness_px, uint8_t value) {
  const double radius = thickness_px / 2.0, limit = radius * radius;
  for (size_t i = 0; i < corners.size(); ++i) {
    const Pixel &a = corners[i], &b = corners[(i + 1) % corners.size()];
    const int margin = static_cast<int>(std::ceil(radius));
    const double ex = b.x - a.x, ey = b.y - a.y, length2 = ex * ex + ey * ey;
    for (int y = std::max(0, std::min(a.y, b.y) - margin); y <= std::min(height_px_ - 1, std::max(a.y, b.y) + margin);
         ++y) {
      for (int x = std::max(0, std::min(a.x, b.x) - margin); x <= std::min(width_px_ - 1, std::max(a.x, b.x) + margin);
           ++x) {
        const double px = x - a.x, py = y - a.y;
        const double t = length2 > 0 ? std::clamp((px * ex + py * ey) / length2, 0.0, 1.0) : 0;
        const double rx = px - t * ex, ry = py - t * ey;
        if (rx * rx + ry * ry <= limit) Row(y)[x] = value;
      }
    }
  }
}

void Mask::Erode(int size_px) {
  if (size_px <= 1) return;
  const int before = size_px / 2, after = size_px - 1 - before;
  std::vector<uint8_t> source = bytes_;
  const int w = width_px_;
  for (int y = 0; y < height_px_; ++y) {
    const uint8_t* from = source.data() + static_cast<size_t>(y) * static_cast<size_t>(w);
    uint8_t* to = Row(y);
    for (int shift = -before; shift <= after; ++shift) {
      for (int x = std::max(0, -shift); x < std::min(w, w - shift); ++x) to[x] = std::min(to[x], from[x + shift]);
    }
  }
  source = bytes_;
  for (int y = 0; y < height_px_; ++y) {
    uint8_t* to = Row(y);
    for (int r = std::max(0, y - before); r <= std::min(height_px_ - 1, y + after); ++r) {
      const uint8_t* from = source.data() + static_cast<size_t>(r) * static_cast<size_t>(w);
      for (int x = 0; x < w; ++x) to[x] = r == std::max(0, y - before) ? from[x] : std::min(to[x], from[x]);
    }
  }
}

Components FindComponents(const Mask& mask) {
  Components found;
  const int w = mask.width_px(), h = mask.height_px();
  std::vector<uint8_t> seen(mask.Area(), 0);
  std::vector<Pixel> open;
  const auto visit = [&](int x, int y) {
    if (x < 0 || y < 0 || x >= w || y >= h || mask.At(x, y) == 0) return;
    uint8_t& mark = seen[static_cast<size_t>(y) * static_cast<size_t>(w) + static_cast<size_t>(x)];
    if (mark) return;
    mark = 1;
    open.push_back({x, y});
  };
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      visit(x, y);
      if (open.empty()) continue;
      ++found.count;
      size_t size = 0;
      while (!open.empty()) {
        const Pixel at = open.back();
        open.pop_back();
        ++size;
        for (int dy = -1; dy <= 1; ++dy) {
          for (int dx = -1; dx <= 1; ++dx) visit(at.x + dx, at.y + dy);
        }
      }
      found.largest_px = std::max(found.largest_px, size);
      found.all_px += size;
    }
  }
  return found;
}

std::array<Pixel, 4> BoxPixels(Pixel center, int width_px, int height_px, double angle_rad) {
  const double b = std::cos(angle_rad) / 2, a = std::sin(angle_rad) / 2;
  const double x0 = center.x - a * height_px - b * width_px, y0 = center.y + b * height_px - a * width_px;
  const double x1 = center.x + a * height_px - b * width_px, y1 = center.y - b * height_px - a * width_px;
  const auto cut = [](double v) { return static_cast<int>(static_cast<float>(v)); };
  return {{{cut(x0), cut(y0)},
           {cut(x1), cut(y1)},
           {cut(2 * center.x - x0), cut(2 * center.y - y0)},
           {cut(2 * center.x - x1), cut(2 * center.y - y1)}}};
}

}  // namespace takt::scene::score
