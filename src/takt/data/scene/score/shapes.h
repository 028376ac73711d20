// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "takt/core/geom/mesh.h"
#include "takt/data/scene/model/scene.h"
#include "takt/data/scene/score/raster.h"
#include "takt/data/scene/score/score.h"

namespace takt::scene::score {

// An object as the metrics see it, in the world.
struct Shape {
  const Node* node = nullptr;
  bool sized = true;
  TriMesh mesh;
  Vec3 low_m, high_m;   // of the mesh
  Vec3 centroid_m;      // of the surface, by area
  Pose world_from_box;  // centre of the box, axes of the object
  Vec3 size_m;          // of that box
  double yaw_rad = 0;   // third of the XYZ Euler angles
};

struct Door {  // or window
  const Opening* opening = nullptr;
  Pose world_from_opening;  // centre; x along the wall, +y into the room, z up
  Vec3 size_m;              // width, thickness, height
};

struct World {
  std::vector<Shape> shapes;
  std::vector<Vec2> floor_m;
  std::vector<Door> doors;
  double floor_z_m = 0;    // the lowest point of all objects, as SceneEval has it
  Vec2 plan_center_m;      // middle of the floor's bounds
  double plan_half_m = 0;  // largest coordinate of a floor corner from there
};

constexpr double kArchThicknessM = 0.001;

World BuildWorld(const Scene& scene, const ScoreOptions& options);

void ScoreCollision(const World& world, const ScoreOptions& options, ScoreReport* report);
void ScoreBounds(const World& world, const ScoreOptions& options, ScoreReport* report);
void ScoreSupport(const World& world, const ScoreOptions& options, ScoreReport* report);
void ScorePlan(const World& world, const ScoreOptions& options, ScoreReport* report);  // navigability, accessibility
void ScoreOpenings(const World& world, const ScoreOptions& options, ScoreReport* report);

// Whether two triangles meet. Ends of the cut are appended to `contacts` where it is not null.
bool TrianglesMeet(const Vec3* a, const Vec3* b, std::vector<Vec3>* contacts);
bool Inside(const std::vector<Vec2>& polygon, const Vec2& point);

}  // namespace takt::scene::score
