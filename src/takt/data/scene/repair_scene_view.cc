// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair_scene_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "takt/data/scene/repair/measure.h"

namespace takt::scene {
namespace {

using Rgb = std::array<double, 3>;
constexpr double kMargin_m = 0.4;
constexpr int kSamples = 3;  // a side, for each pixel

class Plan {
 public:
  Plan(const std::vector<Vec2>& floor, int width_px) {
    low_ = Vec2(INFINITY, INFINITY);
    Vec2 high = -low_;
    for (const Vec2& p : floor) {
      low_ = low_.cwiseMin(p);
      high = high.cwiseMax(p);
    }
    low_ -= Vec2(kMargin_m, kMargin_m);
    high += Vec2(kMargin_m, kMargin_m);
    px_per_m_ = width_px / (high.x() - low_.x());
    height_px_ = std::clamp(static_cast<int>(std::lround((high.y() - low_.y()) * px_per_m_)), 1, 4 * width_px);
    picture_ = ImageF(width_px, height_px_, 3);
    std::fill(picture_.pixels.begin(), picture_.pixels.end(), 0.96f);
  }

  // Any simple polygon, even-odd.
  void Fill(const std::vector<Vec2>& polygon, const Rgb& colour, double opacity) {
    if (polygon.size() < 3) return;
    std::vector<Vec2> p;
    for (const Vec2& v : polygon) p.emplace_back((v.x() - low_.x()) * px_per_m_, height_px_ - (v.y() - low_.y()) * px_per_m_);
    Vec2 low = p[0], high = p[0];
    for (const Vec2& v : p) {
      low = low.cwiseMin(v);
      high = high.cwiseMax(v);
    }
    if (!low.allFinite() || !high.allFinite()) return;
    const int x0 = static_cast<int>(std::clamp(std::floor(low.x()), 0.0, static_cast<double>(picture_.width_px)));
    const int x1 = static_cast<int>(std::clamp(std::ceil(high.x()), 0.0, static_cast<double>(picture_.width_px)));
    const int y0 = static_cast<int>(std::clamp(std::floor(low.y()), 0.0, static_cast<double>(height_px_)));
    const int y1 = static_cast<int>(std::clamp(std::ceil(high.y()), 0.0, static_cast<double>(height_px_)));
    for (int y = y0; y < y1; ++y) {
      for (int x = x0; x < x1; ++x) {
        int hits = 0;
        for (int s = 0; s < kSamples * kSamples; ++s) {
          const double u = x + (s % kSamples + 0.5) / kSamples, v = y + (s / kSamples + 0.5) / kSamples;
          bool inside = false;
          for (size_t i = 0, j = p.size() - 1; i < p.size(); j = i++) {
            if ((p[i].y() > v) != (p[j].y() > v) &&
                u < p[i].x() + (v - p[i].y()) / (p[j].y() - p[i].y()) * (p[j].x() - p[i].x())) {
              inside = !inside;
            }
          }
          hits += inside;
        }
        const float alpha = static_cast<float>(opacity * hits / (kSamples * kSamples));
        float* pixel = picture_.row(y) + 3 * x;
        for (int c = 0; c < 3; ++c) pixel[c] += alpha * (static_cast<float>(colour[c]) - pixel[c]);
      }
    }
  }
  void Line(const Vec2& a, const Vec2& b, double width_px, const Rgb& colour) {
    const Vec2 d = b - a;
    if (!(d.norm() > 1e-9)) return;
    const Vec2 n = Vec2(-d.y(), d.x()).normalized() * (width_px / 2 / px_per_m_);
    Fill({a + n, a - n, b - n, b + n}, colour, 1);
  }
  void Outline(const std::vector<Vec2>& polygon, double width_px, const Rgb& colour) {
    for (size_t k = 0; k < polygon.size(); ++k) Line(polygon[k], polygon[(k + 1) % polygon.size()], width_px, colour);
  }
  Image8 Picture() const { return ToImage8(picture_); }

 private:
  Vec2 low_;
  double px_per_m_ = 1;
  int height_px_ = 1;
  ImageF picture_;
};

}  // namespace

Image8 DrawPlan(const Scene& scene, const std::filesystem::path& folder, const std::set<std::string>& marked,
                const std::set<std::string>& moved, int width_px) {
  Plan plan(scene.room.floor_m, width_px);
  plan.Fill(scene.room.floor_m, {1, 1, 1}, 1);
  const std::vector<WallLine> walls = Walls(scene);
  for (const Opening& o : scene.room.openings) {
    if (o.wall_idx < 0 || o.wall_idx >= static_cast<int>(walls.size())) continue;
    const WallLine& wall = walls[o.wall_idx];
    const Vec2 a = wall.from_m + o.offset_m * wall.along, b = a + o.width_m * wall.along, in = o.clearance_m * wall.inward;
    plan.Fill({a, b, b + in, a + in}, {1.0, 0.86, 0.55}, 0.7);
  }
  const Tree tree = ReadTree(scene, folder);
  std::vector<const Item*> order;  // low tops first
  for (const Item& item : tree.items) {
    if (item.node->kind == NodeKind::kObject && item.finite) order.push_back(&item);
  }
  const auto top = [](const Item* i) { return i->world_from_node.translation_m.z() + i->node->size_m.z(); };
  std::stable_sort(order.begin(), order.end(), [&](const Item* a, const Item* b) { return top(a) < top(b); });
  for (const Item* item : order) {
    for (const Clearance& c : item->node->clearances) {
      if (c.depth_m > 0) plan.Fill(OuterOutline(Transformed(ClearancePiece(*item->node, c), item->world_from_node)), {0.65, 0.85, 0.65}, 0.35);
    }
  }
  for (const Item* item : order) {
    const bool red = marked.contains(item->node->id), blue = moved.contains(item->node->id);
    const Rgb fill = red    ? Rgb{0.90, 0.35, 0.30}
                     : blue ? Rgb{0.40, 0.60, 0.90}
                     : item->node->fixed ? Rgb{0.45, 0.45, 0.48} : Rgb{0.76, 0.77, 0.80};
    for (const Convex& piece : item->body) {
      const auto outline = OuterOutline(Transformed(piece, item->world_from_node));
      plan.Fill(outline, fill, 0.8);
      plan.Outline(outline, 1.5, {0.2, 0.2, 0.22});
    }
    const Vec3 c = item->world_from_node.translation_m, f = item->world_from_node * Vec3(item->node->size_m.x() / 2, 0, 0);
    plan.Line({c.x(), c.y()}, {f.x(), f.y()}, 2, {0.15, 0.15, 0.2});
  }
  plan.Outline(scene.room.floor_m, 4, {0.1, 0.1, 0.1});
  for (const Opening& o : scene.room.openings) {
    if (o.wall_idx < 0 || o.wall_idx >= static_cast<int>(walls.size())) continue;
    const WallLine& wall = walls[o.wall_idx];
    const Vec2 a = wall.from_m + o.offset_m * wall.along;
    const Rgb colour = o.kind == OpeningKind::kDoor ? Rgb{0.85, 0.55, 0.1} : Rgb{0.3, 0.6, 0.85};
    plan.Line(a, a + o.width_m * wall.along, 6, colour);
  }
  return plan.Picture();
}

}  // namespace takt::scene
