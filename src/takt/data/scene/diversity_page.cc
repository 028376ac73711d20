// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "takt/data/scene/diversity.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

constexpr int kSamples = 3;  // along each side of a pixel
constexpr double kMarginM = 0.15;

using Color = std::array<double, 4>;

// A shape seen from above: a convex polygon or, with no corners, a disc.
struct Patch {
  std::vector<Vec2> corners_m;
  Vec2 center_m = Vec2::Zero();
  double radius_m = 0;
  double top_m = 0;
  Color color = {0.7, 0.7, 0.7, 1};

  bool Holds(const Vec2& p) const {
    if (corners_m.empty()) return (p - center_m).squaredNorm() <= radius_m * radius_m;
    for (size_t i = 0; i < corners_m.size(); ++i) {
      const Vec2 e = corners_m[(i + 1) % corners_m.size()] - corners_m[i], w = p - corners_m[i];
      if (e.x() * w.y() - e.y() * w.x() < 0) return false;
    }
    return true;
  }
};

Patch PatchOf(const Part& part, const Pose& world_from_part) {
  Patch patch;
  const Vec3 half = part.size_m / 2;
  const Eigen::Matrix3d r = world_from_part.rotation.toRotationMatrix();
  const Vec3& at = world_from_part.translation_m;
  patch.center_m = at.head<2>();
  patch.top_m = at.z() + r.row(2).cwiseAbs().dot(half);
  const bool standing = std::abs(r(2, 2)) > 0.99;
  if (part.shape == ShapeKind::kSphere || (standing && part.shape == ShapeKind::kCylinder)) {
    patch.radius_m = half.x();
    return patch;
  }
  // The two axes that lie flattest span what is seen.
  int up = 0;
  for (int i = 1; i < 3; ++i) {
    if (std::abs(r(2, i)) > std::abs(r(2, up))) up = i;
  }
  Vec2 u = r.col((up + 1) % 3).head<2>() * half[(up + 1) % 3], v = r.col((up + 2) % 3).head<2>() * half[(up + 2) % 3];
  if (u.x() * v.y() - u.y() * v.x() < 0) std::swap(u, v);
  patch.corners_m = {patch.center_m - u - v, patch.center_m + u - v, patch.center_m + u + v, patch.center_m - u + v};
  return patch;
}

std::vector<Patch> Patches(const Scene& scene) {
  std::map<std::string, Color> colors;
  for (const Material& material : scene.materials) colors[material.id] = material.rgba;
  const auto color_of = [&](const std::string& id, const Color& otherwise) {
    const auto it = colors.find(id);
    return it == colors.end() ? otherwise : it->second;
  };
  std::vector<Patch> patches;
  Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
    if (node.kind != NodeKind::kObject) return;
    const Color own = color_of(node.material, {0.7, 0.7, 0.7, 1});
    Part whole;
    whole.size_m = node.size_m;
    whole.object_from_part = Pose::Translation(0, 0, node.size_m.z() / 2);
    const std::vector<Part> parts = node.parts.empty() ? std::vector<Part>{whole} : node.parts;
    for (const Part& part : parts) {
      patches.push_back(PatchOf(part, world_from_node * part.object_from_part));
      patches.back().color = color_of(part.material, own);
    }
  });
  std::stable_sort(patches.begin(), patches.end(), [](const Patch& a, const Patch& b) { return a.top_m < b.top_m; });
  return patches;
}

// Floor, and what marks openings at the walls.
void AddRoom(const Scene& scene, std::vector<Patch>* patches) {
  const auto& floor = scene.room.floor_m;
  for (const Opening& opening : scene.room.openings) {
    const size_t wall = static_cast<size_t>(opening.wall_idx);
    if (opening.wall_idx < 0 || wall >= floor.size()) continue;
    const Vec2 along = (floor[(wall + 1) % floor.size()] - floor[wall]).normalized(), in(-along.y(), along.x());
    const Vec2 from = floor[wall] + along * opening.offset_m, to = from + along * opening.width_m;
    const bool door = opening.kind == OpeningKind::kDoor;
    Patch space;
    space.corners_m = {from, to, to + in * opening.clearance_m, from + in * opening.clearance_m};
    space.color = {0.80, 0.86, 0.80, 1};
    Patch hole;
    hole.corners_m = {from - in * 0.12, to - in * 0.12, to, from};
    hole.color = door ? Color{0.42, 0.62, 0.45, 1} : Color{0.55, 0.72, 0.85, 1};
    if (opening.clearance_m > 0) patches->push_back(space);
    patches->push_back(hole);
  }
}

