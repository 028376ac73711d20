// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/grasp.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/data/demo/motion/grasp_mesh.h"
#include "takt/data/demo/motion/chain.h"

namespace takt::demo {
namespace {

struct Box {
  Pose tool_from_box;
  Vec3 half_m;
};

// Fingers at the opening, and the palm.
std::vector<Box> GripperBoxes(const GripperShape& g, double open_m) {
  std::vector<Box> boxes;
  const double finger_middle = g.finger_tip_m - g.finger_length_m / 2;
  for (const double side : {-1.0, 1.0}) {
    boxes.push_back({Pose::Translation(0, side * (open_m + g.finger_thickness_m) / 2, finger_middle),
                     {g.finger_width_m / 2, g.finger_thickness_m / 2, g.finger_length_m / 2}});
  }
  boxes.push_back({Pose::Translation(0, 0, g.finger_tip_m - g.finger_length_m - g.palm_size_m.z() / 2), g.palm_size_m / 2});
  return boxes;
}

// The height of the lowest corner above the support.
double Height(const Support& support, const Pose& object_from_box, const Vec3& half_m) {
  const Vec3 n = object_from_box.rotation.conjugate() * support.normal;
  return support.normal.dot(object_from_box.translation_m) - support.offset_m - n.cwiseAbs().dot(half_m);
}

// The share of both pads that lies on the surface (within 1.5 mm of where the pad touches).
double Coverage(const GraspMesh& mesh, const Grasp& grasp, const GripperShape& g) {
  int covered = 0, all = 0;
  std::vector<GraspMesh::Hit> hits;
  const Vec3 x = grasp.object_from_tool.rotation * Vec3::UnitX();
  const Vec3 y = grasp.object_from_tool.rotation * Vec3::UnitY();
  const Vec3 z = grasp.object_from_tool.rotation * Vec3::UnitZ();
  for (const double side : {-1.0, 1.0}) {
    for (const double u : {-0.4, 0.0, 0.4}) {
      for (const double v : {0.15, 0.5, 0.85}) {
        const Vec3 from = grasp.object_from_tool.translation_m + side * (grasp.open_m / 2 + 0.001) * y +
                          u * g.finger_width_m * x + (g.finger_tip_m - v * g.finger_depth_m) * z;
        mesh.Cast(from, -side * y, &hits);
        const double expected = (grasp.open_m - grasp.width_m) / 2 + 0.001;
        covered += !hits.empty() && std::abs(hits.front().t_m - expected) < 0.0015;
        ++all;
      }
    }
  }
  return static_cast<double>(covered) / all;
}

bool Alike(const Grasp& a, const Grasp& b, const GraspOptions& o) {
  if ((a.object_from_tool.translation_m - b.object_from_tool.translation_m).norm() > o.apart_m) return false;
  const Quat turned = b.object_from_tool.rotation * Quat(0, 0, 0, 1);  // half a turn about the approach: fingers swapped
  return AngleBetween(a.object_from_tool.rotation, b.object_from_tool.rotation) < o.apart_rad ||
         AngleBetween(a.object_from_tool.rotation, turned) < o.apart_rad;
}

class Finder {
 public:
  Finder(const TriMesh& object, const Vec3& com_m, const Support& support, const GripperShape& gripper, const GraspOptions& o)
      : mesh_(object), com_m_(com_m), support_(support), gripper_(gripper), o_(o) {
    if (mesh_.Empty()) throw Error(ErrorCode::kBadInput, "mesh", "has no triangle with an area");
  }

  std::vector<Grasp> Find() {
    const Rng rng(o_.seed, 0x6a);
    const double cone = std::atan(o_.friction);
    for (int i = 0; i < o_.samples; ++i) {
      const uint64_t k = static_cast<uint64_t>(i) * 8;
      const GraspMesh::SurfacePoint at =
          mesh_.Sample(rng.UniformDouble(k), rng.UniformDouble(k + 1), rng.UniformDouble(k + 2));
      Vec3 closing = -at.normal;
      if (i % 3 == 2) {
        // A third of the axes lean within the cone: tapered bodies have no pair along the normal.
        const double lean = 0.8 * cone * std::sqrt(rng.UniformDouble(k + 3));
        const double around = 2 * std::numbers::pi * rng.UniformDouble(k + 4);
        const Vec3 e1 = closing.unitOrthogonal(), e2 = closing.cross(e1);
        closing = (std::cos(lean) * closing + std::sin(lean) * (std::cos(around) * e1 + std::sin(around) * e2)).normalized();
      }
      TryAxis(at, closing, rng.UniformDouble(k + 5));
    }
    return Ranked();
  }

 private:
  void TryAxis(const GraspMesh::SurfacePoint& at, const Vec3& closing, double phase) {
    mesh_.Cast(at.point_m + 1e-6 * closing, closing, &hits_);
    // Where the ray leaves the object: the wall that it entered, and the far side of the whole.
    const GraspMesh::Hit* first = nullptr;
    const GraspMesh::Hit* last = nullptr;
    for (const GraspMesh::Hit& hit : hits_) {
      if (!(hit.normal.dot(closing) > 0)) continue;
      if (first == nullptr) first = &hit;
      last = &hit;
    }
    if (first == nullptr) return;
    const GraspMesh::Hit near = *first, far = *last;
    TryPair(at, closing, near, phase);
    if (far.t_m > near.t_m + 1e-5) TryPair(at, closing, far, phase);
  }

