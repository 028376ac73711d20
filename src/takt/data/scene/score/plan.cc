// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "takt/data/scene/score/raster.h"
#include "takt/data/scene/score/shapes.h"

namespace takt::scene::score {
namespace {

constexpr int kMaxStripPx = 4096;

// The floor plan as a picture: x to the right, y up, the middle of the floor's bounds in the middle.
class Plan {
 public:
  Plan(const World& world, double margin_m, int side_px)
      : world_(world), scale_m_(world.plan_half_m + margin_m), half_px_(side_px / 2) {}

  Pixel At(const Vec2& point_m) const {
    const Vec2 from_center = point_m - world_.plan_center_m;
    return {Length(from_center.x()) + half_px_, Length(-from_center.y()) + half_px_};
  }
  // Cut towards zero, as Python's int().
  int Length(double length_m) const { return static_cast<int>(length_m / scale_m_ * half_px_); }
  std::array<Pixel, 4> Box(const Vec2& center_m, double x_m, double y_m, double yaw_rad) const {
    return BoxPixels(At(center_m), Length(x_m), Length(y_m), -yaw_rad);
  }
  std::vector<Pixel> Floor() const {
    std::vector<Pixel> pixels;
    for (const Vec2& corner : world_.floor_m) pixels.push_back(At(corner));
    return pixels;
  }

 private:
  const World& world_;
  double scale_m_;
  int half_px_;
};

struct SideBox {
  Vec2 offset_m;    // of the strip's centre in the object's frame
  double x_m, y_m;  // its extents
};

SideBox Strip(const Shape& shape, Side side, const ScoreOptions& options) {
  const double w = options.access_width_m, out = w / 2 + options.access_offset_m;
  const double x = shape.size_m.x() / 2 + out, y = shape.size_m.y() / 2 + out;
  switch (side) {
    case Side::kBack:
      return {{-x, 0}, w, shape.size_m.y()};
    case Side::kLeft:
      return {{0, y}, shape.size_m.x(), w};
    case Side::kRight:
      return {{0, -y}, shape.size_m.x(), w};
    default:
      return {{x, 0}, w, shape.size_m.y()};
  }
}

double Accessible(const Plan& plan, const Mask& free, const Shape& shape, Side side, const ScoreOptions& options) {
  const SideBox strip = Strip(shape, side, options);
  const Vec3 center = shape.world_from_box * Vec3(strip.offset_m.x(), strip.offset_m.y(), 0);
  const auto corners = plan.Box(center.head<2>(), strip.x_m, strip.y_m, shape.yaw_rad);
  // The strip is drawn in a mask of its own size, so that no edge of the plan cuts what it is compared with.
  Pixel low = corners[0], high = corners[0];
  for (const Pixel& p : corners) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y)};
  }
  if (high.x - low.x > kMaxStripPx || high.y - low.y > kMaxStripPx) return 0;
  std::array<Pixel, 4> moved = corners;
  for (Pixel& p : moved) p = {p.x - low.x, p.y - low.y};
  Mask strip_mask(high.x - low.x + 1, high.y - low.y + 1);
  strip_mask.FillPolygon(moved, 255);
  size_t open = 0;
  for (int y = std::max(low.y, 0); y <= std::min(high.y, free.height_px() - 1); ++y) {
    for (int x = std::max(low.x, 0); x <= std::min(high.x, free.width_px() - 1); ++x) {
      open += strip_mask.At(x - low.x, y - low.y) != 0 && free.At(x, y) != 0;
    }
  }
  const size_t all = strip_mask.Count();
  return all > 0 ? static_cast<double>(open) / static_cast<double>(all) : 0;
}

}  // namespace

void ScorePlan(const World& world, const ScoreOptions& options, ScoreReport* report) {
  if (world.floor_m.size() < 3) return;
  const auto in_plan = [&](const Shape& shape) {
    return shape.sized && shape.world_from_box.translation_m.z() - world.floor_z_m <= options.plan_height_m;
  };
  if (report->unsized == 0) {
    const Plan plan(world, options.plan_margin_m, options.raster_px);
    Mask free(options.raster_px, options.raster_px);
    free.FillPolygon(plan.Floor(), 255);
    const int robot_px = plan.Length(options.robot_width_m);
    free.Erode(robot_px);
    for (const Shape& shape : world.shapes) {
      if (!in_plan(shape)) continue;
      const auto box =
          plan.Box(shape.world_from_box.translation_m.head<2>(), shape.size_m.x(), shape.size_m.y(), shape.yaw_rad);
      free.DrawOutline(box, robot_px, 0);
      free.FillPolygon(box, 0);
    }
    const Components components = FindComponents(free);
    report->free_components = components.count;
    report->navigability =
        components.all_px > 0 ? static_cast<double>(components.largest_px) / static_cast<double>(components.all_px) : 0;
  }
  const Plan plan(world, 0, options.raster_px);
  Mask free(options.raster_px, options.raster_px);
  free.FillPolygon(plan.Floor(), 255);
  for (const Shape& shape : world.shapes) {
    if (!in_plan(shape)) continue;
    free.FillPolygon(
        plan.Box(shape.world_from_box.translation_m.head<2>(), shape.size_m.x(), shape.size_m.y(), shape.yaw_rad), 0);
  }
  for (size_t i = 0; i < world.shapes.size(); ++i) {
    const Shape& shape = world.shapes[i];
    if (!shape.sized) continue;
    for (const Clearance& clearance : shape.node->clearances) {
      if (clearance.side == Side::kTop) continue;
      const double part = Accessible(plan, free, shape, clearance.side, options);
      double& best = report->objects[i].accessibility;
      if (!(best >= part)) best = part;
    }
  }
}

}  // namespace takt::scene::score