bool InFloor(const std::vector<Vec2>& floor, const Vec2& p) {
  bool inside = false;
  for (size_t i = 0, j = floor.size() - 1; i < floor.size(); j = i++) {
    if ((floor[i].y() > p.y()) != (floor[j].y() > p.y()) &&
        p.x() < (floor[j].x() - floor[i].x()) * (p.y() - floor[i].y()) / (floor[j].y() - floor[i].y()) + floor[i].x()) {
      inside = !inside;
    }
  }
  return inside;
}

}  // namespace

Image8 DrawTopView(const Scene& scene, int longer_px) {
  Vec2 low(0, 0), high(1, 1);
  for (size_t i = 0; i < scene.room.floor_m.size(); ++i) {
    const Vec2& corner = scene.room.floor_m[i];
    low = i == 0 ? corner : Vec2(low.cwiseMin(corner));
    high = i == 0 ? corner : Vec2(high.cwiseMax(corner));
  }
  low.array() -= kMarginM, high.array() += kMarginM;
  const double px_per_m = longer_px / (high - low).maxCoeff();
  const int w = std::max(1, static_cast<int>(std::lround((high.x() - low.x()) * px_per_m)));
  const int h = std::max(1, static_cast<int>(std::lround((high.y() - low.y()) * px_per_m)));
  std::vector<Patch> patches;
  AddRoom(scene, &patches);
  for (Patch& patch : Patches(scene)) patches.push_back(std::move(patch));
  const int fine_w = w * kSamples, fine_h = h * kSamples;
  const double step = 1 / (px_per_m * kSamples);
  std::vector<std::array<float, 3>> fine(static_cast<size_t>(fine_w) * static_cast<size_t>(fine_h));
  const auto at = [&](int x, int y) { return Vec2(low.x() + (x + 0.5) * step, high.y() - (y + 0.5) * step); };
  for (int y = 0; y < fine_h; ++y) {
    for (int x = 0; x < fine_w; ++x) {
      const float grey = InFloor(scene.room.floor_m, at(x, y)) ? 0.82f : 0.55f;
      fine[static_cast<size_t>(y) * static_cast<size_t>(fine_w) + static_cast<size_t>(x)] = {grey, grey, grey};
    }
  }
  for (const Patch& patch : patches) {
    Vec2 from = patch.center_m.array() - patch.radius_m, to = patch.center_m.array() + patch.radius_m;
    if (!patch.corners_m.empty()) from = to = patch.corners_m[0];
    for (const Vec2& corner : patch.corners_m) from = from.cwiseMin(corner), to = to.cwiseMax(corner);
    const int x0 = std::max(0, static_cast<int>((from.x() - low.x()) / step)),
              x1 = std::min(fine_w - 1, static_cast<int>((to.x() - low.x()) / step));
    const int y0 = std::max(0, static_cast<int>((high.y() - to.y()) / step)),
              y1 = std::min(fine_h - 1, static_cast<int>((high.y() - from.y()) / step));
    const auto a = static_cast<float>(patch.color[3]);
    for (int y = y0; y <= y1; ++y) {
      for (int x = x0; x <= x1; ++x) {
        if (!patch.Holds(at(x, y))) continue;
        auto& pixel = fine[static_cast<size_t>(y) * static_cast<size_t>(fine_w) + static_cast<size_t>(x)];
        for (size_t c = 0; c < 3; ++c) pixel[c] += a * (static_cast<float>(patch.color[c]) - pixel[c]);
      }
    }
  }
  Image8 image(w, h, 3);
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      for (size_t c = 0; c < 3; ++c) {
        float sum = 0;
        for (int k = 0; k < kSamples * kSamples; ++k) {
          const size_t row = static_cast<size_t>(y * kSamples + k / kSamples),
                       column = static_cast<size_t>(x * kSamples + k % kSamples);
          sum += fine[row * static_cast<size_t>(fine_w) + column][c];
        }
        image.row(y)[3 * x + static_cast<int>(c)] =
            static_cast<uint8_t>(std::lround(255 * std::clamp(sum / (kSamples * kSamples), 0.f, 1.f)));
      }
    }
  }
  return image;
}

