// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// SceneEval's constants, as in its configs/metrics.yaml.
struct ScoreOptions {
  uint64_t seed = 0;  // of the sampled points
  double collision_move_m = 0.005;
  double in_bound_ratio = 0.99;
  double samples_per_m3 = 5000;  // of the object's box
  int min_samples = 1000;
  int raster_px = 256;  // side of the floor plan
  double robot_width_m = 0.2;
  double plan_margin_m = 0.2;  // navigability; accessibility has none
  double plan_height_m = 2;    // objects whose centre is higher are not in the plan
  double access_width_m = 0.2;
  double access_offset_m = 0.05;
  double opening_px_per_m = 100;
  double window_depth_m = 0.5;  // a door's depth is its width
  double support_distance_m = 0.01;
  double support_lift_m = 0.005;
  double support_facing = 0.9;
  double support_samples_per_m2 = 256;
  int support_min_samples = 32;
  int support_max_samples = 100'000;
  std::filesystem::path assets;  // folder of the mesh files
};

struct ObjectScore {
  std::string id, name;
  bool sized = true;  // false: its box is a guess (scene state without sizes)
  std::vector<std::string> colliding_with;
  double in_bound_ratio = NAN;
  bool out_of_bound = false;
  bool supported = false;
  double support_gap_m = NAN;  // least distance of the lifted bottom to what is below; NaN: nothing within reach
  double accessibility = NAN;  // best functional side; NaN: it has none
};

struct OpeningScore {
  std::string id;
  OpeningKind kind = OpeningKind::kDoor;
  std::vector<std::string> interfering;  // objects in the space before it
  double occlusion = 0;                  // part of the opening that they cover
};

struct ScoreReport {
  std::vector<ObjectScore> objects;  // in the order of the file
  std::vector<OpeningScore> openings;
  int in_collision = 0;  // objects
  int out_of_bound = 0;
  int supported = 0;
  double navigability = NAN;  // largest free component over all free floor; NaN: no free floor, or not computed
  int free_components = 0;
  double accessibility = NAN;  // mean over objects with functional sides
  int unsized = 0;             // objects without a known shape
  // With one or more of them, what depends on shapes is computed for the sized objects only, navigability not at all,
  // and the counts above are of the sized ones.
  std::vector<std::string> notes;  // what could not be computed, and why
};

// SceneEval's metrics that need no language model, on the meshes of our bodies (parts, or one box):
//   collision       surfaces of a pair cut each other, and still do after the second (later in the file) moved by 5 mm
//   from
//                   the mean contact towards its centroid
//   out of bounds   part of points drawn on the surface that lies over the floor < 0.99
//   support         rays down from the lifted bottom hit something within 1 cm, and the centroid lies over the hull
//                   of the hits; every object counts as standing (SceneEval asks a model which hang)
//   navigability    floor plan of 256 x 256, eroded by the robot; boxes of objects drawn with its width; largest
//   8-connected
//                   component over all free pixels
//   accessibility   strip of 0.2 m before each functional side (here: sides with a clearance), part that is free floor
//   opening         objects in the box before a door (depth: its width) or window (0.5 m); what they cover at 100 px/m
// We deviate: the box before an opening is tested exactly, not by points; surfaces that lie wholly over the floor
// count 1 without drawing points; rays stop at 1 cm; triangles are tested by segments, contacts are the ends of their
// cuts; the raster follows OpenCV's rules, thick lines up to a pixel.
// Errors: as ReadMesh. Cost: below 5 ms for 30 objects of primitive parts. Determinism: scene, options -> same report.
// Source: 3dlg-hcvc/SceneEval (WACV 2026), metrics/*.py; navigability goes back to PhyScene.
ScoreReport Score(const Scene& scene, const ScoreOptions& options = {});

}  // namespace takt::scene
