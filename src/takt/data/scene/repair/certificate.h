// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// What a valid scene may deviate by. Angles and gaps that a relation leaves at 0 get the value here.
struct Tolerances {
  double penetration_m = 1e-4;    // depth of two bodies, of a body in a wall, of a body in a clearance
  double height_m = 2e-3;         // between the lowest point of a body and its support
  double tilt_rad = 0.0349;       // 2 degrees, for what must stand upright
  double against_gap_m = 0.02;    // `against` with max_m = 0
  double near_gap_m = 1.5;        // `near` with max_m = 0
  double facing_rad = 0.5236;     // 30 degrees, `facing` with tolerance_rad = 0
  double aligned_rad = 0.0873;    // 5 degrees, `aligned` with tolerance_rad = 0
  double relation_m = 1e-6;       // rounding allowed to a relation that is measured in metres
  double relation_rad = 1e-6;     // or in radians
};

enum class FaultKind {
  kNotFinite,         // a pose or a size is NaN, infinite, not positive or absurd
  kDuplicateId,       // another node before it has the same id
  kUnits,             // a size is a thousand times too large: millimetres
  kSwappedAxes,       // size_m names the axes in another order than the parts do
  kPenetration,       // subject and other overlap
  kOutOfBounds,       // subject sticks out of the room, or of the cavity that holds it
  kFloating,          // lowest point above the support
  kSunk,              // lowest point below the support
  kTilted,            // must be upright and is not: upside-down, lying
  kOffSupport,        // centre of mass not over the support
  kOutOfRegion,       // centre outside the region it belongs to
  kBlockedClearance,  // other stands in a clearance of subject, or the room ends inside it
  kBlockedOpening,    // subject stands before the door or window `other`
  kRelation,          // a stated relation does not hold
  kUnstable,          // physics moves it (settle.h)
};
const char* FaultName(FaultKind kind);  // "penetration"

struct Fault {
  FaultKind kind = FaultKind::kPenetration;
  std::string subject;    // node id
  std::string other;      // node id, opening id, or empty
  double value = 0;       // how far it is beyond what is allowed, metres or radians; NaN for kNotFinite
  int relation_idx = -1;  // kRelation: of scene.relations
  std::string text;       // for people
};

struct RelationCheck {
  int relation_idx = 0;  // of scene.relations
  double value = 0;      // metres or radians, as measured
  double lower = 0, upper = 0;  // what is allowed
  bool holds = false;
};

struct PairDistance {
  std::string a, b;       // node ids
  double distance_m = 0;  // of the bodies; negative: depth of penetration
};

// What was measured on a scene, in double, by code that the solver does not use. Every figure is over bodies as convex
// pieces (boxes, cylinders, spheres, capsules, hulls of meshes), not over their bounding boxes.
struct Certificate {
  bool holds = false;                 // no fault
  uint64_t seed = 0;                  // of the repair
  int objects = 0;
  int pairs = 0;                      // measured exactly; the others are farther apart than their bounding spheres
  PairDistance closest;               // least distance of two bodies of which neither stands on the other
  double deepest_penetration_m = 0;   // over all pairs; 0 when there is none
  double bounds_margin_m = 0;         // least distance of a body to the walls; negative: outside by that much
  double clearance_margin_m = 0;      // least distance of a body to a clearance; negative: inside by that much
  double support_error_m = 0;         // largest gap between a body and its support
  std::vector<RelationCheck> relations;
  std::vector<Fault> faults;
  double settle_drift_m = NAN;        // after 2 s of physics; NaN where that was not run
  double settle_turn_rad = NAN;
};

// What the checks compute and `Certify` sums up, for one relation. Gaps are horizontal, between the boxes of the bodies:
//   on            height of the subject's lowest point over the target's surface             [-height_m, height_m]
//   in            how far the subject's box sticks out of the cavity                         [-inf, penetration_m]
//   against       farthest of the two lower corners of the side from the wall's line (the nearest one where that is more
//                 than 0.1 mm too near), or distance of the side from the target's box      [min_m, max_m]
//   near          gap between the boxes                                                      [min_m, max_m]
//   facing        angle between the subject's front and the direction to the target's centre [0, tolerance_rad]
//   aligned       difference of the yaws modulo 90 degrees                                   [0, tolerance_rad]
//   reachable_by  distance of the subject's centre from the robot's base                     [0, reach_m]
// A relation that names nothing that exists measures NaN and does not hold.
RelationCheck CheckRelation(const Scene& scene, int relation_idx, const Tolerances& tolerances = {});

// Measures the whole scene. `assets` is the folder of the mesh files. Errors: as ReadMesh for meshes.
// Cost: O(n^2) sphere tests and a GJK run for each close pair; about 0.2 ms for 20 boxes.
Certificate Certify(const Scene& scene, const Tolerances& tolerances = {}, const std::filesystem::path& assets = {});

}  // namespace takt::scene
