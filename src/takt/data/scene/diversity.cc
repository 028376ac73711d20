// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/diversity.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numbers>
#include <set>

#include "takt/core/base/rng.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

constexpr size_t kMaxPairs = 4000;
constexpr double kMissingM = 1;
constexpr double kSameM = 0.02;
constexpr int kSectors = 16;

struct Spot {
  std::string category;
  Vec3 at_m;       // in the frame of what it stands on
  int cell = 0;    // of its support
  int sector = 0;  // of its yaw on the support
};

int Cell(double part) { return std::clamp(static_cast<int>(part * kDiversityGrid), 0, kDiversityGrid - 1); }

std::vector<Spot> Spots(const Scene& scene) {
  std::vector<Spot> spots;
  Vec2 low(0, 0), high(0, 0);
  for (size_t i = 0; i < scene.room.floor_m.size(); ++i) {
    const Vec2& corner = scene.room.floor_m[i];
    low = i == 0 ? corner : Vec2(low.cwiseMin(corner));
    high = i == 0 ? corner : Vec2(high.cwiseMax(corner));
  }
  Walk(scene, [&](const Node& node, const Node* parent, const Pose& world_from_node) {
    if (node.kind != NodeKind::kObject) return;
    Spot spot;
    spot.category = node.category;
    const bool on_surface = parent && parent->kind == NodeKind::kSurface;
    spot.at_m = on_surface ? node.parent_from_node.translation_m : world_from_node.translation_m;
    const Vec2 at = spot.at_m.head<2>();
    const Vec2 from = on_surface ? Vec2(-parent->size_m.head<2>() / 2) : low;
    const Vec2 size = on_surface ? Vec2(parent->size_m.head<2>()) : Vec2(high - low);
    if (size.minCoeff() > 0)
      spot.cell = kDiversityGrid * Cell((at.y() - from.y()) / size.y()) + Cell((at.x() - from.x()) / size.x());
    const Quat& q = on_surface ? node.parent_from_node.rotation : world_from_node.rotation;
    const double yaw = std::atan2(2 * (q.w() * q.z() + q.x() * q.y()), 1 - 2 * (q.y() * q.y() + q.z() * q.z()));
    spot.sector =
        static_cast<int>(std::floor((yaw + std::numbers::pi) / (2 * std::numbers::pi) * kSectors + 0.5)) % kSectors;
    spots.push_back(std::move(spot));
  });
  return spots;
}

// Entropy over the most that `total` things in `bins` can have.
double Entropy(const std::vector<int>& counts, int total) {
  const double most = std::log(std::min<double>(static_cast<double>(counts.size()), total));
  if (total < 2 || !(most > 0)) return NAN;
  double entropy = 0;
  for (const int count : counts) {
    if (count > 0) entropy -= static_cast<double>(count) / total * std::log(static_cast<double>(count) / total);
  }
  return entropy / most;
}

double OneWayM(const std::vector<Spot>& from, const std::vector<Spot>& to) {
  if (from.empty()) return 0;
  double sum = 0;
  for (const Spot& a : from) {
    double least = kMissingM;
    for (const Spot& b : to) {
      if (b.category == a.category) least = std::min(least, (a.at_m - b.at_m).norm());
    }
    sum += least;
  }
  return sum / static_cast<double>(from.size());
}

std::string Key(std::vector<Spot> spots) {
  std::vector<std::string> parts;
  for (const Spot& spot : spots) {
    parts.push_back(fmt::format("{} {:.0f} {:.0f} {:.0f}", spot.category, spot.at_m.x() / kSameM,
                                spot.at_m.y() / kSameM, spot.at_m.z() / kSameM));
  }
  std::sort(parts.begin(), parts.end());
  return fmt::format("{}", fmt::join(parts, ";"));
}

}  // namespace

DiversityReport MeasureDiversity(std::span<const Scene> scenes) {
  DiversityReport report;
  report.scenes = static_cast<int>(scenes.size());
  std::vector<std::vector<Spot>> all;
  struct Bins {
    std::vector<int> cells = std::vector<int>(kDiversityGrid * kDiversityGrid), sectors = std::vector<int>(kSectors);
    int count = 0;
  };
  std::map<std::string, Bins> bins;
  std::set<std::string> keys;
  int objects = 0;
  for (const Scene& scene : scenes) {
    all.push_back(Spots(scene));
    for (const Spot& spot : all.back()) {
      Bins& b = bins[spot.category];
      ++b.count, ++b.cells[static_cast<size_t>(spot.cell)], ++b.sectors[static_cast<size_t>(spot.sector)];
      ++objects;
    }
    report.duplicates += !keys.insert(Key(all.back())).second;
  }
  if (!scenes.empty()) report.objects_per_scene = static_cast<double>(objects) / static_cast<double>(scenes.size());
  for (const auto& [category, b] : bins) {
    CategoryDiversity& row = report.categories.emplace_back();
    row.category = category;
    row.count = b.count;
    row.per_scene = static_cast<double>(b.count) / static_cast<double>(scenes.size());
    row.position_entropy = Entropy(b.cells, b.count);
    row.yaw_entropy = Entropy(b.sectors, b.count);
    row.cells_used = static_cast<double>(std::count_if(b.cells.begin(), b.cells.end(), [](int c) { return c > 0; })) /
                     static_cast<double>(b.cells.size());
  }
  const size_t n = all.size(), pairs = n * (n - (n > 0)) / 2;
  const auto measure = [&](size_t i, size_t j) {
    report.distances_m.push_back((OneWayM(all[i], all[j]) + OneWayM(all[j], all[i])) / 2);
  };
  if (pairs <= kMaxPairs) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = i + 1; j < n; ++j) measure(i, j);
    }
  } else {
    const Rng rng(0);
    for (uint64_t k = 0; k < kMaxPairs; ++k) {
      const size_t i = rng.Below(2 * k, n), j = rng.Below(2 * k + 1, n - 1);
      measure(i, j + (j >= i));
    }
  }
  std::sort(report.distances_m.begin(), report.distances_m.end());
  const auto& d = report.distances_m;
  if (d.empty()) return report;
  const auto quantile = [&](double q) { return d[static_cast<size_t>(q * static_cast<double>(d.size() - 1))]; };
  report.distance_min_m = d.front();
  report.distance_p10_m = quantile(0.1);
  report.distance_median_m = quantile(0.5);
  report.distance_p90_m = quantile(0.9);
  return report;
}

}  // namespace takt::scene