  void TryPair(const GraspMesh::SurfacePoint& at, const Vec3& closing, const GraspMesh::Hit& hit, double phase) {
    Grasp grasp;
    grasp.width_m = hit.t_m + 1e-6;
    grasp.open_m = std::min(grasp.width_m + o_.opening_margin_m, gripper_.max_opening_m);
    if (!(grasp.width_m > 5e-4 && grasp.width_m + 0.5 * o_.opening_margin_m <= gripper_.max_opening_m)) return;
    const double cos_a = -at.normal.dot(closing), cos_b = hit.normal.dot(closing);
    const double cosine = std::min({cos_a, cos_b, 1.0});
    if (!(cosine > 0)) return;
    grasp.friction_needed = std::sqrt(std::max(0.0, 1 - cosine * cosine)) / cosine;
    if (!(grasp.friction_needed <= o_.friction)) return;
    grasp.contact_a_m = at.point_m;
    grasp.contact_b_m = at.point_m + closing * grasp.width_m;
    grasp.normal_a = at.normal;
    grasp.normal_b = hit.normal;
    if (!(Lever(grasp) <= o_.max_lever_m)) return;
    const Vec3 middle = 0.5 * (grasp.contact_a_m + grasp.contact_b_m);
    // The first approach comes as straight from above as the axis allows.
    const Vec3 down = -support_.normal;
    Vec3 e1 = down - closing * closing.dot(down);
    e1 = e1.norm() > 1e-3 ? Vec3(e1.normalized()) : closing.unitOrthogonal();
    const Vec3 e2 = closing.cross(e1);
    const double turn = 2 * std::numbers::pi / o_.approaches;
    const double start = e1.dot(down) > 0.1 ? 0 : phase * turn;
    for (int k = 0; k < o_.approaches; ++k) {
      const Vec3 approach = std::cos(start + k * turn) * e1 + std::sin(start + k * turn) * e2;
      if (approach.dot(support_.normal) > 0.25) continue;  // from below
      Eigen::Matrix3d r;
      r.col(1) = closing;
      r.col(2) = approach;
      r.col(0) = closing.cross(approach);
      grasp.object_from_tool = {Quat(r).normalized(), middle};
      Judge(grasp);
    }
  }

  // Distance of the centre of mass from the line between the contacts, seen along the support's normal.
  double Lever(const Grasp& grasp) const {
    const auto flat = [&](const Vec3& v) { return Vec3(v - support_.normal * support_.normal.dot(v)); };
    const Vec3 from = flat(grasp.contact_a_m - com_m_), along = flat(grasp.contact_b_m - grasp.contact_a_m);
    const double length2 = along.squaredNorm();
    const double share = length2 > 0 ? std::clamp(-from.dot(along) / length2, 0.0, 1.0) : 0.0;
    return (from + share * along).norm();
  }

  void Judge(Grasp grasp) {
    const std::vector<Box> boxes = GripperBoxes(gripper_, grasp.open_m);
    const auto lowest = [&] {
      double height = 1e9;
      for (const Box& box : boxes) {
        height = std::min(height, Height(support_, grasp.object_from_tool * box.tool_from_box, box.half_m));
      }
      return height;
    };
    double height = lowest();
    const Vec3 approach = grasp.object_from_tool.rotation * Vec3::UnitZ();
    const double above = -approach.dot(support_.normal);
    if (!(height >= o_.clearance_m) && above > 0.3) {
      // The contacts may lie nearer to the tips than the tool's origin, but not on their edge.
      const double back = (o_.clearance_m - height) / above + 1e-9;
      if (!(back <= gripper_.finger_tip_m - 0.003)) return;
      grasp.object_from_tool.translation_m -= back * approach;
      height = lowest();
    }
    if (!(height >= o_.clearance_m)) return;
    for (const Box& box : boxes) {
      if (mesh_.OverlapsBox(grasp.object_from_tool * box.tool_from_box, box.half_m)) return;
    }
    const Vec3 y = grasp.object_from_tool.rotation * Vec3::UnitY();
    const Vec3 lever = com_m_ - grasp.object_from_tool.translation_m;
    const double off = (lever - y * y.dot(lever)).norm() / (0.5 * mesh_.Extent());
    const double from_above = o_.keep_upright ? (above > -0.05 ? 1 : 0) : 0.5 * (1 + above);
    grasp.score = 0.25 * std::max(0.0, 1 - off) + 0.2 * from_above +
                  0.15 * (1 - grasp.friction_needed / std::max(o_.friction, 1e-9)) + 0.15 * std::min(1.0, height / 0.02);
    found_.push_back(grasp);
  }

  std::vector<Grasp> Ranked() {
    const auto better = [](const Grasp& a, const Grasp& b) { return a.score > b.score; };
    std::stable_sort(found_.begin(), found_.end(), better);
    std::vector<Grasp> kept;
    for (const Grasp& grasp : found_) {
      if (static_cast<int>(kept.size()) >= o_.max_grasps) break;
      if (std::none_of(kept.begin(), kept.end(), [&](const Grasp& k) { return Alike(k, grasp, o_); })) kept.push_back(grasp);
    }
    for (Grasp& grasp : kept) grasp.score += 0.25 * Coverage(mesh_, grasp, gripper_);
    std::stable_sort(kept.begin(), kept.end(), better);
    return kept;
  }

  GraspMesh mesh_;
  Vec3 com_m_;
  Support support_;
  const GripperShape& gripper_;
  const GraspOptions& o_;
  std::vector<GraspMesh::Hit> hits_;
  std::vector<Grasp> found_;
};

}  // namespace

std::vector<Grasp> FindGrasps(const TriMesh& object, const Vec3& com_m, const Support& support, const GripperShape& gripper,
                              const GraspOptions& options) {
  return Finder(object, com_m, support, gripper, options).Find();
}

}  // namespace takt::demo
