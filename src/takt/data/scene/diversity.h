// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/core/io/report.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

constexpr int kDiversityGrid = 8;  // cells along each side of a support

struct CategoryDiversity {
  std::string category;
  int count = 0;  // objects in all scenes
  double per_scene = 0;
  // Entropy of the positions over an 8 x 8 grid of their support (room for the floor), divided by the most that this
  // many objects can have, log(min(64, count)). 1: spread evenly; 0: always in one cell; NaN: fewer than two objects.
  double position_entropy = NAN;
  double cells_used = 0;     // part of the 64
  double yaw_entropy = NAN;  // the same over 16 sectors
};

struct DiversityReport {
  int scenes = 0;
  double objects_per_scene = 0;
  std::vector<CategoryDiversity> categories;  // sorted by name
  // Distance of two scenes: each object to the nearest of its category in the other (1 m where there is none), in the
  // frame of what it stands on (surface, or room), averaged over both directions [m]. Over all pairs, or 4,000 seeded ones where there are more.
  double distance_min_m = NAN, distance_p10_m = NAN, distance_median_m = NAN, distance_p90_m = NAN;
  std::vector<double> distances_m;  // sorted
  int duplicates = 0;               // scenes that agree with an earlier one to 2 cm in every object
};

// How different the scenes of a set are. Cost: O(objects) and O(pairs x objects^2 of a category). Determinism: a pure
// function of the scenes.
DiversityReport MeasureDiversity(std::span<const Scene> scenes);

// The scene from above: floor, walls, openings, parts in their colours, lowest first. `longer_px` is the longer side.
Image8 DrawTopView(const Scene& scene, int longer_px);

// A page with the figures, the distances, and up to `pictures` top views.
Report DiversityPage(const std::string& title, std::span<const Scene> scenes, const DiversityReport& diversity,
                     int pictures = 24);

}  // namespace takt::scene
