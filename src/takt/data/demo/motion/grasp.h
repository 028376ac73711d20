// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "takt/core/geom/mesh.h"
#include "takt/core/geom/pose.h"

namespace takt::demo {

// The gripper as boxes around the tool frame (z approach, y opening, origin between the finger tips).
struct GripperShape {
  double max_opening_m = 0.08;
  double finger_depth_m = 0.012;      // along the approach: the pad, from the tips back
  double finger_tip_m = 0.006;        // along the approach: the tips reach this far beyond the origin
  double finger_width_m = 0.018;      // along x
  double finger_thickness_m = 0.012;  // along y, outside the opening
  double finger_length_m = 0.045;     // from the tips back to the palm
  Vec3 palm_size_m = {0.05, 0.12, 0.06};  // x, y, z; its near face lies finger_length_m behind the tips
};

struct GraspOptions {
  double friction = 0.6;          // of the pads on the object
  // How far the centre of mass may lie beside the line between the contacts, seen along the support's normal: beyond, its
  // weight turns the object between the pads. A cup held by its rim, a long part held by its end.
  double max_lever_m = 1e9;
  int samples = 250;              // contact points drawn
  int approaches = 16;            // directions tried around each closing axis
  int max_grasps = 64;
  double opening_margin_m = 0.006;  // added to the width when the fingers come in, half on each side
  double clearance_m = 0.002;     // gripper to support
  double apart_m = 0.008;         // two grasps nearer than this and than apart_rad are one
  double apart_rad = 0.35;
  bool keep_upright = false;      // score side grasps as high as grasps from above (cups that are carried open)
  uint64_t seed = 1;
};

struct Grasp {
  Pose object_from_tool;       // z approach, y from contact_a to contact_b; the contacts lie at z = 0 or nearer to the tips
  double width_m = 0;          // between the contacts
  double open_m = 0;           // opening before the grasp
  Vec3 contact_a_m, contact_b_m;  // in the object's frame
  Vec3 normal_a, normal_b;        // outward
  double friction_needed = 0;  // tangent of the larger angle between closing axis and normal; at most the friction
  double score = 0;            // higher is better, in [0, 1]
};

// Where the object rests: points with normal . p < offset are inside the support, in the object's frame.
struct Support {
  Vec3 normal = Vec3::UnitZ();
  double offset_m = 0;
};

// Grasps for a parallel gripper, best first and different from one another; in the object's frame. Two contacts hold the
// object against any small force and torque (except about their line, which the pads' area resists) if the line between
// them lies inside both friction cones: every result fulfils that. Thin walls give rim grasps, whole bodies grasps across.
// The gripper with its fingers open must be clear of the object and of the support. The mesh may be a union of closed
// pieces. Score: centre of mass near the line (0.25), pads that the surface covers (0.25), approach from above (0.2),
// margin in the friction cone (0.15), height above the support (0.15).
// `com_m`: centre of mass. Errors: bad_input for a mesh without area. Cost: samples x approaches x triangles.
// Determinism: a function of its arguments. Source: Nguyen 1988 (two-contact force closure); ten Pas et al. 2017 (sampling).
std::vector<Grasp> FindGrasps(const TriMesh& object, const Vec3& com_m, const Support& support, const GripperShape& gripper,
                              const GraspOptions& options = {});

}  // namespace takt::demo