Report DiversityPage(const std::string& title, std::span<const Scene> scenes, const DiversityReport& diversity,
                     int pictures) {
  const auto percent = [](double v) { return std::isnan(v) ? std::string("-") : fmt::format("{:.0f} %", 100 * v); };
  Report page(title, fmt::format("{} scenes with {:.1f} objects each; {} of them repeat an earlier one.",
                                 diversity.scenes, diversity.objects_per_scene, diversity.duplicates));
  page.SetKicker("takt scene generate");
  page.Tiles({{"scenes", fmt::format("{}", diversity.scenes), "", TileState::kPlain},
              {"objects a scene", fmt::format("{:.1f}", diversity.objects_per_scene), "", TileState::kPlain},
              {"duplicates", fmt::format("{}", diversity.duplicates), "to 2 cm",
               diversity.duplicates == 0 ? TileState::kOk : TileState::kWarn},
              {"distance of two scenes",
               std::isnan(diversity.distance_median_m) ? "-" : fmt::format("{:.2f} m", diversity.distance_median_m),
               "median, an object to its like", TileState::kPlain}});
  page.Section("From above");
  page.Paragraph("Doors are green, with the space that must stay free; windows are blue.");
  std::vector<ReportPicture> views;
  const size_t count = std::min(scenes.size(), static_cast<size_t>(std::max(pictures, 0)));
  for (size_t i = 0; i < count; ++i) {
    const Scene& scene = scenes[i * scenes.size() / count];
    views.push_back({DrawTopView(scene, 360), scene.name, "top view of " + scene.name, false});
  }
  if (!views.empty()) page.Pictures(views);
  page.Section("Where things stand");
  page.Paragraph(
      "Entropy of the positions over an 8 x 8 grid of what they stand on, as a part of the most that this many objects "
      "could "
      "have. 100 % is an even spread; objects that a recipe ties to one place score low on purpose.");
  ReportTable table;
  table.columns = {{"category"},        {"objects", true},    {"a scene", true},
                   {"positions", true}, {"cells used", true}, {"turns", true}};
  BarChart histogram;
  histogram.title = "Objects of each category";
  histogram.parts = {"objects"};
  for (const CategoryDiversity& row : diversity.categories) {
    table.rows.push_back({row.category, fmt::format("{}", row.count), fmt::format("{:.2f}", row.per_scene),
                          percent(row.position_entropy), percent(row.cells_used), percent(row.yaw_entropy)});
    histogram.rows.push_back({row.category, {static_cast<double>(row.count)}});
  }
  page.Table(table);
  page.Plot(histogram);
  if (diversity.distances_m.size() < 2) return page;
  page.Section("How far apart two scenes are");
  LinePlot plot;
  plot.title = "Distances of pairs of scenes";
  plot.x_label = "distance [m]";
  plot.y_label = "part of pairs that are closer";
  PlotSeries series;
  series.name = "pairs";
  for (size_t i = 0; i < diversity.distances_m.size(); ++i) {
    series.x.push_back(diversity.distances_m[i]);
    series.y.push_back(static_cast<double>(i + 1) / static_cast<double>(diversity.distances_m.size()));
  }
  plot.series = {series};
  page.Plot(plot);
  page.Paragraph(fmt::format("Least {:.3f} m, one in ten below {:.3f} m, median {:.3f} m, nine in ten below {:.3f} m.",
                             diversity.distance_min_m, diversity.distance_p10_m, diversity.distance_median_m,
                             diversity.distance_p90_m));
  return page;
}

}  // namespace takt::scene
